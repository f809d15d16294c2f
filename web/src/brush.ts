/** Drawing into an image's values, pixel by pixel. */

export interface Raster {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** In the order of channel, row, column; 0…1. */
  readonly values: Float32Array;
}

export interface Brush {
  /** In pixels of the image. */
  readonly radius: number;
  /** For each channel, 0…1. */
  readonly ink: readonly number[];
  /** What is there before anything is drawn, 0…1. */
  readonly background: number;
}

const EDGE = 0.6; // pixels of the image over which a line fades, on each side of its radius

/** Draws a line with soft edges. What was drawn before stays where it is farther from the background. */
export function drawLine(
  raster: Raster,
  brush: Brush,
  from: readonly [number, number],
  to: readonly [number, number],
): void {
  change(raster, brush.radius, from, to, (old, cover, channel) => {
    const drawn = brush.background + (brush.ink[channel]! - brush.background) * cover;
    return Math.abs(drawn - brush.background) > Math.abs(old - brush.background) ? drawn : old;
  });
}

/** Brings back the background along a line, also at the edges of what was drawn there. */
export function eraseLine(
  raster: Raster,
  brush: Brush,
  from: readonly [number, number],
  to: readonly [number, number],
): void {
  change(raster, brush.radius + 2 * EDGE, from, to, (old, cover) => old + (brush.background - old) * cover);
}

function change(
  { channels, height, width, values }: Raster,
  radius: number,
  from: readonly [number, number],
  to: readonly [number, number],
  changed: (old: number, cover: number, channel: number) => number,
): void {
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const cover = coverAt(distance(column + 0.5, row + 0.5, from, to), radius);
      if (cover === 0) continue;
      for (let channel = 0; channel < channels; channel++) {
        const at = (channel * height + row) * width + column;
        values[at] = changed(values[at]!, cover, channel);
      }
    }
  }
}

/** 1 inside, falling to 0 at the edge. */
function coverAt(distance: number, radius: number): number {
  const fraction = Math.min(Math.max(radius + EDGE - distance, 0) / (2 * EDGE), 1);
  return fraction * fraction * (3 - 2 * fraction);
}

/** Returns how far a point is from the piece of a line. */
function distance(
  x: number,
  y: number,
  [ax, ay]: readonly [number, number],
  [bx, by]: readonly [number, number],
): number {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const along = length ? Math.min(Math.max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0), 1) : 0;
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}
