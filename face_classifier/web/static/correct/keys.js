// One table of what can be done by a key, a button or a drag. The help and the titles of the buttons come from it.
import { _, icon } from "../words.js";
import { tinykeys } from "../vendor/tinykeys.js";
import { byId, h, isComposing, isField } from "./dom.js";

/**
 * @typedef {Object} Deed
 * @property {string} act `data-act` of its buttons.
 * @property {string[]} keys in the words of tinykeys.
 * @property {string} [shown] the keys as people know them; else the first of `keys`. "": the help leaves them out.
 * @property {string} words what it does.
 * @property {(target: HTMLElement | null, event: Event) => void} run `target`: its button; null if it came by a key.
 * @property {(target: HTMLElement | null) => boolean} [when] whether it can be done now.
 * @property {boolean} [repeats] whether a key that is held down does it again.
 */

// The letters of the Korean keyboard on the same keys: they are meant when nothing is being written.
const KOREAN = {
  a: "ㅁ",
  d: "ㅇ",
  e: "ㄷ",
  i: "ㅑ",
  j: "ㅓ",
  k: "ㅏ",
  m: "ㅡ",
  n: "ㅜ",
  r: "ㄱ",
  s: "ㄴ",
  u: "ㅕ",
  x: "ㅌ",
  y: "ㅛ",
  z: "ㅋ",
};

/** @type {Deed[]} those offered last are asked first */
const deeds = [];

/** Offer more to do: a page may give a key another meaning than it has elsewhere. @param {Deed[]} more */
export function offer(more) {
  deeds.unshift(...more);
  label();
}

/** @param {Deed} deed @param {HTMLElement | null} [target] */
const can = (deed, target = null) => !deed.when || deed.when(target);

/** @param {string} key @returns {string} */
function pattern(key) {
  const korean = KOREAN[/** @type {keyof typeof KOREAN} */ (key)];
  return korean ? `([${key}${korean}])` : key;
}

// In an empty field there is nothing of its own to take back.
const isUndoOfNothing = (/** @type {KeyboardEvent} */ event) =>
  (event.ctrlKey || event.metaKey) &&
  event.key.toLowerCase() === "z" &&
  event.target instanceof HTMLInputElement &&
  !event.target.value;

/** @param {KeyboardEvent} event */
const isElsewhere = (event) =>
  isComposing(event) ||
  (isField(event.target) && !isUndoOfNothing(event)) ||
  document.querySelector("dialog[open]") !== null ||
  event.defaultPrevented;

/** @param {string} key @param {KeyboardEvent} event */
function press(key, event) {
  const deed = deeds.find((one) => one.keys.includes(key) && can(one));
  if (!deed) return;
  event.preventDefault();
  if (!event.repeat || deed.repeats) deed.run(null, event);
}

/** @param {MouseEvent} event */
function click(event) {
  const button =
    event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("[data-act]")) : null;
  const deed =
    button && !button.matches("form") && deeds.find((one) => one.act === button.dataset.act && can(one, button));
  if (!deed) return;
  event.preventDefault();
  button.closest("details")?.removeAttribute("open");
  if (event.detail < 2) deed.run(button, event); // a double click is one
}

/** Titles and keys of the buttons that are there. */
export function label() {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("button[data-act]"))) {
    const deed = deeds.find((one) => one.act === button.dataset.act);
    if (!deed || button.title) continue;
    button.title = deed.keys.length ? `${deed.words} (${keyOf(deed)})` : deed.words;
    if (deed.keys.length) button.setAttribute("aria-keyshortcuts", deed.keys[0].replace("$mod", "Control"));
  }
}

/** @param {Deed} deed */
const keyOf = (deed) => deed.shown || deed.keys[0];

/** The deed of this name that can be done now. @param {string} act */
export const deedOf = (act) => deeds.find((one) => one.act === act && can(one));

function help() {
  const dialog = /** @type {HTMLDialogElement | null} */ (byId("help"));
  if (!dialog || dialog.open) return;
  const seen = new Set();
  const rows = deeds
    .filter((deed) => deed.keys.length && deed.shown !== "" && !seen.has(keyOf(deed)) && seen.add(keyOf(deed)))
    .map((deed) => h("div", {}, h("dt", {}, ...caps(keyOf(deed))), h("dd", {}, deed.words)));
  const close = h(
    "button",
    { type: "button", class: "plain round", "aria-label": _("Close"), onclick: () => dialog.close() },
    icon("x"),
  );
  dialog.replaceChildren(
    h("div", { class: "head" }, h("h2", { id: "help-title" }, _("Keys")), close),
    h("dl", { class: "keys" }, ...rows),
  );
  dialog.showModal();
}

/** @param {string} keys with blanks between them @returns {(Node | string)[]} */
const caps = (keys) => keys.split(" ").flatMap((key) => [h("kbd", {}, key), " "]);

export function start() {
  const all = [..."abcdefghijklmnopqrstuvwxyz123456789"].map(
    (key) => /** @type {[string, string]} */ ([pattern(key), key]),
  );
  const named = [
    "/",
    "ArrowLeft",
    "ArrowRight",
    "ArrowUp",
    "ArrowDown",
    "Home",
    "End",
    "Enter",
    "Escape",
    "F2",
    "Space",
  ];
  const ranges = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "Enter"].map(
    (key) => `Shift+${key}`,
  );
  for (const key of [...named, ...ranges, "$mod+a", "$mod+z", "[Shift]+?"]) all.push([key, key]);
  for (const key of "jk") all.push([`Shift+${pattern(key)}`, `Shift+${key}`]);
  const bindings = Object.fromEntries(
    all.map(([found, key]) => [found, (/** @type {KeyboardEvent} */ event) => press(key, event)]),
  );
  tinykeys(window, bindings, { ignore: isElsewhere });
  document.addEventListener("click", click);
  document.addEventListener("fresh", label);
  document.addEventListener("htmx:afterSettle", label);
  offer([{ act: "help", keys: ["[Shift]+?"], shown: "?", words: _("Show all keys"), run: help }]);
}
