/** What one sees, as the part of the address after "#": a link shows it again. */

import type { Manifest, Vector } from "./data";
import type { Axes, Camera, ColourName, State } from "./state";

type Layer = "points" | "manifold" | "contours" | "shade";

const LAYERS: readonly Layer[] = ["points", "manifold", "contours", "shade"];
const COLOURS: readonly ColourName[] = ["label", "cluster", "anomaly", "error", "part", "none"];
const DIGITS = 6;

/** Where a view has the number of a row, its state has the row's position. */
export interface RowNumbers {
  numberOf(row: number): number;
  rowOf(number: number): number;
}

/** Returns the view as key=value, joined by &. */
export function written(state: State, manifest: Manifest, { numberOf }: RowNumbers): string {
  const { camera, axes, row, off, waypoints, condition } = state;
  const parts: [string, string | false][] = [
    ["colour", state.colour],
    ["off", off.size > 0 && [...off].join()],
    ["axes", axes === "pca" ? "pca" : axes.join()],
    ["layers", LAYERS.filter((layer) => state[layer]).join() || "none"],
    ["view", [camera.x, camera.y, camera.span].map(rounded).join()],
    ["z", vector(state.z)],
    ["class", manifest.conditions.length > 0 && String(condition)],
    ["row", row >= 0 && String(numberOf(row))],
    ["path", waypoints.length > 0 && waypoints.map(vector).join(";")],
  ];
  return parts
    .filter(([, value]) => value !== false)
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

/** Returns what a view says of the state. What it says wrongly, or of another run, is left out. */
export function read(text: string, manifest: Manifest, { rowOf }: RowNumbers): Partial<State> {
  const parts = new Map(
    text
      .replace(/^#/, "")
      .split("&")
      .map((part) => part.split("=", 2) as [string, string]),
  );
  const given = <T>(name: string, parse: (value: string) => T | null): T | null => {
    const value = parts.get(name);
    return value === undefined ? null : parse(decodeURIComponent(value));
  };
  const layers = given("layers", (value) => value.split(","));
  const change = {
    colour: given("colour", (value) => COLOURS.find((each) => each === value) ?? null),
    off: given("off", (value) => new Set(numbers(value))),
    axes: given("axes", (value) => axesOf(value, manifest)),
    camera: given("view", cameraOf),
    z: given("z", (value) => vectorOf(value, manifest)),
    condition: given("class", (value) =>
      [-1, ...manifest.conditions.keys()].includes(Number(value)) ? Number(value) : null,
    ),
    row: given("row", (value) => rowOf(Number(value))),
    waypoints: given("path", (value) =>
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

function numbers(value: string): number[] {
  return value.split(",").map(Number);
}

function vector(z: Vector): string {
  return Array.from(z, rounded).join();
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
