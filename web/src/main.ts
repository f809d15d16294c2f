/** The explorer's page: reads a run, shows its latent space, and runs its model. */

import "./page.css";
import { actionsOf } from "./actions";
import { keepAddress, viewInAddress } from "./address";
import { publish } from "./api";
import { colorings } from "./color";
import { createCursor, type Cursor } from "./cursor";
import { byActivity, loadExamples, loadManifest, loadRows, type Manifest, type Rows } from "./data";
import { listenToGestures } from "./gestures";
import { showHovered } from "./hover";
import { listenToKeyboard } from "./keyboard";
import { showLegend } from "./legend";
import { createMap } from "./map";
import { findDarkBackground, loadModels } from "./models";
import { element, grouped, type Page } from "./page";
import { showPad } from "./pad";
import { showPoint } from "./point";
import { createPoints } from "./points";
import { listenToSearch } from "./search";
import { showSelection } from "./selection";
import { showSliders } from "./sliders";
import { createStore, type State } from "./state";
import { showTabs } from "./tabs";
import { showTools } from "./tools";
import { showWaypoints } from "./waypoints";

async function start(): Promise<{ page: Page; cursor: Cursor }> {
  const missing = missingFeature();
  if (missing) throw new Error(missing);
  const manifest = await loadManifest();
  showTitle(manifest);
  const rows = await loadRows(manifest);
  const page: Page = { manifest, rows, store: createStore(firstState(manifest, rows)), ...later(manifest, rows) };
  element("message").hidden = true;
  element("explorer").hidden = false;
  element("explorer").classList.toggle("table", !manifest.isImage);
  const points = createPoints(element<HTMLCanvasElement>("points"))!;
  const map = createMap(page, points);
  const cursor = createCursor(page, map);
  const actions = actionsOf(page, map);
  showTools(page, map);
  showLegend(page, map);
  showSliders(page);
  showTabs(page);
  showHovered(page, map);
  showPoint(page, actions.show);
  showSelection(page, actions.show);
  showWaypoints(page, actions);
  listenToGestures(page, map, actions);
  listenToSearch(page, actions);
  listenToKeyboard(page, map, actions);
  keepAddress(page);
  if (manifest.isImage) showPad(page, actions.show).catch(complain);
  return { page, cursor };
}

/** Loads what the first picture can do without, one after the other. */
function later(manifest: Manifest, rows: Rows): Pick<Page, "models" | "hasDarkBackground" | "examples"> {
  const pictured = new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const models = pictured.then(() => loadModels(manifest));
  const hasDarkBackground = models.then((each) => manifest.isImage && findDarkBackground(each, rows, manifest));
  const examples = models.then(() => loadExamples(manifest));
  for (const each of [models, hasDarkBackground, examples]) each.catch(complain);
  return { models, hasDarkBackground, examples };
}

function firstState(manifest: Manifest, rows: Rows): State {
  const [x = 0, y = 0] = byActivity(manifest)
    .slice(0, 2)
    .sort((a, b) => a - b);
  const middle = manifest.quantiles.values.map(median);
  return {
    color: colorings(rows).keys().next().value!,
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
    posterior: null,
    drawing: null,
    points: true,
    manifold: false,
    contours: false,
    shade: true,
    ...viewInAddress(manifest, rows),
  };
}

/** Returns the middle of sorted numbers. */
function median(sorted: readonly number[]): number {
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}

/** Returns the error message if the browser lacks what the page needs. */
function missingFeature(): string | null {
  const remedy = "Open this page in a current Firefox, Chrome, Edge or Safari.";
  if (!document.createElement("canvas").getContext("webgl2")) {
    return `The map needs WebGL 2, which this browser lacks or has turned off. ${remedy}`;
  }
  if (typeof WebAssembly !== "object") return `The model needs WebAssembly, which this browser lacks. ${remedy}`;
  if (typeof DecompressionStream !== "function") {
    return `The data is compressed. To read it, the page needs DecompressionStream, which this browser lacks. ${remedy}`;
  }
  return null;
}

function showTitle({ title, recipe, rows, latentDim }: Manifest): void {
  document.title = `${title} · ${recipe} · enfold`;
  element("title").textContent = title;
  element("recipe").textContent = `enfold · recipe ${recipe}`;
  element("summary").textContent =
    `${grouped(rows)} rows in ${latentDim} latent dimension${latentDim === 1 ? "" : "s"}`;
}

function complain(error: unknown): void {
  const message = element("message");
  message.textContent = error instanceof Error ? error.message : String(error);
  message.hidden = false;
}

const started = start();
started.catch(complain);
publish(started);
