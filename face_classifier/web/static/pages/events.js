// /events: what can be done with a visit. Keys go from one to the next; who it was is asked of all its faces at once.
import { _, ngettext } from "../words.js";
import { choose } from "../correct/chooser.js";
import { h } from "../correct/dom.js";
import { offer } from "../correct/keys.js";
import { write } from "../correct/writes.js";

/** @typedef {HTMLElement} Visit */

/** @returns {Visit[]} */
const visits = () => [...document.querySelectorAll("[data-visit]")].map((one) => /** @type {Visit} */ (one));
/** @param {Element | null} [within] @returns {Visit | null} */
const visitOf = (within = document.activeElement) => /** @type {Visit | null} */ (within?.closest("[data-visit]") ?? null);
/** @param {string | undefined} list */
const numbers = (list) => (list ?? "").split(",").filter(Boolean).map(Number);

/** @param {number} by */
function go(by) {
  const all = visits();
  const at = all.indexOf(/** @type {Visit} */ (visitOf()));
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

/** @param {Visit | null} visit */
async function who(visit) {
  const faces = numbers(visit?.dataset.faces);
  if (!visit || !faces.length) return;
  const some = faces.map((face) => h("span", { "data-face": face }));
  const choice = await choose({ title: _("Who came?"), some, without: visit.dataset.person || undefined, nobody: true });
  if (!choice) return;
  const person = choice.name ?? "new";
  write({
    method: "POST",
    path: "faces/assign",
    revision: Number(visit.dataset.revision),
    body: () => ({ person, faces }),
    show: () => {
      visit.setAttribute("aria-busy", "true");
      return () => visit.removeAttribute("aria-busy");
    },
    said: (answer) => _("%(faces)s: %(name)s", { faces: ngettext("%(num)s face", "%(num)s faces", faces.length), name: answer.person ?? person }),
    anew: true,
  });
}

/** @param {Visit | null} visit */
function review(visit) {
  const tracks = numbers(visit?.dataset.tracks);
  if (!visit || !tracks.length) return;
  const reviewed = !("reviewed" in visit.dataset);
  const mark = (/** @type {boolean} */ on) => {
    visit.toggleAttribute("data-reviewed", on);
    visit.classList.toggle("reviewed", on);
    visit.querySelector("[data-act=review]")?.setAttribute("aria-pressed", String(on));
  };
  write({
    method: "POST",
    path: "visits/reviewed",
    revision: Number(visit.dataset.revision),
    body: () => ({ tracks, reviewed }),
    show: () => {
      mark(reviewed);
      return () => mark(!reviewed);
    },
    said: reviewed ? _("Reviewed") : _("To be reviewed again"),
  });
}

export function start() {
  if (location.pathname !== "/events") return;
  const some = () => visits().length > 0;
  const one = () => visitOf() !== null;
  /** @param {(visit: Visit | null) => unknown} what */
  const on = (what) => (/** @type {HTMLElement | null} */ button) => void what(visitOf(button ?? document.activeElement));
  offer([
    { act: "who", keys: ["a", "/"], shown: "a /", words: _("Say who it is"), when: one, run: on(who) },
    { act: "review", keys: ["r"], words: _("Reviewed, or not"), when: one, run: on(review) },
    { act: "next-visit", keys: ["j", "ArrowDown"], shown: "j ↓", words: _("The next visit"), repeats: true, when: some, run: () => go(1) },
    { act: "visit-before", keys: ["k", "ArrowUp"], shown: "k ↑", words: _("The visit before"), repeats: true, when: some, run: () => go(-1) },
  ]);
}
