/** An image file, turned into an image that the model can encode. */

import type { Raster } from "./brush";

/** Writes a picture, scaled to fit, into the raster; dark on light becomes light on dark if the data's background is dark. */
export async function readPicture(file: Blob, raster: Raster, background: number): Promise<void> {
  const picture = await createImageBitmap(file);
  const { width, height } = raster;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const scale = Math.min(width / picture.width, height / picture.height);
  const [across, down] = [Math.max(picture.width * scale, 1), Math.max(picture.height * scale, 1)];
  const [left, top] = [(width - across) / 2, (height - down) / 2];
  context.fillStyle = "#fff"; // beneath what is transparent
  context.fillRect(left, top, across, down);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, left, top, across, down);
  fillRaster(raster, context.getImageData(0, 0, width, height).data, background);
}

/** Fills the raster from pixels of red, green, blue and opacity, 0…255; what is not opaque becomes background. */
export function fillRaster(
  { channels, width, height, values }: Raster,
  rgba: ArrayLike<number>,
  background: number,
): void {
  const area = width * height;
  const paper = edge(rgba, width, height);
  const isInverted = channels === 1 && paper > 0.5 !== background > 0.5;
  for (let pixel = 0; pixel < area; pixel++) {
    const [r, g, b, opacity] = [0, 1, 2, 3].map((i) => rgba[4 * pixel + i]! / 255) as [
      number,
      number,
      number,
      number,
    ];
    const colors = channels === 3 ? [r, g, b] : [lightness(r, g, b)];
    for (let channel = 0; channel < channels; channel++) {
      const value = colors[channel] ?? background;
      values[channel * area + pixel] =
        background + opacity * ((isInverted ? inverted(value, paper) : value) - background);
    }
  }
}

/** Returns ink on paper as ink on background; paper is seldom quite white, nor slate quite black. */
function inverted(value: number, paper: number): number {
  return paper > 0.5 ? Math.max(1 - value / paper, 0) : Math.min((1 - value) / (1 - paper), 1);
}

/** Returns how light the opaque pixels at the picture's edge are, their median: ink may reach it. */
function edge(rgba: ArrayLike<number>, width: number, height: number): number {
  const opaque = (pixel: number) => rgba[4 * pixel + 3]! > 127;
  const isEdge = (pixel: number) => {
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    const around = [
      row > 0 && pixel - width,
      row < height - 1 && pixel + width,
      column > 0 && pixel - 1,
      column < width - 1 && pixel + 1,
    ];
    return around.some((each) => each === false || !opaque(each));
  };
  const pixels = Array.from({ length: width * height }, (_, i) => i).filter((each) => opaque(each) && isEdge(each));
  const lights = pixels.map((i) => lightness(rgba[4 * i]!, rgba[4 * i + 1]!, rgba[4 * i + 2]!) / 255);
  return lights.sort((x, y) => x - y)[lights.length >> 1] ?? 1;
}

/** Rec. 601 luma. */
function lightness(r: number, g: number, b: number): number {
  return 0.299 * r + 0.587 * g + 0.114 * b;
}
