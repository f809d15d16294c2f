/** Where the rows lie in the plane that is shown, and how they are colored: all of it follows from the state. */

import { type Coloring, coloringOf, paletteOf, type Rgb } from "./color";
import { type Density, densityOf } from "./density";
import { type Landmark, landmarksOf } from "./landmarks";
import { type Plane, planeOf } from "./nearby";
import type { Page } from "./page";
import { projectAll, type Projection, projectionOf } from "./projection";
import { sideBySide } from "./spread";

export interface Scene {
  readonly projection: Projection;
  /** The rows in the plane, x, y, x, y, … */
  readonly plane: Float32Array;
  readonly coloring: Coloring;
  readonly palette: readonly Rgb[];
  readonly density: Density;
  readonly landmarks: readonly Landmark[];
  readonly index: Plane;
  /** Follows the axes. */
  reproject(): void;
  /** Follows what the rows are colored by. */
  recolor(isDark: boolean): void;
}

/** Density, landmarks and index are made when they are asked for. */
export function createScene({ store, manifest, rows }: Page, isDark: boolean): Scene {
  let [projection, plane] = projected();
  let [coloring, palette] = colored(isDark);
  let density: Density | null = null;
  let landmarks: readonly Landmark[] | null = null;
  let index: Plane | null = null;

  function projected(): [Projection, Float32Array] {
    const next = projectionOf(store.state.axes, manifest);
    return [next, sideBySide(projectAll(next, rows.means))];
  }

  function colored(dark: boolean): [Coloring, readonly Rgb[]] {
    const next = coloringOf(store.state.color, rows, manifest);
    return [next, paletteOf(next, dark)];
  }

  return {
    get projection() {
      return projection;
    },
    get plane() {
      return plane;
    },
    get coloring() {
      return coloring;
    },
    get palette() {
      return palette;
    },
    get density() {
      density ??= densityOf(plane);
      return density;
    },
    get landmarks() {
      landmarks ??= landmarksOf(coloring, palette, plane);
      return landmarks;
    },
    get index() {
      index ??= planeOf(plane);
      return index;
    },
    reproject() {
      [projection, plane] = projected();
      [density, landmarks, index] = [null, null, null];
    },
    recolor(dark) {
      [coloring, palette] = colored(dark);
      landmarks = null;
    },
  };
}
