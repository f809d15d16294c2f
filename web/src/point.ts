/** The clicked row: its original, its reconstruction, and what is known about it. */

import { conditionOf, exampleSize, labelOf, meanOf } from "./data";
import { copy } from "./files";
import { neighbors } from "./nearby";
import { element, exampleOf, make, type Page } from "./page";
import { paint, paintDifference, short, showBars } from "./picture";
import { thumbnails } from "./thumbnails";
import { showVector } from "./vector";

const NEIGHBORS = 8;

export function showPoint(page: Page, show: (row: number) => void): void {
  const { store, manifest } = page;

  function update(): void {
    const { row } = store.state;
    element("point-empty").hidden = row >= 0;
    element("point").hidden = row < 0;
    if (row < 0) return;
    const z = meanOf(page.rows, manifest, row);
    element("point-facts").replaceChildren(...factsOf(page, row).flatMap(([name, value]) => fact(name, value)));
    showVector(element("point-z"), z);
    const near = neighbors(page.rows.means, z, NEIGHBORS + 1).map((each) => each.row);
    element("point-neighbors").replaceChildren(
      ...thumbnails(page, near.filter((each) => each !== row).slice(0, NEIGHBORS), show),
    );
    void compare(row);
  }

  /** Shows original, reconstruction and difference of the row, unless another one is clicked meanwhile. */
  async function compare(row: number): Promise<void> {
    const models = await page.models;
    const condition = conditionOf(page.rows, manifest, row);
    const reconstructed = await models.decode(meanOf(page.rows, manifest, row), condition);
    const examples = await page.examples;
    const original = examples && exampleOf(examples, row, exampleSize(manifest));
    const posterior = original && (await models.encode(Float32Array.from(original), condition));
    if (store.state.row !== row) return;
    store.set({ posterior });
    if (!manifest.isImage) return showBars(element("point-columns"), reconstructed, manifest, original ?? undefined);
    paint(element<HTMLCanvasElement>("reconstruction"), reconstructed, manifest);
    if (!original) return;
    paint(element<HTMLCanvasElement>("original"), original, manifest);
    paintDifference(element<HTMLCanvasElement>("difference"), reconstructed, original, manifest);
  }

  for (const id of ["original", "difference"]) element(id).parentElement!.hidden = !manifest.arrays.examples;
  element("point-pictures").hidden = !manifest.isImage;
  element("point-table").hidden = manifest.isImage;
  element("copy-point").addEventListener("click", () => {
    void copy(JSON.stringify([...meanOf(page.rows, manifest, store.state.row)]), "Latent vector");
  });
  store.on(["row"], update);
  update();
}

/** Returns what is known about a row, as names and values. */
function factsOf({ rows, manifest }: Page, row: number): [string, string][] {
  const facts: [string, string | undefined][] = [
    ["Row", String(rows.numbers[row])],
    ["Label", labelOf(rows, manifest, row) || undefined],
    ["Split", rows.heldOut ? (rows.heldOut[row] ? "held out" : "training") : undefined],
    ["Cluster", rows.clusters ? String(rows.clusters[row]) : undefined],
    ["Reconstruction error", rows.error ? short(rows.error[row]!) : undefined],
    ["Anomaly score", rows.anomaly ? anomaly(rows.anomaly[row]!) : undefined],
  ];
  return facts.filter((each): each is [string, string] => each[1] !== undefined);
}

function anomaly(score: number): string {
  return Number.isNaN(score) ? "unknown" : score.toFixed(3);
}

function fact(name: string, value: string): HTMLElement[] {
  return [make("dt", { textContent: name }), make("dd", { textContent: value })];
}
