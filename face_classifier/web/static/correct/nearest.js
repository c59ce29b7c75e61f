// The bar at the lower edge: how many are selected, what can be done with them, and the nine people nearest to them,
// each of whom has a key.
import { _, ngettext } from "../words.js";
import { assign } from "./acts.js";
import { ask } from "./api.js";
import { face } from "./chooser.js";
import { byId, h } from "./dom.js";
import { deedOf, label } from "./keys.js";
import { numbers } from "./lists.js";
import { current, selected } from "./selection.js";

const SETTLED = 120; // ms without another selection
const MOST = 50; // faces that are told to the program
const KEYS = 9;

/** @type {AbortController | undefined} */
let asking;
/** @type {number | undefined} */
let timer;
let asked = ""; // the faces whose nearest people are shown or on their way

function changed() {
  const tray = byId("tray");
  if (!tray) return;
  const some = current();
  tray.hidden = some.length === 0;
  const output = tray.querySelector("[data-count]");
  if (output && some.length) output.textContent = told(some.length);
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (tray.querySelectorAll("[data-act]")))
    button.hidden = deedOf(button.dataset.act ?? "") === undefined;
  const faces = numbers(some).slice(0, MOST).join(",");
  if (faces === asked) return;
  asked = faces;
  byId("nearest")?.replaceChildren(); // a key is never one of other faces' people
  clearTimeout(timer);
  asking?.abort();
  if (faces) timer = setTimeout(() => void fill(faces), SETTLED);
}

/** @param {number} count */
function told(count) {
  if (selected().length) return ngettext("%(num)s selected", "%(num)s selected", count);
  return count === 1 ? _("This face") : ngettext("This group: %(num)s face", "This group: %(num)s faces", count);
}

/** @param {string} faces */
async function fill(faces) {
  asking = new AbortController();
  let people;
  try {
    people = await ask(`faces/nearest?${new URLSearchParams({ faces, k: String(KEYS) })}`, asking.signal);
  } catch {
    return; // the chooser is still there
  }
  if (faces !== asked) return;
  const entries = (Array.isArray(people) ? people : people.people).map(
    (/** @type {any} */ person, /** @type {number} */ at) => {
      const button = h("button", {
        type: "button",
        "data-act": "nearest",
        "data-drop": "person",
        "data-person": person.person,
        "data-key": at + 1,
      });
      button.append(
        face({ name: person.person, ...person }),
        h("bdi", {}, person.person),
        h("kbd", {}, String(at + 1)),
      );
      return h("li", {}, button);
    },
  );
  byId("nearest")?.replaceChildren(...entries);
  label();
}

/** @returns {import("./keys.js").Deed[]} */
export const deeds = () => [
  {
    act: "nearest",
    keys: [..."123456789"],
    shown: "1 – 9",
    words: _("One of the nearest people"),
    when: () => current().length > 0,
    run: (button, event) => {
      const key = /** @type {KeyboardEvent} */ (event).key;
      const chosen =
        button ?? /** @type {HTMLElement | null} */ (document.querySelector(`#nearest [data-key="${key}"]`));
      if (chosen?.dataset.person) assign(current(), chosen.dataset.person);
    },
  },
];

export function start() {
  document.addEventListener("selection", changed);
  changed();
}
