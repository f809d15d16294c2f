/** A latent vector as one reads it. */

import type { Vector } from "./data";
import { make } from "./page";
import { short } from "./picture";

const DIGITS = 3; // after the point

/** Shows a latent vector as a list of its coordinates. */
export function showVector(list: HTMLElement, z: Vector): void {
  const items = Array.from(z, (value, i) => make("li", {}, make("span", { textContent: `z${i}` }), fixed(value)));
  list.replaceChildren(...items);
}

/** Returns a latent vector as a screen reader reads it. */
export function inWords(z: Vector): string {
  return Array.from(z, short).join(", ");
}

function fixed(value: number): string {
  return value.toFixed(DIGITS).replace("-", "−");
}
