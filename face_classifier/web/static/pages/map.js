// /map: looking around on the map of faces. As many dots as find room on the screen are pictures.
import { _ } from "../words.js";
import { h, personPage } from "../correct/dom.js";
import { offer } from "../correct/keys.js";

const NEAREST = 40; // times
const STEP = 1.5;
const MOST = 120; // pictures at a time
const WIDE = 44; // px of a picture on the screen
const STILL = 5; // px that a click may go astray
const SVG = "http://www.w3.org/2000/svg";

class FaceMap {
  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.svg = svg;
    this.side = svg.viewBox.baseVal.width;
    this.dots = /** @type {SVGCircleElement[]} */ ([...svg.querySelectorAll("[data-dot]")]);
    this.labels = /** @type {SVGTextElement[]} */ ([...svg.querySelectorAll("[data-labels] text")]);
    this.view = { x: 0, y: 0, side: this.side };
    /** @type {Map<number, {x: number, y: number}>} */
    this.fingers = new Map();
    this.gone = 0; // px since the finger or button went down
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, (event) => this.up(/** @type {PointerEvent} */ (event)));
    svg.addEventListener("keydown", (event) => this.key(event));
    svg.addEventListener("click", (event) => this.click(event));
    this.draw();
  }

  /** Pixels of the screen that one unit of the map has. */
  get scale() {
    const box = this.svg.getBoundingClientRect();
    return Math.min(box.width, box.height) / this.view.side;
  }

  /** The place on the map below a place of the screen. @param {number} x @param {number} y */
  at(x, y) {
    const box = this.svg.getBoundingClientRect();
    const { scale, view } = this;
    return {
      x: view.x + view.side / 2 + (x - box.left - box.width / 2) / scale,
      y: view.y + view.side / 2 + (y - box.top - box.height / 2) / scale,
    };
  }

  /** @param {number} times @param {{x: number, y: number}} [about] stays where it is. */
  zoom(times, about = { x: this.view.x + this.view.side / 2, y: this.view.y + this.view.side / 2 }) {
    const side = Math.min(this.side, Math.max(this.side / NEAREST, this.view.side / times));
    const share = side / this.view.side;
    this.view = { x: about.x - (about.x - this.view.x) * share, y: about.y - (about.y - this.view.y) * share, side };
    this.draw();
  }

  /** @param {number} x @param {number} y of the screen, px */
  pan(x, y) {
    const { scale } = this;
    this.view = { ...this.view, x: this.view.x - x / scale, y: this.view.y - y / scale };
    this.draw();
  }

  all() {
    this.view = { x: 0, y: 0, side: this.side };
    this.draw();
  }

  draw() {
    const { view, side } = this;
    const most = side - view.side / 2;
    view.x = Math.min(most, Math.max(-view.side / 2, view.x));
    view.y = Math.min(most, Math.max(-view.side / 2, view.y));
    this.svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.side} ${view.side}`);
    const unit = 1 / this.scale;
    for (const dot of this.dots) dot.setAttribute("r", String(Math.max(1.5, 3.5 * unit + 1)));
    for (const label of this.labels) label.style.fontSize = `${13 * unit}px`;
    cancelAnimationFrame(this.frame ?? 0);
    this.frame = requestAnimationFrame(() => this.pictures());
  }

  /** Pictures in place of dots, as far as they do not lie over one another. Those that are there stay, if they can. */
  pictures() {
    const box = this.svg.getBoundingClientRect();
    const [from, to] = [this.at(box.left, box.top), this.at(box.right, box.bottom)];
    const wide = WIDE / this.scale;
    const drawn = new Map([...this.svg.querySelectorAll("image")].map((picture) => [picture.dataset.dot, picture]));
    const order = [...this.dots].sort((one, other) => Number(drawn.has(other.dataset.dot)) - Number(drawn.has(one.dataset.dot)));
    /** @type {{x: number, y: number}[]} */
    const taken = [];
    for (const dot of order) {
      const [x, y] = [dot.cx.baseVal.value, dot.cy.baseVal.value];
      const hasRoom = x > from.x && x < to.x && y > from.y && y < to.y && taken.length < MOST && !taken.some((one) => Math.abs(one.x - x) < wide && Math.abs(one.y - y) < wide);
      const known = drawn.get(dot.dataset.dot);
      if (!hasRoom) {
        known?.remove();
        continue;
      }
      taken.push({ x, y });
      const picture = known ?? this.picture(dot);
      for (const [name, value] of [["x", x - wide / 2], ["y", y - wide / 2], ["width", wide], ["height", wide]]) picture.setAttribute(String(name), String(value));
    }
  }

  /** @param {SVGCircleElement} dot */
  picture(dot) {
    const picture = document.createElementNS(SVG, "image");
    picture.setAttribute("href", dot.dataset.src ?? "");
    picture.setAttribute("preserveAspectRatio", "xMidYMid slice");
    picture.dataset.dot = dot.dataset.dot ?? "";
    this.svg.querySelector("[data-labels]")?.before(picture);
    return picture;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 400), this.at(event.clientX, event.clientY));
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (!this.fingers.size) this.gone = 0;
    this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  /** @param {PointerEvent} event */
  move(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.gone += Math.hypot(now.x - before.x, now.y - before.y);
    this.fingers.set(event.pointerId, now);
    if (this.gone < STILL) return;
    if (this.svg.hasPointerCapture?.(event.pointerId) === false) this.svg.setPointerCapture(event.pointerId);
    if (!other) return this.pan(now.x - before.x, now.y - before.y);
    const [was, is] = [before, now].map((one) => Math.hypot(one.x - other.x, one.y - other.y));
    this.zoom(is / Math.max(1, was), this.at((now.x + other.x) / 2, (now.y + other.y) / 2));
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.fingers.delete(event.pointerId);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const far = 60;
    const ways = /** @type {Record<string, () => void>} */ ({
      ArrowLeft: () => this.pan(far, 0),
      ArrowRight: () => this.pan(-far, 0),
      ArrowUp: () => this.pan(0, far),
      ArrowDown: () => this.pan(0, -far),
      "+": () => this.zoom(STEP),
      "=": () => this.zoom(STEP),
      "-": () => this.zoom(1 / STEP),
      0: () => this.all(),
    });
    const way = event.ctrlKey || event.metaKey || event.altKey ? undefined : ways[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    way();
  }

  /** Show whose face it is. @param {MouseEvent} event */
  click(event) {
    const card = /** @type {HTMLElement | null} */ (document.querySelector("[data-map-face]"));
    if (!card || this.gone >= STILL) return;
    const place = this.at(event.clientX, event.clientY);
    const apart = (/** @type {SVGCircleElement} */ dot) => Math.hypot(dot.cx.baseVal.value - place.x, dot.cy.baseVal.value - place.y);
    const nearest = this.dots.reduce((one, other) => (apart(other) < apart(one) ? other : one));
    card.hidden = apart(nearest) * this.scale > WIDE / 2;
    for (const dot of this.dots) dot.toggleAttribute("data-chosen", dot === nearest && !card.hidden);
    if (card.hidden) return;
    const { name = "", src = "", dot = "" } = nearest.dataset;
    const address = name ? `${personPage(name)}#face-${dot}` : `/unknowns#face-${dot}`;
    const picture = h("img", { src, width: 112, height: 112, alt: "" });
    card.replaceChildren(picture, h("a", { href: address }, h("bdi", { dir: "auto" }, name || _("Unknown person"))));
  }
}

/** @type {FaceMap | null} */
let map = null;

function begin() {
  const svg = /** @type {SVGSVGElement | null} */ (document.querySelector("[data-map] svg"));
  if (svg && map?.svg !== svg) map = new FaceMap(svg);
}

export function start() {
  if (location.pathname !== "/map") return;
  offer([
    { act: "map-in", keys: [], words: _("Nearer"), run: () => map?.zoom(STEP) },
    { act: "map-out", keys: [], words: _("Farther"), run: () => map?.zoom(1 / STEP) },
    { act: "map-all", keys: [], words: _("The whole map"), run: () => map?.all() },
  ]);
  begin();
  for (const name of ["fresh", "htmx:afterSettle"]) document.addEventListener(name, begin);
}
