/** The prior's contours, for the plane that is shown. */

import { contour, levelsHolding, type Pieces } from "./contours";
import { type Axes, loadPrior, type Manifest, type Prior } from "./data";

const MASSES = [0.5, 0.8, 0.95]; // of the prior inside each contour

/** Whether the run has the prior's density on that plane. */
export function hasPrior(manifest: Manifest, axes: Axes): boolean {
  return priorOn(manifest, axes) !== undefined;
}

/** Returns the contours on that plane, if the run has the density there. */
export async function contoursOf(manifest: Manifest, axes: Axes): Promise<readonly Pieces[]> {
  const prior = priorOn(manifest, axes);
  if (!prior) return [];
  const logDensity = await loadPrior(prior);
  const pieces = levelsHolding(logDensity, MASSES).map((level) => contour(logDensity, prior, level));
  const isTurned = axes[0] !== prior.axes[0];
  return isTurned ? pieces.map((each) => each.map((_, i) => each[i ^ 1]!)) : pieces;
}

function priorOn({ prior }: Manifest, axes: Axes): Prior | undefined {
  return prior.find((each) => unordered(each.axes) === unordered(axes));
}

function unordered(axes: Axes): string {
  return [...axes].sort().join();
}
