/** The explorer's page: it reads a run, shows its latent space, and runs its models. */

import "./page.css";
import { publish } from "./api";
import { colourings } from "./colour";
import { createCursor, type Cursor } from "./cursor";
import { loadExamples, loadManifest, loadRows, type Manifest, type Rows } from "./data";
import { listenToGestures } from "./gestures";
import { showLegend } from "./legend";
import { createMap } from "./map";
import { loadModels } from "./models";
import { element, grouped, type Page } from "./page";
import { createPoints } from "./points";
import { createStore, type State } from "./state";
import { byActivity, showTools } from "./tools";

async function start(): Promise<{ page: Page; cursor: Cursor }> {
  const missing = missingFeature();
  if (missing) throw new Error(missing);
  const manifest = await loadManifest();
  showTitle(manifest);
  const rows = await loadRows(manifest);
  const page: Page = { manifest, rows, store: createStore(firstState(manifest, rows)), ...later(manifest) };
  element("message").hidden = true;
  element("explorer").hidden = false;
  const points = createPoints(element<HTMLCanvasElement>("points"))!;
  const map = createMap(page, points);
  const cursor = createCursor(page, map);
  showTools(page, map);
  showLegend(page, map);
  listenToGestures(page, map, {
    show: (row) => page.store.set({ row, z: page.rows.means.slice(row * manifest.latentDim, (row + 1) * manifest.latentDim), tab: "point" }),
    select: (selected) => page.store.set({ selected, tab: "selection" }),
  });
  return { page, cursor };
}

/** Loads what the first picture can do without, one after the other. */
function later(manifest: Manifest): Pick<Page, "models" | "examples"> {
  const pictured = new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const models = pictured.then(() => loadModels(manifest));
  const examples = models.then(() => loadExamples(manifest));
  models.catch(complain);
  examples.catch(complain);
  return { models, examples };
}

function firstState(manifest: Manifest, rows: Rows): State {
  const [x = 0, y = 0] = byActivity({ manifest }).slice(0, 2).sort((a, b) => a - b);
  const middle = manifest.quantiles.values.map((values) => values[Math.floor(values.length / 2)] ?? 0);
  return {
    colour: colourings(rows).keys().next().value!,
    off: new Set(),
    axes: [x, y],
    camera: { x: 0, y: 0, span: Number.NaN },
    tool: "decode",
    tab: "point",
    z: Float32Array.from(middle),
    condition: manifest.conditions.length ? 0 : -1,
    row: -1,
    hovered: -1,
    selected: null,
    waypoints: [],
    drawing: null,
    points: true,
    manifold: false,
    contours: false,
    shade: true,
  };
}

/** Returns what the browser lacks, in words. */
function missingFeature(): string | null {
  const remedy = "Open this page in a current Firefox, Chrome, Edge or Safari.";
  if (!document.createElement("canvas").getContext("webgl2")) {
    return `The map needs WebGL 2, which this browser does not have or has turned off. ${remedy}`;
  }
  if (typeof WebAssembly !== "object") return `The models need WebAssembly, which this browser does not have. ${remedy}`;
  if (typeof DecompressionStream !== "function") {
    return `The data is compressed, and this browser has no DecompressionStream to unpack it. ${remedy}`;
  }
  return null;
}

function showTitle({ title, recipe, rows, latentDim }: Manifest): void {
  document.title = `${title} · ${recipe} · enfold`;
  element("title").textContent = title;
  element("recipe").textContent = `enfold · recipe ${recipe}`;
  element("summary").textContent = `${grouped(rows)} rows in ${latentDim} latent dimension${latentDim === 1 ? "" : "s"}`;
}

function complain(error: unknown): void {
  const message = element("message");
  message.textContent = error instanceof Error ? error.message : String(error);
  message.hidden = false;
}

const started = start();
started.catch(complain);
publish(started);
