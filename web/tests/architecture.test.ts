import { expect, test } from "vitest";

// Each module stands on one level and imports only from levels above its own.
const LEVELS = [
  ["data", "brush"],
  ["color", "projection", "contours", "interpolation", "csv", "photograph"],
  ["camera", "geometry", "density", "nearby", "spread", "landmarks", "theme", "picture", "prior", "models"],
  ["state", "points", "overlay", "manifold"],
  ["view", "page"],
  ["files", "vector", "thumbnails", "scene"],
  ["address", "backdrop"],
  ["map"],
  ["actions"],
  [
    ...["cursor", "gestures", "hover", "keyboard", "legend", "pad", "point"],
    ...["search", "selection", "sliders", "tabs", "tools", "waypoints"],
  ],
  ["api"],
  ["main"],
];
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"\.\/([\w-]+)"/g;
const SOURCES: Record<string, string> = import.meta.glob("../src/*.ts", {
  query: "?raw",
  import: "default",
  eager: true,
});
const MODULES = Object.entries(SOURCES)
  .filter(([path]) => !path.endsWith(".d.ts"))
  .map(([path, source]) => ({ name: path.replace(/^.*\/|\.ts$/g, ""), source }));

const levelOf = (name: string) => LEVELS.findIndex((level) => level.includes(name));

test("every module stands on one level", () => {
  expect(LEVELS.flat().toSorted()).toEqual(MODULES.map(({ name }) => name).toSorted());
});

test.each(MODULES)("$name imports only from levels above", ({ name, source }) => {
  const imported = [...source.matchAll(IMPORT)].map((match) => match[1]!);
  expect(imported.filter((each) => levelOf(each) >= levelOf(name))).toEqual([]);
});
