/** The switches around the map: tools, zoom, axes and layers. */

import { type Axes, byActivity } from "./data";
import type { LatentMap } from "./map";
import { element, make, type Page } from "./page";
import { hasPrior } from "./prior";
import type { State, Tool } from "./state";

const LAYERS = ["points", "manifold", "contours", "shade"] as const;

export function showTools(page: Page, map: LatentMap): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("#tools [data-tool]")) {
    const tool = button.dataset.tool as Tool;
    button.addEventListener("click", () => page.store.set({ tool }));
    const show = () => button.setAttribute("aria-pressed", String(page.store.state.tool === tool));
    page.store.on(["tool"], show);
    show();
  }
  page.store.on(["tool"], () => (element("stage").dataset.tool = page.store.state.tool));
  element("zoom-in").addEventListener("click", () => map.zoom("in"));
  element("zoom-out").addEventListener("click", () => map.zoom("out"));
  element("show-all").addEventListener("click", () => map.showAll());
  showLayers(page);
  showAxes(page, map);
  showConditions(page);
}

function showLayers({ store, manifest }: Page): void {
  for (const layer of LAYERS) {
    const box = element<HTMLInputElement>(`show-${layer}`);
    box.addEventListener("change", () => store.set({ [layer]: box.checked } as Partial<State>));
    const show = () => (box.checked = store.state[layer]);
    store.on([layer], show);
    show();
  }
  element("manifold-layer").hidden = !manifest.isImage;
  element("contours-layer").hidden = !manifest.prior.length;
  const contours = element<HTMLInputElement>("show-contours");
  const allow = () => {
    contours.disabled = !hasPrior(manifest, store.state.axes);
    contours.title = contours.disabled
      ? "Available for pairs of the most active dimensions and for principal components"
      : "";
  };
  store.on(["axes"], allow);
  allow();
  element("shade-layer").hidden = manifest.latentDim < 2;
}

function showAxes(page: Page, map: LatentMap): void {
  const { store, manifest } = page;
  element("axes").hidden = manifest.latentDim < 3;
  const selects = [element<HTMLSelectElement>("axis-x"), element<HTMLSelectElement>("axis-y")];
  const pca = element<HTMLInputElement>("axes-pca");
  element("pca-layer").hidden = !manifest.pca;
  for (const select of selects) {
    for (const axis of byActivity(manifest))
      select.append(make("option", { value: String(axis), textContent: `z${axis}` }));
    select.addEventListener("change", () => choose(axesOf(select)));
  }
  pca.addEventListener("change", () => choose(pca.checked ? "pca" : axesOf(selects[0]!)));

  /** Two different axes; if they would be the same, the other one gives way. */
  function axesOf(changed: HTMLSelectElement): Axes {
    const [x, y] = selects.map((select) => Number(select.value)) as [number, number];
    if (x !== y) return [x, y];
    const free = byActivity(manifest).find((axis) => axis !== x)!;
    return changed === selects[0] ? [x, free] : [free, y];
  }

  function choose(axes: Axes): void {
    store.set({ axes });
    map.showAll();
  }

  function show(): void {
    const { axes } = store.state;
    pca.checked = axes === "pca";
    selects.forEach((select, i) => {
      select.disabled = axes === "pca";
      if (axes !== "pca") select.value = String(axes[i]);
    });
  }
  store.on(["axes"], show);
  show();
}

function showConditions({ store, manifest }: Page): void {
  element("conditions").hidden = !manifest.conditions.length;
  const select = element<HTMLSelectElement>("condition");
  manifest.conditions.forEach((textContent, i) => select.append(make("option", { value: String(i), textContent })));
  select.append(make("option", { value: "-1", textContent: "unknown" }));
  select.addEventListener("change", () => store.set({ condition: Number(select.value) }));
  const show = () => (select.value = String(store.state.condition));
  store.on(["condition"], show);
  show();
}
