/** Linear interpolation in the latent space. */

import type { Vector } from "./data";

/** Returns `steps` vectors from each waypoint to the next, evenly spaced, and the last waypoint. */
export function interpolate(waypoints: readonly Vector[], steps: number): Vector[] {
  const between = waypoints.slice(1).flatMap((to, i) => {
    const from = waypoints[i]!;
    return Array.from({ length: steps }, (_, step) =>
      from.map((value, j) => value + (step / steps) * (to[j]! - value)),
    );
  });
  return [...between, ...waypoints.slice(-1)];
}

/** Concatenates vectors. */
export function stacked(vectors: readonly Vector[]): Vector {
  return Float32Array.from(vectors.flatMap((each) => [...each]));
}
