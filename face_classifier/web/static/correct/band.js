// A rubber band: pressed beside the faces and drawn over them, it selects those that it touches.
import { itemOf, items } from "./lists.js";
import { select, selected } from "./selection.js";
import { h } from "./dom.js";

const LEAST = 6; // px before it is one

export function start() {
  document.addEventListener("pointerdown", (event) => {
    const ground = event.target instanceof Element && event.target.closest(".content");
    if (event.pointerType !== "mouse" || event.button !== 0 || !ground || !items().length) return;
    if (
      itemOf(event.target) ||
      /** @type {Element} */ (event.target).closest("a, button, input, select, label, summary, [data-card]")
    )
      return;
    draw(event, event.ctrlKey || event.shiftKey ? selected() : []);
  });
}

/** @param {PointerEvent} from @param {import("./lists.js").Item[]} kept those that stay selected */
function draw(from, kept) {
  const [x, y] = [from.pageX, from.pageY];
  const band = h("div", { class: "band", "aria-hidden": true });
  /** @param {PointerEvent} event */
  function move(event) {
    const [left, top] = [Math.min(x, event.pageX), Math.min(y, event.pageY)];
    const [width, height] = [Math.abs(x - event.pageX), Math.abs(y - event.pageY)];
    if (!band.isConnected && Math.max(width, height) < LEAST) return;
    event.preventDefault();
    if (!band.isConnected) document.body.append(band);
    Object.assign(band.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    const box = band.getBoundingClientRect();
    select([...kept, ...items().filter((item) => touches(box, item.getBoundingClientRect()))]);
  }
  function end() {
    band.remove();
    removeEventListener("pointermove", move);
  }
  addEventListener("pointermove", move);
  addEventListener("pointerup", end, { once: true });
  addEventListener("pointercancel", end, { once: true });
}

/** @param {DOMRect} one @param {DOMRect} other */
const touches = (one, other) =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
