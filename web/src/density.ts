/** The density of the rows in the plane: a blurred histogram. */

import type { Point } from "./projection";

export interface Density {
  readonly side: number;
  readonly left: number;
  readonly bottom: number;
  /** The width of a cell in the plane. */
  readonly cell: number;
  /** Row-major, the first row lowest. */
  readonly values: Float32Array;
  /** All but a small fraction of the rows lie where the density is higher. */
  readonly threshold: number;
}

const SIDE = 160;
const MARGIN = 0.3; // of the rows' extent, on each side
const FAR = 0.005; // the fraction of the rows that count as far from the others
const LEAST_BLUR = 1.5; // cells

/** Returns the density of points x, y, x, y, … */
export function densityOf(plane: Float32Array): Density {
  const { left, bottom, extent } = square(plane);
  const cell = extent / SIDE;
  const counts = new Float32Array(SIDE * SIDE);
  for (let i = 0; i < plane.length; i += 2) {
    const [column, row] = [Math.floor((plane[i]! - left) / cell), Math.floor((plane[i + 1]! - bottom) / cell)];
    counts[row * SIDE + column]!++;
  }
  // Half of Scott's rule (1992) for two dimensions: the rows have many modes.
  const blur = Math.max(LEAST_BLUR, (0.5 * standardDeviation(plane) * (plane.length / 2) ** (-1 / 6)) / cell);
  const values = blurred(blurred(counts, blur, 1), blur, SIDE);
  const density = { side: SIDE, left, bottom, cell, values, threshold: 0 };
  return { ...density, threshold: threshold(density, plane) };
}

/** Returns the density at a point of the plane, 0 outside the grid. */
export function densityAt({ side, left, bottom, cell, values }: Density, [x, y]: Point): number {
  const [column, row] = [Math.floor((x - left) / cell), Math.floor((y - bottom) / cell)];
  return column < 0 || row < 0 || column >= side || row >= side ? 0 : values[row * side + column]!;
}

export function isFar(density: Density, point: Point): boolean {
  return densityAt(density, point) < density.threshold;
}

/** Returns how dark each cell is shaded, 0…1. */
export function shade({ values, threshold }: Density): Float32Array {
  return values.map((value) => Math.min(Math.max(1.5 - value / threshold, 0), 1));
}

function square(plane: Float32Array) {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < plane.length; i++) {
    low[i % 2] = Math.min(low[i % 2]!, plane[i]!);
    high[i % 2] = Math.max(high[i % 2]!, plane[i]!);
  }
  const extent = (1 + 2 * MARGIN) * (Math.max(high[0]! - low[0]!, high[1]! - low[1]!) || 1);
  return { left: (low[0]! + high[0]! - extent) / 2, bottom: (low[1]! + high[1]! - extent) / 2, extent };
}

/** Returns the standard deviation of a coordinate: the root of the mean of the two variances. */
function standardDeviation(plane: Float32Array): number {
  const sums = [0, 0];
  const squares = [0, 0];
  const n = plane.length / 2;
  for (let i = 0; i < plane.length; i++) {
    sums[i % 2]! += plane[i]!;
    squares[i % 2]! += plane[i]! ** 2;
  }
  return Math.sqrt((squares[0]! + squares[1]! - (sums[0]! ** 2 + sums[1]! ** 2) / n) / (2 * n));
}

/** Returns the grid blurred by a Gaussian kernel along one axis, whose cells are `stride` apart. */
function blurred(grid: Float32Array, scale: number, stride: number): Float32Array {
  const reach = Math.ceil(3 * scale);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / scale) ** 2));
  const out = new Float32Array(grid.length);
  for (let i = 0; i < grid.length; i++) {
    if (grid[i] === 0) continue;
    const place = Math.floor(i / stride) % SIDE;
    for (let offset = Math.max(-reach, -place); offset <= Math.min(reach, SIDE - 1 - place); offset++) {
      out[i + offset * stride]! += grid[i]! * kernel[offset + reach]!;
    }
  }
  return out;
}

function threshold(density: Density, plane: Float32Array): number {
  const own = Float32Array.from({ length: plane.length / 2 }, (_, i) =>
    densityAt(density, [plane[2 * i]!, plane[2 * i + 1]!]),
  );
  own.sort();
  return own[Math.floor(FAR * own.length)] ?? 0;
}
