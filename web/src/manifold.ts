/** The plane decoded: a picture for each cell of a grid that grows finer as one zooms in. */

import { pixelsPerUnit, type Size, toPixel, toPlane } from "./camera";
import type { Rgb } from "./colour";
import { exampleSize, type Manifest, type Vector } from "./data";
import type { Models } from "./models";
import { bytesOf, paint } from "./picture";
import { lift, type Point, type Projection } from "./projection";
import type { Camera } from "./state";

export interface Manifold {
  draw(context: CanvasRenderingContext2D, view: View): void;
}

export interface View {
  readonly camera: Camera;
  readonly size: Size;
  readonly projection: Projection;
  readonly z: Vector;
  readonly condition: number;
  readonly ink: Rgb;
}

interface Cell {
  readonly key: string;
  readonly centre: Point;
  readonly pixel: Point;
}

const SMALLEST = 42; // CSS pixels of a cell; the largest is twice that
const GAP = 0.1; // of a cell
const MOST_TILES = 6000;
const FRAME = 14; // milliseconds to decode at once
const DARK_GROUND = 0.45; // the mean share of light up to which a grey image counts as light on dark

/** Calls `onTiles` when there are more tiles to draw. */
export function createManifold(models: Models, manifest: Manifest, onTiles: () => void): Manifold {
  const tiles = new Map<string, HTMLCanvasElement>();
  let missing: Cell[] = [];
  let view: View | null = null;
  let madeFor = "";
  let isWorking = false;
  let batch = 4;

  async function work(): Promise<void> {
    isWorking = true;
    while (missing.length && view) {
      const [cells, now, goal] = [missing.splice(0, batch), view, madeFor];
      const started = performance.now();
      const z = Float32Array.from(cells.flatMap(({ centre }) => [...lift(now.projection, centre, now.z)]));
      const decoded = await models.decode(z, now.condition);
      batch = Math.max(1, Math.min(64, Math.round((batch * FRAME) / Math.max(performance.now() - started, 1))));
      if (goal === madeFor) {
        const size = exampleSize(manifest);
        cells.forEach(({ key }, i) =>
          tiles.set(key, tile(decoded.subarray(i * size, (i + 1) * size), manifest, now.ink)),
        );
      }
      onTiles();
      await new Promise(requestAnimationFrame);
    }
    isWorking = false;
  }

  return {
    draw(context, next) {
      view = next;
      const goal = goalOf(next);
      if (goal !== madeFor || tiles.size > MOST_TILES) tiles.clear();
      madeFor = goal;
      const level = Math.ceil(Math.log2(SMALLEST / pixelsPerUnit(next.camera, next.size)));
      for (const each of [level + 1, level]) drawLevel(context, next, each, tiles);
      missing = cellsOf(next, level).filter(({ key }) => !tiles.has(key));
      if (missing.length && !isWorking) void work();
    },
  };
}

/** Whether the images are light on a dark ground, by the mean of some of them. */
export function isDarkGround(values: ArrayLike<number>, manifest: Manifest): boolean {
  const bytes = bytesOf(values, manifest);
  return manifest.shape[0] === 1 && bytes.reduce((sum, value) => sum + value, 0) / bytes.length < 255 * DARK_GROUND;
}

/** What the tiles are made for; another plane has others. */
function goalOf({ projection, z, condition, ink }: View): string {
  const across = lift(projection, [0, 0], z);
  return [projection.names, condition, ink, ...Array.from(across, (value) => value.toFixed(4))].join();
}

function drawLevel(
  context: CanvasRenderingContext2D,
  view: View,
  level: number,
  tiles: ReadonlyMap<string, HTMLCanvasElement>,
): void {
  const side = 2 ** level * pixelsPerUnit(view.camera, view.size);
  context.imageSmoothingEnabled = true;
  for (const { key, pixel } of cellsOf(view, level)) {
    const found = tiles.get(key);
    if (!found) continue;
    context.clearRect(pixel[0] - side / 2, pixel[1] - side / 2, side, side);
    const [width, height] = fit(found, side * (1 - GAP));
    context.drawImage(found, pixel[0] - width / 2, pixel[1] - height / 2, width, height);
  }
}

/** Returns the size of a picture in a square of that side. */
function fit({ width, height }: HTMLCanvasElement, side: number): [number, number] {
  const scale = side / Math.max(width, height);
  return [width * scale, height * scale];
}

/** Returns the cells in sight, those in the middle first. */
function cellsOf({ camera, size }: View, level: number): Cell[] {
  const cell = 2 ** level;
  const [left, top] = toPlane(camera, size, [0, 0]);
  const [right, bottom] = toPlane(camera, size, [size.width, size.height]);
  const cells: Cell[] = [];
  for (let row = Math.floor(bottom / cell); row <= top / cell; row++) {
    for (let column = Math.floor(left / cell); column <= right / cell; column++) {
      const centre = [(column + 0.5) * cell, (row + 0.5) * cell] as const;
      cells.push({ key: `${level}/${column}/${row}`, centre, pixel: toPixel(camera, size, centre) });
    }
  }
  const distance = ({ centre: [x, y] }: Cell) => (x - camera.x) ** 2 + (y - camera.y) ** 2;
  return cells.sort((a, b) => distance(a) - distance(b));
}

/** Light on a dark ground becomes ink on the page's paper; other images stay as they are. */
function tile(values: Float32Array, manifest: Manifest, ink: Rgb): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  paint(canvas, values, manifest);
  if (!isDarkGround(values, manifest)) return canvas;
  const context = canvas.getContext("2d")!;
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < image.data.length; i += 4) image.data.set([...ink, image.data[i]!], i);
  context.putImageData(image, 0, 0);
  return canvas;
}
