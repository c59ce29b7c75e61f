// The program does not answer: a banner says so and buttons are off, until it is back; then all works by itself.
import { byId, h } from "../correct/dom.js";
import { _, icon } from "../words.js";

const BUTTONS = "main button, .tray button, dialog button:not([data-close]), main input[type=submit]";

/** Whether the program does not answer. */
export const isGone = () => "gone" in document.body.dataset;

/** Say whether the program answers. @param {boolean} is */
export function gone(is) {
  if (is === isGone()) return;
  const banner = byId("banner");
  if (is) {
    document.body.dataset.gone = "";
    off();
    banner?.replaceChildren(
      icon("wifi-off"),
      h("span", {}, _("The program does not answer. This page tries again, and goes on by itself.")),
      h("button", { type: "button", onclick: () => document.dispatchEvent(new CustomEvent("live:again")) }, _("Try now")),
    );
  } else {
    delete document.body.dataset.gone;
    on();
    banner?.replaceChildren();
  }
  if (banner) banner.hidden = !is;
  document.dispatchEvent(new CustomEvent(is ? "live:gone" : "live:back"));
}

function off() {
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll(BUTTONS))) {
    if (button.disabled) continue;
    button.disabled = true;
    button.dataset.wasOn = "";
  }
}

function on() {
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-was-on]"))) {
    button.disabled = false;
    delete button.dataset.wasOn;
  }
}
