/** The plane that the map shows: two orthonormal directions through the latent space. */

import type { Axes, Manifest, Vector } from "./data";

export type Point = readonly [number, number];

export interface Projection {
  readonly origin: Vector;
  readonly u: Vector;
  /** Null where the latent space is a line; then the second coordinate means nothing. */
  readonly v: Vector | null;
  readonly names: readonly [string, string];
}

const STRIP = 0.3; // half the height of a line of points, of its length

export function projectionOf(axes: Axes, manifest: Manifest): Projection {
  const { latentDim, pca } = manifest;
  if (axes === "pca" && pca) {
    const [u, v] = pca.components;
    const names = ["PC 1", "PC 2"] as const;
    return {
      origin: Float32Array.from(pca.mean),
      u: Float32Array.from(u ?? []),
      v: Float32Array.from(v ?? []),
      names,
    };
  }
  const [x, y] = axes === "pca" ? [0, 1] : axes;
  const origin = new Float32Array(latentDim);
  const v = latentDim > 1 ? unit(y, latentDim) : null;
  return { origin, u: unit(x, latentDim), v, names: [`z${x}`, v ? `z${y}` : ""] };
}

export function project(projection: Projection, z: Vector): Point {
  return [along(z, projection.origin, projection.u), projection.v ? along(z, projection.origin, projection.v) : 0];
}

/** Returns `z` moved inside the plane to a point of it; what lies across the plane stays. */
export function lift(projection: Projection, point: Point, z: Vector): Vector {
  const [x, y] = project(projection, z);
  const [dx, dy] = [point[0] - x, point[1] - y];
  return z.map((value, i) => value + dx * (projection.u[i] ?? 0) + (projection.v ? dy * (projection.v[i] ?? 0) : 0));
}

/** Projects vectors, one after the other in `z`, to x, y, x, y, …; those on a line are spread into a strip. */
export function projectAll(projection: Projection, z: Float32Array): Float32Array {
  const { u, v, origin } = projection;
  const d = u.length;
  const n = z.length / d;
  const plane = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) {
    let x = 0;
    let y = 0;
    for (let j = 0; j < d; j++) {
      const centered = z[i * d + j]! - origin[j]!;
      x += centered * u[j]!;
      if (v) y += centered * v[j]!;
    }
    plane[2 * i] = x;
    plane[2 * i + 1] = y;
  }
  if (!v) spread(plane);
  return plane;
}

/** Returns the covariance in the plane, [xx, xy, yy], of a Gaussian with that Cholesky factor. */
export function projectedCovariance(projection: Projection, scaleTril: Float32Array): [number, number, number] {
  const { u, v } = projection;
  const d = u.length;
  let [xx, xy, yy] = [0, 0, 0];
  for (let column = 0; column < d; column++) {
    let [a, b] = [0, 0];
    for (let row = column; row < d; row++) {
      a += u[row]! * scaleTril[row * d + column]!;
      if (v) b += v[row]! * scaleTril[row * d + column]!;
    }
    xx += a * a;
    xy += a * b;
    yy += b * b;
  }
  return [xx, xy, yy];
}

/** Returns the Cholesky factor of a diagonal covariance. */
export function diagonal(standardDeviations: Vector): Float32Array {
  const d = standardDeviations.length;
  const factor = new Float32Array(d * d);
  for (let i = 0; i < d; i++) factor[i * d + i] = standardDeviations[i]!;
  return factor;
}

function unit(axis: number, dimension: number): Vector {
  return Float32Array.from({ length: dimension }, (_, i) => (i === axis ? 1 : 0));
}

function along(z: Vector, origin: Vector, direction: Vector): number {
  return z.reduce((sum, value, i) => sum + (value - origin[i]!) * direction[i]!, 0);
}

function spread(plane: Float32Array): void {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < plane.length; i += 2) {
    low = Math.min(low, plane[i]!);
    high = Math.max(high, plane[i]!);
  }
  const height = STRIP * (high - low || 1);
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let i = 0; i < plane.length; i += 2) plane[i + 1] = height * (2 * (((i / 2) * golden) % 1) - 1);
}
