// Masks and zones, drawn on the picture of a camera by mouse, touch or keys. The configuration is only read here, so
// what is drawn becomes the lines to put into it.
import { byId, h } from "../correct/dom.js";
import { toast } from "../correct/toasts.js";
import { _, icon } from "../words.js";
import { fault, point, yaml } from "./shapes.js";

const SVG = "http://www.w3.org/2000/svg";
const STEP = 0.01; // of the picture, a press of an arrow key; five times that with Shift
const HIT = 22; // px around a corner that count as it: half of 44

/** @typedef {import("./shapes.js").Area} Area */
/** @typedef {import("./shapes.js").Point} Point */

/** @type {Area[]} */
let areas = [];
/** @type {Area | null} the one that is drawn */
let drawn = null;
/** @type {Point} where keys draw */
let cursor = [0.5, 0.5];
/** @type {Map<Area, {line: SVGElement, corners: SVGElement[]}>} */
const shown = new Map();
/** @type {SVGSVGElement} */
let board;
/** @type {HTMLElement} */
let editor;

/** @param {string} tag @param {Object<string, string | number>} given @returns {SVGElement} */
function s(tag, given) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, String(value));
  return element;
}

/** Where a pointer is. @param {PointerEvent} event @returns {Point} */
function at(event) {
  const { left, top, width, height } = board.getBoundingClientRect();
  return point((event.clientX - left) / width, (event.clientY - top) / height);
}

/** A corner near a place, to take hold of. @param {Point} place @param {Area[]} among @returns {{area: Area, corner: number} | null} */
function near([x, y], among) {
  const { width, height } = board.getBoundingClientRect();
  for (const area of among) {
    const corner = area.points.findIndex(([px, py]) => Math.hypot((px - x) * width, (py - y) * height) <= HIT);
    if (corner >= 0) return { area, corner };
  }
  return null;
}

/** @param {"mask" | "zone"} kind */
function begin(kind) {
  drawn = { kind, name: "", role: "", points: [] };
  areas.push(drawn);
  board.focus();
  draw();
}

/** A corner more; on the first one again, the area is whole. @param {Point} place */
function corner(place) {
  if (!drawn) return;
  const first = near(place, [drawn]);
  if (first?.corner === 0 && drawn.points.length >= 3) return finish();
  drawn.points.push(place);
  draw();
}

function finish() {
  if (!drawn || drawn.points.length < 3) return;
  const done = drawn;
  drawn = null;
  draw();
  if (done.kind === "zone") /** @type {HTMLElement | null} */ (editor.querySelector("[data-areas-list] li:last-child input"))?.focus();
}

function drop() {
  areas = areas.filter((area) => area !== drawn);
  drawn = null;
  draw();
}

// What is shown

function draw() {
  const { width, height } = board.getBoundingClientRect();
  board.setAttribute("viewBox", `0 0 ${Math.max(1, width)} ${Math.max(1, height)}`);
  board.replaceChildren();
  shown.clear();
  for (const area of areas) {
    const line = s(area === drawn ? "polyline" : "polygon", { class: `${area.kind}${area === drawn ? " drawn" : ""}` });
    const corners = area.points.map(() => s("g", { class: `corner ${area.kind}` }));
    for (const one of corners) one.append(s("circle", { r: HIT, class: "hit" }), s("circle", { r: 7 }));
    board.append(line, ...corners);
    shown.set(area, { line, corners });
    put(area);
  }
  if (drawn) {
    const [x, y] = [cursor[0] * width, cursor[1] * height];
    board.append(s("path", { d: `M${x - 12} ${y}h24M${x} ${y - 12}v24`, class: "cursor" }));
  }
  editor.toggleAttribute("data-drawing", drawn !== null);
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (editor.querySelectorAll("[data-area-act]"))) {
    const isBegin = button.dataset.areaAct === "mask" || button.dataset.areaAct === "zone";
    button.hidden = isBegin === (drawn !== null);
  }
  tell();
}

/** Put an area where its points are. Its elements stay: a finger is on one of them. @param {Area} area */
function put(area) {
  const { width, height } = board.getBoundingClientRect();
  const places = area.points.map(([x, y]) => [x * width, y * height]);
  const elements = shown.get(area);
  elements?.line.setAttribute("points", places.map((place) => place.join(",")).join(" "));
  places.forEach(([x, y], corner) => elements?.corners[corner]?.setAttribute("transform", `translate(${x} ${y})`));
}

/** The areas by name, and the lines for the configuration. */
function tell() {
  const list = editor.querySelector("[data-areas-list]");
  const finished = areas.filter((area) => area !== drawn);
  if (list && list.children.length !== finished.length) list.replaceChildren(...finished.map(entry));
  const wrong = fault(finished);
  const why = editor.querySelector("[data-areas-wrong]");
  if (why) why.textContent = wrong ? sentence(...wrong) : "";
  const lines = /** @type {HTMLTextAreaElement | null} */ (editor.querySelector("textarea"));
  const pixelate = /** @type {HTMLInputElement | null} */ (editor.querySelector("[data-areas-pixelate]"))?.checked ?? false;
  if (lines) {
    lines.value = wrong ? "" : yaml(editor.dataset.areas ?? "", finished, pixelate);
    lines.rows = Math.max(4, lines.value.split("\n").length);
  }
  const copy = /** @type {HTMLButtonElement | null} */ (editor.querySelector("[data-area-copy]"));
  if (copy) copy.disabled = wrong !== null;
}

/** @param {Area} area @param {string} why */
function sentence(area, why) {
  const name = area.kind === "mask" ? _("A mask") : area.name || _("A zone");
  if (why === "crosses") return _("%(area)s: its sides cross; move a corner.", { area: name });
  if (why === "twice") return _("%(area)s: another zone has the same name.", { area: name });
  if (why === "few") return _("%(area)s: it needs three corners.", { area: name });
  return _("%(area)s: give it a name of letters, digits, spaces, '.', '_' and '-'.", { area: name });
}

/** @param {Area} area */
function entry(area) {
  const remove = () => {
    areas = areas.filter((other) => other !== area);
    draw();
  };
  const away = h("button", { type: "button", class: "plain round", onclick: remove, "aria-label": _("Remove") }, icon("trash-2"));
  if (area.kind === "mask") return h("li", {}, h("b", {}, _("Mask")), away);
  const name = /** @type {HTMLInputElement} */ (h("input", { value: area.name, maxlength: 63, "aria-label": _("Name of the zone"), placeholder: _("Name of the zone"), autocomplete: "off" }));
  name.addEventListener("input", () => {
    area.name = name.value.trim();
    tell();
  });
  const roles = { "": _("Tells where people were"), only: _("Faces elsewhere do not count"), ignore: _("Faces here do not count") };
  const role = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": _("What it does") }, ...Object.entries(roles).map(([value, text]) => h("option", { value, selected: value === area.role }, text))));
  role.addEventListener("change", () => {
    area.role = /** @type {Area["role"]} */ (role.value);
    tell();
  });
  return h("li", {}, name, role, away);
}

// Hands

/** @type {{area: Area, corner: number} | null} */
let held = null;

/** @param {PointerEvent} event */
function press(event) {
  if (event.button !== 0) return;
  const place = at(event);
  if (drawn) {
    event.preventDefault();
    board.focus();
    cursor = place;
    return corner(place);
  }
  held = near(place, areas);
  if (!held) return;
  event.preventDefault();
  board.setPointerCapture(event.pointerId);
}

/** A finger that draws does not scroll the page. `touch-action` says nothing within a picture. @param {TouchEvent} event */
function hold(event) {
  if (drawn || held) event.preventDefault();
}

/** @param {PointerEvent} event */
function move(event) {
  if (!held) return;
  held.area.points[held.corner] = at(event);
  put(held.area);
  tell();
}

/** @param {KeyboardEvent} event */
function key(event) {
  if (!drawn) return;
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const arrow = /** @type {Object<string, number[]>} */ (arrows)[event.key];
  if (arrow) {
    const step = event.shiftKey ? 5 * STEP : STEP;
    cursor = point(cursor[0] + arrow[0] * step, cursor[1] + arrow[1] * step);
    draw();
  } else if (event.key === " ") corner(cursor);
  else if (event.key === "Enter") finish();
  else if (event.key === "Backspace") {
    drawn.points.pop();
    draw();
  } else if (event.key === "Escape") drop();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

async function copy() {
  const lines = /** @type {HTMLTextAreaElement} */ (editor.querySelector("textarea"));
  lines.select();
  try {
    await navigator.clipboard.writeText(lines.value);
  } catch {
    document.execCommand("copy"); // a page without TLS has no other way
  }
  toast(_("Copied. Put it into the configuration, then reload it."));
}

export function start() {
  const found = /** @type {HTMLElement | null} */ (document.querySelector("[data-areas]"));
  if (!found) return;
  editor = found;
  board = /** @type {SVGSVGElement} */ (/** @type {unknown} */ (byId("board")));
  areas = JSON.parse(editor.dataset.given ?? "[]");
  const acts = { mask: () => begin("mask"), zone: () => begin("zone"), finish, drop };
  editor.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-area-act], [data-area-copy]") : null;
    if (button?.hasAttribute("data-area-copy")) void copy();
    else if (button) /** @type {Object<string, () => void>} */ (acts)[button.getAttribute("data-area-act") ?? ""]?.();
  });
  editor.addEventListener("change", tell);
  board.addEventListener("pointerdown", press);
  board.addEventListener("touchstart", hold, { passive: false });
  board.addEventListener("pointermove", move);
  board.addEventListener("pointerup", () => (held = null));
  board.addEventListener("pointercancel", () => (held = null));
  board.addEventListener("keydown", key);
  new ResizeObserver(draw).observe(board);
  draw();
}
