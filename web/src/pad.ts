/** The drawing pad: the drawing is encoded while one draws. */

import { type Brush, drawLine, eraseLine, type Raster } from "./brush";
import { conditionOf, exampleSize } from "./data";
import { neighbors } from "./nearby";
import { coalesced, element, exampleOf, notify, type Page } from "./page";
import { readPicture } from "./photograph";
import { paint } from "./picture";
import { thumbnails } from "./thumbnails";
import { rgb } from "./color";

const NEIGHBORS = 8;
const RADIUS = 0.05; // of the image's longer side

export async function showPad(page: Page, show: (row: number) => void): Promise<void> {
  const { store, manifest } = page;
  const [channels = 1, height = 1, width = 1] = manifest.shape;
  const scale = Math.max(...manifest.columns.map((column) => column.scale));
  const raster: Raster = { channels, height, width, values: new Float32Array(exampleSize(manifest)) };
  const pad = element<HTMLCanvasElement>("pad");
  const erase = element("erase");
  const background = (await page.hasDarkBackground) ? 0 : 1;
  let last: readonly [number, number] | null = null;

  const encode = coalesced(async () => {
    const x = raw();
    const models = await page.models;
    const { condition } = store.state;
    const posterior = await models.encode(x, condition);
    const reconstructed = await models.decode(posterior.mean, condition);
    store.set({ drawing: posterior, z: posterior.mean });
    paint(element<HTMLCanvasElement>("pad-reconstruction"), reconstructed, manifest);
    const near = neighbors(page.rows.means, posterior.mean, NEIGHBORS).map((each) => each.row);
    element("pad-neighbors").replaceChildren(...thumbnails(page, near, show));
  });

  function raw(): Float32Array {
    return raster.values.map((value) => value * scale);
  }

  function drawn(): void {
    paint(pad, raw(), manifest);
    element("pad-results").hidden = false;
    void encode();
  }

  function clear(): void {
    raster.values.fill(background);
    paint(pad, raw(), manifest);
    element("pad-results").hidden = true;
    store.set({ drawing: null });
  }

  function brush(): Brush {
    const color = rgb(element<HTMLInputElement>("ink").value).map((value) => value / 255);
    return {
      radius: RADIUS * Math.max(width, height),
      background,
      ink: channels === 3 ? color : Array(channels).fill(1 - background),
    };
  }

  function stroke(event: PointerEvent): void {
    const { left, top, width: across, height: down } = pad.getBoundingClientRect();
    const next = [((event.clientX - left) / across) * width, ((event.clientY - top) / down) * height] as const;
    const isErasing = erase.getAttribute("aria-pressed") === "true";
    (isErasing ? eraseLine : drawLine)(raster, brush(), last ?? next, next);
    last = next;
    drawn();
  }

  async function open(file: Blob | undefined): Promise<void> {
    if (!file) return;
    store.set({ tab: "draw" });
    try {
      await readPicture(file, raster, background);
      drawn();
    } catch {
      notify("The browser cannot read this file as an image. Choose a PNG, JPEG or WebP file.");
    }
  }

  async function takePoint(): Promise<void> {
    const examples = await page.examples;
    const { row } = store.state;
    if (row < 0 || !examples) return notify("Click a point on the map first. Its image is then copied to the pad.");
    raster.values.set(Float32Array.from(exampleOf(examples, row, raster.values.length), (value) => value / scale));
    const condition = conditionOf(page.rows, manifest, row);
    if (condition >= 0) store.set({ condition });
    return drawn();
  }

  listen(pad, stroke, () => (last = null));
  listenToFiles(open);
  erase.addEventListener("click", () =>
    erase.setAttribute("aria-pressed", String(erase.getAttribute("aria-pressed") !== "true")),
  );
  element("clear-pad").addEventListener("click", clear);
  element("take-point").addEventListener("click", () => void takePoint());
  element("ink-choice").hidden = channels !== 3;
  store.on(["condition"], () => store.state.drawing && void encode());
  clear();
}

function listen(pad: HTMLElement, stroke: (event: PointerEvent) => void, end: () => void): void {
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    event.preventDefault();
    stroke(event);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!pad.hasPointerCapture(event.pointerId)) return;
    for (const each of event.getCoalescedEvents?.() ?? []) stroke(each);
    stroke(event);
  });
  for (const type of ["pointerup", "pointercancel"]) pad.addEventListener(type, end);
}

/** Takes pictures that are chosen, dropped anywhere on the page, or pasted. */
function listenToFiles(open: (file: Blob | undefined) => void): void {
  const input = element<HTMLInputElement>("picture");
  input.addEventListener("change", () => open(input.files?.[0]));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault(); // or the browser would leave the page for the picture
    open(event.dataTransfer?.files[0]);
  });
  document.addEventListener("paste", (event) =>
    open([...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"))),
  );
}
