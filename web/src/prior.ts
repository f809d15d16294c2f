/** The prior's contours, for the plane that is shown. */

import { contour, levelsHolding, type Pieces } from "./contours";
import { loadPrior, type Manifest } from "./data";
import type { Axes } from "./state";

const SHARES = [0.5, 0.8, 0.95]; // of the prior's mass inside the contours

/** Whether the run says how dense its prior is on that plane. */
export function hasPrior({ prior }: Manifest, axes: Axes): boolean {
  return prior !== null && axes !== "pca" && [...prior.axes].sort().join() === [...axes].sort().join();
}

/** Returns the contours; none where the run does not say. */
export async function contoursOf(manifest: Manifest, axes: Axes): Promise<readonly Pieces[]> {
  const { prior } = manifest;
  if (!prior || axes === "pca" || !hasPrior(manifest, axes)) return [];
  const logDensity = await loadPrior(prior);
  const pieces = levelsHolding(logDensity, SHARES).map((level) => contour(logDensity, prior, level));
  const isTurned = axes[0] !== prior.axes[0];
  return isTurned ? pieces.map((each) => each.map((_, i) => each[i ^ 1]!)) : pieces;
}
