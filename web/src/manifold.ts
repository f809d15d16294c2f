/** The plane decoded: a picture for each cell of a grid that grows finer as one zooms in. */

import { type Camera, pixelsPerUnit, type Size, toPixel, toPlane } from "./camera";
import type { Rgb } from "./color";
import { exampleSize, type Manifest, type Vector } from "./data";
import type { Models } from "./models";
import { paint } from "./picture";
import { lift, type Point, type Projection } from "./projection";

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

interface Tile {
  readonly picture: HTMLCanvasElement;
  readonly goal: string;
}

interface Cell {
  readonly key: string;
  readonly center: Point;
  readonly pixel: Point;
}

const SMALLEST = 42; // CSS pixels of a cell; the largest is twice that
const TICKS = 28; // pixels along the map's lower edge
const GAP = 0.1; // of a cell
const MOST_TILES = 6000;
const FRAME = 14; // milliseconds to decode at once

/** Calls `onTiles` when there are more tiles to draw. If `isInk`, what is light in the images is drawn as ink on paper. */
export function createManifold(models: Models, manifest: Manifest, isInk: boolean, onTiles: () => void): Manifold {
  const tiles = new Map<string, Tile>();
  let missing: Cell[] = [];
  let view: View | null = null;
  let plane = "";
  let goal = "";
  let isWorking = false;
  let batch = 4;

  async function work(): Promise<void> {
    isWorking = true;
    while (missing.length && view) {
      const [cells, now, wanted] = [missing.splice(0, batch), view, goal];
      const started = performance.now();
      const z = Float32Array.from(cells.flatMap(({ center }) => [...lift(now.projection, center, now.z)]));
      const decoded = await models.decode(z, now.condition);
      batch = Math.max(1, Math.min(64, Math.round((batch * FRAME) / Math.max(performance.now() - started, 1))));
      const size = exampleSize(manifest);
      cells.forEach(({ key }, i) => {
        const picture = drawn(decoded.subarray(i * size, (i + 1) * size), manifest, now.ink, isInk);
        tiles.set(key, { picture, goal: wanted });
      });
      onTiles();
      await new Promise(requestAnimationFrame);
    }
    isWorking = false;
  }

  return {
    draw(context, next) {
      view = next;
      goal = goalOf(next);
      if (plane !== String(next.projection.names) || tiles.size > MOST_TILES) tiles.clear();
      plane = String(next.projection.names);
      const level = Math.ceil(Math.log2(SMALLEST / pixelsPerUnit(next.camera, next.size)));
      for (const each of [level + 1, level]) drawLevel(context, next, each, tiles);
      missing = cellsOf(next, level).filter(({ key }) => tiles.get(key)?.goal !== goal);
      if (missing.length && !isWorking) void work();
    },
  };
}

/** What the tiles of a plane are made for. Those that were made for something else stay until there are new ones. */
function goalOf({ projection, z, condition, ink }: View): string {
  const across = lift(projection, [0, 0], z);
  return [condition, ink, ...Array.from(across, (value) => value.toFixed(3))].join();
}

function drawLevel(
  context: CanvasRenderingContext2D,
  view: View,
  level: number,
  tiles: ReadonlyMap<string, Tile>,
): void {
  const side = 2 ** level * pixelsPerUnit(view.camera, view.size);
  context.imageSmoothingEnabled = true;
  for (const { key, pixel } of cellsOf(view, level)) {
    const found = tiles.get(key)?.picture;
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

/** Returns the cells in sight, those in the middle first; of a latent space that is a line, a row beneath the points. */
function cellsOf({ camera, size, projection }: View, level: number): Cell[] {
  const cell = 2 ** level;
  const [left, top] = toPlane(camera, size, [0, 0]);
  const [right, bottom] = toPlane(camera, size, [size.width, size.height]);
  const rows = projection.v ? whole(bottom / cell, top / cell) : [0];
  const cells = rows.flatMap((row) =>
    whole(left / cell, right / cell).map((column): Cell => {
      const center = [(column + 0.5) * cell, (row + 0.5) * cell] as const;
      const [x, y] = toPixel(camera, size, center);
      const beneath = size.height - TICKS - (cell * pixelsPerUnit(camera, size)) / 2;
      return { key: `${level}/${column}/${row}`, center, pixel: [x, projection.v ? y : beneath] };
    }),
  );
  const distance = ({ center: [x, y] }: Cell) => (x - camera.x) ** 2 + (y - camera.y) ** 2;
  return cells.sort((a, b) => distance(a) - distance(b));
}

/** Returns the whole numbers from the one below `low` to the one below `high`. */
function whole(low: number, high: number): number[] {
  const first = Math.floor(low);
  return Array.from({ length: Math.floor(high) - first + 1 }, (_, i) => first + i);
}

function drawn(values: Float32Array, manifest: Manifest, ink: Rgb, isInk: boolean): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  paint(canvas, values, manifest);
  if (!isInk) return canvas;
  const context = canvas.getContext("2d")!;
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < image.data.length; i += 4) image.data.set([...ink, image.data[i]!], i);
  context.putImageData(image, 0, 0);
  return canvas;
}
