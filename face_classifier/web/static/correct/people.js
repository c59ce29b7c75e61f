// Cards of people: which are picked, and their names, which are changed where they stand.
import { _ } from "../words.js";
import { byId, h, isComposing, isField, personPage } from "./dom.js";
import { merge, pageOf } from "./merge.js";
import { pageRevision } from "./lists.js";
import { write } from "./writes.js";

/** @typedef {HTMLElement} Card <li data-card data-person>, with a checkbox [data-pick] */

const cards = () =>
  /** @type {Card[]} */ ([...document.querySelectorAll("[data-card]")]).filter((card) => !card.hidden);

/** @param {Card} card @returns {HTMLInputElement | null} */
const boxOf = (card) => card.querySelector("[data-pick]");

/** Who is picked, in the order of the page. @returns {string[]} */
export const picked = () =>
  cards()
    .filter((card) => boxOf(card)?.checked)
    .map((card) => card.dataset.person ?? "");

export function pickNone() {
  for (const card of cards()) {
    const box = boxOf(card);
    if (box) box.checked = false;
  }
  changed();
}

/** @returns {Card | null} */
const focusedCard = () => document.activeElement?.closest("[data-card]") ?? null;

function changed() {
  document.dispatchEvent(new CustomEvent("picked"));
}

/** @param {1 | -1} step */
function go(step) {
  const all = cards();
  const own = focusedCard();
  const next = own ? all[all.indexOf(own) + step] : all[0];
  /** @type {HTMLElement | null} */ (next?.querySelector("a, button"))?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

/** @param {Card | null} card */
function pick(card) {
  const box = card && boxOf(card);
  if (!box) return;
  box.checked = !box.checked;
  changed();
}

/**
 * Change a name where it stands: Enter keeps it, Escape or leaving it does not.
 * @param {HTMLElement} place [data-name], whose text is the name
 * @param {string} person
 */
function rename(place, person) {
  if (place.querySelector("input")) return;
  const before = [...place.childNodes];
  const field = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      class: "renaming",
      value: person,
      maxlength: 100,
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": _("Name"),
    })
  );
  const back = () => field.isConnected && place.replaceChildren(...before);
  field.addEventListener("keydown", (event) => {
    if (isComposing(event)) return;
    event.stopPropagation();
    if (event.key === "Escape") {
      back();
      focusNear(place);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const name = field.value.normalize("NFC").trim();
      back();
      focusNear(place);
      if (name && name !== person) tell(place, person, name);
    }
  });
  field.addEventListener("click", (event) => event.preventDefault());
  field.addEventListener("blur", back);
  place.replaceChildren(field);
  field.focus();
  field.select();
}

/** @param {HTMLElement} place */
function focusNear(place) {
  const near = /** @type {HTMLElement | null} */ (
    place.closest("a, button") ?? place.closest("[data-card]")?.querySelector("a, button") ?? null
  );
  near?.focus();
}

/** @param {HTMLElement} place @param {string} person @param {string} name */
function tell(place, person, name) {
  const isPage = pageOf() === person;
  write({
    method: "PATCH",
    path: `people/${encodeURIComponent(person)}`,
    revision: pageRevision(),
    body: () => ({ name }),
    show: () => {
      const before = [...place.childNodes];
      place.replaceChildren(h("bdi", { dir: "auto" }, name));
      return () => place.replaceChildren(...before);
    },
    said: _("%(name)s is called %(other)s now", { name: person, other: name }),
    then: () => isPage && history.replaceState(history.state, "", personPage(name) + location.search),
    anew: true,
    refused: (refusal) => {
      const other = refusal.problem.merge_into;
      if (refusal.status !== 409 || !other) return false;
      void merge([person], other); // it asks; nothing is merged by a name alone
      return true;
    },
  });
}

/** @param {HTMLElement | null} button */
function beginRename(button) {
  const card = button?.closest("[data-card]") ?? focusedCard();
  const place = /** @type {HTMLElement | null} */ (
    card ? card.querySelector("[data-name]") : document.querySelector("[data-page-of] [data-name]")
  );
  const person = /** @type {HTMLElement | null} */ (card)?.dataset.person ?? pageOf();
  if (place && person) rename(place, person);
}

/** @param {HTMLElement | null} button @param {boolean} hidden */
function hide(button, hidden) {
  const card = /** @type {HTMLElement | null} */ (button?.closest("[data-card]") ?? focusedCard());
  const person = card?.dataset.person ?? pageOf();
  if (!person) return;
  write({
    method: "PATCH",
    path: `people/${encodeURIComponent(person)}`,
    revision: pageRevision(),
    body: () => ({ hidden }),
    show: () => {
      if (card) card.hidden = hidden;
      return () => {
        if (card) card.hidden = false;
      };
    },
    said: hidden ? _("%(name)s is hidden", { name: person }) : _("%(name)s is shown again", { name: person }),
    anew: true,
  });
}

/** @returns {import("./keys.js").Deed[]} */
export const deeds = () => [
  {
    act: "rename",
    keys: ["F2"],
    words: _("Rename"),
    when: () => pageOf() !== undefined || cards().length > 0,
    run: beginRename,
  },
  { act: "hide", keys: [], words: _("Hide this person from the list"), run: (button) => hide(button, true) },
  { act: "show", keys: [], words: _("Show this person in the list again"), run: (button) => hide(button, false) },
  {
    act: "pick",
    keys: ["x"],
    shown: "",
    words: _("Select it, or not"),
    when: () => focusedCard() !== null,
    run: () => pick(focusedCard()),
  },
  {
    act: "pick-none",
    keys: ["Escape"],
    shown: "",
    words: _("Select none"),
    when: () => picked().length > 0,
    run: pickNone,
  },
  {
    act: "next-person",
    keys: ["j", "ArrowRight"],
    shown: "",
    words: _("The next person"),
    repeats: true,
    when: () => cards().length > 0,
    run: () => go(1),
  },
  {
    act: "person-before",
    keys: ["k", "ArrowLeft"],
    shown: "",
    words: _("The person before"),
    repeats: true,
    when: () => cards().length > 0,
    run: () => go(-1),
  },
];

export function start() {
  document.addEventListener(
    "change",
    (event) => event.target instanceof Element && event.target.matches("[data-pick]") && changed(),
  );
  document.addEventListener("picked", () => {
    const bar = byId("picked");
    if (bar) bar.hidden = picked().length === 0;
  });
  document.addEventListener("click", (event) => {
    if (!(event.ctrlKey || event.metaKey) || isField(event.target) || !(event.target instanceof Element)) return;
    const card = /** @type {Card | null} */ (event.target.closest("[data-card]"));
    if (!card || event.target.closest("[data-pick], [data-act]")) return;
    event.preventDefault();
    pick(card);
  });
}
