// The page anew, as the program knows it now: the same address again, with what was selected still selected.
import { byId } from "./dom.js";
import { items, numbers } from "./lists.js";
import { focused, focusOn, select, selected, settle } from "./selection.js";

/** Fetch the page again and show it in place of this one. Whoever holds on to elements hears the event `fresh`. */
export async function refresh() {
  const main = byId("main");
  const response = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (response.status === 404) return location.assign("/people");
  if (!response.ok || !main) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const now = page.getElementById("main");
  if (!now) return location.reload();
  const kept = new Set(numbers(selected()));
  const focus = focused()?.dataset.face;
  const top = scrollY;
  if (response.redirected) history.replaceState(history.state, "", response.url); // a person has another name now
  document.title = page.title;
  document.body.dataset.revision = page.body.dataset.revision ?? "";
  main.replaceChildren(...document.adoptNode(now).childNodes);
  /** @type {any} */ (window).htmx?.process(main);
  scrollTo({ top, behavior: "instant" });
  settle();
  select(items().filter((item) => kept.has(Number(item.dataset.face))));
  focusOn(items().find((item) => item.dataset.face === focus));
  document.dispatchEvent(new CustomEvent("fresh"));
}
