// Whole groups with one name: the odd ones are selected, then Enter names the rest.
import { _, ngettext } from "../words.js";
import { assign } from "./acts.js";
import { choose } from "./chooser.js";
import { isField } from "./dom.js";
import { items, offeredTo } from "./lists.js";
import { focused, focusOn, select, selected } from "./selection.js";

/** The group that a button or the focus is in. @param {Element | null} place @returns {HTMLElement | null} */
const groupOf = (place) => place?.closest("[data-group]") ?? null;

/** Those of a group that are not taken out. @param {HTMLElement} group */
function rest(group) {
  const odd = new Set(selected());
  return items(group).filter((item) => !odd.has(item));
}

/** @param {HTMLElement} group @param {string} name */
function give(group, name) {
  const those = rest(group);
  const odd = items(group).filter((item) => !those.includes(item));
  assign(those, name);
  select(odd, "fewer"); // they are a group of their own now
  if (!odd.length && !focused()) focusOn(items()[0]);
}

/** @param {HTMLElement} group */
async function name(group) {
  const those = rest(group);
  if (!those.length) return;
  const person = offeredTo(those[0]);
  if (person) return give(group, person);
  const title = ngettext("Who is this? %(num)s face", "Who are these %(num)s faces?", those.length);
  const choice = await choose({ title, some: those });
  if (choice?.name) give(group, choice.name);
}

/** The groups that the page gives to somebody. @returns {HTMLElement[]} */
const offered = () =>
  /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-group]:not([hidden])")]).filter((group) =>
    items(group).some((item) => offeredTo(item)),
  );

function giveAll() {
  for (const group of offered()) {
    const [first] = rest(group);
    const person = first && offeredTo(first);
    if (person) give(group, person);
  }
}

/** How many Enter would name. */
function count() {
  for (const group of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-group]"))) {
    const output = group.querySelector("[data-rest]");
    if (output) output.textContent = ngettext("%(num)s face", "%(num)s faces", rest(group).length);
  }
}

/** @returns {import("./keys.js").Deed[]} */
export const deeds = () => [
  {
    act: "name-all",
    keys: ["Shift+Enter"],
    words: _("All groups move, but for the faces that are selected"),
    when: () => offered().length > 0,
    run: giveAll,
  },
  {
    act: "name-group",
    keys: ["Enter"],
    words: _("In a group: name all but those that are selected"),
    when: (button) => groupOf(button ?? document.activeElement) !== null,
    run: (button) => {
      const group = groupOf(button ?? document.activeElement);
      if (group) void name(group);
    },
  },
];

export function start() {
  document.addEventListener("selection", count);
  document.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    const group = groupOf(form);
    const field = form.querySelector("input");
    if (!group || !field || !isField(field)) return;
    event.preventDefault();
    const text = field.value.normalize("NFC").trim();
    if (text) give(group, text);
    field.value = "";
  });
}
