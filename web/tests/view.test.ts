import { expect, test } from "vitest";
import { type Brush, drawLine, eraseLine, type Raster } from "../src/brush";
import { csvOf } from "../src/csv";
import type { Manifest, Rows } from "../src/data";
import { interpolate } from "../src/interpolation";
import { fillRaster } from "../src/photograph";
import { find } from "../src/search";
import type { State } from "../src/state";
import { read, written } from "../src/view";

const MANIFEST = { latentDim: 2, classes: ["a, b", 'the "c"'], conditions: [], pca: null } as unknown as Manifest;
const ROWS = {
  means: Float32Array.of(0.1, -2, 3, 4e-8, 5, 6),
  labels: Int16Array.of(0, 1, -1),
  numericLabels: null,
  numbers: Int32Array.of(10, 20, 30),
} as unknown as Rows;
const NUMBERS = { numberOf: (row: number) => (row + 1) * 10, rowOf: (number: number) => number / 10 - 1 };

const VIEW = {
  color: "error",
  off: new Set([3, 5]),
  axes: [1, 0],
  camera: { x: 0.25, y: -1.5, span: 6 },
  z: Float32Array.of(0.5, -0.125),
  row: 2,
  selected: Uint32Array.of(0, 2),
  tab: "interpolation",
  waypoints: [Float32Array.of(0, 1), Float32Array.of(2, 3)],
  points: true,
  manifold: false,
  contours: true,
  shade: false,
} as unknown as State;

test("a view that is written is the one that is read", () => {
  expect(read(`#${written(VIEW, MANIFEST, NUMBERS)}`, MANIFEST, NUMBERS)).toEqual(VIEW);
});

test("invalid parts of a view are left out", () => {
  const view = read(
    "#color=pink&axes=0,2&view=1,2&z=1&class=7&selected=-,&tab=draw&layers=points",
    MANIFEST,
    NUMBERS,
  );
  expect(view).toEqual({ points: true, manifold: false, contours: false, shade: false });
});

test("a selection too long for a link is left out", () => {
  const selected = Uint32Array.from({ length: 5000 }, (_, row) => row);
  const text = written({ ...VIEW, selected }, MANIFEST, NUMBERS);
  expect(text.includes("selected")).toBe(false);
  expect(written(VIEW, MANIFEST, NUMBERS)).toContain("selected=a.k&");
});

test("CSV has its quotes doubled, and numbers that come back as the same float32", () => {
  const [header, first, second, third] = csvOf(ROWS, MANIFEST, [0, 1, 2]).split("\r\n");
  expect(header).toBe("row,label,z0,z1");
  expect(first).toBe('10,"a, b",0.100000001,-2');
  expect(second!.startsWith('20,"the ""c""",3,')).toBe(true);
  expect(Math.fround(Number(second!.split(",").at(-1)))).toBe(Math.fround(4e-8));
  expect(third).toBe("30,,5,6");
});

test("CSV has no cell that a spreadsheet runs as a formula, and leaves numbers as they are", () => {
  const classes = [
    "=1+1",
    "+cmd()",
    "-a",
    "@b",
    "\tc",
    "\rd",
    '=HYPERLINK("x")',
    "-1",
    "+2.5e3",
    "a=b",
    "",
    "'=x",
    "\t",
  ];
  const labels = Int16Array.from(classes.keys());
  const rows = {
    means: new Float32Array(26).fill(-0.5),
    labels,
    numericLabels: null,
    numbers: Int32Array.from(labels),
  };
  const lines = csvOf(rows as unknown as Rows, { ...MANIFEST, classes }, [...labels.keys()]).split("\r\n");
  expect(lines.slice(1, -1)).toEqual([
    "0,'=1+1,-0.5,-0.5",
    "1,'+cmd(),-0.5,-0.5",
    "2,'-a,-0.5,-0.5",
    "3,'@b,-0.5,-0.5",
    "4,'\tc,-0.5,-0.5",
    `5,"'\rd",-0.5,-0.5`,
    `6,"'=HYPERLINK(""x"")",-0.5,-0.5`,
    "7,-1,-0.5,-0.5",
    "8,+2.5e3,-0.5,-0.5",
    "9,a=b,-0.5,-0.5",
    "10,,-0.5,-0.5",
    "11,'=x,-0.5,-0.5",
    "12,'\t,-0.5,-0.5",
  ]);
  const numbers = { ...rows, labels: null, numericLabels: Float32Array.of(-7.25, Number.NaN) };
  const [, first, second] = csvOf(numbers as unknown as Rows, MANIFEST, [0, 1]).split("\r\n");
  expect([first, second]).toEqual(["0,-7.25,-0.5,-0.5", "1,,-0.5,-0.5"]);
});

test("a number finds its row, and the beginning of a name its label", () => {
  expect(find("20", ROWS, MANIFEST)).toEqual([{ kind: "row", row: 1, name: "Row 20" }]);
  expect(find("THE", ROWS, MANIFEST).map((each) => each.kind)).toEqual(["label"]);
  expect(find("21", ROWS, MANIFEST)).toEqual([]);
});

test("an interpolation visits its waypoints, in even steps", () => {
  const vectors = interpolate([Float32Array.of(0, 0), Float32Array.of(4, 8), Float32Array.of(0, 8)], 4);
  expect(vectors.map((z) => [...z]).slice(0, 5)).toEqual([
    [0, 0],
    [1, 2],
    [2, 4],
    [3, 6],
    [4, 8],
  ]);
  expect([...vectors.at(-1)!]).toEqual([0, 8]);
  expect(vectors.length).toBe(9);
});

test("a line that is drawn and erased leaves the background", () => {
  const raster: Raster = { channels: 1, height: 9, width: 9, values: new Float32Array(81) };
  const brush: Brush = { radius: 1, ink: [1], background: 0 };
  drawLine(raster, brush, [2, 4.5], [7, 4.5]);
  expect(raster.values[4 * 9 + 4]).toBe(1);
  expect(raster.values[0]).toBe(0);
  const once = raster.values.slice();
  drawLine(raster, brush, [2, 4.5], [7, 4.5]);
  expect(raster.values).toEqual(once);
  eraseLine(raster, brush, [2, 4.5], [7, 4.5]);
  expect(Math.max(...raster.values)).toBe(0);
});

test("dark on light becomes light on dark where the data is so", () => {
  const rgba = Array.from({ length: 25 }, (_, i) => (i === 12 ? [0, 0, 0, 255] : [255, 255, 255, 255])).flat();
  const raster: Raster = { channels: 1, height: 5, width: 5, values: new Float32Array(25) };
  fillRaster(raster, rgba, 0);
  expect(raster.values[12]).toBeCloseTo(1, 6);
  expect(raster.values[0]).toBeCloseTo(0, 6);
  fillRaster(raster, rgba, 1);
  expect(raster.values[12]).toBeCloseTo(0, 6);
  expect(raster.values[0]).toBeCloseTo(1, 6);
});

test("paper that is not quite white becomes background", () => {
  const rgba = Array.from({ length: 25 }, (_, i) => (i === 12 ? [0, 0, 0, 255] : [204, 204, 204, 255])).flat();
  const raster: Raster = { channels: 1, height: 5, width: 5, values: new Float32Array(25) };
  fillRaster(raster, rgba, 0);
  expect(raster.values[12]).toBeCloseTo(1, 6);
  expect(raster.values[0]).toBeCloseTo(0, 6);
});
