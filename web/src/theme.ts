/** The colors of the style sheet, for what is drawn on a canvas. */

import { rgb, type Rgb } from "./color";

const DARK = matchMedia("(prefers-color-scheme: dark)");
const NAMES = ["paper", "raised", "ink", "quiet", "line", "accent", "shade"] as const;

export interface Theme extends Record<(typeof NAMES)[number], Rgb> {
  readonly isDark: boolean;
}

export function themeNow(): Theme {
  const style = getComputedStyle(document.documentElement);
  const colors = NAMES.map((name) => [name, rgb(style.getPropertyValue(`--${name}`).trim())]);
  return { isDark: DARK.matches, ...Object.fromEntries(colors) };
}

export function onTheme(listener: () => void): void {
  DARK.addEventListener("change", listener);
}
