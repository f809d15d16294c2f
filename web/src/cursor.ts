/** The cursor, and what is decoded at its position. */

import { nameOf, type Vector } from "./data";
import { isFar } from "./density";
import { copy } from "./files";
import type { LatentMap } from "./map";
import { neighbors, usualDistance } from "./nearby";
import { announce, coalesced, element, onceAFrame, type Page } from "./page";
import { paint, showBars } from "./picture";
import { project } from "./projection";
import { inWords, showVector } from "./vector";

export interface Cursor {
  /** What was decoded last, in raw units; null before the models are loaded. */
  readonly values: Float32Array | null;
  /** How many times the cursor's position was decoded. */
  readonly count: number;
  /** Resolves when the cursor's position is decoded for the first time. */
  readonly first: Promise<void>;
}

const FAR = 2; // times the distance within which nearly all rows have a neighbor
const QUIET_FOR = 600; // milliseconds after which a screen reader is told where the cursor is

export function createCursor(page: Page, map: LatentMap): Cursor {
  const { store, manifest } = page;
  const canvas = element<HTMLCanvasElement>("decoded");
  const bars = element("decoded-columns");
  let values: Float32Array | null = null;
  let count = 0;
  let usual: number | null = null;

  const decode = coalesced(async () => {
    const models = await page.models;
    values = await models.decode(store.state.z, store.state.condition);
    count++;
    if (manifest.isImage) paint(canvas, values, manifest);
    else showBars(bars, values, manifest);
  });

  const describe = onceAFrame(() => {
    const { z } = store.state;
    const [nearest] = neighbors(page.rows.means, z, 1);
    showVector(element("cursor-z"), z);
    const row = nearest ? nameOf(page.rows, manifest, nearest.row) : "";
    const isEmpty = isFarFromRows(z, nearest?.distance ?? 0);
    element("cursor-near").textContent = `Nearest: ${row}`;
    element("cursor-far").hidden = !isEmpty;
    canvas.setAttribute("aria-label", `Decoded at ${inWords(z)}`);
    later(`Cursor at ${inWords(z)}. Nearest is ${row}.${isEmpty ? " Far from the data." : ""}`);
  });
  const later = afterQuiet(announce);

  /** In the plane by the density that is shaded there; else by the distance to the nearest row. */
  function isFarFromRows(z: Vector, distance: number): boolean {
    if (manifest.latentDim === 2) return isFar(map.scene.density, project(map.scene.projection, z));
    usual ??= usualDistance(page.rows.means, manifest.latentDim);
    return distance > FAR * usual;
  }

  canvas.hidden = !manifest.isImage;
  bars.hidden = manifest.isImage;
  store.on(["z", "condition"], () => {
    void decode();
    describe();
  });
  element("copy-vector").addEventListener(
    "click",
    () => void copy(JSON.stringify([...store.state.z]), "Latent vector"),
  );
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

/** Returns a function that calls another when it has not been called for a while. */
function afterQuiet(task: (text: string) => void): (text: string) => void {
  let timer = 0;
  return (text) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => task(text), QUIET_FOR);
  };
}
