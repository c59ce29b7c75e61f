// Dialogs that pages bring with them, and menus behind three dots: opened, closed, one at a time.
const OPEN = "details.dots[open]";

/** Of tabs that do not fit beside each other the one of this page is seen. */
function showTab() {
  for (const tab of document.querySelectorAll(":is(.tabs, .chips) [aria-current]")) {
    const list = tab.parentElement;
    list.scrollLeft = tab.offsetLeft - (list.clientWidth - tab.offsetWidth) / 2;
  }
}

showTab();
document.addEventListener("fresh", showTab);
document.addEventListener("htmx:afterSettle", showTab);

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const opener = target.closest("[data-opens]");
  if (opener) /** @type {HTMLDialogElement} */ (document.getElementById(opener.dataset.opens)).showModal();
  target.closest("[data-close]")?.closest("dialog")?.close();
  for (const menu of document.querySelectorAll(OPEN)) {
    if (!menu.contains(target) || target.closest(".menu")) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector(OPEN);
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
  event.stopPropagation();
}, true);
