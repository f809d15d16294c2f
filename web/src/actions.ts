/** What a user does in one part of the page and sees in others. */

import { conditionOf, meanOf, type Vector } from "./data";
import type { LatentMap } from "./map";
import type { Page } from "./page";

export interface Actions {
  /** Shows a row, by position, and moves the cursor there. */
  show(row: number): void;
  /** Selects rows, by position; none, or null, ends the selection. */
  select(rows: Uint32Array | null): void;
  addWaypoint(z: Vector): void;
}

export function actionsOf({ store, rows, manifest }: Page, map: LatentMap): Actions {
  return {
    show(row) {
      const condition = conditionOf(rows, manifest, row);
      const z = meanOf(rows, manifest, row);
      store.set({ row, posterior: null, z, tab: "point", ...(condition >= 0 && { condition }) });
      map.reveal(z);
    },
    select(chosen) {
      const selected = chosen?.length ? chosen : null;
      store.set({ selected, ...(selected && { tab: "selection" as const }) });
    },
    addWaypoint(z) {
      store.set({ waypoints: [...store.state.waypoints, z], tab: "interpolation" });
    },
  };
}
