/** The page's address keeps the view, and a changed address changes the view. */

import { colorings } from "./color";
import { copy } from "./files";
import { element, type Page } from "./page";
import type { Manifest, Rows } from "./data";
import type { State } from "./state";
import { read, type RowNumbers, written } from "./view";

/** What an address that does not speak of it means. */
const NOTHING = { off: new Set<number>(), row: -1, posterior: null, selected: null, waypoints: [] };
const QUIET_FOR = 250; // milliseconds after which the address follows

/** Returns what the address says of the state. */
export function viewInAddress(manifest: Manifest, rows: Rows): Partial<State> {
  const { color, ...others } = readSafely(location.hash, manifest, numbersOf(rows));
  return color && colorings(rows).has(color) ? { color, ...others } : others;
}

export function keepAddress({ store, rows, manifest }: Page): void {
  let timer = 0;
  const address = () => `#${written(store.state, manifest, numbersOf(rows))}`;
  store.on(
    [
      "color",
      "off",
      "axes",
      "camera",
      "z",
      "condition",
      "row",
      "selected",
      "tab",
      "waypoints",
      "points",
      "manifold",
      "contours",
      "shade",
    ],
    () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => history.replaceState(null, "", address()), QUIET_FOR);
    },
  );
  addEventListener("hashchange", () => store.set({ ...NOTHING, ...viewInAddress(manifest, rows) }));
  element("copy-link").addEventListener("click", () => {
    void copy(location.href.replace(/#.*|$/, address()), "Link");
  });
}

function readSafely(text: string, manifest: Manifest, numbers: RowNumbers): Partial<State> {
  try {
    return read(text, manifest, numbers);
  } catch {
    return {}; // no proper percent encoding
  }
}

function numbersOf({ numbers }: Rows): RowNumbers {
  return { numberOf: (row) => numbers[row]!, rowOf: (number) => numbers.indexOf(number) };
}
