// Who is it? A field, and people with picture and count under it: those nearest to the faces first, or whose names fit.
// The pattern is ARIA's combobox with a list; the program matches names, also by Hangul's first consonants.
import { _, icon, ngettext } from "../words.js";
import { ask } from "./api.js";
import { byId, h, isComposing } from "./dom.js";
import { numbers } from "./lists.js";

/** @typedef {{name: string | null, isNew: boolean}} Choice `name` null: a new person who gets a number */
/** @typedef {{name: string, faces: number, picture: string | null}} Person */
/**
 * @typedef {Object} Question
 * @property {string} title what is asked.
 * @property {import("./lists.js").Item[]} [some] faces; people near to them come first.
 * @property {string} [without] a person who is not offered.
 * @property {boolean} [nobody] a new person without a name may be chosen.
 * @property {boolean} [known] only people who are there may be chosen.
 */

const SHOWN = 30; // people
const NEAR = 50; // faces are enough to tell who is near
const PATIENCE = 2000; // ms that Enter waits for the list of what was typed

/** Let the user choose. @param {Question} question @returns {Promise<Choice | null>} null: nobody was chosen */
export function choose(question) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("chooser"));
  if (dialog.open) return Promise.resolve(null);
  return new Promise((resolve) => {
    new Chooser(dialog, question, resolve);
    dialog.addEventListener("close", () => resolve(null), { once: true }); // nobody, unless there was a choice before
  });
}

class Chooser {
  /** @type {AbortController | undefined} */
  #asking;
  /** @type {Promise<void>} */
  #listed = Promise.resolve();
  #at = 0;
  #hasMoved = false;

  /** @param {HTMLDialogElement} dialog @param {Question} question @param {(choice: Choice) => void} chosen */
  constructor(dialog, question, chosen) {
    this.chosen = chosen;
    this.dialog = dialog;
    this.question = question;
    this.list = h("ul", { class: "choices", id: "choices", role: "listbox", "aria-label": _("People") });
    this.field = /** @type {HTMLInputElement} */ (
      h("input", {
        type: "text",
        role: "combobox",
        autocomplete: "off",
        spellcheck: "false",
        maxlength: 100,
        autofocus: true,
        "aria-controls": "choices",
        "aria-expanded": "true",
        "aria-autocomplete": "list",
        "aria-labelledby": "chooser-title",
        placeholder: question.known ? _("Name") : _("Name, also a new one"),
        oninput: () => this.#look(),
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      })
    );
    const close = h(
      "button",
      { type: "button", class: "plain round", "aria-label": _("Close"), onclick: () => dialog.close() },
      icon("x"),
    );
    dialog.setAttribute("aria-labelledby", "chooser-title");
    dialog.replaceChildren(
      h("div", { class: "head" }, h("h2", { id: "chooser-title" }, question.title), close),
      h("div", { class: "field" }, icon("search"), this.field),
      this.list,
    );
    dialog.showModal();
    this.field.focus();
    this.#look();
  }

  get text() {
    return this.field.value.normalize("NFC").trim();
  }

  #look() {
    this.#asking?.abort();
    this.#asking = new AbortController();
    this.#hasMoved = false;
    this.#listed = this.#fill(this.text, this.#asking.signal);
  }

  /** @param {string} text @param {AbortSignal} signal */
  async #fill(text, signal) {
    const near = numbers(this.question.some ?? [])
      .slice(0, NEAR)
      .join(",");
    const query = new URLSearchParams({ ...(text && { q: text }), ...(near && { near }), limit: String(SHOWN) });
    /** @type {Person[]} */
    let people = [];
    try {
      people = peopleOf(await ask(`people?${query}`, signal));
    } catch (error) {
      if (signal.aborted) return; // else the name can still be written
    }
    const fitting = people.filter((person) => person.name !== this.question.without).slice(0, SHOWN);
    const options = fitting.map((person) =>
      this.#option(person.name, false, face(person), h("bdi", {}, person.name), count(person)),
    );
    if (text && !this.question.known && !fitting.some((person) => person.name === text))
      options.push(
        this.#option(
          text,
          true,
          icon("user-plus"),
          h("span", {}, _("A new person: "), h("bdi", {}, text)),
          h("kbd", { class: "muted" }, "Shift+Enter"),
        ),
      );
    if (!text && this.question.nobody)
      options.unshift(
        this.#option(null, true, icon("user-plus"), h("span", {}, _("A new person without a name")), null),
      );
    this.list.replaceChildren(...options);
    const exact = fitting.findIndex((person) => person.name === text);
    this.#mark(Math.max(0, exact));
  }

  /** @param {string | null} name @param {boolean} isNew @param {...(Node | null)} inside */
  #option(name, isNew, ...inside) {
    const option = h(
      "li",
      { role: "option", id: `choice-${this.#serial++}`, onclick: () => this.#take(option) },
      ...inside,
    );
    if (name !== null) option.dataset.name = name;
    if (isNew) option.dataset.new = "";
    return option;
  }
  #serial = 0;

  /** @param {number} place */
  #mark(place) {
    const options = /** @type {HTMLElement[]} */ ([...this.list.children]);
    this.#at = options.length ? (place + options.length) % options.length : 0;
    options.forEach((option, at) => option.setAttribute("aria-selected", String(at === this.#at)));
    const marked = options[this.#at];
    if (marked) this.field.setAttribute("aria-activedescendant", marked.id);
    else this.field.removeAttribute("aria-activedescendant");
    marked?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (isComposing(event)) return; // Enter and the arrows are the input method's
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5 }[event.key];
    if (step) {
      event.preventDefault();
      this.#hasMoved = true;
      this.#mark(this.#at + step);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!event.repeat) void this.#enter(event.shiftKey);
    }
  }

  /** @param {boolean} asNew */
  async #enter(asNew) {
    const text = this.text;
    if (!this.#hasMoved) await Promise.race([this.#listed, new Promise((done) => setTimeout(done, PATIENCE))]);
    if (!this.dialog.open || text !== this.text) return; // something else was typed meanwhile
    const options = /** @type {HTMLElement[]} */ ([...this.list.children]);
    const fresh = options.find((option) => "new" in option.dataset && option.dataset.name === text);
    const chosen = asNew && fresh ? fresh : options[this.#at];
    if (chosen) this.#take(chosen);
  }

  /** @param {HTMLElement} option */
  #take(option) {
    this.dialog.close();
    this.chosen({ name: option.dataset.name ?? null, isNew: "new" in option.dataset });
  }
}

/** @param {any} answer of `GET people` @returns {Person[]} */
const peopleOf = (answer) => (Array.isArray(answer) ? answer : (answer.people ?? answer.items ?? []));

/** @param {Person} person */
export const face = (person) =>
  person.picture ? h("img", { src: person.picture, alt: "", width: 44, height: 44 }) : icon("user");

/** @param {Person} person */
const count = (person) => h("span", { class: "muted" }, ngettext("%(num)s face", "%(num)s faces", person.faces));
