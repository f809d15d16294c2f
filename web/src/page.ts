/** What all parts of the page share, and small helpers for its elements. */

import type { Examples, Manifest, Rows } from "./data";
import type { Models } from "./models";
import type { Store } from "./state";

export interface Page {
  readonly manifest: Manifest;
  readonly rows: Rows;
  readonly store: Store;
  readonly models: Promise<Models>;
  readonly examples: Promise<Examples | null>;
}

/** Returns the element with that id, which the page's HTML has. */
export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`#${id} is missing from the page.`);
  return found as T;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Tells users of screen readers, and shows it for a moment to all. */
export function announce(text: string): void {
  element("announcement").textContent = text;
}

/** Returns the example of a row. */
export function exampleOf(examples: Examples, row: number, size: number): Examples {
  return examples.subarray(row * size, (row + 1) * size);
}

export function grouped(count: number): string {
  return count.toLocaleString("en");
}

/** Returns a function that calls another at most once a frame. */
export function onceAFrame(task: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      task();
    });
  };
}
