/** From the plane to the pixels of the map and back. */

import type { Point } from "./projection";

/** What part of the plane is seen: its center, and how much of it the shorter side of the map spans. */
export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly span: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const MARGIN = 1.06;
const TOOLS = 44; // pixels at the top of the map that tools cover

/** How many pixels a unit of the plane takes. */
export function pixelsPerUnit(camera: Camera, size: Size): number {
  return Math.min(size.width, size.height) / camera.span;
}

export function toPixel(camera: Camera, size: Size, [x, y]: Point): Point {
  const unit = pixelsPerUnit(camera, size);
  return [size.width / 2 + (x - camera.x) * unit, size.height / 2 - (y - camera.y) * unit];
}

export function toPlane(camera: Camera, size: Size, [left, top]: Point): Point {
  const unit = pixelsPerUnit(camera, size);
  return [camera.x + (left - size.width / 2) / unit, camera.y - (top - size.height / 2) / unit];
}

/** Zooms by a factor, above 1: nearer, so that what is under a pixel stays there. */
export function zoomed(camera: Camera, size: Size, pixel: Point, factor: number): Camera {
  const [x, y] = toPlane(camera, size, pixel);
  return { x: x + (camera.x - x) / factor, y: y + (camera.y - y) / factor, span: camera.span / factor };
}

export function panned(camera: Camera, size: Size, [right, down]: Point): Camera {
  const unit = pixelsPerUnit(camera, size);
  return { ...camera, x: camera.x - right / unit, y: camera.y + down / unit };
}

/** Returns the camera that sees all points, x, y, x, y, …, but for a thousandth on each side, below the tools. */
export function overview(plane: Float32Array, size: Size): Camera {
  const [[left, right], [bottom, top]] = rangesOf(plane);
  const height = Math.max(size.height - TOOLS, 1);
  const unit = Math.min(size.width / (right - left || 1), height / (top - bottom || 1)) / MARGIN;
  return {
    x: (left + right) / 2,
    y: (bottom + top) / 2 + TOOLS / 2 / unit,
    span: Math.min(size.width, size.height) / unit,
  };
}

/** Returns round numbers inside a range, about as many as asked for. */
export function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? rough;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(9)),
  );
}

const known = new WeakMap<Float32Array, [[number, number], [number, number]]>();

/** Remembers the ranges of each plane: to sort its points takes longer than to draw them. */
function rangesOf(plane: Float32Array): [[number, number], [number, number]] {
  const ranges = known.get(plane) ?? [range(plane, 0), range(plane, 1)];
  known.set(plane, ranges);
  return ranges;
}

function range(plane: Float32Array, offset: 0 | 1): [number, number] {
  const sorted = plane.filter((_, i) => i % 2 === offset).sort();
  const cut = Math.floor(sorted.length / 1000);
  return [sorted[cut] ?? 0, sorted[sorted.length - 1 - cut] ?? 1];
}
