/** The interpolation between waypoints, decoded as a strip, an animation, and files. */

import { applyPalette, GIFEncoder, quantize } from "gifenc";
import type { Actions } from "./actions";
import { exampleSize, meanOf, type Vector } from "./data";
import { copy, save } from "./files";
import { interpolate, stacked } from "./interpolation";
import { coalesced, element, make, type Page } from "./page";
import { paint } from "./picture";

const STRIP = 8; // pictures from one waypoint to the next, in the strip
const FILM = 24; // and in the animation
const FRAME = 60; // milliseconds of one
const LONG = 224; // pixels of the longer side of what is saved, at least
const GAP = 1; // image pixels between two pictures of a strip

export function showWaypoints(page: Page, actions: Actions): void {
  const { store, manifest } = page;
  const strip = element("strip");
  const play = element("play");
  let timer = 0;

  const update = coalesced(async () => {
    const { waypoints, condition } = store.state;
    element("interpolation-empty").hidden = waypoints.length > 0;
    element("interpolation").hidden = waypoints.length === 0;
    element("waypoint-count").textContent =
      waypoints.length === 1 ? "1 point. Add another." : `${waypoints.length} points`;
    for (const id of ["play", "save-png", "save-gif"]) element<HTMLButtonElement>(id).disabled = waypoints.length < 2;
    if (!waypoints.length) stop();
    if (manifest.isImage) strip.replaceChildren(...(await pictures(page, waypoints, condition, STRIP)));
  });

  function toggle(): void {
    if (timer) return stop();
    const film = interpolate(store.state.waypoints, FILM);
    let frame = 0;
    timer = window.setInterval(() => {
      store.set({ z: film[frame]! });
      frame = (frame + 1) % film.length;
    }, FRAME);
    play.textContent = "Stop";
  }

  function stop(): void {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  async function savePng(): Promise<void> {
    const all = await pictures(page, store.state.waypoints, store.state.condition, STRIP);
    const sheet = sideBySide(all, enlargement(all[0]!));
    sheet.toBlob((blob) => blob && save("interpolation.png", blob, "image/png"));
  }

  async function saveGif(): Promise<void> {
    const all = await pictures(page, store.state.waypoints, store.state.condition, FILM);
    save("interpolation.gif", gifOf(all), "image/gif");
  }

  play.addEventListener("click", toggle);
  element("save-png").addEventListener("click", () => void savePng());
  element("save-gif").addEventListener("click", () => void saveGif());
  element("add-cursor").addEventListener("click", () => actions.addWaypoint(store.state.z));
  element("add-point").addEventListener(
    "click",
    () => store.state.row >= 0 && actions.addWaypoint(meanOf(page.rows, manifest, store.state.row)),
  );
  element("undo-waypoint").addEventListener("click", () =>
    store.set({ waypoints: store.state.waypoints.slice(0, -1) }),
  );
  element("clear-waypoints").addEventListener("click", () => store.set({ waypoints: [] }));
  element("copy-waypoints").addEventListener("click", () => {
    void copy(JSON.stringify(store.state.waypoints.map((each) => [...each])), "Waypoints");
  });
  for (const id of ["save-png", "save-gif", "strip"]) element(id).hidden = !manifest.isImage;
  store.on(["row"], () => (element<HTMLButtonElement>("add-point").disabled = store.state.row < 0));
  store.on(["waypoints", "condition"], () => void update());
  void update();
}

/** Returns the decoded pictures of an interpolation. */
async function pictures(
  page: Page,
  waypoints: readonly Vector[],
  condition: number,
  steps: number,
): Promise<HTMLCanvasElement[]> {
  if (!waypoints.length) return [];
  const vectors = interpolate(waypoints, waypoints.length > 1 ? steps : 1);
  const size = exampleSize(page.manifest);
  const values = await (await page.models).decode(stacked(vectors), condition);
  return vectors.map((_, i) => {
    const canvas = make("canvas", { className: "pixels" });
    paint(canvas, values.subarray(i * size, (i + 1) * size), page.manifest);
    return canvas;
  });
}

/** By how much to enlarge a picture so that one can see it. */
function enlargement({ width, height }: HTMLCanvasElement): number {
  return Math.ceil(LONG / Math.max(width, height));
}

function sideBySide(all: readonly HTMLCanvasElement[], scale: number): HTMLCanvasElement {
  const { width, height } = all[0]!;
  const sheet = make("canvas", { width: (all.length * (width + GAP) - GAP) * scale, height: height * scale });
  const context = sheet.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.imageSmoothingEnabled = false;
  all.forEach((each, i) => context.drawImage(each, i * (width + GAP) * scale, 0, width * scale, height * scale));
  return sheet;
}

/** Returns the pictures there and back as an animated GIF. */
function gifOf(all: readonly HTMLCanvasElement[]): Uint8Array<ArrayBuffer> {
  const scale = enlargement(all[0]!);
  const encoder = GIFEncoder();
  for (const each of [...all, ...all.slice(1, -1).reverse()]) {
    const { data, width, height } = sideBySide([each], scale)
      .getContext("2d")!
      .getImageData(0, 0, each.width * scale, each.height * scale);
    const palette = quantize(data, 256);
    encoder.writeFrame(applyPalette(data, palette), width, height, { palette, delay: FRAME });
  }
  encoder.finish();
  return new Uint8Array(encoder.bytes());
}
