/** The tabs of the panel (WAI-ARIA Authoring Practices, "Tabs"). */

import { element, type Page } from "./page";
import type { Tab } from "./state";

export function showTabs({ store, manifest }: Page): void {
  const tabs = (["point", "selection", "draw", "interpolation"] as const).filter(
    (tab) => tab !== "draw" || manifest.isImage,
  );
  element("tab-draw").hidden = !manifest.isImage;

  function show(): void {
    for (const tab of tabs) {
      const isShown = tab === store.state.tab;
      const button = element(`tab-${tab}`);
      button.setAttribute("aria-selected", String(isShown));
      button.tabIndex = isShown ? 0 : -1;
      element(`panel-${tab}`).hidden = !isShown;
    }
  }

  function step(from: Tab, by: number): void {
    const next = tabs[(tabs.indexOf(from) + by + tabs.length) % tabs.length]!;
    store.set({ tab: next });
    element(`tab-${next}`).focus();
  }

  for (const tab of tabs) {
    element(`tab-${tab}`).addEventListener("click", () => store.set({ tab }));
    element(`tab-${tab}`).addEventListener("keydown", ({ key }) => {
      if (key === "ArrowRight") step(tab, 1);
      if (key === "ArrowLeft") step(tab, -1);
    });
  }
  store.on(["tab"], show);
  show();
}
