/** What lies above the points: ticks, contours, ellipses, the cursor, waypoints and outlines. */

import { type Camera, pixelsPerUnit, type Size, ticks, toPixel, toPlane } from "./camera";
import { css, type Rgb } from "./color";
import type { Pieces } from "./contours";
import { type Ellipse } from "./geometry";
import type { Landmark } from "./landmarks";
import type { Point } from "./projection";
import { short } from "./picture";
import type { Theme } from "./theme";

/** A Gaussian in the plane. */
export interface Gaussian {
  readonly center: Point;
  readonly ellipse: Ellipse;
}

/** All places are in the plane. */
export interface Marks {
  readonly axes: readonly [string, string];
  readonly contours: readonly Pieces[];
  readonly landmarks: readonly Landmark[];
  readonly cursor: Point;
  readonly row: Gaussian | null;
  readonly drawing: Gaussian | null;
  readonly hovered: Point | null;
  readonly waypoints: readonly Point[];
  readonly outline: readonly Point[];
}

const TICK_EVERY = 110; // CSS pixels, about
const ELLIPSES = [1, 2]; // standard deviations

export function drawOverlay(
  context: CanvasRenderingContext2D,
  camera: Camera,
  size: Size,
  marks: Marks,
  theme: Theme,
) {
  const pen = {
    context,
    theme,
    unit: pixelsPerUnit(camera, size),
    at: (point: Point) => toPixel(camera, size, point),
  };
  context.clearRect(0, 0, size.width, size.height);
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  context.lineJoin = "round";
  for (const pieces of marks.contours) drawContour(pen, pieces);
  for (const landmark of marks.landmarks) drawLandmark(pen, landmark);
  drawTicks(pen, camera, size, marks.axes);
  if (marks.row) drawGaussian(pen, marks.row, theme.ink);
  if (marks.drawing) drawGaussian(pen, marks.drawing, theme.accent);
  if (marks.hovered) drawRing(pen, marks.hovered, 6, theme.ink);
  drawWaypoints(pen, marks.waypoints);
  drawOutline(pen, marks.outline);
  const isOnRow = marks.row !== null && apart(pen, marks.row.center, marks.cursor) < 1;
  drawCursor(pen, marks.cursor, isOnRow);
}

interface Pen {
  readonly context: CanvasRenderingContext2D;
  readonly theme: Theme;
  readonly unit: number;
  readonly at: (point: Point) => Point;
}

/** Strokes the current path twice, so that it shows on dark and on light. */
function stroke({ context, theme }: Pen, color: string, width: number): void {
  context.strokeStyle = css(theme.paper, 0.75);
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = color;
  context.lineWidth = width;
  context.stroke();
}

function drawContour(pen: Pen, pieces: Pieces): void {
  const { context, theme, at } = pen;
  context.beginPath();
  for (let i = 0; i < pieces.length; i += 4) {
    context.moveTo(...at([pieces[i]!, pieces[i + 1]!]));
    context.lineTo(...at([pieces[i + 2]!, pieces[i + 3]!]));
  }
  stroke(pen, css(theme.ink, 0.8), 1.25);
}

function drawLandmark({ context, theme, at }: Pen, { name, place, color }: Landmark): void {
  const [x, y] = at(place);
  context.font = context.font.replace(/^.*?px/, "600 13px");
  const width = Math.max(context.measureText(name).width + 12, 22);
  context.beginPath();
  context.roundRect(x - width / 2, y - 11, width, 22, 6);
  context.fillStyle = css(theme.paper, 0.92);
  context.fill();
  context.strokeStyle = css(color);
  context.lineWidth = 1.5;
  context.stroke();
  context.fillStyle = css(theme.ink);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(name, x, y + 0.5);
  context.font = context.font.replace(/^.*?px/, "12px");
}

function drawTicks({ context, theme, at }: Pen, camera: Camera, size: Size, [x, y]: readonly [string, string]): void {
  const [left, top] = toPlane(camera, size, [0, 0]);
  const [right, bottom] = toPlane(camera, size, [size.width, size.height]);
  context.fillStyle = css(theme.quiet);
  context.strokeStyle = css(theme.paper, 0.85);
  context.lineWidth = 3;
  const write = (text: string, place: Point, align: CanvasTextAlign) => {
    context.textAlign = align;
    context.textBaseline = "alphabetic";
    context.strokeText(text, ...place);
    context.fillText(text, ...place);
  };
  for (const each of ticks(left, right, size.width / TICK_EVERY)) {
    const [along] = at([each, 0]);
    if (along > 56 && along < size.width - 56) write(short(each), [along, size.height - 8], "center");
  }
  write(`${x} →`, [size.width - 10, size.height - 8], "right");
  if (!y) return;
  write(`${y} ↑`, [8, size.height - 8], "left");
  for (const each of ticks(bottom, top, size.height / TICK_EVERY)) {
    const along = at([0, each])[1];
    if (along > 64 && along < size.height - 30) write(short(each), [8, along + 4], "left");
  }
}

function drawGaussian(pen: Pen, { center, ellipse }: Gaussian, color: Rgb): void {
  const { context, unit, at } = pen;
  const [x, y] = at(center);
  for (const scale of ELLIPSES) {
    const [long, across] = ellipse.radii.map((radius) => radius * scale * unit);
    context.beginPath();
    context.ellipse(x, y, long!, across!, -ellipse.angle, 0, 2 * Math.PI);
    stroke(pen, css(color, scale === 1 ? 1 : 0.6), scale === 1 ? 1.75 : 1);
  }
  drawRing(pen, center, 2, color);
}

function drawRing(pen: Pen, place: Point, radius: number, color: Rgb): void {
  pen.context.beginPath();
  pen.context.arc(...pen.at(place), radius, 0, 2 * Math.PI);
  stroke(pen, css(color), 2);
}

function drawWaypoints(pen: Pen, waypoints: readonly Point[]): void {
  const { context, theme, at } = pen;
  if (!waypoints.length) return;
  context.beginPath();
  for (const each of waypoints) context.lineTo(...at(each));
  stroke(pen, css(theme.accent), 2);
  waypoints.forEach((each, i) => {
    const [x, y] = at(each);
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    context.fillStyle = css(theme.accent);
    context.fill();
    context.fillStyle = css(theme.paper);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(String(i + 1), x, y + 0.5);
  });
}

function drawOutline(pen: Pen, outline: readonly Point[]): void {
  if (outline.length < 2) return;
  const { context, theme, at } = pen;
  context.beginPath();
  for (const each of outline) context.lineTo(...at(each));
  context.closePath();
  context.fillStyle = css(theme.accent, 0.12);
  context.fill();
  stroke(pen, css(theme.accent), 1.5);
}

/** A ring with four hands; without the ring where it would hide the posterior of a row. */
function drawCursor(pen: Pen, place: Point, isOnRow: boolean): void {
  const { context, theme, at } = pen;
  const [x, y] = at(place);
  context.beginPath();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    const [from, to] = isOnRow ? [14, 26] : [9, 18];
    context.moveTo(x + from * dx, y + from * dy);
    context.lineTo(x + to * dx, y + to * dy);
  }
  if (!isOnRow) {
    context.moveTo(x + 9, y);
    context.arc(x, y, 9, 0, 2 * Math.PI);
  }
  stroke(pen, css(theme.accent), 2.25);
}

/** Returns how many pixels lie between two places. */
function apart({ at }: Pen, a: Point, b: Point): number {
  const [[ax, ay], [bx, by]] = [at(a), at(b)];
  return Math.hypot(ax - bx, ay - by);
}
