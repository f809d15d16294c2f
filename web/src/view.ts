/** The view as the part of the address after "#", so that a link shows it again. */

import type { Camera } from "./camera";
import type { ColorName } from "./color";
import type { Axes, Manifest, Vector } from "./data";
import type { State, Tab } from "./state";

type Layer = "points" | "manifold" | "contours" | "shade";

const LAYERS: readonly Layer[] = ["points", "manifold", "contours", "shade"];
const COLORS: readonly ColorName[] = ["label", "cluster", "anomaly", "error", "split", "none"];
const TABS: readonly Tab[] = ["point", "selection", "draw", "interpolation"];
const DIGITS = 6;
const BASE = 36;
const LONGEST = 8000; // letters of a selection; a longer one is left out, since not every program takes a longer link

/** Where a view has the number of a row, its state has the row's position. */
export interface RowNumbers {
  numberOf(row: number): number;
  rowOf(number: number): number;
}

/** Returns the view as key=value, joined by &. */
export function written(state: State, manifest: Manifest, { numberOf }: RowNumbers): string {
  const { camera, axes, row, off, waypoints, condition } = state;
  const parts: [string, string | false][] = [
    ["color", state.color],
    ["off", off.size > 0 && [...off].join()],
    ["axes", axes === "pca" ? "pca" : axes.join()],
    ["layers", LAYERS.filter((layer) => state[layer]).join() || "none"],
    ["view", [camera.x, camera.y, camera.span].map(rounded).join()],
    ["z", vector(state.z)],
    ["class", manifest.conditions.length > 0 && String(condition)],
    ["row", row >= 0 && String(numberOf(row))],
    ["selected", state.selected !== null && gaps(Array.from(state.selected, numberOf))],
    ["tab", state.tab],
    ["waypoints", waypoints.length > 0 && waypoints.map(vector).join(";")],
  ];
  return parts
    .filter(([, value]) => value !== false)
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

/** Returns the part of the state that a view holds, without what is invalid or belongs to another run. */
export function read(text: string, manifest: Manifest, { rowOf }: RowNumbers): Partial<State> {
  const parts = new Map(
    text
      .replace(/^#/, "")
      .split("&")
      .map((part) => part.split("=", 2) as [string, string]),
  );
  const parsed = <T>(name: string, parse: (value: string) => T | null): T | null => {
    const value = parts.get(name);
    return value === undefined ? null : parse(decodeURIComponent(value));
  };
  const layers = parsed("layers", (value) => value.split(","));
  const change = {
    color: parsed("color", (value) => COLORS.find((each) => each === value) ?? null),
    off: parsed("off", (value) => new Set(numbers(value))),
    axes: parsed("axes", (value) => axesOf(value, manifest)),
    camera: parsed("view", cameraOf),
    z: parsed("z", (value) => vectorOf(value, manifest)),
    condition: parsed("class", (value) =>
      [-1, ...manifest.conditions.keys()].includes(Number(value)) ? Number(value) : null,
    ),
    row: parsed("row", (value) => rowOf(Number(value))),
    selected: parsed("selected", (value) => selectionOf(value, rowOf)),
    tab: parsed(
      "tab",
      (value) => TABS.find((each) => each === value && (each !== "draw" || manifest.isImage)) ?? null,
    ),
    waypoints: parsed("waypoints", (value) =>
      value
        .split(";")
        .map((each) => vectorOf(each, manifest))
        .filter((each) => each !== null),
    ),
    ...(layers && Object.fromEntries(LAYERS.map((layer) => [layer, layers.includes(layer)]))),
  };
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== null));
}

function axesOf(value: string, { pca, latentDim }: Manifest): Axes | null {
  if (value === "pca") return pca ? "pca" : null;
  const [x = -1, y = -1] = numbers(value);
  const isAxis = (axis: number) => Number.isInteger(axis) && axis >= 0 && axis < latentDim;
  return isAxis(x) && isAxis(y) && (x !== y || latentDim === 1) ? [x, y] : null;
}

function cameraOf(value: string): Camera | null {
  const [x = Number.NaN, y = Number.NaN, span = Number.NaN] = numbers(value);
  return Number.isFinite(x + y + span) && span > 0 ? { x, y, span } : null;
}

function vectorOf(value: string, { latentDim }: Manifest): Vector | null {
  const z = numbers(value);
  return z.length === latentDim && z.every(Number.isFinite) ? Float32Array.from(z) : null;
}

/** Returns row numbers, in order, each as what has to be added to the one before; false where that is too long. */
function gaps(rows: number[]): string | false {
  const sorted = rows.sort((a, b) => a - b);
  const text = sorted.map((row, i) => (row - (sorted[i - 1] ?? 0)).toString(BASE)).join(".");
  return text.length <= LONGEST && text;
}

function selectionOf(value: string, rowOf: (number: number) => number): Uint32Array | null {
  let number = 0;
  const rows = value.split(".").map((gap) => rowOf((number += Number.parseInt(gap, BASE))));
  const known = rows.filter((row) => row >= 0);
  return known.length ? Uint32Array.from(known) : null;
}

function numbers(value: string): number[] {
  return value.split(",").map(Number);
}

function vector(z: Vector): string {
  return Array.from(z, rounded).join();
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
