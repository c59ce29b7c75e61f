// What can be said of faces: whose they are, whose they are not, that they are to be left alone.
import { _, ngettext } from "../words.js";
import { choose } from "./chooser.js";
import { isField } from "./dom.js";
import { itemOf, items, listOf, numbers, personOf, restoresOf, offeredTo, revisionOf, takeOff } from "./lists.js";
import {
  current,
  focused,
  focusOn,
  heir,
  move,
  select,
  selectList,
  selectNone,
  selected,
  settle,
  toggle,
} from "./selection.js";
import { undo, write } from "./writes.js";

/** @typedef {import("./lists.js").Item} Item */
/** @typedef {import("./keys.js").Deed} Deed */

/**
 * Write something of faces, which leave the page at once.
 * @param {Item[]} some
 * @param {string} path below /api/v1/.
 * @param {Object} body besides the faces.
 * @param {string | ((answer: any) => string)} said
 * @param {boolean} [stay] they stay where they are.
 */
function tell(some, path, body, said, stay = false) {
  if (!some.length) return;
  const faces = numbers(some);
  const revision = revisionOf(some);
  const next = focused() && !stay ? heir(some) : null;
  write({
    method: "POST",
    path,
    revision,
    body: () => ({ ...body, faces }),
    show: () => {
      select(some, "fewer");
      const back = stay ? () => {} : takeOff(some);
      settle();
      focusOn(next);
      return () => {
        back();
        settle();
        select(some);
        focusOn(some[0]);
      };
    },
    said,
  });
}

/** @param {number} count */
const faces = (count) => ngettext("%(num)s face", "%(num)s faces", count);

/** These are this person's. @param {Item[]} some @param {string} person the name; a new one makes a new person. */
export function assign(some, person) {
  const not = some.filter((item) => personOf(item) !== person);
  tell(
    not.length ? not : some,
    "faces/assign",
    { person },
    _("%(faces)s: %(name)s", { faces: faces(some.length), name: person }),
    !not.length,
  );
}

/** @param {Item[]} some */
export function assignNew(some) {
  tell(some, "faces/assign", { person: "new" }, (answer) =>
    _("%(faces)s: a new person, %(name)s", { faces: faces(some.length), name: answer.person ?? "" }),
  );
}

/** Nobody's yet; of those that were put aside that is taken back. @param {Item[]} some */
export function makeUnknown(some) {
  restore(some);
  const theirs = some.filter((item) => personOf(item));
  tell(theirs, "faces/assign", { person: null }, _("%(faces)s: unknown", { faces: faces(theirs.length) }));
}

/** Not the person in whose list they are; that is kept. @param {Item[]} some */
export function deny(some) {
  const person = some.map(personOf).find((name) => name);
  if (!person) return;
  const theirs = some.filter((item) => personOf(item) === person);
  tell(
    theirs,
    "faces/assign",
    { person: null, not: person },
    _("%(faces)s: not %(name)s", { faces: faces(theirs.length), name: person }),
  );
}

/** @param {Item[]} some */
export const ignore = (some) => tell(some, "faces/ignore", {}, _("%(faces)s: ignored", { faces: faces(some.length) }));

/** @param {Item[]} some */
export const exclude = (some) =>
  tell(some, "faces/exclude", {}, _("%(faces)s: no face to keep", { faces: faces(some.length) }));

/** What was said of faces is said no longer. @param {Item[]} some */
function restore(some) {
  const put = some.filter(restoresOf);
  const not = put.find((item) => restoresOf(item) === "not");
  const body = not ? { not: listOf(not).dataset.person } : {};
  tell(put, "faces/restore", body, _("%(faces)s: taken back", { faces: faces(put.length) }));
}

/** They are right where they are: each is its own person's by the user's word. @param {Item[]} some */
function confirm(some) {
  for (const [person, theirs] of Map.groupBy(some, (item) => item.dataset.own ?? ""))
    if (person)
      tell(
        theirs,
        "faces/assign",
        { person },
        _("%(faces)s stay: %(name)s", { faces: faces(theirs.length), name: person }),
      );
}

/** Part of a person is another one; the two are kept apart. @param {Item[]} some */
async function split(some) {
  const person = some.map(personOf).find((name) => name);
  if (!person) return;
  const choice = await choose({
    title: _("Who are these %(faces)s, kept apart from %(name)s?", { faces: faces(some.length), name: person }),
    some,
    without: person,
    nobody: true,
  });
  if (!choice) return;
  const path = `people/${encodeURIComponent(person)}/split`;
  tell(some, path, { name: choice.name }, (answer) =>
    _("%(faces)s: %(name)s, kept apart from %(other)s", {
      faces: faces(some.length),
      name: answer.part ?? choice.name ?? "",
      other: person,
    }),
  );
}

/** The face that stands for its person. @param {Item[]} some */
function cover([face]) {
  const person = face && personOf(face);
  if (!person) return;
  write({
    method: "PATCH",
    path: `people/${encodeURIComponent(person)}`,
    revision: revisionOf([face]),
    body: () => ({ cover: Number(face.dataset.face) }),
    show: () => {
      selectNone();
      return () => select([face]);
    },
    said: _("This picture stands for %(name)s", { name: person }),
    anew: true,
  });
}

/** Whose they are: by a list that offers somebody, or else by the chooser. @param {Item[]} some */
function name(some) {
  const person = some[0] && offeredTo(some[0]);
  if (person) assign(some, person);
  else void ask(some);
}

/** Ask whose they are. @param {Item[]} some */
async function ask(some) {
  if (!some.length) return;
  const all = listOf(some[0]);
  const choice = await choose({
    title: _("Who is this? %(faces)s", { faces: faces(some.length) }),
    some,
    without: personOf(all),
  });
  if (choice?.name) assign(some, choice.name);
}

/**
 * The faces that a button is about: those of its group that are not selected, or else what is meant now.
 * @param {HTMLElement | null} button
 * @returns {Item[]}
 */
export function meant(button) {
  const group = button?.closest("[data-group]");
  if (!group) return current();
  const odd = new Set(selected());
  return items(group).filter((item) => !odd.has(item));
}

/** @param {(some: Item[]) => void} what @returns {Deed["run"]} */
const on = (what) => (button) => what(meant(button));
const some = () => current().length > 0;
const theirs = () => current().some((item) => personOf(item));

/** @param {Parameters<typeof move>[0]} where @param {...string} keys @returns {Deed[]} */
const goes = (where, ...keys) => [
  {
    act: `go-${where}`,
    keys,
    shown: where === "right" ? "j k ← → ↑ ↓" : "",
    words: _("Go to the next face, or the one before"),
    repeats: true,
    when: () => items().length > 0,
    run: () => move(where, false),
  },
  {
    act: `reach-${where}`,
    keys: keys.map((key) => `Shift+${key}`),
    shown: where === "right" ? "Shift" : "",
    words: _("With these or a click: select all up to there"),
    repeats: true,
    when: () => focused() !== null,
    run: () => move(where, true),
  },
];

/** @returns {Deed[]} */
export const deeds = () => [
  { act: "assign", keys: ["a", "/"], shown: "a /", words: _("Say who it is"), when: some, run: on(ask) },
  { act: "new", keys: ["n"], words: _("A new person"), when: some, run: on(assignNew) },
  { act: "unknown", keys: ["u"], words: _("Unknown: nobody yet"), when: theirs, run: on(makeUnknown) },
  { act: "not", keys: ["d"], words: _("Not this person"), when: theirs, run: on(deny) },
  { act: "ignore", keys: ["i"], words: _("Ignore: do not ask about it again"), when: some, run: on(ignore) },
  { act: "exclude", keys: ["e"], words: _("No face: take it out"), when: some, run: on(exclude) },
  {
    act: "restore",
    keys: ["r"],
    words: _("Take back that it is ignored or taken out"),
    when: () => current().some(restoresOf),
    run: on(restore),
  },
  {
    act: "right",
    keys: ["r"],
    shown: "",
    words: _("They are right where they are"),
    when: (button) => meant(button).some((item) => offeredTo(item) && item.dataset.own),
    run: on(confirm),
  },
  {
    act: "split",
    keys: ["s"],
    words: _("Another person, kept apart from this one"),
    when: theirs,
    run: on((some) => void split(some)),
  },
  { act: "cover", keys: ["c"], words: _("The picture of this person"), when: theirs, run: on(cover) },
  {
    act: "select",
    keys: ["x", "Space"],
    shown: "x",
    words: _("Select it, or not"),
    when: () => focused() !== null,
    run: () => toggle(/** @type {Item} */ (focused())),
  },
  {
    act: "select-all",
    keys: ["$mod+a"],
    shown: "Ctrl A",
    words: _("Select all of the list"),
    when: () => items().length > 0,
    run: () => selectList(listOf(current()[0] ?? items()[0])),
  },
  { act: "clear", keys: ["Escape"], shown: "Esc", words: _("Select none"), when: some, run: selectNone },
  { act: "undo", keys: ["z", "$mod+z"], words: _("Undo"), run: undo },
  ...goes("right", "j", "ArrowRight"),
  ...goes("left", "k", "ArrowLeft"),
  ...goes("down", "ArrowDown"),
  ...goes("up", "ArrowUp"),
  ...goes("first", "Home"),
  ...goes("last", "End"),
  {
    act: "name",
    keys: ["Enter"],
    shown: "",
    words: _("Say who it is"),
    when: () => focused() !== null && itemOf(document.activeElement) !== null && !isField(document.activeElement),
    run: on(name),
  },
];
