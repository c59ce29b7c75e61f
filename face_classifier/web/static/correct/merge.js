// Two people are one: the dialog shows whose faces go to whom, and what the one is called afterwards.
import { _, icon, ngettext } from "../words.js";
import { ask } from "./api.js";
import { choose, face } from "./chooser.js";
import { byId, h, personPage } from "./dom.js";
import { picked, pickNone } from "./people.js";
import { toast } from "./toasts.js";
import { items, pageRevision } from "./lists.js";
import { write } from "./writes.js";

/** @typedef {{name: string, faces: number, picture: string | null, named: boolean}} Person */

/** @param {string} name @returns {Promise<Person>} */
const about = (name) => ask(`people/${encodeURIComponent(name)}`);

/**
 * Ask whether these people are one, and merge them.
 * @param {string[]} from whose faces go
 * @param {string | null} into the person to whom they go; null: the one with a name and most faces
 */
export async function merge(from, into) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("chooser"));
  if (dialog.open) return;
  const revision = pageRevision(); // what the user saw when merging was asked for
  let people;
  try {
    people = await Promise.all((into === null ? from : [into, ...from]).map(about));
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { wrong: true });
    return;
  }
  if (into === null) people.sort((one, other) => Number(other.named) - Number(one.named) || other.faces - one.faces);
  show(dialog, people[0], people.slice(1), revision);
}

/** @param {HTMLDialogElement} dialog @param {Person} into @param {Person[]} from @param {number | null} revision */
function show(dialog, into, from, revision) {
  const called = into.named ? into.name : (from.find((one) => one.named) ?? into).name;
  const name = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "text",
      id: "merged-name",
      value: called,
      maxlength: 100,
      autocomplete: "off",
      spellcheck: "false",
      list: "merged-names",
      required: true,
    })
  );
  const names = [into, ...from].map((one) => one.name);
  const others = names.map((one) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(one === called),
        onclick: (/** @type {Event} */ event) => take(one, event),
      },
      h("bdi", {}, one),
    ),
  );
  /** @param {string} one @param {Event} event */
  function take(one, event) {
    name.value = one;
    for (const other of others) other.setAttribute("aria-pressed", String(other === event.currentTarget));
  }
  const swap = h(
    "button",
    { type: "button", class: "plain", onclick: () => show(dialog, from[0], [into], revision) },
    icon("git-compare-arrows"),
    _("The other way round"),
  );
  const form = h(
    "form",
    { method: "dialog", onsubmit: () => tell(into, from, name.value.normalize("NFC").trim(), revision) },
    h("div", { class: "merging" }, ...from.map(card), h("span", { class: "arrow" }, icon("arrow-right")), card(into)),
    h(
      "p",
      { id: "direction" },
      ...from.map((one) =>
        h(
          "span",
          {},
          ngettext(
            "%(name)s's %(num)s face goes to %(other)s. ",
            "%(name)s's %(num)s faces go to %(other)s. ",
            one.faces,
            { name: one.name, other: into.name },
          ),
        ),
      ),
    ),
    from.length === 1 ? swap : null,
    h("label", { for: "merged-name" }, _("The one is called")),
    h("div", { class: "acts names" }, ...others),
    name,
    h(
      "div",
      { class: "acts" },
      h("button", { type: "button", onclick: () => dialog.close() }, _("Cancel")),
      h("button", { type: "submit", class: "primary" }, _("Merge")),
    ),
  );
  dialog.setAttribute("aria-labelledby", "merge-title");
  dialog.replaceChildren(h("div", { class: "head" }, h("h2", { id: "merge-title" }, _("One person?"))), form);
  if (!dialog.open) dialog.showModal();
  /** @type {HTMLElement} */ (form.querySelector(".primary")).focus();
}

/** @param {Person} person */
const card = (person) =>
  h(
    "figure",
    {},
    face(person),
    h(
      "figcaption",
      {},
      h("bdi", {}, person.name),
      " ",
      h("span", { class: "muted" }, ngettext("%(num)s face", "%(num)s faces", person.faces)),
    ),
  );

/** @param {Person} into @param {Person[]} from @param {string} name @param {number | null} revision */
function tell(into, from, name, revision) {
  const cards = /** @type {HTMLElement[]} */ (
    [...document.querySelectorAll("[data-card]")].filter((one) =>
      from.some((person) => person.name === /** @type {HTMLElement} */ (one).dataset.person),
    )
  );
  const page = document.querySelector("[data-page-of]") !== null; // the page of one of them, which has another address now
  write({
    method: "POST",
    path: `people/${encodeURIComponent(into.name)}/merge`,
    revision,
    body: () => ({ from: from.map((one) => one.name), name: name && name !== into.name ? name : null }),
    show: () => {
      pickNone();
      for (const one of cards) one.hidden = true;
      return () => {
        for (const one of cards) one.hidden = false;
      };
    },
    said: ngettext(
      "%(num)s face went to %(name)s",
      "%(num)s faces went to %(name)s",
      from.reduce((sum, one) => sum + one.faces, 0),
      { name: name || into.name },
    ),
    then: () => page && location.assign(personPage(name || into.name)),
    anew: !page,
  });
}

/** Merge what is picked, or the person of this page with somebody. @param {HTMLElement | null} button */
async function begin(button) {
  const chosen = picked();
  if (chosen.length > 1) return merge(chosen, null);
  const own =
    /** @type {HTMLElement | null} */ (button?.closest("[data-person]"))?.dataset.person ?? chosen[0] ?? pageOf();
  if (!own) return;
  const choice = await choose({
    title: _("Who is the same person as %(name)s?", { name: own }),
    without: own,
    some: own === pageOf() ? items() : [],
    known: true,
  });
  if (choice?.name) return merge([own], choice.name);
}

/** The person whose page this is. */
export const pageOf = () =>
  /** @type {HTMLElement | null} */ (document.querySelector("[data-page-of]"))?.dataset.pageOf;

/** @returns {import("./keys.js").Deed[]} */
export const deeds = () => [
  {
    act: "merge",
    keys: ["m"],
    words: _("Merge with another person"),
    when: () => picked().length > 0 || pageOf() !== undefined,
    run: (button) => void begin(button),
  },
];
