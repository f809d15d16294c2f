/** An example as one sees it: an image, or the columns of a table as bars. */

import { rgb, type Rgb } from "./color";
import { bytesOf, type Column, type Manifest } from "./data";

const RED = rgb("#b2182b");
const BLUE = rgb("#2166ac");
const REACH = 3; // standard deviations that the bar of a real column reaches on each side of its mean

/** Paints an image, each of its pixels one of the canvas's. */
export function paint(canvas: HTMLCanvasElement, values: ArrayLike<number>, manifest: Manifest): void {
  const bytes = bytesOf(values, manifest);
  const area = areaOf(manifest);
  const channel = manifest.shape[0] === 3 ? area : 0;
  fill(canvas, manifest, (pixel) => [bytes[pixel]!, bytes[pixel + channel]!, bytes[pixel + 2 * channel]!]);
}

/** Paints where one image is lighter than another, red, and where it is darker, blue. */
export function paintDifference(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  original: ArrayLike<number>,
  manifest: Manifest,
): void {
  const area = areaOf(manifest);
  const channels = manifest.shape[0] === 3 ? 3 : 1;
  const scale = Math.max(...manifest.columns.map((column) => column.scale));
  fill(canvas, manifest, (pixel) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      const at = channel * area + pixel;
      sum += Math.min(Math.max(values[at]!, 0), scale) - original[at]!;
    }
    const fraction = Math.min(Math.abs(sum) / (channels * scale), 1);
    const towards = sum > 0 ? RED : BLUE;
    return towards.map((value) => Math.round(255 + fraction * (value - 255))) as unknown as Rgb;
  });
}

/** Shows a table's row as a bar for each column, in the column's own units; a second row as a mark on each. */
export function showBars(
  list: HTMLElement,
  values: ArrayLike<number>,
  manifest: Manifest,
  other?: ArrayLike<number>,
) {
  while (list.childElementCount < manifest.columns.length) list.append(barRow());
  manifest.columns.forEach((column, i) => {
    const [name, track, value] = list.children[i]!.children as unknown as [HTMLElement, HTMLElement, HTMLElement];
    name.textContent = column.name;
    name.title = column.name;
    value.textContent = short(values[i]!);
    const [bar, mark] = track.children as unknown as [HTMLElement, HTMLElement];
    const zero = manifest.kind === "intensity" ? 0 : 0.5;
    const fraction = fractionOf(values[i]!, column, manifest);
    bar.style.left = `${100 * Math.min(zero, fraction)}%`;
    bar.style.width = `${100 * Math.abs(fraction - zero)}%`;
    mark.hidden = other === undefined;
    if (other) mark.style.left = `${100 * fractionOf(other[i]!, column, manifest)}%`;
  });
}

/** Returns a number with four digits and a true minus sign. */
export function short(value: number): string {
  return String(Number(value.toPrecision(4))).replace("-", "−");
}

function fractionOf(value: number, column: Column, manifest: Manifest): number {
  const fraction = (value - column.offset) / column.scale;
  return Math.min(Math.max(manifest.kind === "intensity" ? fraction : 0.5 + fraction / (2 * REACH), 0), 1);
}

function barRow(): HTMLElement {
  const row = document.createElement("li");
  const [name, track, value] = ["span", "span", "span"].map((tag) => document.createElement(tag));
  name!.className = "name";
  track!.className = "track";
  value!.className = "value";
  track!.append(document.createElement("i"), document.createElement("b"));
  row.append(name!, track!, value!);
  return row;
}

function areaOf({ shape }: Manifest): number {
  return (shape[1] ?? 1) * (shape[2] ?? 1);
}

function fill(canvas: HTMLCanvasElement, { shape }: Manifest, colorOf: (pixel: number) => Rgb): void {
  const [height, width] = [shape[1] ?? 1, shape[2] ?? 1];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    image.data.set(colorOf(pixel), 4 * pixel);
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}
