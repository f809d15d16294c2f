/** What programs, such as tests, may read of the page: `window.enfold`. */

import type { Cursor } from "./cursor";
import { bytesOf } from "./data";
import type { Page } from "./page";

/**
 * `ready` resolves when the models are loaded and the cursor's place is decoded; it fails if that cannot be. `state` is
 * null before there are rows, and is read anew each time:
 *
 * - `z`: the cursor, a number for each latent dimension;
 * - `condition`: the position of the class that the decoder is told, −1: none;
 * - `decoded`: what the decoder makes of it: bytes 0…255 of an image, in its order of channel, row, column; for tables
 *   null, before `ready` null;
 * - `values`: the same in raw units, also of tables;
 * - `decodes`: how many times the cursor's place was decoded so far;
 * - `row`: the number of the row that was clicked, null: none;
 * - `selected`: the numbers of the selected rows, null: no selection;
 * - `drawn`: the latent mean of what is on the drawing pad, null: nothing.
 */
export interface Enfold {
  readonly ready: Promise<void>;
  readonly state: {
    readonly z: readonly number[];
    readonly condition: number;
    readonly decoded: Uint8Array | null;
    readonly values: Float32Array | null;
    readonly decodes: number;
    readonly row: number | null;
    readonly selected: readonly number[] | null;
    readonly drawn: readonly number[] | null;
  } | null;
}

declare global {
  interface Window {
    enfold: Enfold;
  }
}

/** Publishes what the page comes to be. */
export function publish(started: Promise<{ page: Page; cursor: Cursor }>): void {
  let shown: { page: Page; cursor: Cursor } | null = null;
  const ready = started.then((each) => {
    shown = each;
    return each.cursor.first;
  });
  ready.catch(() => undefined); // the page shows its errors itself
  window.enfold = {
    ready,
    get state() {
      return shown && stateOf(shown.page, shown.cursor);
    },
  };
}

function stateOf({ store, rows, manifest }: Page, cursor: Cursor): Enfold["state"] {
  const { z, condition, row, selected, drawing } = store.state;
  return {
    z: [...z],
    condition,
    decoded: cursor.values && manifest.isImage ? bytesOf(cursor.values, manifest) : null,
    values: cursor.values,
    decodes: cursor.count,
    row: row < 0 ? null : rows.numbers[row]!,
    selected: selected && Array.from(selected, (each) => rows.numbers[each]!),
    drawn: drawing && [...drawing.mean],
  };
}
