// Short sentences at the edge of the page: what was done, with a way back, and what was refused.
import { byId, h } from "./dom.js";

const LASTS = 8000; // ms; those with a button stay while they are pointed at
const MOST = 3; // at once

/**
 * Tell something.
 * @param {string} sentence
 * @param {{wrong?: boolean, button?: string, key?: string, act?: () => void}} [more] `button` with what it does, and its key.
 * @returns {() => void} takes it away.
 */
export function toast(sentence, { wrong = false, button, key, act } = {}) {
  const shelf = byId("toasts");
  if (!shelf) return () => {};
  const shown = h("div", { class: wrong ? "toast wrong" : "toast" }, h("span", {}, sentence));
  const away = () => shown.remove();
  if (button && act) {
    const press = () => {
      away();
      act();
    };
    shown.append(h("button", { type: "button", onclick: press }, button, key ? h("kbd", {}, key) : null));
  }
  shelf.append(shown);
  while (shelf.children.length > MOST) shelf.firstElementChild?.remove();
  let timer = setTimeout(away, LASTS);
  shown.addEventListener("pointerenter", () => clearTimeout(timer));
  shown.addEventListener("pointerleave", () => (timer = setTimeout(away, LASTS)));
  return away;
}
