/** The search for a row by its number, or for all rows of a label. */

import type { Actions } from "./actions";
import type { Manifest, Rows } from "./data";
import { element, grouped, make, type Page } from "./page";

export type Found =
  | { readonly kind: "row"; readonly row: number; readonly name: string }
  | { readonly kind: "label"; readonly label: number; readonly name: string };

const MOST = 8;

/** Returns what a text may mean: a row of that number, and labels that begin with it. */
export function find(text: string, rows: Rows, manifest: Manifest): Found[] {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const number = /^(row )?\d+$/.test(wanted) ? Number(wanted.replace("row ", "")) : -1;
  const row = number < 0 ? -1 : rows.numbers.indexOf(number);
  const found: Found[] = row < 0 ? [] : [{ kind: "row", row, name: `Row ${number}` }];
  manifest.classes.forEach((name, label) => {
    if (name.toLowerCase().startsWith(wanted)) found.push({ kind: "label", label, name: `All labeled ${name}` });
  });
  return found.slice(0, MOST);
}

/** A combobox with a list beneath (WAI-ARIA Authoring Practices, "Combobox"). */
export function listenToSearch({ rows, manifest }: Page, actions: Actions): void {
  const input = element<HTMLInputElement>("search");
  const list = element("found");
  let [found, active]: [Found[], number] = [[], 0];

  function update(): void {
    found = find(input.value, rows, manifest);
    active = 0;
    list.replaceChildren(...found.map(option));
    if (input.value.trim() && !found.length)
      list.append(make("li", { className: "none", textContent: "Nothing found" }));
    open(list.childElementCount > 0);
    mark();
  }

  function option(each: Found, i: number): HTMLElement {
    const count =
      each.kind === "label" ? rows.labels!.reduce((sum, label) => sum + Number(label === each.label), 0) : 0;
    const item = make(
      "li",
      { id: `found-${i}`, role: "option" },
      each.name,
      make("span", { textContent: count ? grouped(count) : "" }),
    );
    item.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      choose(each);
    });
    return item;
  }

  function open(isOpen: boolean): void {
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
  }

  function mark(): void {
    [...list.children].forEach((each, i) => each.setAttribute("aria-selected", String(i === active)));
    if (found.length) input.setAttribute("aria-activedescendant", `found-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function choose(each: Found | undefined): void {
    if (!each) return;
    open(false);
    if (each.kind === "row") actions.show(each.row);
    else actions.select(Uint32Array.from([...rows.labels!.keys()].filter((row) => rows.labels![row] === each.label)));
  }

  input.addEventListener("input", update);
  input.addEventListener("focus", update);
  input.addEventListener("blur", () => open(false));
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") choose(found[active]);
    if (event.key === "Escape") open(false);
    if (!step || !found.length) return;
    event.preventDefault();
    active = (active + step + found.length) % found.length;
    mark();
  });
}
