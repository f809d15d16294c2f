/** Spreads rows with equal latent vectors, such as codes, so that each can be seen. */

import type { Point } from "./projection";

const SAME = 1e-5; // of the extent: the same up to rounding
const DISC = 0.45; // the radius of the fullest place, of the distance between places
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));

/** Returns points x, y, x, y, … of which most share their places with these spread over discs; others as they are. */
export function sideBySide(plane: Float32Array): Float32Array {
  const n = plane.length / 2;
  const placeOf = placing(plane);
  const places = new Map<number, { readonly point: Point; count: number }>();
  const ranks = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const place = placeOf(i);
    const known = places.get(place) ?? { point: [plane[2 * i]!, plane[2 * i + 1]!], count: 0 };
    places.set(place, known);
    ranks[i] = known.count++;
  }
  if (places.size < 2 || places.size > n / 2) return plane;
  const found = [...places.values()];
  const radius = DISC * typicalDistance(found.map(({ point }) => point));
  const fullest = found.reduce((most, { count }) => Math.max(most, count), 0);
  // As in a sunflower (Vogel 1979, "A better way to construct the sunflower head").
  return plane.map((value, i) => {
    const rank = ranks[i >> 1]!;
    const angle = rank * GOLDEN_ANGLE;
    return value + radius * Math.sqrt((rank + 0.5) / fullest) * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });
}

/** Returns a function that gives points with the same place the same number. */
function placing(plane: Float32Array): (i: number) => number {
  let [low, high] = [Infinity, -Infinity];
  for (const value of plane) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const step = SAME * (high - low || 1);
  const steps = Math.ceil(1 / SAME) + 1;
  return (i) => Math.round((plane[2 * i]! - low) / step) * steps + Math.round((plane[2 * i + 1]! - low) / step);
}

/** Returns the median distance from a place to the nearest other one. */
function typicalDistance(places: readonly Point[]): number {
  const some = places.slice(0, 500);
  const nearest = some.map(([x, y]) =>
    some.reduce(
      (least, [a, b]) => (a === x && b === y ? least : Math.min(least, Math.hypot(a - x, b - y))),
      Infinity,
    ),
  );
  return nearest.sort((a, b) => a - b)[nearest.length >> 1]!;
}
