/** The keyboard shortcuts. */

import type { Actions } from "./actions";
import { copy } from "./files";
import type { LatentMap } from "./map";
import { neighbors } from "./nearby";
import { element, make, type Page } from "./page";
import type { State, Tool } from "./state";

interface Shortcut {
  readonly keys: readonly string[];
  readonly meaning: string;
  readonly act: (event: KeyboardEvent) => void;
}

const STEP = 8; // pixels that an arrow key moves the cursor
const LARGE_STEP = 40;
const NEAREST = 50; // rows that are selected around the cursor
const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function listenToKeyboard(page: Page, map: LatentMap, actions: Actions): void {
  const { store } = page;
  const nearest = (count: number) => neighbors(page.rows.means, store.state.z, count).map(({ row }) => row);
  const onMap: Shortcut[] = [
    { keys: Object.keys(ARROWS), meaning: "move the cursor (with Shift: in larger steps)", act: moveCursor },
    { keys: ["Enter"], meaning: "show the row nearest to the cursor", act: () => actions.show(nearest(1)[0]!) },
  ];
  const anywhere: Shortcut[] = [
    ...tools(page),
    {
      keys: ["g"],
      meaning: "show or hide the decoded manifold",
      act: () => store.set({ manifold: !store.state.manifold }),
    },
    {
      keys: ["s"],
      meaning: `select the ${NEAREST} rows nearest to the cursor`,
      act: () => actions.select(Uint32Array.from(nearest(NEAREST))),
    },
    { keys: ["a"], meaning: "add the cursor to the interpolation", act: () => actions.addWaypoint(store.state.z) },
    {
      keys: ["c"],
      meaning: "copy the cursor’s latent vector",
      act: () => void copy(JSON.stringify([...store.state.z]), "Latent vector"),
    },
    { keys: ["+", "="], meaning: "zoom in", act: () => map.zoom("in") },
    { keys: ["-"], meaning: "zoom out", act: () => map.zoom("out") },
    { keys: ["0"], meaning: "show all", act: () => map.showAll() },
    { keys: ["/"], meaning: "search for a row or a label", act: () => element("search").focus() },
    { keys: ["Escape"], meaning: "clear the selection, then the clicked row", act: drop },
    { keys: ["?"], meaning: "show this list", act: () => element<HTMLDialogElement>("help").showModal() },
  ];

  function moveCursor(event: KeyboardEvent): void {
    const [right, down] = ARROWS[event.key]!;
    const step = event.shiftKey ? LARGE_STEP : STEP;
    const [x, y] = map.pixelOf(store.state.z);
    store.set({ z: map.vectorAt([x + step * right, y + step * down]) });
    map.reveal(store.state.z);
  }

  function drop(): void {
    store.set(store.state.selected ? { selected: null } : { row: -1 });
  }

  const listen = (shortcuts: readonly Shortcut[]) => (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const found = shortcuts.find(({ keys }) => keys.includes(event.key) || keys.includes(event.key.toLowerCase()));
    if (!found) return;
    event.preventDefault();
    found.act(event);
  };
  element("stage").addEventListener("keydown", listen(onMap));
  document.addEventListener("keydown", listen(anywhere));
  showHelp([...onMap, ...anywhere]);
}

function tools({ store }: Page): Shortcut[] {
  const all: [string, Tool, string][] = [
    ["d", "decode", "drag to decode"],
    ["m", "pan", "drag to move the map (or use the right mouse button)"],
    ["l", "lasso", "draw around points to select them (or hold Shift)"],
    ["b", "box", "draw a box around points to select them"],
    ["i", "interpolate", "click points to interpolate between them"],
  ];
  return all.map(([key, tool, meaning]) => ({
    keys: [key],
    meaning,
    act: () => store.set({ tool } satisfies Partial<State>),
  }));
}

function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLElement && target.closest("dialog")) return true;
  if (target instanceof HTMLInputElement) return target.type !== "checkbox";
  return target instanceof HTMLSelectElement;
}

function showHelp(shortcuts: readonly Shortcut[]): void {
  const symbols: Record<string, string> = {
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    "-": "−",
    Escape: "Esc",
  };
  const symbol = (key: string) => symbols[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  const rows = shortcuts.flatMap(({ keys, meaning }) => [
    make("dt", {}, ...keys.filter((key) => key !== "=").map((key) => make("kbd", { textContent: symbol(key) }))),
    make("dd", { textContent: meaning }),
  ]);
  element("shortcuts").replaceChildren(...rows);
  element("open-help").addEventListener("click", () => element<HTMLDialogElement>("help").showModal());
  element("close-help").addEventListener("click", () => element<HTMLDialogElement>("help").close());
}
