/** The original of the row under the mouse. */

import { nameOf } from "./data";
import type { LatentMap } from "./map";
import { element, type Page } from "./page";
import { paintRow } from "./thumbnails";

const APART = 14; // pixels from the point

export function showHovered(page: Page, map: LatentMap): void {
  const { store, rows, manifest } = page;
  const card = element("hovered");
  const canvas = element<HTMLCanvasElement>("hovered-picture");
  canvas.hidden = !manifest.isImage;
  store.on(["hovered"], () => {
    const { hovered } = store.state;
    card.hidden = hovered < 0;
    if (hovered < 0) return;
    element("hovered-text").textContent = nameOf(rows, manifest, hovered);
    void paintRow(canvas, page, hovered);
    const [x, y] = map.pixelOfRow(hovered);
    card.style.left = `${Math.min(x + APART, map.size.width - card.offsetWidth - APART)}px`;
    card.style.top = `${Math.max(y - card.offsetHeight - APART, APART)}px`;
  });
}
