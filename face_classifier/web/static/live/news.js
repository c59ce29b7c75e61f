// What is new is said and waits: nothing moves on a page that somebody works on until they ask for it.
import { h } from "../correct/dom.js";
import { refresh } from "../correct/fresh.js";
import { isMine, isWriting } from "../correct/writes.js";
import { _, icon, ngettext } from "../words.js";

let visits = 0;
let hasMoved = false;
const stated = () => Number(document.body.dataset.revision); // 0: of an empty folder
/** @type {number | undefined} the revision that the page shows */
let shown;
/** @type {number | undefined} the newest one that is known */
let latest;
/** @type {HTMLElement | undefined} */
let button;

function show() {
  if (!visits && !hasMoved) {
    button?.remove();
    button = undefined;
    return;
  }
  const text = visits ? ngettext("%(num)s new", "%(num)s new", visits) : _("Something has changed");
  if (!button) {
    button = h("button", { type: "button", class: "news", onclick: take });
    document.querySelector("main")?.before(button);
  }
  button.replaceChildren(icon("rotate-ccw"), h("span", {}, text), h("span", { class: "unseen" }, _("Show it")));
}

async function take() {
  await refresh();
  forget();
  moved(latest); // it may have moved on meanwhile
}

function forget() {
  visits = 0;
  hasMoved = false;
  shown = stated();
  show();
}

/** @param {number | undefined} revision */
function moved(revision) {
  if (revision === undefined) return;
  latest = revision;
  if (isWriting()) return; // it may be our own, which is known once that is answered
  shown ??= stated();
  if (revision <= shown) return;
  let foreign = false;
  for (let number = shown + 1; number <= revision && !foreign; number++) foreign = !isMine(number);
  if (!foreign) return void (shown = revision);
  hasMoved = true;
  show();
}

/** Pages that show what moves (`data-news`) say what is new; what others show stays true. */
export function start() {
  const kind = document.querySelector("[data-news]")?.getAttribute("data-news");
  if (kind === null || kind === undefined) return;
  const told = (/** @type {Event} */ event) => moved(/** @type {CustomEvent} */ (event).detail.revision);
  if (kind === "visits") {
    document.addEventListener("live:visit", () => {
      visits += 1;
      show();
    });
  } else {
    document.addEventListener("live:hello", told);
    document.addEventListener("live:revision", told);
    document.addEventListener("written", () => moved(latest));
  }
  document.addEventListener("live:resync", () => {
    hasMoved = true;
    show();
  });
  document.addEventListener("fresh", forget);
}
