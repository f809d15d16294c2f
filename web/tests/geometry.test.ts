import { expect, test } from "vitest";
import { overview, ticks, toPixel, toPlane, zoomed } from "../src/camera";
import { ellipseOf, inside } from "../src/geometry";
import { diagonal, lift, project, projectedCovariance, type Projection } from "../src/projection";
import { sideBySide } from "../src/spread";

const SIZE = { width: 640, height: 480 };
const CAMERA = { x: 1.5, y: -2, span: 7 };

test("zooming keeps what is under the pointer, and pixels lead back to the plane", () => {
  const pixel = [100, 333] as const;
  const before = toPlane(CAMERA, SIZE, pixel);
  const after = toPlane(zoomed(CAMERA, SIZE, pixel, 3), SIZE, pixel);
  expect(after[0]).toBeCloseTo(before[0], 9);
  expect(after[1]).toBeCloseTo(before[1], 9);
  expect(toPixel(CAMERA, SIZE, before)[0]).toBeCloseTo(100, 9);
});

test("the overview has all points in sight", () => {
  const plane = Float32Array.from([-3, 4, 5, 1, 0, -6]);
  const camera = overview(plane, SIZE);
  for (let i = 0; i < plane.length; i += 2) {
    const [left, top] = toPixel(camera, SIZE, [plane[i]!, plane[i + 1]!]);
    expect(left > 0 && left < SIZE.width && top > 0 && top < SIZE.height).toBe(true);
  }
});

test("ticks are round, evenly spaced and inside", () => {
  expect(ticks(-2.3, 4.1, 6)).toEqual([-2, 0, 2, 4]);
  expect(ticks(0, 0.35, 4)).toEqual([0, 0.1, 0.2, 0.3]);
});

test("inside a polygon that is not convex is where a ray crosses it an odd number of times", () => {
  const letterL = [
    [0, 0],
    [3, 0],
    [3, 1],
    [1, 1],
    [1, 3],
    [0, 3],
  ] as const;
  const plane = Float32Array.from([0.5, 2, 2, 0.5, 2, 2, -1, 1, 0.5, 0.5]);
  expect([...inside(plane, letterL)]).toEqual([0, 1, 4]);
});

test("the ellipse of a rotated covariance has its standard deviations as radii and its angle", () => {
  const [angle, long, short] = [0.4, 3, 0.5];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const xx = (c * long) ** 2 + (s * short) ** 2;
  const yy = (s * long) ** 2 + (c * short) ** 2;
  const xy = c * s * (long ** 2 - short ** 2);
  const ellipse = ellipseOf([xx, xy, yy]);
  expect(ellipse.radii[0]).toBeCloseTo(long, 9);
  expect(ellipse.radii[1]).toBeCloseTo(short, 9);
  expect(ellipse.angle).toBeCloseTo(angle, 9);
});

test("a vector lifted from the plane projects to its place, and keeps what lies across", () => {
  const r = Math.SQRT1_2;
  const projection: Projection = {
    origin: Float32Array.of(1, 2, 3),
    u: Float32Array.of(r, r, 0),
    v: Float32Array.of(0, 0, 1),
    names: ["", ""],
  };
  const z = Float32Array.of(0.3, -0.7, 5);
  const lifted = lift(projection, [2, -1], z);
  expect(project(projection, lifted)[0]).toBeCloseTo(2, 5);
  expect(project(projection, lifted)[1]).toBeCloseTo(-1, 5);
  expect(lifted[0]! - lifted[1]!).toBeCloseTo(z[0]! - z[1]!, 5);
  const [xx, xy, yy] = projectedCovariance(projection, diagonal(Float32Array.of(2, 4, 3)));
  expect([xx, xy, yy].map((value) => Math.round(value * 1e5) / 1e5)).toEqual([10, 0, 9]);
});

test("points that share places are spread around them, others stay", () => {
  const codes = Float32Array.from({ length: 80 }, (_, i) => (i % 2 ? 0 : Math.floor(i / 2) % 4));
  const spread = sideBySide(codes);
  const places = new Set(Array.from({ length: 40 }, (_, i) => `${spread[2 * i]},${spread[2 * i + 1]}`));
  expect(places.size).toBe(40);
  spread.forEach((value, i) => expect(Math.abs(value - codes[i]!)).toBeLessThan(0.5));
  const apart = Float32Array.from({ length: 20 }, (_, i) => i);
  expect(sideBySide(apart)).toBe(apart);
});
