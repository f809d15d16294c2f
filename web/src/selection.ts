/** The rows that were selected: how many there are of each label, and their pictures. */

import { css, type Entry, paletteOf, coloringOf } from "./color";
import { csvOf } from "./csv";
import { save } from "./files";
import { announce, element, grouped, make, type Page } from "./page";
import { themeNow } from "./theme";
import { thumbnails } from "./thumbnails";

const SHOWN = 60; // pictures at once

export function showSelection(page: Page, show: (row: number) => void): void {
  const { store, rows, manifest } = page;
  let shown = SHOWN;

  function update(): void {
    const { selected } = store.state;
    const count = selected?.length ?? 0;
    element("selection-empty").hidden = selected !== null;
    element("selection").hidden = selected === null;
    element("tab-selection").textContent = selected ? `Selection ${grouped(count)}` : "Selection";
    if (!selected) return;
    element("selection-count").textContent = `${grouped(count)} of ${grouped(manifest.rows)} rows`;
    element("selection-labels").replaceChildren(...(rows.labels ? counts(page, selected) : []));
    gallery();
  }

  function gallery(): void {
    const selected = store.state.selected ?? new Uint32Array();
    element("gallery").replaceChildren(...thumbnails(page, spread(selected, shown), show));
    element("more").hidden = selected.length <= shown;
  }

  element("more").addEventListener("click", () => {
    shown *= 2;
    gallery();
  });
  element("export").addEventListener("click", () => {
    if (store.state.selected) save("selection.csv", csvOf(rows, manifest, store.state.selected), "text/csv");
  });
  element("clear-selection").addEventListener("click", () => store.set({ selected: null }));
  store.on(["selected"], () => {
    shown = SHOWN;
    update();
    announce(store.state.selected ? `${grouped(store.state.selected.length)} rows selected.` : "Selection cleared.");
  });
  update();
}

/** Returns at most `count` of the rows, evenly spread. */
function spread(rows: Uint32Array, count: number): Uint32Array {
  if (rows.length <= count) return rows;
  return Uint32Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)]!);
}

/** Returns a bar for each label that is selected, the most frequent first. */
function counts({ rows, manifest }: Page, selected: Uint32Array): HTMLElement[] {
  const coloring = coloringOf("label", rows, manifest);
  if (coloring.kind !== "classes") return [];
  const palette = paletteOf(coloring, themeNow().isDark);
  const found = new Uint32Array(coloring.entries.length);
  for (const row of selected) found[coloring.codes[row]!]!++;
  const most = Math.max(...found, 1);
  return coloring.entries
    .map((entry: Entry, i) => ({ name: entry.name, count: found[i]!, color: css(palette[i]!) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .map(({ name, count, color }) => {
      const bar = make("i");
      bar.style.width = `${(100 * count) / most}%`;
      bar.style.background = color;
      const [label, value] = [
        make("span", { className: "name", textContent: name }),
        make("span", { className: "value", textContent: grouped(count) }),
      ];
      return make("li", {}, label, make("span", { className: "track" }, bar), value);
    });
}
