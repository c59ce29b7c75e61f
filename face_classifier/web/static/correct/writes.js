// Writing: shown at once, sent one after the other, taken back with a sentence when it is refused, and undone by `z`.
//
// Each write tells the revision that its user saw, and which entries of the journal this tab made since (`mine`): what
// others changed meanwhile is a conflict, what one did oneself is none.
import { _ } from "../words.js";
import { Refusal, send } from "./api.js";
import { refresh } from "./fresh.js";
import { toast } from "./toasts.js";

/**
 * @typedef {Object} Writing
 * @property {string} method POST, PATCH or DELETE.
 * @property {string} path below /api/v1/.
 * @property {() => Object} body what is sent; asked when it is.
 * @property {number | null} revision that was seen; null: none is needed.
 * @property {() => (() => void)} show changes the page at once; returns what takes that back.
 * @property {string | ((answer: any) => string)} said tells what was done; as a function, once that is known.
 * @property {(answer: any) => void} [then] once it is done.
 * @property {(refusal: Refusal) => boolean} [refused] true: this refusal was dealt with.
 * @property {boolean} [anew] the page is fetched anew when it is done.
 * @property {Write} [undoes] the write that this one takes back.
 */
/** @typedef {Writing & {state: "waiting" | "sent" | "done" | "undone", takeBack: () => void, number?: number, stale?: boolean, untell?: () => void}} Write `number`: of its entry */

const KEPT = "undo"; // in the session's storage: what was done on earlier pages of this tab
const MOST = 50;

/** @type {Write[]} all of this page, the oldest first */
const writes = [];
/** @type {Write[]} */
const queue = [];
/** @type {Set<number>} numbers of entries */
const mine = new Set();
let isSending = false;
let next = ""; // the page that the user follows a link to, once all is sent

/** Whether an entry of the journal was made by this tab. @param {number} revision */
export const isMine = (revision) => mine.has(revision);

/** Whether anything waits for its answer. */
export const isWriting = () => isSending || queue.length > 0;

/** Whether the program does not answer. */
export const isGone = () => "gone" in document.body.dataset;

/** Do something: shown now, sent when its turn comes. @param {Writing} writing */
export function write(writing) {
  if (isGone()) return toast(_("The program is not running, so nothing can be changed now."), { wrong: true });
  const record = /** @type {Write} */ ({ ...writing, state: "waiting", takeBack: writing.show() });
  if (!record.undoes) writes.push(record);
  queue.push(record);
  document.body.dataset.writing = "";
  if (typeof record.said === "string") tell(record, record.said);
  void sendAll();
}

/** @param {Write} record @param {string} sentence */
function tell(record, sentence) {
  record.untell?.();
  record.untell = record.undoes
    ? toast(sentence)
    : toast(sentence, { button: _("Undo"), key: "z", act: () => takeBack(record) });
}

async function sendAll() {
  if (isSending) return;
  isSending = true;
  for (let record = queue.shift(); record; record = queue.shift()) {
    record.state = "sent";
    const { method, path, revision } = record;
    try {
      const own = [...mine].filter((entry) => entry > (revision ?? 0));
      done(record, await send(method, path, { revision, mine: own, ...record.body() }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      await refused(record, error);
    }
  }
  isSending = false;
  delete document.body.dataset.writing;
  document.dispatchEvent(new CustomEvent("written"));
  if (next) location.assign(next);
  next = "";
}

/** @param {Write} record @param {any} answer */
function done(record, answer) {
  record.state = "done";
  record.number = answer.entry ?? undefined;
  if (record.number !== undefined) mine.add(record.number);
  if (record.undoes) record.undoes.state = "undone";
  keep();
  if (typeof record.said === "function") tell(record, record.said(answer));
  record.then?.(answer);
  if (record.anew || record.undoes?.stale || record.undoes?.anew) void refresh();
}

/** @param {Write} record @param {Refusal} refusal */
async function refused(record, refusal) {
  next = ""; // the user reads here why
  record.untell?.();
  record.takeBack();
  writes.splice(writes.indexOf(record) >>> 0, 1);
  if (record.refused?.(refusal)) return;
  toast(refusal.message, { wrong: true });
  if (refusal.status !== 409 && refusal.status !== 0) return;
  for (const waiting of queue.splice(0).reverse()) {
    waiting.untell?.();
    waiting.takeBack(); // it was decided on a page that no longer holds
    writes.splice(writes.indexOf(waiting) >>> 0, 1);
  }
  if (refusal.status === 409) await refresh();
}

/** Take back the latest of what this tab did. */
export function undo() {
  const latest = writes.findLast((one) => one.state !== "undone");
  if (latest) return takeBack(latest);
  const number = kept().pop();
  if (number === undefined) return toast(_("There is nothing to take back here. History tells of everything."));
  const earlier = /** @type {Write} */ (
    /** @type {unknown} */ ({ state: "done", number, stale: true, show: nothing, takeBack: nothing })
  );
  writes.push(earlier);
  takeBack(earlier);
}

const nothing = () => () => {};

/** @param {Write} record */
function takeBack(record) {
  if (record.state === "undone") return;
  record.untell?.();
  const place = queue.indexOf(record);
  if (place >= 0) {
    queue.splice(place, 1); // nobody knows of it yet
    record.state = "undone";
    record.takeBack();
    return toast(_("Taken back"));
  }
  const state = record.state;
  write({
    method: "POST",
    path: "journal/undo",
    body: () => ({ entry: record.number }),
    revision: null,
    undoes: record,
    show: () => {
      record.takeBack();
      record.state = "undone";
      return () => {
        record.takeBack = record.show();
        record.state = state;
      };
    },
    said: (answer) => (answer.left?.length ? _("Taken back, but for faces that were moved since") : _("Taken back")),
  });
}

/** Numbers of what was done on pages of this tab and stands, the oldest first. @returns {number[]} */
function kept() {
  return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
}

/** The next page of this tab can take back, too, what was done on this one. */
function keep() {
  const own = writes.filter((one) => one.number !== undefined);
  const numbers = new Set(own.map((one) => one.number));
  const standing = own.filter((one) => one.state === "done").map((one) => one.number);
  sessionStorage.setItem(
    KEPT,
    JSON.stringify([...kept().filter((one) => !numbers.has(one)), ...standing].slice(-MOST)),
  );
}

/** A page that is left sends no more: a link waits for what is under way. @param {MouseEvent} event */
function leave(event) {
  const link = /** @type {Element} */ (event.target).closest("a[href]");
  if (!(link instanceof HTMLAnchorElement) || link.target || link.download || event.defaultPrevented || !isWriting()) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return; // opens beside this page
  event.preventDefault();
  next = link.href;
}

export function start() {
  document.addEventListener("click", leave);
  addEventListener("beforeunload", (event) => {
    if (isWriting() && !next) event.preventDefault(); // the browser asks
  });
  document.addEventListener("fresh", () => {
    for (const record of writes) {
      record.stale = true; // the elements that it would bring back are no longer shown
      record.takeBack = () => {};
      record.show = nothing;
    }
  });
}
