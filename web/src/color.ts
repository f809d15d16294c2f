/** How rows are colored: by classes, each with a color, or by numbers, along a scale. */

import type { Manifest, Rows } from "./data";

export type ColorName = "label" | "cluster" | "anomaly" | "error" | "split" | "none";
export type Rgb = readonly [number, number, number];

export interface Entry {
  readonly name: string;
  readonly count: number;
}

/** Each row's code is a position in `entries`, or a step of the scale from `low` to `high`; `STEPS`: it has none. */
export type Coloring =
  | { readonly kind: "classes"; readonly codes: Uint16Array; readonly entries: readonly Entry[] }
  | { readonly kind: "numbers"; readonly codes: Uint16Array; readonly low: number; readonly high: number };

// Paul Tol, "Color schemes" (SRON/EPS/TN/09-002, 2021), scheme "muted", with near-black as the tenth, as in enfold's
// plots. On black the tenth is near-white, and indigo and wine are lighter, with a contrast of 3 as the others: still no
// two are closer than 15 in CIELAB with protanopia, deuteranopia or tritanopia (Machado et al. 2009).
const ON_WHITE = [
  ...["#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee"],
  ...["#882255", "#44aa99", "#999933", "#aa4499", "#1a1a1a"],
].map(rgb);
const ON_BLACK = [
  ...["#cc6677", "#7060dd", "#ddcc77", "#117733", "#88ccee"],
  ...["#b72b6e", "#44aa99", "#999933", "#aa4499", "#f2f2f2"],
].map(rgb);
const UNLABELED = { light: rgb("#cfd2d7"), dark: rgb("#4a4f59") };
const ACCENT = { light: rgb("#2b5c9e"), dark: rgb("#8db8f0") };
const VIRIDIS = [
  "#440154",
  "#472d7b",
  "#3b528b",
  "#2c728e",
  "#21918c",
  "#28ae80",
  "#5ec962",
  "#addc30",
  "#fde725",
].map(rgb);
const OUTSIDE = 0.01; // the fraction of rows below, and above, the scale
const STEPS = 256;
export const COLORS_TO_TELL_APART = ON_WHITE.length;
export const NO_CLASS = "unlabeled";

/** What rows can be colored by, with a name for each. */
export function colorings(rows: Rows): Map<ColorName, string> {
  const all: [ColorName, string, unknown][] = [
    ["label", "Label", rows.labels ?? rows.numericLabels],
    ["cluster", "Cluster", rows.clusters],
    ["anomaly", "Anomaly score", rows.anomaly],
    ["error", "Reconstruction error", rows.error],
    ["split", "Training or held out", rows.heldOut],
    ["none", "One color", true],
  ];
  return new Map(all.filter(([, , values]) => values).map(([name, title]) => [name, title]));
}

export function coloringOf(name: ColorName, rows: Rows, manifest: Manifest): Coloring {
  switch (name) {
    case "label":
      return rows.labels ? classes(rows.labels, (i) => manifest.classes[i] ?? `${i}`) : numbers(rows.numericLabels!);
    case "cluster":
      return classes(rows.clusters!, (i) => `cluster ${i}`);
    case "anomaly":
      return numbers(rows.anomaly!);
    case "error":
      return numbers(rows.error!);
    case "split":
      return classes(rows.heldOut!, (i) => (i ? "held out" : "training"));
    case "none":
      return classes(new Uint8Array(manifest.rows), () => "rows");
  }
}

/** Returns the colors of all codes. */
export function paletteOf(coloring: Coloring, isDark: boolean): Rgb[] {
  const colors = isDark ? ON_BLACK : ON_WHITE;
  const mode = isDark ? "dark" : "light";
  if (coloring.kind === "numbers") {
    return [...Array.from({ length: STEPS }, (_, i) => viridis(i / (STEPS - 1))), UNLABELED[mode]];
  }
  if (coloring.entries.length === 1) return [ACCENT[mode]];
  return coloring.entries.map(({ name }, i) => (name === NO_CLASS ? UNLABELED[mode] : colors[i % colors.length]!));
}

export function viridis(fraction: number): Rgb {
  const place = Math.min(Math.max(fraction, 0), 1) * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const [from, to] = [VIRIDIS[i]!, VIRIDIS[i + 1]!];
  return [0, 1, 2].map((c) => Math.round(from[c]! + (place - i) * (to[c]! - from[c]!))) as unknown as Rgb;
}

export function css([r, g, b]: Rgb, alpha = 1): string {
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}

/** Reads "#rrggbb" or "#rgb". */
export function rgb(hex: string): Rgb {
  const digits = hex.slice(1);
  const value = Number.parseInt(digits.length === 3 ? digits.replace(/./g, "$&$&") : digits, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function classes(values: ArrayLike<number>, nameOf: (position: number) => string): Coloring {
  let most = -1;
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]!);
  const counts = new Uint32Array(most + 2);
  const codes = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    codes[i] = values[i]! < 0 ? most + 1 : values[i]!;
    counts[codes[i]!]!++;
  }
  const names = Array.from({ length: most + 1 }, (_, i) => nameOf(i));
  const entries = [...names, NO_CLASS].map((name, i) => ({ name, count: counts[i]! }));
  return { kind: "classes", codes, entries: counts[most + 1] ? entries : entries.slice(0, -1) };
}

function numbers(values: Float32Array): Coloring {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const cut = Math.floor(OUTSIDE * sorted.length);
  const [low, high] = [sorted[cut] ?? 0, sorted[sorted.length - 1 - cut] ?? 1];
  const step = (STEPS - 1) / (high - low || 1);
  const codes = Uint16Array.from(values, (value) =>
    Number.isNaN(value) ? STEPS : Math.min(Math.max(Math.round((value - low) * step), 0), STEPS - 1),
  );
  return { kind: "numbers", codes, low, high };
}
