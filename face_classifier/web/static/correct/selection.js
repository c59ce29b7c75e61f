// Which faces are selected, and which one has the focus: a listbox with roving focus, as ARIA's practices describe it.
import { isField } from "./dom.js";
import { itemOf, items, listOf, lists, remember } from "./lists.js";

/** @typedef {import("./lists.js").Item} Item */

/** @type {Item | null} where a range begins */
let anchor = null;

/** The faces that are selected. @returns {Item[]} */
export const selected = () => items().filter(isSelected);

/** @param {Item} item */
const isSelected = (item) => item.getAttribute("aria-selected") === "true";

/** The face that has the focus. @returns {Item | null} */
export const focused = () => itemOf(document.activeElement);

/** What an act is about: the faces that are selected, or else the one that has the focus, with its group. @returns {Item[]} */
export function current() {
  const some = selected();
  const one = focused();
  if (some.length || !one) return some;
  const group = one.closest("[data-group]");
  return group ? items(group) : [one];
}

/** Select exactly these, or some more, or fewer. @param {Item[]} some @param {"only" | "more" | "fewer"} how */
export function select(some, how = "only") {
  if (how === "only") for (const item of selected()) item.setAttribute("aria-selected", "false");
  for (const item of some) item.setAttribute("aria-selected", String(how !== "fewer"));
  changed();
}

export const selectNone = () => select([]);

/** @param {Item} item */
export function toggle(item) {
  anchor = item;
  select([item], isSelected(item) ? "fewer" : "more");
}

/** All faces of a list that are shown. @param {HTMLElement} list */
export const selectList = (list) => select(items(list), "more");

/** Everything from where the range begins. @param {Item} item */
function selectTo(item) {
  const all = items();
  const [from, to] = [anchor && all.includes(anchor) ? all.indexOf(anchor) : all.indexOf(item), all.indexOf(item)];
  select(all.slice(Math.min(from, to), Math.max(from, to) + 1));
}

/** Give a face the focus. @param {Item | null | undefined} item */
export function focusOn(item) {
  if (!item) return;
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest" });
}

/**
 * The face beside the one that has the focus, also in the next list.
 * @param {"left" | "right" | "up" | "down" | "first" | "last"} where
 * @returns {Item | undefined}
 */
export function beside(where) {
  const one = focused();
  const all = items();
  if (!one) return all.find((item) => item.tabIndex === 0) ?? all[0];
  const at = all.indexOf(one);
  if (where === "left" || where === "right") return all[at + (where === "left" ? -1 : 1)];
  const own = items(listOf(one));
  if (where === "first" || where === "last") return own[where === "first" ? 0 : own.length - 1];
  return inRow(all, at, where === "up" ? -1 : 1);
}

/** The nearest face of the next row up or down. @param {Item[]} all @param {number} at @param {-1 | 1} step */
function inRow(all, at, step) {
  const own = all[at].getBoundingClientRect();
  let best;
  let row;
  for (let index = at + step; index >= 0 && index < all.length; index += step) {
    const box = all[index].getBoundingClientRect();
    if (Math.abs(box.top - own.top) < 2) continue;
    if (row === undefined) row = box.top;
    else if (Math.abs(box.top - row) >= 2) break;
    const distance = Math.abs(box.left - own.left);
    if (!best || distance < best.distance) best = { item: all[index], distance };
  }
  return best?.item;
}

/** Move the focus. @param {Parameters<typeof beside>[0]} where @param {boolean} extend selects all on the way, too */
export function move(where, extend) {
  const from = focused();
  const to = beside(where);
  if (extend && from && !(anchor && isSelected(anchor))) anchor = from;
  focusOn(to);
  if (extend && to) selectTo(to);
}

function changed() {
  document.dispatchEvent(new CustomEvent("selection"));
}

/** What to focus once these are gone: the one after them, else the one before. @param {Item[]} going */
export function heir(going) {
  const all = items();
  const leaving = new Set(going);
  const at = all.indexOf(going[going.length - 1]);
  return (
    all.slice(at + 1).find((item) => !leaving.has(item)) ??
    all
      .slice(0, at)
      .reverse()
      .find((item) => !leaving.has(item))
  );
}

/** @param {MouseEvent} event */
function click(event) {
  const item = itemOf(event.target);
  if (!item || event.button !== 0 || isField(event.target)) return;
  const touch = /** @type {PointerEvent} */ (event).pointerType === "touch";
  focusOn(item);
  if (event.shiftKey) selectTo(item);
  else if (touch || event.ctrlKey || event.metaKey) toggle(item);
  else {
    anchor = item;
    select([item]);
  }
}

/** One stop of the Tab key a list: the face that last had the focus. @param {FocusEvent} event */
function rove(event) {
  const item = itemOf(event.target);
  if (!item) return;
  for (const other of listOf(item).querySelectorAll("[role=option][tabindex='0']"))
    other.setAttribute("tabindex", "-1");
  item.tabIndex = 0;
  changed();
}

/** Each list has a stop, also after faces have come or gone. */
export function settle() {
  remember();
  for (const list of lists()) {
    const own = items(list);
    if (own.length && !own.some((item) => item.tabIndex === 0)) own[0].tabIndex = 0;
  }
  changed();
}

export function start() {
  document.addEventListener("click", click);
  document.addEventListener("focusin", rove);
  document.addEventListener("focusout", () => setTimeout(changed));
  document.addEventListener("htmx:afterSettle", settle);
  settle();
}
