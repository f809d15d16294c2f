/** Lines of equal height on a grid: marching squares (Lorensen & Cline 1987, in two dimensions). */

import type { Prior } from "./data";

/** Line pieces in the plane: x, y, x, y of each, one after the other. */
export type Pieces = Float32Array;

/** Returns the log densities above which the fractions of the mass lie. */
export function levelsHolding(logDensity: Float32Array, fractions: readonly number[]): number[] {
  const sorted = logDensity.slice().sort().reverse();
  const peak = sorted[0] ?? 0;
  const total = sorted.reduce((sum, value) => sum + Math.exp(value - peak), 0);
  return fractions.map((fraction) => {
    let mass = 0;
    return sorted.find((value) => (mass += Math.exp(value - peak)) >= fraction * total) ?? peak;
  });
}

/** Returns where a grid of values, row-major, first row lowest, crosses the level. */
export function contour(grid: Float32Array, { side, extent }: Pick<Prior, "side" | "extent">, level: number): Pieces {
  const [[left, right], [bottom, top]] = extent;
  const [width, height] = [(right - left) / (side - 1), (top - bottom) / (side - 1)];
  const pieces: number[] = [];
  for (let row = 0; row < side - 1; row++) {
    for (let column = 0; column < side - 1; column++) {
      for (const [x, y] of crossings(grid, side, row, column, level)) {
        pieces.push(left + (column + x) * width, bottom + (row + y) * height);
      }
    }
  }
  return Float32Array.from(pieces);
}

/** Returns the ends of the line pieces inside a cell, in its own units: none, two or four. */
function crossings(grid: Float32Array, side: number, row: number, column: number, level: number): [number, number][] {
  const at = row * side + column;
  const [a, b, c, d] = [grid[at]!, grid[at + 1]!, grid[at + side + 1]!, grid[at + side]!].map(
    (value) => value - level,
  );
  const ends: [number, number][] = [];
  if (a! > 0 !== b! > 0) ends.push([a! / (a! - b!), 0]);
  if (b! > 0 !== c! > 0) ends.push([1, b! / (b! - c!)]);
  if (c! > 0 !== d! > 0) ends.push([1 - c! / (c! - d!), 1]);
  if (d! > 0 !== a! > 0) ends.push([0, 1 - d! / (d! - a!)]);
  return ends;
}
