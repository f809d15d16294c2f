/** Rows that share a place, as those with one code do, side by side around it. */

const SAME = 1e-5; // of the extent: codes are equal up to rounding
const DISC = 0.45; // the radius of the fullest place, of the distance between places
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));

/** Returns points x, y, x, y, … of which most share their places with these spread over discs; others as they are. */
export function sideBySide(plane: Float32Array): Float32Array {
  const n = plane.length / 2;
  const step = SAME * (extentOf(plane) || 1);
  const counts = new Map<string, number>();
  const keys = Array.from(
    { length: n },
    (_, i) => `${Math.round(plane[2 * i]! / step)},${Math.round(plane[2 * i + 1]! / step)}`,
  );
  const ranks = keys.map((key) => {
    const rank = counts.get(key) ?? 0;
    counts.set(key, rank + 1);
    return rank;
  });
  if (counts.size < 2 || counts.size > n / 2) return plane;
  const places = [...counts.keys()].map(
    (key) => key.split(",").map((each) => Number(each) * step) as [number, number],
  );
  const radius = DISC * typicalDistance(places);
  const fullest = Math.max(...counts.values());
  // As in a sunflower (Vogel 1979, "A better way to construct the sunflower head").
  return plane.map((value, i) => {
    const rank = ranks[i >> 1]!;
    const angle = rank * GOLDEN_ANGLE;
    return value + radius * Math.sqrt((rank + 0.5) / fullest) * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });
}

function extentOf(plane: Float32Array): number {
  let [low, high] = [Infinity, -Infinity];
  for (const value of plane) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return high - low;
}

/** Returns the median distance from a place to the nearest other one. */
function typicalDistance(places: readonly (readonly [number, number])[]): number {
  const some = places.slice(0, 500);
  const nearest = some.map(([x, y]) =>
    some.reduce(
      (least, [a, b]) => (a === x && b === y ? least : Math.min(least, Math.hypot(a - x, b - y))),
      Infinity,
    ),
  );
  return nearest.sort((a, b) => a - b)[nearest.length >> 1]!;
}
