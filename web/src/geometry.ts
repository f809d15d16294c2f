/** Polygons and ellipses in the plane. */

import type { Point } from "./projection";

export interface Ellipse {
  /** The semi-axes at one standard deviation, the longer first. */
  readonly radii: readonly [number, number];
  /** From the first coordinate to the longer semi-axis, in radians. */
  readonly angle: number;
}

/** Returns the ellipse of a Gaussian with the covariance [xx, xy, yy]. */
export function ellipseOf([xx, xy, yy]: readonly [number, number, number]): Ellipse {
  const [middle, spread] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
  const radii = [Math.sqrt(middle + spread), Math.sqrt(Math.max(middle - spread, 0))] as const;
  return { radii, angle: Math.atan2(2 * xy, xx - yy) / 2 };
}

/** Returns the corners of the rectangle with two opposite corners. */
export function rectangle([x0, y0]: Point, [x1, y1]: Point): Point[] {
  return [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ];
}

/** Returns the positions of the points x, y, x, y, … inside a polygon, by the even-odd rule. */
export function inside(plane: Float32Array, polygon: readonly Point[]): Uint32Array {
  const xs = polygon.map(([x]) => x);
  const ys = polygon.map(([, y]) => y);
  const [left, right, bottom, top] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const found: number[] = [];
  for (let i = 0; i < plane.length; i += 2) {
    const [x, y] = [plane[i]!, plane[i + 1]!];
    if (x >= left && x <= right && y >= bottom && y <= top && isInside(xs, ys, x, y)) found.push(i / 2);
  }
  return Uint32Array.from(found);
}

function isInside(xs: readonly number[], ys: readonly number[], x: number, y: number): boolean {
  let result = false;
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
    const crosses = ys[i]! > y !== ys[j]! > y;
    if (crosses && x < ((xs[j]! - xs[i]!) * (y - ys[i]!)) / (ys[j]! - ys[i]!) + xs[i]!) result = !result;
  }
  return result;
}
