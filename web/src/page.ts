/** What all parts of the page share, and small helpers for its elements. */

import type { Examples, Manifest, Rows } from "./data";
import type { Models } from "./models";
import type { Store } from "./state";

export interface Page {
  readonly manifest: Manifest;
  readonly rows: Rows;
  readonly store: Store;
  readonly models: Promise<Models>;
  /** Whether the images are light on a dark background. */
  readonly hasDarkBackground: Promise<boolean>;
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

/** Tells users of screen readers. */
export function announce(text: string): void {
  element("announcement").textContent = text;
}

/** Shows a notice for a few seconds. */
export function notify(text: string): void {
  const notice = element("notice");
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(fading);
  fading = window.setTimeout(() => (notice.hidden = true), NOTICE);
}

const NOTICE = 4000; // milliseconds
let fading = 0;

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

/** Returns a function that runs a task, and once more if it was called meanwhile, at most once a frame. */
export function coalesced(task: () => Promise<void>): () => Promise<void> {
  let [isBusy, isDue] = [false, false];
  return async () => {
    isDue = true;
    if (isBusy) return;
    isBusy = true;
    try {
      while (isDue) {
        isDue = false;
        await task();
        await new Promise(requestAnimationFrame);
      }
    } finally {
      isBusy = false;
    }
  };
}
