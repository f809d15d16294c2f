/** Where the rows lie in the plane that is shown, and how they are coloured: all of it follows from the state. */

import { type Colouring, colouringOf, paletteOf, type Rgb } from "./colour";
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
  readonly colouring: Colouring;
  readonly palette: readonly Rgb[];
  readonly density: Density;
  readonly landmarks: readonly Landmark[];
  readonly index: Plane;
  /** Follows the axes. */
  reproject(): void;
  /** Follows what the rows are coloured by. */
  recolour(isDark: boolean): void;
}

/** Density, landmarks and index are made when they are asked for. */
export function createScene({ store, manifest, rows }: Page, isDark: boolean): Scene {
  let [projection, plane] = projected();
  let [colouring, palette] = coloured(isDark);
  let density: Density | null = null;
  let landmarks: readonly Landmark[] | null = null;
  let index: Plane | null = null;

  function projected(): [Projection, Float32Array] {
    const next = projectionOf(store.state.axes, manifest);
    return [next, sideBySide(projectAll(next, rows.means))];
  }

  function coloured(dark: boolean): [Colouring, readonly Rgb[]] {
    const next = colouringOf(store.state.colour, rows, manifest);
    return [next, paletteOf(next, dark)];
  }

  return {
    get projection() {
      return projection;
    },
    get plane() {
      return plane;
    },
    get colouring() {
      return colouring;
    },
    get palette() {
      return palette;
    },
    get density() {
      density ??= densityOf(plane);
      return density;
    },
    get landmarks() {
      landmarks ??= landmarksOf(colouring, palette, plane);
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
    recolour(dark) {
      [colouring, palette] = coloured(dark);
      landmarks = null;
    },
  };
}
