// /suggestions: one question at a time. The page brings some of them; each answer shows the next one at once.
import { _ } from "../words.js";
import { refresh } from "../correct/fresh.js";
import { offer } from "../correct/keys.js";
import { toast } from "../correct/toasts.js";
import { undo, write } from "../correct/writes.js";

const SKIPPED = "skipped"; // in the session's storage: keys of questions that are left for later
const LEANING = 40; // px of a swipe from which on it shows which answer it would be
const SURE = 110; // px from which on it is one

/** @typedef {HTMLElement} Question */

/** @type {("skip" | "answer")[]} what was done on this page, the latest last */
const done = [];
/** @type {Question[]} */
const left = [];

/** @returns {Question[]} */
const questions = () => [...document.querySelectorAll(".question")].map((one) => /** @type {Question} */ (one));
const open = () => questions().find((one) => !one.hidden) ?? null;
const skipped = () => /** @type {string[]} */ (JSON.parse(sessionStorage.getItem(SKIPPED) ?? "[]"));
/** @param {Question} question */
const isWaiting = (question) => !("answered" in question.dataset) && !skipped().includes(question.dataset.question ?? "");

/** Show one question: this one, or the next that waits. @param {Question | null} [wanted] @param {boolean} [focus] */
function show(wanted = null, focus = true) {
  const all = questions();
  const next = wanted ?? all.find(isWaiting) ?? null;
  for (const one of all) one.hidden = one !== next;
  const none = /** @type {HTMLElement | null} */ (document.querySelector("[data-none]"));
  if (none) none.hidden = next !== null;
  if (next && focus) next.focus({ preventScroll: true });
  for (const picture of all[all.indexOf(/** @type {Question} */ (next)) + 1]?.querySelectorAll("img") ?? []) picture.loading = "eager";
}

/** @param {number} by */
function count(by) {
  const badge = document.querySelector(".chips [aria-current] [data-number]");
  if (badge) badge.textContent = String(Math.max(0, Number(badge.textContent?.replace(/\D/g, "")) + by));
}

/** @param {Question} question @returns {number[]} */
const numbers = (list) => (list ?? "").split(",").filter(Boolean).map(Number);

/** What an answer writes. @param {Question} question @param {boolean} same */
function written(question, same) {
  const { one = "", other = "", kind } = question.dataset;
  if (kind === "two") {
    if (same) return { path: "faces/assign", body: { person: one, faces: numbers(question.dataset.whole) }, said: _("%(name)s is one person", { name: one }) };
    return {
      path: `people/${encodeURIComponent(one)}/split`,
      body: { faces: numbers(question.dataset.go), name: null },
      said: (/** @type {any} */ answer) => _("%(name)s and %(other)s are two people", { name: one, other: answer.part ?? "" }),
    };
  }
  const called = /** @type {HTMLInputElement | null} */ (question.querySelector(".called input:checked"))?.value ?? one;
  const goes = called === one ? other : one;
  return {
    path: `suggestions/${encodeURIComponent(called)}/${encodeURIComponent(goes)}`,
    body: { same },
    said: same ? _("%(other)s is %(name)s now", { other: goes, name: called }) : _("%(name)s and %(other)s are two people", { name: one, other }),
  };
}

/** @param {boolean} same */
function answer(same) {
  const question = open();
  if (!question) return;
  const { path, body, said } = written(question, same);
  const list = /** @type {HTMLElement} */ (question.closest("[data-questions]"));
  done.push("answer");
  write({
    method: "POST",
    path,
    revision: Number(list.dataset.revision),
    body: () => body,
    said,
    show: () => {
      question.dataset.answered = "";
      count(-1);
      show();
      return () => {
        delete question.dataset.answered;
        count(1);
        show(question);
      };
    },
    then: () => {
      if (!questions().some(isWaiting)) void refresh();
    },
  });
}

function skip() {
  const question = open();
  if (!question) return;
  done.push("skip");
  left.push(question);
  sessionStorage.setItem(SKIPPED, JSON.stringify([...skipped(), question.dataset.question].slice(-500)));
  show();
  toast(_("Left for later"), { button: _("Undo"), key: "z", act: back });
}

/** Take back the latest skip or answer. */
function back() {
  if (done.pop() !== "skip") return undo();
  const question = left.pop();
  if (!question) return;
  sessionStorage.setItem(SKIPPED, JSON.stringify(skipped().filter((key) => key !== question.dataset.question)));
  if (question.isConnected) show(question);
}

/** "Two people" is taken back: both may be asked about again. @param {HTMLElement | null} button */
function askAgain(button) {
  const item = /** @type {HTMLElement | null} */ (button?.closest("[data-answer]") ?? null);
  if (!item) return;
  const { one = "", other = "" } = item.dataset;
  const list = /** @type {HTMLElement} */ (item.closest("[data-revision]"));
  write({
    method: "POST",
    path: `suggestions/${encodeURIComponent(one)}/${encodeURIComponent(other)}`,
    revision: Number(list.dataset.revision),
    body: () => ({ same: null }),
    said: _("%(name)s and %(other)s may be asked about again", { name: one, other }),
    show: () => {
      item.hidden = true;
      count(-1);
      return () => {
        item.hidden = false;
        count(1);
      };
    },
  });
}

/** A finger that goes across: to the right for the same, to the left for two. */
function swipe() {
  let from = /** @type {{x: number, y: number, question: Question} | null} */ (null);
  const end = () => {
    if (from) delete from.question.dataset.leaning;
    if (from) from.question.style.transform = "";
    from = null;
  };
  document.addEventListener("pointerdown", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const question = /** @type {Question | null} */ (target?.closest(".question") ?? null);
    if (!question || event.pointerType === "mouse" || !event.isPrimary || target?.closest("button, a, label, input")) return;
    from = { x: event.clientX, y: event.clientY, question };
  });
  document.addEventListener("pointermove", (event) => {
    if (!from || !event.isPrimary) return;
    const across = event.clientX - from.x;
    if (Math.abs(across) < Math.abs(event.clientY - from.y)) return;
    from.question.style.transform = `translateX(${across}px)`;
    if (Math.abs(across) < LEANING) delete from.question.dataset.leaning;
    else from.question.dataset.leaning = across > 0 ? "same" : "different";
  });
  document.addEventListener("pointerup", (event) => {
    if (!from || !event.isPrimary) return;
    const across = event.clientX - from.x;
    const isSure = Math.abs(across) >= SURE && Math.abs(across) > 2 * Math.abs(event.clientY - from.y);
    end();
    if (isSure) answer(across > 0);
  });
  document.addEventListener("pointercancel", end);
}

const asking = () => open() !== null;

export function start() {
  if (location.pathname !== "/suggestions") return;
  offer([
    { act: "same", keys: ["y"], words: _("The same person"), when: asking, run: () => answer(true) },
    { act: "different", keys: ["n"], words: _("Two people"), when: asking, run: () => answer(false) },
    { act: "skip", keys: ["s"], words: _("Skip: leave it for later"), when: asking, run: skip },
    { act: "undo", keys: ["z"], words: _("Undo"), when: () => done.at(-1) === "skip", run: back },
    { act: "ask-again", keys: [], words: _("Ask about both again"), run: askAgain },
  ]);
  swipe();
  const begin = () => show(null, false);
  begin();
  for (const name of ["fresh", "htmx:afterSettle"]) document.addEventListener(name, begin);
}
