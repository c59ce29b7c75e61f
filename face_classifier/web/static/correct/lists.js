// Lists of faces as the pages bring them: <ul data-faces> with <li role=option data-face>. The page is the only place
// that knows what is shown and selected; nothing is kept beside it but the order of each list, which stays as it came.

const ITEM = "[role=option][data-face]";
const LIST = "[data-faces]";

/** @typedef {HTMLElement} Item a face that is shown */

/** @type {WeakMap<Item, number>} */
const places = new WeakMap();
let last = 0;

/** All faces that are shown, in the order of the page. @returns {Item[]} */
export const items = (within = /** @type {ParentNode} */ (document)) =>
  /** @type {Item[]} */ ([...within.querySelectorAll(ITEM)]).filter((item) => !item.closest("[hidden]"));

/** The face that this lies in. @param {EventTarget | null} target @returns {Item | null} */
export const itemOf = (target) => (target instanceof Element ? target.closest(ITEM) : null);

/** The list of a face. @param {Element} item @returns {HTMLElement} */
export const listOf = (item) => /** @type {HTMLElement} */ (item.closest(LIST));

/** All lists that are shown. @returns {HTMLElement[]} */
export const lists = () =>
  /** @type {HTMLElement[]} */ ([...document.querySelectorAll(LIST)]).filter((list) => !list.closest("[hidden]"));

/** The numbers of faces. @param {Item[]} some @returns {number[]} */
export const numbers = (some) => some.map((item) => Number(item.dataset.face));

/** Whose face it is; "": nobody's, also where a list is of what was put aside. @param {Element} item @returns {string} */
export const personOf = (item) => (restoresOf(item) ? "" : (listOf(item).dataset.person ?? ""));

/** What of a list can be taken back: `ignored`, `excluded`, `not` a person. @param {Element} item */
export const restoresOf = (item) => listOf(item).dataset.restores;

/** Whom the faces of a list may be, as the page asks. @param {Element} item */
export const offeredTo = (item) => listOf(item).dataset.offers;

/** @param {Element[]} places with data-revision @returns {number | null} */
const earliest = (places) => {
  const told = places.map((place) => Number(/** @type {HTMLElement} */ (place).dataset.revision));
  return told.length ? Math.min(...told) : null;
};

/** The revision at which these faces were shown: the earliest of their lists. @param {Item[]} some */
export const revisionOf = (some) => earliest([...new Set(some.map(listOf))]);

/** The revision at which the page was shown. */
export const pageRevision = () => earliest([...document.querySelectorAll("[data-revision]")]);

/** Remember the order of faces that have come. */
export function remember() {
  for (const list of lists()) for (const item of items(list)) if (!places.has(item)) places.set(item, ++last);
}

/**
 * Take faces off the page.
 * @param {Item[]} some
 * @returns {() => void} puts them back where they were, whatever else has gone meanwhile.
 */
export function takeOff(some) {
  remember();
  const from = some.map((item) => /** @type {[Item, HTMLElement]} */ ([item, listOf(item)]));
  for (const item of some) item.remove();
  const emptied = [...new Set(from.map(([, list]) => list))].filter((list) => !list.querySelector(ITEM));
  const groups = emptied.map((list) => list.closest("[data-group]")).filter((group) => group !== null);
  for (const group of groups) /** @type {HTMLElement} */ (group).hidden = true;
  return () => {
    for (const group of groups) /** @type {HTMLElement} */ (group).hidden = false;
    for (const [item, list] of from) put(item, list);
  };
}

/** @param {Item} item @param {HTMLElement} list */
function put(item, list) {
  const place = places.get(item) ?? 0;
  const after = [...list.children].find(
    (other) => !other.matches(ITEM) || (places.get(/** @type {Item} */ (other)) ?? 0) > place,
  );
  list.insertBefore(item, after ?? null);
}
