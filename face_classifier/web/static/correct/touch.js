// A long press selects a face, as a finger has neither Ctrl nor keys; then the bar tells what can be done.
import { itemOf } from "./lists.js";
import { focusOn, toggle } from "./selection.js";

const LONG = 450; // ms
const STILL = 10; // px that a finger may move meanwhile

export function start() {
  /** @type {number | undefined} */
  let timer;
  let [x, y] = [0, 0];
  let pressed = false; // long enough: the click that follows is a part of it

  document.addEventListener("pointerdown", (event) => {
    pressed = false;
    const item = itemOf(event.target);
    clearTimeout(timer);
    if (!item || event.pointerType === "mouse") return;
    [x, y] = [event.clientX, event.clientY];
    timer = setTimeout(() => {
      pressed = true;
      navigator.vibrate?.(10);
      focusOn(item);
      toggle(item);
    }, LONG);
  });
  document.addEventListener("pointermove", (event) => {
    if (Math.hypot(event.clientX - x, event.clientY - y) > STILL) clearTimeout(timer);
  });
  for (const end of ["pointerup", "pointercancel", "scroll"])
    document.addEventListener(end, () => clearTimeout(timer), true);
  document.addEventListener("contextmenu", (event) => {
    if (itemOf(event.target) && /** @type {PointerEvent} */ (event).pointerType === "touch") event.preventDefault();
  });
  document.addEventListener(
    "click",
    (event) => {
      if (!pressed || !itemOf(event.target)) return;
      pressed = false;
      event.stopImmediatePropagation();
      event.preventDefault();
    },
    true,
  );
}
