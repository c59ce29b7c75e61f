// /history: going back to how it was, of which the page has told what it takes back.
import { _ } from "../words.js";
import { offer } from "../correct/keys.js";
import { write } from "../correct/writes.js";

/** @param {HTMLElement | null} button */
function goBack(button) {
  const card = /** @type {HTMLElement | null} */ (button?.closest("[data-revision]") ?? null);
  if (!button || !card) return;
  write({
    method: "POST",
    path: "journal/undo",
    revision: Number(card.dataset.revision),
    body: () => ({ to: Number(button.dataset.to) }),
    show: () => {
      card.hidden = true;
      return () => {
        card.hidden = false;
      };
    },
    said: (answer) => (answer.left?.length ? _("Taken back, but for faces that were moved since") : _("Taken back")),
    then: () => history.replaceState(history.state, "", "/history"),
    anew: true,
  });
}

export function start() {
  if (location.pathname !== "/history") return;
  offer([{ act: "go-back", keys: [], words: _("Go back to how it was"), run: goBack }]);
}
