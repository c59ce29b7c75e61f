// Cameras on a page: what they see as it comes, how old it is, and since when one is lost. An old picture is grey.
import { send } from "../correct/api.js";
import { toast } from "../correct/toasts.js";
import { _, ngettext } from "../words.js";
import { isGone } from "./gone.js";
import { lookAt } from "./socket.js";

const FRESH = 10000; // ms for which a picture is what a camera sees
const TURN = 500; // ms between two looks at how old pictures are

/**
 * @typedef {Object} State
 * @property {string} status good, lost, starting, paused, waiting
 * @property {number} since ms since 1970
 * @property {string} reason
 * @property {boolean} still its picture seems to stand still
 * @property {number | undefined} seen ms since 1970 when the newest picture was taken
 */
/** @type {Map<string, State>} */
const states = new Map();
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "numeric", minute: "2-digit" });
const tenths = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const all = () => /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-camera]"));
const withPicture = () => [...all()].filter((one) => one.querySelector("canvas"));

/** What a status is called. @param {string} status */
function called(status) {
  return { good: _("Live"), lost: _("Lost"), starting: _("Starting"), paused: _("Paused"), waiting: _("Waiting") }[status] ?? status;
}

/** @param {string} name */
const stateOf = (name) => states.get(name) ?? { status: "starting", since: Date.now(), reason: "", still: false, seen: undefined };

/** @param {any} told of a camera */
function take(told) {
  const since = Date.now() - 1000 * told.age;
  states.set(told.camera, { ...stateOf(told.camera), status: told.status, since, reason: told.reason, still: told.still });
}

/** @param {any} tile */
async function show({ camera, age, picture }) {
  const state = stateOf(camera);
  const seen = Date.now() - 1000 * age;
  const image = await createImageBitmap(picture).catch(() => null);
  if (!image) return;
  states.set(camera, { ...state, ...states.get(camera), seen });
  for (const one of withPicture().filter((shown) => shown.dataset.camera === camera)) {
    const canvas = /** @type {HTMLCanvasElement} */ (one.querySelector("canvas"));
    if (canvas.width !== image.width || canvas.height !== image.height) {
      canvas.width = image.width;
      canvas.height = image.height;
      canvas.dispatchEvent(new CustomEvent("sized", { bubbles: true }));
    }
    canvas.getContext("2d")?.drawImage(image, 0, 0);
    one.dataset.shown = "";
    paint(one);
  }
  image.close();
}

/** Say of one camera how it is. @param {HTMLElement} one */
function paint(one) {
  const name = one.dataset.camera ?? "";
  const known = states.has(name);
  const state = stateOf(name);
  const isOld = state.seen !== undefined && Date.now() - state.seen > FRESH;
  const isLive = !isGone() && state.status === "good" && !isOld;
  if (known) one.dataset.status = isLive ? "good" : state.status === "good" ? "old" : state.status;
  one.toggleAttribute("data-stale", known && !isLive);
  const badge = one.querySelector("[data-state]");
  if (badge && known) {
    badge.textContent = isGone() ? _("Not known") : isLive || state.status !== "good" ? called(state.status) : _("No new picture");
    badge.className = `badge ${isLive ? "good" : state.status === "lost" || isOld ? "danger" : "warn"}`;
  }
  const note = one.querySelector("[data-note]");
  if (note && known) note.textContent = isLive ? delay(state) : stale(state, isOld);
  for (const button of one.querySelectorAll("[data-live=pause], [data-live=resume]")) {
    /** @type {HTMLElement} */ (button).hidden = (button.getAttribute("data-live") === "pause") === (state.status === "paused");
  }
}

/** @param {State} state */
function delay(state) {
  if (state.still) return _("its picture seems to stand still");
  if (state.seen === undefined) return "";
  return _("%(seconds)s s behind", { seconds: tenths.format((Date.now() - state.seen) / 1000) });
}

/** @param {State} state @param {boolean} isOld */
function stale(state, isOld) {
  const since = state.status !== "good" ? state.since : isOld && state.seen ? state.seen : state.since;
  const said = _("since %(time)s", { time: clock.format(since) });
  return state.reason && state.status === "lost" ? `${said} · ${state.reason}` : said;
}

const paintAll = () => all().forEach(paint);

/** Pause a camera or have it go on. @param {string} name @param {string} what */
async function order(name, what) {
  try {
    await send("POST", `cameras/${encodeURIComponent(name)}/${what}`, {});
    toast(what === "pause" ? _("%(camera)s is paused until the program ends.", { camera: name }) : _("%(camera)s watches again.", { camera: name }));
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { wrong: true });
  }
}

/** How many are shown, for whoever does not see them. */
function count() {
  const lost = [...states.values()].filter((state) => state.status === "lost").length;
  const said = document.querySelector("[data-lost-count]");
  if (said) said.textContent = lost ? ngettext("%(num)s camera is lost", "%(num)s cameras are lost", lost) : "";
}

export function start() {
  document.addEventListener("live:hello", (event) => {
    for (const camera of /** @type {CustomEvent} */ (event).detail.cameras) take(camera);
    paintAll();
    count();
  });
  document.addEventListener("live:camera", (event) => {
    take(/** @type {CustomEvent} */ (event).detail);
    paintAll();
    count();
  });
  if (!all().length) return;
  document.addEventListener("live:tile", (event) => void show(/** @type {CustomEvent} */ (event).detail));
  for (const event of ["live:gone", "live:back", "fresh"]) document.addEventListener(event, paintAll);
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-live]") : null;
    const name = button?.closest("[data-camera]")?.getAttribute("data-camera");
    if (button && name) void order(name, button.getAttribute("data-live") ?? "");
  });
  setInterval(paintAll, TURN);
  const shown = withPicture();
  const isLarge = shown.some((one) => one.dataset.size === "large");
  lookAt(shown.map((one) => one.dataset.camera ?? ""), isLarge ? "large" : "small");
}
