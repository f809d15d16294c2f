/** The map of the latent space: its layers, and what is where on it. */

import { overview, pixelsPerUnit, type Size, toPixel, toPlane } from "./camera";
import { type Colouring, colouringOf, css, paletteOf, type Rgb } from "./colour";
import { contour, levelsHolding, type Pieces } from "./contours";
import { loadPrior, type Vector } from "./data";
import { type Density, densityOf, shade } from "./density";
import { ellipseOf } from "./geometry";
import { type Landmark, landmarksOf } from "./landmarks";
import { createManifold, type Manifold } from "./manifold";
import { type Plane, planeOf } from "./nearby";
import { type Blob, drawOverlay, type Marks } from "./overlay";
import { element, onceAFrame, type Page } from "./page";
import { type Look, type Points, resize } from "./points";
import { diagonal, lift, type Point, project, projectAll, type Projection, projectedCovariance, projectionOf } from "./projection";
import type { State } from "./state";
import { onTheme, type Theme, themeNow } from "./theme";

export interface LatentMap {
  readonly size: Size;
  readonly projection: Projection;
  /** The rows in the plane, x, y, x, y, … */
  readonly plane: Float32Array;
  readonly density: Density;
  readonly colouring: Colouring;
  readonly palette: readonly Rgb[];
  /** Returns the latent vector at a pixel; what lies across the plane is the cursor's. */
  vectorAt(pixel: Point): Vector;
  pixelOf(z: Vector): Point;
  pixelOfRow(row: number): Point;
  /** Returns the position of the row nearest to a pixel, −1 if none is within `radius` pixels. */
  nearest(pixel: Point, radius: number): number;
  /** Draws an outline, given in the plane. */
  outline(outline: readonly Point[]): void;
  seeAll(): void;
  /** Moves the map so that a latent vector is in sight, if it is not. */
  reveal(z: Vector): void;
}

const EDGE = 24; // pixels along the map's edge that count as out of sight
const SHARES = [0.5, 0.8, 0.95]; // of the prior's mass inside the contours
const SHADE_OVER_PICTURES = 0.85;
const SHADE_OVER_POINTS = 1;

export function createMap(page: Page, points: Points): LatentMap {
  const { store, manifest, rows } = page;
  const stage = element("stage");
  const [below, above] = [element<HTMLCanvasElement>("below"), element<HTMLCanvasElement>("above")];
  let size: Size = { width: stage.clientWidth, height: stage.clientHeight };
  let theme = themeNow();
  let projection = projectionOf(store.state.axes, manifest);
  let plane = projectAll(projection, rows.means);
  let index: Plane | null = null;
  let density: Density | null = null;
  let colouring = colouringOf(store.state.colour, rows, manifest);
  let palette = paletteOf(colouring, theme.isDark);
  let landmarks: readonly Landmark[] | null = null;
  let contours: readonly Pieces[] = [];
  let outline: readonly Point[] = [];
  let manifold: Manifold | null = null;
  let shadow: HTMLCanvasElement | null = null;
  let isFirst = true;

  const drawBelow = onceAFrame(() => {
    const context = below.getContext("2d")!;
    start(context, size);
    const { camera, z, condition, manifold: isOn, shade: isShaded } = store.state;
    if (isOn && manifold) manifold.draw(context, { camera, size, projection, z, condition, ink: theme.ink });
    if (!isShaded || !projection.v) return;
    shadow ??= shadowOf(densityNow(), theme);
    context.globalAlpha = isOn ? SHADE_OVER_PICTURES : SHADE_OVER_POINTS;
    drawShadow(context, densityNow(), shadow, store.state, size);
    context.globalAlpha = 1;
  });
  const drawPoints = onceAFrame(() => {
    points.draw(store.state.camera, size, lookOf(store.state, manifest.rows, plane, size));
    if (isFirst) performance.mark("enfold:first-picture");
    isFirst = false;
  });
  const drawAbove = onceAFrame(() => {
    const context = above.getContext("2d")!;
    start(context, size);
    drawOverlay(context, store.state.camera, size, marks(), theme);
  });
  const drawAll = () => [drawBelow, drawPoints, drawAbove].forEach((draw) => draw());

  function marks(): Marks {
    const { z, row, hovered, waypoints, drawing, contours: areOn, points: arePoints } = store.state;
    return {
      axes: projection.names,
      contours: areOn ? contours : [],
      landmarks: arePoints ? landmarksNow() : [],
      cursor: project(projection, z),
      row: row < 0 ? null : blobOf(scaleOf(row), [plane[2 * row]!, plane[2 * row + 1]!]),
      drawing: drawing && blobOf(drawing.scaleTril, project(projection, drawing.mean)),
      hovered: hovered < 0 ? null : [plane[2 * hovered]!, plane[2 * hovered + 1]!],
      waypoints: waypoints.map((each) => project(projection, each)),
      outline,
    };
  }

  function blobOf(scaleTril: Float32Array, centre: Point): Blob {
    return { centre, ellipse: ellipseOf(projectedCovariance(projection, scaleTril)) };
  }

  function scaleOf(row: number): Float32Array {
    const d = manifest.latentDim;
    return diagonal(rows.deviations?.slice(row * d, (row + 1) * d) ?? new Float32Array(d));
  }

  function densityNow(): Density {
    density ??= densityOf(plane);
    return density;
  }

  function landmarksNow(): readonly Landmark[] {
    landmarks ??= landmarksOf(colouring, palette, plane);
    return landmarks;
  }

  function repaint(): void {
    colouring = colouringOf(store.state.colour, rows, manifest);
    palette = paletteOf(colouring, theme.isDark);
    landmarks = null;
    points.paint(colouring, palette, litRows(store.state, colouring));
    drawPoints();
    drawAbove();
  }

  function reproject(): void {
    projection = projectionOf(store.state.axes, manifest);
    plane = projectAll(projection, rows.means);
    [index, density, shadow, landmarks] = [null, null, null, null];
    points.place(plane);
    void findContours();
    drawAll();
  }

  async function findContours(): Promise<void> {
    const logDensity = await loadPrior(manifest);
    const { prior } = manifest;
    const axes = store.state.axes;
    contours = prior && logDensity && axes !== "pca" ? contoursOf(logDensity, prior, axes) : [];
    drawAbove();
  }

  store.on(["axes"], reproject);
  store.on(["colour", "off", "selected"], repaint);
  store.on(["camera", "manifold", "points"], drawAll);
  store.on(["shade", "condition"], drawBelow);
  store.on(["z"], () => manifest.latentDim > 2 && store.state.manifold && drawBelow());
  store.on(["z", "row", "hovered", "waypoints", "drawing", "contours"], drawAbove);
  onTheme(() => {
    theme = themeNow();
    shadow = null;
    repaint();
    drawAll();
  });
  new ResizeObserver(() => {
    size = { width: stage.clientWidth, height: stage.clientHeight };
    drawAll();
  }).observe(stage);
  void page.models.then((models) => {
    manifold = manifest.isImage ? createManifold(models, manifest, drawBelow) : null;
    drawBelow();
  });
  if (Number.isNaN(store.state.camera.span)) store.set({ camera: overview(plane, size) });
  reproject();
  repaint();

  return {
    get size() {
      return size;
    },
    get projection() {
      return projection;
    },
    get plane() {
      return plane;
    },
    get density() {
      return densityNow();
    },
    get colouring() {
      return colouring;
    },
    get palette() {
      return palette;
    },
    vectorAt: (pixel) => lift(projection, toPlane(store.state.camera, size, pixel), store.state.z),
    pixelOf: (z) => toPixel(store.state.camera, size, project(projection, z)),
    pixelOfRow: (row) => toPixel(store.state.camera, size, [plane[2 * row]!, plane[2 * row + 1]!]),
    nearest(pixel, radius) {
      index ??= planeOf(plane);
      const { camera } = store.state;
      return index.nearest(toPlane(camera, size, pixel), radius / pixelsPerUnit(camera, size));
    },
    outline(next) {
      outline = next;
      drawAbove();
    },
    seeAll: () => store.set({ camera: overview(plane, size) }),
    reveal(z) {
      const { camera } = store.state;
      const [x, y] = project(projection, z);
      const [left, top] = toPixel(camera, size, [x, y]);
      const isSeen = left > EDGE && top > EDGE && left < size.width - EDGE && top < size.height - EDGE;
      if (!isSeen) store.set({ camera: { ...camera, x, y } });
    },
  };
}

/** Returns 1 for each row that is in the selection and whose class is not toggled off. */
function litRows({ selected, off }: State, { codes, kind }: Colouring): Uint8Array {
  const lit = new Uint8Array(codes.length).fill(selected ? 0 : 1);
  if (selected) for (const row of selected) lit[row] = 1;
  if (off.size && kind === "classes") codes.forEach((code, row) => off.has(code) && (lit[row] = 0));
  return lit;
}

/** The more points there are, the smaller and fainter; the nearer one looks, the larger and clearer. */
function lookOf({ points, manifold, camera, selected }: State, n: number, plane: Float32Array, size: Size): Look {
  if (!points) return { diameter: 0, alpha: 0, dimAlpha: 0 };
  const zoom = Math.max(1, overviewSpan(plane, size) / camera.span);
  const diameter = Math.min(Math.sqrt(Math.min(Math.max(1400 / Math.sqrt(n), 5), 60)) * zoom ** 0.4, 12);
  const alpha = Math.min(Math.min(Math.max(90 / Math.sqrt(n), 0.45), 0.9) * zoom ** 0.25, 0.95);
  const faded = manifold ? 0.75 * alpha : alpha;
  return { diameter: manifold ? 0.8 * diameter : diameter, alpha: faded, dimAlpha: selected ? 0.07 : 0.06 };
}

const spans = new WeakMap<Float32Array, number>();

function overviewSpan(plane: Float32Array, size: Size): number {
  const known = spans.get(plane) ?? overview(plane, size).span;
  spans.set(plane, known);
  return known;
}

function contoursOf(logDensity: Float32Array, prior: NonNullable<Page["manifest"]["prior"]>, axes: readonly [number, number]) {
  const [x, y] = prior.axes;
  const isSame = axes[0] === x && axes[1] === y;
  const isTurned = axes[0] === y && axes[1] === x;
  if (!isSame && !isTurned) return [];
  const pieces = levelsHolding(logDensity, SHARES).map((level) => contour(logDensity, prior, level));
  return isSame ? pieces : pieces.map((each) => each.map((_, i) => each[i ^ 1]!));
}

function start(context: CanvasRenderingContext2D, size: Size): void {
  const ratio = resize(context.canvas, size);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
}

function shadowOf(density: Density, theme: Theme): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = density.side;
  const image = new ImageData(density.side, density.side);
  shade(density).forEach((depth, i) => {
    const [column, row] = [i % density.side, density.side - 1 - Math.floor(i / density.side)];
    image.data.set([...theme.shade, 255 * depth], 4 * (row * density.side + column));
  });
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas;
}

/** Draws the shade on the density's grid, and evenly around it. */
function drawShadow(
  context: CanvasRenderingContext2D,
  { left, bottom, cell, side }: Density,
  shadow: HTMLCanvasElement,
  { camera }: State,
  size: Size,
): void {
  const [x0, y1] = toPixel(camera, size, [left, bottom]);
  const [x1, y0] = toPixel(camera, size, [left + side * cell, bottom + side * cell]);
  context.imageSmoothingEnabled = true;
  context.drawImage(shadow, x0, y0, x1 - x0, y1 - y0);
  context.fillStyle = css(themeNow().shade);
  context.beginPath();
  context.rect(0, 0, size.width, size.height);
  context.rect(x0, y0, x1 - x0, y1 - y0);
  context.fill("evenodd");
}
