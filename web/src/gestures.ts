/** What mouse, pen and fingers do on the map. */

import type { Actions } from "./actions";
import { panned, toPlane, zoomed } from "./camera";
import { meanOf } from "./data";
import { inside, rectangle } from "./geometry";
import type { LatentMap } from "./map";
import { element, type Page } from "./page";
import type { Point } from "./projection";
import type { Tool } from "./state";

const REACH = { mouse: 7, pen: 10, touch: 16 } as Record<string, number>; // pixels around a point that hit it
const STILL = 4; // pixels within which a press is a click
const WHEEL = 0.0018;
const PINCH = 0.012; // a trackpad's pinch comes as a wheel with Ctrl, in smaller steps
const LINE = 20; // pixels of a wheel that counts in lines

/** What goes on between press and release. */
interface Drag {
  readonly tool: Tool;
  readonly start: Point;
  last: Point;
  hasMoved: boolean;
  readonly outline: Point[];
}

export function listenToGestures(page: Page, map: LatentMap, actions: Actions): void {
  const { store } = page;
  const stage = element("stage");
  const fingers = new Map<number, Point>();
  let drag: Drag | null = null;

  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    const pixel = pixelOf(event);
    fingers.set(event.pointerId, pixel);
    drag = null;
    if (fingers.size > 1) return map.outline([]);
    drag = { tool: toolOf(event), start: pixel, last: pixel, hasMoved: false, outline: [] };
    if (drag.tool === "decode") store.set({ z: map.vectorAt(pixel) });
  });

  stage.addEventListener("pointermove", (event) => {
    const pixel = pixelOf(event);
    if (fingers.size === 2 && fingers.has(event.pointerId)) return pinch(event.pointerId, pixel);
    if (drag) move(drag, pixel);
    else if (event.pointerType === "mouse") hover(pixel);
  });

  function move(current: Drag, pixel: Point): void {
    current.hasMoved ||= Math.hypot(pixel[0] - current.start[0], pixel[1] - current.start[1]) > STILL;
    if (!current.hasMoved) return;
    const { camera, hovered } = store.state;
    if (hovered >= 0) store.set({ hovered: -1 });
    if (current.tool === "decode") store.set({ z: map.vectorAt(pixel) });
    if (current.tool === "pan") {
      store.set({ camera: panned(camera, map.size, [pixel[0] - current.last[0], pixel[1] - current.last[1]]) });
    }
    if (current.tool === "lasso") current.outline.push(toPlane(camera, map.size, pixel));
    if (current.tool === "box") {
      const corners = [current.start, pixel].map((corner) => toPlane(camera, map.size, corner)) as [Point, Point];
      current.outline.splice(0, 4, ...rectangle(...corners));
    }
    map.outline(current.outline);
    current.last = pixel;
  }

  function pinch(finger: number, pixel: Point): void {
    const other = [...fingers].find(([id]) => id !== finger)![1];
    const before = fingers.get(finger)!;
    const apart = (point: Point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    const middle = [(pixel[0] + other[0]) / 2, (pixel[1] + other[1]) / 2] as const;
    const moved = [(pixel[0] - before[0]) / 2, (pixel[1] - before[1]) / 2] as const;
    const camera = panned(store.state.camera, map.size, moved);
    store.set({ camera: zoomed(camera, map.size, middle, apart(pixel) / Math.max(apart(before), 1)) });
    fingers.set(finger, pixel);
  }

  function hover(pixel: Point): void {
    const hovered = map.nearest(pixel, REACH.mouse!);
    if (hovered !== store.state.hovered) store.set({ hovered });
  }

  function release(event: PointerEvent): void {
    fingers.delete(event.pointerId);
    const finished = drag;
    drag = null;
    map.outline([]);
    if (!finished || event.type === "pointercancel") return;
    if (!finished.hasMoved) click(finished, REACH[event.pointerType] ?? REACH.mouse!);
    else if (finished.outline.length > 2) actions.select(inside(map.scene.plane, finished.outline));
  }

  function click({ tool, start }: Drag, reach: number): void {
    const row = map.nearest(start, reach);
    const z = row < 0 ? map.vectorAt(start) : meanOf(page.rows, page.manifest, row);
    if (tool === "interpolate") return actions.addWaypoint(z);
    if (row >= 0) return actions.show(row);
    if (tool === "lasso" || tool === "box") actions.select(null);
  }

  function toolOf(event: PointerEvent): Tool {
    if (event.button > 0) return "pan";
    return event.shiftKey ? "lasso" : store.state.tool;
  }

  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("pointerleave", () => store.state.hovered >= 0 && store.set({ hovered: -1 }));
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const steps = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE : 1);
      const factor = Math.exp(-steps * (event.ctrlKey ? PINCH : WHEEL));
      store.set({ camera: zoomed(store.state.camera, map.size, pixelOf(event), factor) });
    },
    { passive: false },
  );

  function pixelOf(event: MouseEvent): Point {
    const { left, top } = stage.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }
}
