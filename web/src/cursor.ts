/** The cursor: what the decoder makes of the place it is at, at once. */

import { labelOf, type Vector } from "./data";
import { isFar } from "./density";
import { copy } from "./files";
import type { LatentMap } from "./map";
import { neighbours } from "./nearby";
import { announce, coalesced, element, make, onceAFrame, type Page } from "./page";
import { paint, short, showBars } from "./picture";
import { project } from "./projection";

export interface Cursor {
  /** What was decoded last, in raw units; null before the models are loaded. */
  readonly values: Float32Array | null;
  /** How many times the cursor's place was decoded. */
  readonly count: number;
  /** Resolves when the cursor's place is decoded for the first time. */
  readonly first: Promise<void>;
}

const QUIET_FOR = 600; // milliseconds after which a screen reader is told where the cursor is

export function createCursor(page: Page, map: LatentMap): Cursor {
  const { store, manifest } = page;
  const canvas = element<HTMLCanvasElement>("decoded");
  const bars = element("decoded-columns");
  let values: Float32Array | null = null;
  let count = 0;

  const decode = coalesced(async () => {
    const models = await page.models;
    values = await models.decode(store.state.z, store.state.condition);
    count++;
    if (manifest.isImage) paint(canvas, values, manifest);
    else showBars(bars, values, manifest);
  });

  const describe = onceAFrame(() => {
    const { z } = store.state;
    const [nearest] = neighbours(page.rows.means, z, 1);
    showVector(element("cursor-z"), z);
    const label = nearest ? labelOf(page.rows, manifest, nearest.row) : "";
    const row = nearest ? `row ${page.rows.numbers[nearest.row]}${label && ` · ${label}`}` : "";
    const isEmpty = manifest.latentDim === 2 && isFar(map.density, project(map.projection, z));
    element("cursor-near").textContent = `Nearest: ${row}`;
    element("cursor-far").hidden = !isEmpty;
    canvas.setAttribute("aria-label", `Decoded at ${written(z)}`);
    later(`Cursor at ${written(z)}. Nearest is ${row}.${isEmpty ? " Far from the data." : ""}`);
  });
  const later = afterQuiet(announce);

  canvas.hidden = !manifest.isImage;
  bars.hidden = manifest.isImage;
  store.on(["z", "condition"], () => {
    void decode();
    describe();
  });
  element("copy-vector").addEventListener("click", () => void copy(JSON.stringify([...store.state.z]), "Latent vector"));
  describe();
  const first = decode();
  return {
    get values() {
      return values;
    },
    get count() {
      return count;
    },
    first,
  };
}

/** Writes a latent vector as a list of its coordinates. */
export function showVector(list: HTMLElement, z: Vector): void {
  const items = Array.from(z, (value, i) => make("li", {}, make("span", { textContent: `z${i}` }), fixed(value)));
  list.replaceChildren(...items);
}

/** Writes a latent vector in words. */
export function written(z: Vector): string {
  return Array.from(z, short).join(", ");
}

function fixed(value: number): string {
  return value.toFixed(3).replace("-", "−");
}

/** Returns a function that calls another when it has not been called for a while. */
function afterQuiet(task: (text: string) => void): (text: string) => void {
  let timer = 0;
  return (text) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => task(text), QUIET_FOR);
  };
}
