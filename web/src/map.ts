/** The map of the latent space: its layers, and what is where on it. */

import { createBackdrop } from "./backdrop";
import { overview, pixelsPerUnit, type Size, toPixel, toPlane, zoomed } from "./camera";
import type { Coloring } from "./color";
import type { Pieces } from "./contours";
import type { Vector } from "./data";
import { ellipseOf } from "./geometry";
import { drawOverlay, type Gaussian, type Marks } from "./overlay";
import { element, onceAFrame, type Page } from "./page";
import { type Look, type Points, resize } from "./points";
import { contoursOf } from "./prior";
import { diagonal, lift, type Point, project, projectedCovariance } from "./projection";
import { createScene, type Scene } from "./scene";
import type { State } from "./state";
import { onTheme, themeNow } from "./theme";

export interface LatentMap {
  readonly size: Size;
  readonly scene: Scene;
  /** Returns the latent vector at a pixel; what lies across the plane is the cursor's. */
  vectorAt(pixel: Point): Vector;
  pixelOf(z: Vector): Point;
  pixelOfRow(row: number): Point;
  /** Returns the position of the row nearest to a pixel, −1 if none is within `radius` pixels. */
  nearest(pixel: Point, radius: number): number;
  /** Draws an outline, in coordinates of the plane. */
  outline(outline: readonly Point[]): void;
  showAll(): void;
  /** Zooms one step, in or out, around the middle. */
  zoom(direction: "in" | "out"): void;
  /** Moves the map so that a latent vector is in sight, if it is not. */
  reveal(z: Vector): void;
}

const EDGE = 24; // pixels along the map's edge that count as out of sight
const ZOOM_STEP = 1.4;
const USUAL_SIDE = 800; // pixels of a map on which points are as large as they should be

export function createMap(page: Page, points: Points): LatentMap {
  const { store, manifest } = page;
  const stage = element("stage");
  let size: Size = { width: stage.clientWidth, height: stage.clientHeight };
  let theme = themeNow();
  let contours: readonly Pieces[] = [];
  let outline: readonly Point[] = [];
  let isPictured = false;
  const scene = createScene(page, theme.isDark);
  const drawBelow = onceAFrame(() => backdrop.draw(blank("below", size), size, theme));
  const backdrop = createBackdrop(page, scene, drawBelow);
  const drawAbove = onceAFrame(() => {
    drawOverlay(blank("above", size), store.state.camera, size, marksOf(page, scene, contours, outline), theme);
  });
  const drawPoints = onceAFrame(() => {
    points.draw(store.state.camera, size, lookOf(store.state, scene.plane, size));
    if (!isPictured) performance.mark("enfold:first-picture");
    isPictured = true;
  });

  function drawAll(): void {
    drawBelow();
    drawPoints();
    drawAbove();
  }

  function recolor(): void {
    scene.recolor(theme.isDark);
    paint();
  }

  function paint(): void {
    points.paint(scene.coloring, scene.palette, litRows(store.state, scene.coloring));
    drawPoints();
    drawAbove();
  }

  function reproject(): void {
    scene.reproject();
    void place();
  }

  async function place(): Promise<void> {
    points.place(scene.plane);
    contours = [];
    drawAll();
    const { axes } = store.state;
    const found = await contoursOf(manifest, axes);
    if (axes !== store.state.axes) return;
    contours = found;
    drawAbove();
  }

  const showAll = () => store.set({ camera: overview(scene.plane, size) });
  store.on(["axes"], reproject);
  store.on(["color"], recolor);
  store.on(["off", "selected"], paint);
  store.on(["camera", "manifold", "points"], drawAll);
  store.on(["shade", "condition"], drawBelow);
  store.on(["z"], () => manifest.latentDim > 2 && store.state.manifold && drawBelow());
  store.on(["z", "row", "hovered", "waypoints", "posterior", "drawing", "contours"], drawAbove);
  onTheme(() => {
    theme = themeNow();
    recolor();
    drawAll();
  });
  points.onRestored(() => {
    void place();
    paint();
  });
  new ResizeObserver(() => {
    size = { width: stage.clientWidth, height: stage.clientHeight };
    drawAll();
  }).observe(stage);
  if (Number.isNaN(store.state.camera.span)) showAll();
  void place();
  paint();

  return {
    get size() {
      return size;
    },
    scene,
    vectorAt: (pixel) => lift(scene.projection, toPlane(store.state.camera, size, pixel), store.state.z),
    pixelOf: (z) => toPixel(store.state.camera, size, project(scene.projection, z)),
    pixelOfRow: (row) => toPixel(store.state.camera, size, placeOf(scene, row)),
    nearest(pixel, radius) {
      const { camera } = store.state;
      return scene.index.nearest(toPlane(camera, size, pixel), radius / pixelsPerUnit(camera, size));
    },
    outline(next) {
      outline = next;
      drawAbove();
    },
    showAll,
    zoom(direction) {
      const middle = [size.width / 2, size.height / 2] as const;
      const factor = direction === "in" ? ZOOM_STEP : 1 / ZOOM_STEP;
      store.set({ camera: zoomed(store.state.camera, size, middle, factor) });
    },
    reveal(z) {
      const { camera } = store.state;
      const [x, y] = project(scene.projection, z);
      const [left, top] = toPixel(camera, size, [x, y]);
      const isSeen = left > EDGE && top > EDGE && left < size.width - EDGE && top < size.height - EDGE;
      if (!isSeen) store.set({ camera: { ...camera, x, y } });
    },
  };
}

function marksOf(page: Page, scene: Scene, contours: readonly Pieces[], outline: readonly Point[]): Marks {
  const { z, row, hovered, waypoints, drawing, contours: areContours, points: arePoints } = page.store.state;
  const { projection } = scene;
  return {
    axes: projection.names,
    contours: areContours ? contours : [],
    landmarks: arePoints ? scene.landmarks : [],
    cursor: project(projection, z),
    row: row < 0 ? null : gaussianOf(scene, scaleOf(page, row), placeOf(scene, row)),
    drawing: drawing && gaussianOf(scene, drawing.scaleTril, project(projection, drawing.mean)),
    hovered: hovered < 0 ? null : placeOf(scene, hovered),
    waypoints: waypoints.map((each) => project(projection, each)),
    outline,
  };
}

function gaussianOf({ projection }: Scene, scaleTril: Float32Array, center: Point): Gaussian {
  return { center, ellipse: ellipseOf(projectedCovariance(projection, scaleTril)) };
}

function placeOf({ plane }: Scene, row: number): Point {
  return [plane[2 * row]!, plane[2 * row + 1]!];
}

/** Returns the Cholesky factor of the covariance of a row's posterior; before it is encoded, only the diagonal. */
function scaleOf({ store, rows, manifest }: Page, row: number): Float32Array {
  const d = manifest.latentDim;
  return (
    store.state.posterior?.scaleTril ??
    diagonal(rows.standardDeviations?.slice(row * d, (row + 1) * d) ?? new Float32Array(d))
  );
}

/** Returns 1 for each row that is in the selection and whose class is not toggled off. */
function litRows({ selected, off }: State, { codes, kind }: Coloring): Uint8Array {
  const lit = new Uint8Array(codes.length).fill(selected ? 0 : 1);
  if (selected) for (const row of selected) lit[row] = 1;
  if (off.size && kind === "classes") codes.forEach((code, row) => off.has(code) && (lit[row] = 0));
  return lit;
}

/** The more points there are, the smaller and fainter; the nearer one looks, the larger and clearer. */
function lookOf({ points, manifold, camera }: State, plane: Float32Array, size: Size): Look {
  if (!points) return { diameter: 0, alpha: 0, dimAlpha: 0 };
  const crowd = Math.sqrt(plane.length / 2);
  const zoom = Math.max(1, overview(plane, size).span / camera.span);
  const small = Math.min(1, Math.sqrt(Math.min(size.width, size.height) / USUAL_SIDE));
  const diameter = Math.min(Math.sqrt(within(1400 / crowd, 5, 60)) * small * zoom ** 0.4, 12);
  const alpha = Math.min(within(90 / crowd, 0.45, 0.9) * zoom ** 0.25, 0.95);
  return { diameter: manifold ? 0.8 * diameter : diameter, alpha: manifold ? 0.75 * alpha : alpha, dimAlpha: 0.07 };
}

function within(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Returns the context of a layer, with nothing on it. */
function blank(id: string, size: Size): CanvasRenderingContext2D {
  const context = element<HTMLCanvasElement>(id).getContext("2d")!;
  const ratio = resize(context.canvas, size);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  return context;
}
