/** Rows as small pictures that one can click. */

import { exampleSize, nameOf } from "./data";
import { exampleOf, make, type Page } from "./page";
import { paint } from "./picture";

/** Returns a button for each row, with its picture once the examples are loaded; of a table's row, with its number. */
export function thumbnails(page: Page, rows: ArrayLike<number>, show: (row: number) => void): HTMLButtonElement[] {
  return Array.from(rows, (row) => {
    const name = nameOf(page.rows, page.manifest, row);
    const button = make("button", { type: "button", className: "thumbnail", title: name });
    button.setAttribute("aria-label", name);
    button.append(page.manifest.isImage ? picture(page, row) : String(page.rows.numbers[row]));
    button.addEventListener("click", () => show(row));
    return button;
  });
}

function picture(page: Page, row: number): HTMLCanvasElement {
  const canvas = make("canvas", { className: "pixels", width: 1, height: 1 });
  void paintRow(canvas, page, row);
  return canvas;
}

/** Paints the original of a row, once it is there. */
export async function paintRow(canvas: HTMLCanvasElement, page: Page, row: number): Promise<void> {
  const examples = await page.examples;
  if (examples) paint(canvas, exampleOf(examples, row, exampleSize(page.manifest)), page.manifest);
}
