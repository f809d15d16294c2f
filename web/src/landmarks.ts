/** Where on the map the names of the classes stand. */

import { type Coloring, NO_CLASS, type Rgb } from "./color";
import type { Point } from "./projection";

export interface Landmark {
  readonly name: string;
  readonly place: Point;
  readonly color: Rgb;
}

const MOST = 20;
const LONGEST = 16; // letters of a name
const LOOKED_AT = 2000; // rows of each class
const APART = 0.06; // of the extent of the rows

/** Returns a place for each class's name: the row nearest to the class's median that is not too near to another name. */
export function landmarksOf(coloring: Coloring, palette: readonly Rgb[], plane: Float32Array): Landmark[] {
  if (coloring.kind !== "classes") return [];
  const { entries, codes } = coloring;
  if (entries.length < 2 || entries.length > MOST) return [];
  const members = entries.map((): Point[] => []);
  const stride = Math.max(1, Math.floor(codes.length / (LOOKED_AT * entries.length)));
  for (let row = 0; row < codes.length; row += stride)
    members[codes[row]!]!.push([plane[2 * row]!, plane[2 * row + 1]!]);
  const apart = APART * extentOf(members.flat());
  const placed: Landmark[] = [];
  entries.forEach(({ name }, i) => {
    const place = name === NO_CLASS ? undefined : freePlace(members[i]!, placed, apart);
    if (place) placed.push({ name: brief(name), place, color: palette[i]! });
  });
  return placed;
}

function brief(name: string): string {
  return name.length > LONGEST ? `${name.slice(0, LONGEST - 1).trimEnd()}…` : name;
}

function freePlace(points: readonly Point[], taken: readonly Landmark[], apart: number): Point | undefined {
  const middle: Point = [median(points.map(([x]) => x)), median(points.map(([, y]) => y))];
  const nearestFirst = points.toSorted((a, b) => distance(a, middle) - distance(b, middle));
  return nearestFirst.find((point) => taken.every(({ place }) => distance(point, place) >= apart)) ?? nearestFirst[0];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function distance([ax, ay]: Point, [bx, by]: Point): number {
  return Math.hypot(ax - bx, ay - by);
}

function extentOf(points: readonly Point[]): number {
  const sides = ([0, 1] as const).map((axis) => {
    const [low, high] = points.reduce(
      ([l, h], point) => [Math.min(l, point[axis]), Math.max(h, point[axis])],
      [Infinity, -Infinity],
    );
    return high! - low!;
  });
  return Math.max(...sides);
}
