/** A slider for each latent dimension, the most active first. */

import { byActivity } from "./data";
import { element, make, type Page } from "./page";

const STEPS = 400;
const BEYOND = 0.1; // of the range of the rows, on each side

/** Shows the sliders if there are more dimensions than the map has axes. */
export function showSliders(page: Page): void {
  const { store, manifest } = page;
  const list = element("sliders");
  list.hidden = manifest.latentDim < 3;
  element("cursor-z").hidden = manifest.latentDim >= 3;
  if (manifest.latentDim < 3) return;
  const most = Math.max(...manifest.activity);
  const sliders = byActivity(manifest).map((axis) => {
    const { low, high } = rangeOf(page, axis);
    const input = make("input", {
      type: "range",
      min: String(low),
      max: String(high),
      step: String((high - low) / STEPS),
    });
    input.setAttribute("aria-label", `z${axis}`);
    const value = make("output");
    const activity = make("i", {
      title: `Variance of the posterior means: ${(manifest.activity[axis] ?? 0).toPrecision(3)}`,
    });
    activity.style.width = `${(100 * (manifest.activity[axis] ?? 0)) / most}%`;
    const name = make("span", { className: "name" }, `z${axis}`, activity);
    input.addEventListener("input", () => store.set({ z: store.state.z.with(axis, Number(input.value)) }));
    list.append(make("li", {}, name, input, value));
    return { axis, input, value };
  });

  function update(): void {
    for (const { axis, input, value } of sliders) {
      const now = store.state.z[axis]!;
      input.value = String(now);
      value.textContent = now.toFixed(2).replace("-", "−");
    }
  }
  store.on(["z"], update);
  update();
}

function rangeOf({ rows, manifest }: Page, axis: number): { low: number; high: number } {
  let [low, high] = [Infinity, -Infinity];
  for (let i = axis; i < rows.means.length; i += manifest.latentDim) {
    low = Math.min(low, rows.means[i]!);
    high = Math.max(high, rows.means[i]!);
  }
  const margin = BEYOND * (high - low || 1);
  return { low: low - margin, high: high + margin };
}
