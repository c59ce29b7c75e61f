// Faces are dragged onto people, onto Unknown, Ignore and the like: with a mouse. Each has a key and a button as a twin.
import { deedOf } from "./keys.js";
import { byId, h } from "./dom.js";
import { assign, assignNew, deny, exclude, ignore, makeUnknown } from "./acts.js";
import { itemOf } from "./lists.js";
import { merge } from "./merge.js";
import { focusOn, select, selected } from "./selection.js";

/** @typedef {import("./lists.js").Item} Item */

const EDGE = 70; // px from the edge of the window where it scrolls
const STEP = 18; // px a time
const PICTURES = 3; // in the picture under the mouse
const IN_TRAY = ["assign", "new", "not", "unknown", "ignore", "exclude", "split"]; // buttons that faces can be dropped on

/** @type {Item[] | null} */
let dragged = null;
/** @type {string | null} a person whose card is dragged */
let person = null;

/** @type {Object<string, (some: Item[], zone: HTMLElement) => void>} */
const DROPS = {
  person: (some, zone) => assign(some, zone.dataset.person ?? ""),
  unknown: makeUnknown,
  ignore,
  not: deny,
  new: assignNew,
  exclude,
  assign: (some, zone) => deedOf("assign")?.run(zone, new Event("drop")),
  split: (some, zone) => deedOf("split")?.run(zone, new Event("drop")),
};

/** @param {EventTarget | null} target @returns {HTMLElement | null} */
function zoneOf(target) {
  const zone = target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-drop]")) : null;
  if (!zone) return null;
  if (person !== null) return zone.dataset.drop === "person" && zone.dataset.person !== person ? zone : null;
  return dragged && zone.dataset.drop !== undefined && zone.dataset.drop in DROPS ? zone : null;
}

/** A finger scrolls; only a mouse drags. @param {PointerEvent} event */
function arm(event) {
  const item = itemOf(event.target);
  if (item) item.draggable = event.pointerType === "mouse";
}

/** @param {DragEvent} event */
function begin(event) {
  const item = itemOf(event.target);
  const card =
    event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("[data-card]")) : null;
  if (!event.dataTransfer || (!item && !card)) return;
  if (item) {
    if (item.getAttribute("aria-selected") !== "true") select([item]);
    focusOn(item);
    dragged = selected();
    for (const one of dragged) one.dataset.dragged = "";
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (byId("tray")?.querySelectorAll("[data-act]") ?? []))
      if (IN_TRAY.includes(button.dataset.act ?? "")) button.dataset.drop ??= button.dataset.act;
    picture(event.dataTransfer, dragged);
  } else person = card?.dataset.person ?? null;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", person ?? String(dragged?.length));
  document.body.dataset.dragging = person === null ? "faces" : "person";
}

/** What is under the mouse: the first pictures, and how many they are. @param {DataTransfer} transfer @param {Item[]} some */
function picture(transfer, some) {
  const pictures = some.slice(0, PICTURES).map((item) => item.querySelector("img")?.cloneNode());
  const stack = h(
    "div",
    { class: "dragged", "aria-hidden": true },
    ...pictures.filter((one) => one !== undefined),
    h("b", {}, String(some.length)),
  );
  document.body.append(stack);
  transfer.setDragImage(stack, 20, 20);
  setTimeout(() => stack.remove());
}

/** @param {DragEvent} event */
function over(event) {
  if (dragged === null && person === null) return;
  const zone = zoneOf(event.target);
  light(zone);
  if (zone) {
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "move";
  } else if (event.clientY < EDGE) scrollBy(0, -STEP);
  else if (event.clientY > innerHeight - EDGE) scrollBy(0, STEP);
}

/** @param {HTMLElement | null} zone */
function light(zone) {
  for (const lit of document.querySelectorAll("[data-over]")) if (lit !== zone) lit.removeAttribute("data-over");
  zone?.setAttribute("data-over", "");
}

/** @param {DragEvent} event */
function drop(event) {
  const zone = zoneOf(event.target);
  if (!zone) return;
  event.preventDefault();
  const [some, whose] = [dragged, person];
  end();
  if (whose !== null) void merge([whose], zone.dataset.person ?? "");
  else if (some) DROPS[zone.dataset.drop ?? ""](some, zone);
}

function end() {
  for (const item of dragged ?? []) delete item.dataset.dragged;
  [dragged, person] = [null, null];
  light(null);
  delete document.body.dataset.dragging;
}

export function start() {
  document.addEventListener("pointerdown", arm);
  document.addEventListener("dragstart", begin);
  document.addEventListener("dragover", over);
  document.addEventListener("drop", drop);
  document.addEventListener("dragend", end);
}
