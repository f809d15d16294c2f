import { expect, test } from "vitest";
import { coloringOf, type Coloring, paletteOf, type Rgb } from "../src/color";
import type { Manifest, Rows } from "../src/data";

// Machado, Oliveira & Fernandes 2009, severity 1; rows act on linear red, green, blue.
const VISIONS = {
  all: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
const TO_XYZ = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
];
const WHITE = [0.95047, 1, 1.08883];

const times = (matrix: number[][], v: number[]) => matrix.map((row) => row.reduce((sum, m, i) => sum + m * v[i]!, 0));
const linear = (color: Rgb) => color.map((c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
const luminance = (color: Rgb) => times(TO_XYZ, linear(color))[1]!;

function lab(light: number[]): number[] {
  const clipped = light.map((value) => Math.min(Math.max(value, 0), 1));
  const ratios = times(TO_XYZ, clipped).map((value, i) => value / WHITE[i]!);
  const [x, y, z] = ratios.map((value) => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116));
  return [116 * y! - 16, 500 * (x! - y!), 200 * (y! - z!)];
}

const entries = Array.from({ length: 10 }, (_, i) => ({ name: `${i}`, count: 1 }));
const TEN: Coloring = { kind: "classes", codes: new Uint16Array(), entries };

test.each([false, true])("ten classes can be told apart by everybody, on black: %s", (isDark) => {
  const palette = paletteOf(TEN, isDark);
  for (const matrix of Object.values(VISIONS)) {
    const seen = palette.map((color) => lab(times(matrix, linear(color))));
    seen.forEach((a, i) =>
      seen
        .slice(0, i)
        .forEach((b) => expect(Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!, a[2]! - b[2]!)).toBeGreaterThan(15)),
    );
  }
});

test("on black every class has a contrast of 3 at least (WCAG 2.2, 1.4.11)", () => {
  const black = luminance([0x13, 0x15, 0x19]);
  for (const color of paletteOf(TEN, true)) expect((luminance(color) + 0.05) / (black + 0.05)).toBeGreaterThan(3);
});

test("rows without a label are counted last, and rows without a number have a color of their own", () => {
  const manifest = { classes: ["a", "b"] } as unknown as Manifest;
  const labeled = coloringOf("label", { labels: Int16Array.of(1, -1, 0, 1) } as unknown as Rows, manifest);
  expect([...labeled.codes]).toEqual([1, 2, 0, 1]);
  expect(labeled.kind === "classes" && labeled.entries.map(({ count }) => count)).toEqual([1, 2, 1]);
  const values = Float32Array.of(0, Number.NaN, 10, 5);
  const numbered = coloringOf("label", { labels: null, numericLabels: values } as unknown as Rows, manifest);
  expect([...numbered.codes]).toEqual([0, 256, 255, 128]);
  expect(paletteOf(numbered, false).length).toBe(257);
});
