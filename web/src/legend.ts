/** What the points are colored by, and which classes are toggled off. */

import { type ColorName, colorings, COLORS_TO_TELL_APART, css, viridis } from "./color";
import type { LatentMap } from "./map";
import { element, grouped, make, type Page } from "./page";
import { short } from "./picture";
import { onTheme } from "./theme";

const STOPS = 9; // of the color bar

export function showLegend(page: Page, map: LatentMap): void {
  const { store, rows } = page;
  const select = element<HTMLSelectElement>("color");
  const legend = element("legend");
  for (const [value, textContent] of colorings(rows)) select.append(make("option", { value, textContent }));

  function show(): void {
    const { coloring } = map.scene;
    select.value = store.state.color;
    legend.replaceChildren(...(coloring.kind === "classes" ? toggles() : [bar(coloring.low, coloring.high)]));
  }

  function toggles(): HTMLElement[] {
    const { coloring, palette } = map.scene;
    if (coloring.kind !== "classes" || coloring.entries.length < 2) return [];
    return coloring.entries.map(({ name, count }, i) => {
      const swatch = make("i", {
        className: Math.floor(i / COLORS_TO_TELL_APART) % 2 ? "swatch triangle" : "swatch",
      });
      swatch.style.color = css(palette[i]!);
      const button = make("button", { type: "button", className: "entry", title: `Dim or show ${name}` });
      button.append(
        swatch,
        make("span", { className: "name", textContent: name }),
        make("span", { className: "count", textContent: grouped(count) }),
      );
      button.setAttribute("aria-pressed", String(!store.state.off.has(i)));
      button.addEventListener("click", () => toggle(i));
      return button;
    });
  }

  function toggle(position: number): void {
    const off = new Set(store.state.off);
    if (!off.delete(position)) off.add(position);
    store.set({ off });
    (legend.children[position] as HTMLElement | undefined)?.focus();
  }

  select.addEventListener("change", () => store.set({ color: select.value as ColorName, off: new Set() }));
  store.on(["color", "off"], show);
  onTheme(show);
  show();
}

/** A color bar with the numbers at its ends. */
function bar(low: number, high: number): HTMLElement {
  const strip = make("div", { className: "strip" });
  const stops = Array.from({ length: STOPS }, (_, i) => css(viridis(i / (STOPS - 1))));
  strip.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  const ends = make(
    "p",
    { className: "ends" },
    make("span", { textContent: short(low) }),
    make("span", { textContent: short(high) }),
  );
  return make("div", { className: "bar" }, strip, ends);
}
