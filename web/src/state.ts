/** What the user sees and does, in one place; every part of the page listens to what it shows. */

import type { Camera } from "./camera";
import type { ColorName } from "./color";
import type { Axes, Vector } from "./data";
import type { Posterior } from "./models";

export type Tool = "decode" | "pan" | "lasso" | "box" | "interpolate";
export type Tab = "point" | "selection" | "draw" | "interpolation";

export interface State {
  readonly color: ColorName;
  /** Positions in the legend that are toggled off. */
  readonly off: ReadonlySet<number>;
  readonly axes: Axes;
  readonly camera: Camera;
  readonly tool: Tool;
  readonly tab: Tab;
  /** The cursor's latent vector. */
  readonly z: Vector;
  /** The class that the model is conditioned on, by position; −1: unknown. */
  readonly condition: number;
  /** The row that was clicked, by position; −1: none. */
  readonly row: number;
  /** The row under the mouse, by position; −1: none. */
  readonly hovered: number;
  /** The selected rows, by position; null: no selection. */
  readonly selected: Uint32Array | null;
  readonly waypoints: readonly Vector[];
  /** The posterior of the clicked row, once it is encoded. */
  readonly posterior: Posterior | null;
  /** The posterior of the drawing. */
  readonly drawing: Posterior | null;
  readonly points: boolean;
  readonly manifold: boolean;
  readonly contours: boolean;
  readonly shade: boolean;
}

export interface Store {
  readonly state: State;
  set(change: Partial<State>): void;
  /** Calls the listener after any of the named fields has changed. */
  on(names: readonly (keyof State)[], listener: () => void): void;
}

export function createStore(initial: State): Store {
  let state = initial;
  const listeners: { names: readonly (keyof State)[]; listener: () => void }[] = [];
  return {
    get state() {
      return state;
    },
    set(change) {
      const before = state;
      state = { ...state, ...change };
      const after = state;
      for (const { names, listener } of listeners) {
        if (names.some((name) => before[name] !== after[name])) listener();
      }
    },
    on(names, listener) {
      listeners.push({ names, listener });
    },
  };
}
