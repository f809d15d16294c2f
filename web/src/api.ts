/** What tests and other programs may read: `window.enfold`. */

import type { Cursor } from "./cursor";
import { bytesOf } from "./data";
import type { Page } from "./page";

/**
 * `ready` resolves when the models are loaded and the cursor's position is decoded; it rejects if that fails. `state` is
 * null until the rows are loaded, and always up to date:
 *
 * - `z`: the cursor's latent vector;
 * - `condition`: the class that the decoder is conditioned on, by position; −1: unknown;
 * - `decoded`: the decoded image, bytes 0…255 in the order channel, row, column; null for tables and before `ready`;
 * - `values`: the same in raw units, also for tables;
 * - `decodes`: how many times the cursor's position has been decoded;
 * - `row`: the number of the clicked row; null: none;
 * - `selected`: the numbers of the selected rows; null: no selection;
 * - `drawn`: the latent mean of the drawing; null: no drawing.
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

/** Sets `window.enfold`. */
export function publish(started: Promise<{ page: Page; cursor: Cursor }>): void {
  let shown: { page: Page; cursor: Cursor } | null = null;
  const ready = started.then((each) => {
    shown = each;
    return each.cursor.first;
  });
  ready.catch(() => undefined); // the page itself shows the error
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
