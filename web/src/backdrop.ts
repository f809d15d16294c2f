/** What lies below the points: the decoded manifold, and the shade where no rows are. */

import { type Camera, type Size, toPixel } from "./camera";
import { css, type Rgb } from "./color";
import { type Density, shade } from "./density";
import { createManifold, type Manifold } from "./manifold";
import type { Page } from "./page";
import type { Scene } from "./scene";
import type { Theme } from "./theme";

export interface Backdrop {
  draw(context: CanvasRenderingContext2D, size: Size, theme: Theme): void;
}

const OVER_PICTURES = 0.85; // how dense the shade is over the manifold

/** Calls `onMore` when there is more to draw than at the last time. */
export function createBackdrop(page: Page, scene: Scene, onMore: () => void): Backdrop {
  const { store, manifest } = page;
  const shadowOf = remembered(makeShadow);
  let manifold: Manifold | null = null;
  if (manifest.isImage) {
    void Promise.all([page.models, page.hasDarkBackground]).then(([models, hasDarkBackground]) => {
      manifold = createManifold(models, manifest, hasDarkBackground, onMore);
      onMore();
    });
  }
  return {
    draw(context, size, theme) {
      const { camera, z, condition, manifold: isDecoded, shade: isShaded } = store.state;
      const { projection } = scene;
      if (isDecoded) manifold?.draw(context, { camera, size, projection, z, condition, ink: theme.ink });
      if (!isShaded || !projection.v) return;
      context.globalAlpha = isDecoded ? OVER_PICTURES : 1;
      drawShadow(context, scene.density, shadowOf(scene.density, theme.shade), theme.shade, camera, size);
      context.globalAlpha = 1;
    },
  };
}

function makeShadow(density: Density, color: Rgb): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = density.side;
  const image = new ImageData(density.side, density.side);
  shade(density).forEach((depth, i) => {
    const [column, row] = [i % density.side, density.side - 1 - Math.floor(i / density.side)];
    image.data.set([...color, 255 * depth], 4 * (row * density.side + column));
  });
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas;
}

/** Draws the shade on the density's grid, and evenly around it. */
function drawShadow(
  context: CanvasRenderingContext2D,
  { left, bottom, cell, side }: Density,
  shadow: HTMLCanvasElement,
  color: Rgb,
  camera: Camera,
  size: Size,
): void {
  const [x0, y1] = toPixel(camera, size, [left, bottom]);
  const [x1, y0] = toPixel(camera, size, [left + side * cell, bottom + side * cell]);
  context.imageSmoothingEnabled = true;
  context.drawImage(shadow, x0, y0, x1 - x0, y1 - y0);
  context.fillStyle = css(color);
  context.beginPath();
  context.rect(0, 0, size.width, size.height);
  context.rect(x0, y0, x1 - x0, y1 - y0);
  context.fill("evenodd");
}

/** Returns a function that keeps its last result while its arguments stay the same. */
function remembered<A extends unknown[], R>(make: (...from: A) => R): (...from: A) => R {
  let last: { from: string; first: unknown; result: R } | null = null;
  return (...from) => {
    const [first, ...others] = from;
    const key = JSON.stringify(others);
    if (!last || last.first !== first || last.from !== key) last = { first, from: key, result: make(...from) };
    return last.result;
  };
}
