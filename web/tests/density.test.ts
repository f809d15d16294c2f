import { expect, test } from "vitest";
import { contour, levelsHolding } from "../src/contours";
import { densityAt, densityOf, isFar } from "../src/density";
import { neighbors, planeOf } from "../src/nearby";

/** A sequence that looks random, the same each time (Park & Miller 1988). */
function noise(seed: number) {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

const random = noise(7);
const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
const plane = Float32Array.from({ length: 8000 }, normal);

test("the blurred histogram keeps its mass, and is lower where there is less", () => {
  const density = densityOf(plane);
  expect(densityAt(density, [0, 0])).toBeGreaterThan(densityAt(density, [1.5, 0]));
  expect(isFar(density, [0, 0])).toBe(false);
  expect(isFar(density, [5, 5])).toBe(true);
  const far = Array.from({ length: 4000 }, (_, i) => isFar(density, [plane[2 * i]!, plane[2 * i + 1]!]));
  expect(far.filter(Boolean).length / 4000).toBeLessThanOrEqual(0.005);
});

test("contours of a Gaussian that hold a fraction of its mass are circles of that radius", () => {
  const side = 201;
  const extent = [
    [-5, 5],
    [-5, 5],
  ] as const;
  const at = (i: number) => -5 + i * 0.05;
  const grid = Float32Array.from(
    { length: side * side },
    (_, i) => -(at(i % side) ** 2 + at(Math.floor(i / side)) ** 2) / 2,
  );
  for (const fraction of [0.5, 0.8, 0.95]) {
    const [level] = levelsHolding(grid, [fraction]);
    const pieces = contour(grid, { side, extent }, level!);
    expect(pieces.length).toBeGreaterThan(100);
    const radius = Math.sqrt(-2 * Math.log(1 - fraction)); // of the chi distribution with two degrees of freedom
    for (let i = 0; i < pieces.length; i += 2) expect(Math.hypot(pieces[i]!, pieces[i + 1]!)).toBeCloseTo(radius, 1);
  }
});

test("the nearest point by the grid is the nearest of all", () => {
  const index = planeOf(plane);
  for (let k = 0; k < 200; k++) {
    const point = [3 * normal(), 3 * normal()] as const;
    const [best] = neighbors(plane, Float32Array.from(point), 1);
    expect(index.nearest(point, 0.4)).toBe(best!.distance <= 0.4 ? best!.row : -1);
  }
});

test("neighbors come nearest first, and are those of a full sort", () => {
  const z = Float32Array.of(0.2, -0.4);
  const distance = (row: number) => Math.hypot(plane[2 * row]! - z[0]!, plane[2 * row + 1]! - z[1]!);
  const sorted = Array.from({ length: 4000 }, (_, i) => i).sort((a, b) => distance(a) - distance(b));
  expect(neighbors(plane, z, 9).map(({ row }) => row)).toEqual(sorted.slice(0, 9));
});
