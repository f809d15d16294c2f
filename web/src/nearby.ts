/** Which rows are near: to a point of the plane, and to a latent vector. */

import type { Vector } from "./data";
import type { Point } from "./projection";

export interface Plane {
  /** Returns the position of the nearest point within a radius, −1 if there is none. */
  nearest(point: Point, radius: number): number;
}

const POINTS_A_CELL = 4;
const SAMPLED = 100;
const QUANTILE = 0.95;

/** Sorts points, x, y, x, y, …, into the cells of a grid. */
export function planeOf(plane: Float32Array): Plane {
  const n = plane.length / 2;
  const side = Math.max(1, Math.floor(Math.sqrt(n / POINTS_A_CELL)));
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < plane.length; i++) {
    low[i % 2] = Math.min(low[i % 2]!, plane[i]!);
    high[i % 2] = Math.max(high[i % 2]!, plane[i]!);
  }
  const cells = [0, 1].map((axis) => (high[axis]! - low[axis]! || 1) / side);
  const place = (value: number, axis: 0 | 1) =>
    Math.min(Math.max(Math.floor((value - low[axis]!) / cells[axis]!), 0), side - 1);
  const cellOf = (i: number) => place(plane[2 * i + 1]!, 1) * side + place(plane[2 * i]!, 0);
  const { starts, order } = sortedBy(cellOf, n, side * side);

  return {
    nearest([x, y], radius) {
      let [found, least] = [-1, radius * radius];
      for (let row = place(y - radius, 1); row <= place(y + radius, 1); row++) {
        const from = starts[row * side + place(x - radius, 0)]!;
        const to = starts[row * side + place(x + radius, 0) + 1]!;
        for (let k = from; k < to; k++) {
          const i = order[k]!;
          const distance = (plane[2 * i]! - x) ** 2 + (plane[2 * i + 1]! - y) ** 2;
          if (distance <= least) [found, least] = [i, distance];
        }
      }
      return found;
    },
  };
}

export interface Neighbor {
  readonly row: number;
  readonly distance: number;
}

/** Returns the k rows whose latent means, one after the other in `means`, are nearest to z, nearest first. */
export function neighbors(means: Float32Array, z: Vector, k: number): Neighbor[] {
  const d = z.length;
  const found: Neighbor[] = [];
  let worst = Infinity;
  for (let row = 0; row < means.length / d; row++) {
    let square = 0;
    for (let j = 0; j < d; j++) square += (means[row * d + j]! - z[j]!) ** 2;
    if (square >= worst) continue;
    const at = found.findIndex(({ distance }) => distance > square);
    found.splice(at < 0 ? found.length : at, 0, { row, distance: square });
    if (found.length > k) found.pop();
    if (found.length === k) worst = found[k - 1]!.distance;
  }
  return found.map(({ row, distance }) => ({ row, distance: Math.sqrt(distance) }));
}

/** Returns the 95% quantile of the distances of some rows to their nearest neighbors. */
export function usualDistance(means: Float32Array, d: number): number {
  const n = means.length / d;
  const some = Array.from({ length: Math.min(n, SAMPLED) }, (_, i) => Math.floor((i * n) / Math.min(n, SAMPLED)));
  const distances = some.map((row) => neighbors(means, means.subarray(row * d, (row + 1) * d), 2).at(-1)!.distance);
  return distances.sort((a, b) => a - b)[Math.floor(QUANTILE * distances.length)] ?? 0;
}

/** Counting sort: the positions in the order of their cells, and where each cell starts. */
function sortedBy(cellOf: (i: number) => number, n: number, cells: number) {
  const starts = new Uint32Array(cells + 1);
  for (let i = 0; i < n; i++) starts[cellOf(i) + 1]!++;
  for (let cell = 0; cell < cells; cell++) starts[cell + 1]! += starts[cell]!;
  const next = starts.slice();
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[next[cellOf(i)]!++] = i;
  return { starts, order };
}
