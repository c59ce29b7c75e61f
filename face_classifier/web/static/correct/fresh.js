// The page anew, as the program knows it now: the same address again, with what was selected still selected.
import { byId } from "./dom.js";
import { items, numbers } from "./lists.js";
import { focused, focusOn, select, selected, settle } from "./selection.js";

const RESTS = 700; // ms without a write until what is told besides the lists is brought up to date

// Where the program is gone the page stays as it is: whoever writes is told.
const fetched = () =>
  fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" }).catch(() => Response.error());

/** @param {Response} response */
const parsed = async (response) => new DOMParser().parseFromString(await response.text(), "text/html");

/** Fetch the page again and show it in place of this one. Whoever holds on to elements hears the event `fresh`. */
export async function refresh() {
  const main = byId("main");
  const response = await fetched();
  if (response.status === 404) return location.assign("/people");
  if (!response.ok || !main) return;
  const page = await parsed(response);
  const now = page.getElementById("main");
  if (!now) return location.reload();
  const kept = new Set(numbers(selected()));
  const focus = focused()?.dataset.face;
  const top = scrollY;
  if (response.redirected) history.replaceState(history.state, "", response.url); // a person has another name now
  document.title = page.title;
  document.body.dataset.revision = page.body.dataset.revision;
  main.replaceChildren(...document.adoptNode(now).childNodes);
  bring(page); // what stands beside it
  /** @type {any} */ (window).htmx?.process(main);
  scrollTo({ top, behavior: "instant" });
  settle();
  select(items().filter((item) => kept.has(Number(item.dataset.face))));
  focusOn(items().find((item) => item.dataset.face === focus));
  document.dispatchEvent(new CustomEvent("fresh"));
}

/** Counts and the like ([data-fresh] with an id) follow what was done; lists stay as they are while somebody works. */
async function freshen() {
  const response = await fetched();
  if (response.ok) bring(await parsed(response));
}

/** @param {Document} page */
function bring(page) {
  for (const place of document.querySelectorAll("[data-fresh][id]")) {
    const now = page.getElementById(place.id);
    if (now) place.replaceChildren(...document.adoptNode(now).childNodes);
  }
}

export function start() {
  /** @type {number | undefined} */
  let timer;
  document.addEventListener("written", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void freshen(), RESTS);
  });
}
