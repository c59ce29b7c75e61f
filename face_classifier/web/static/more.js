// The next piece of a list has come. What was moved meanwhile may make a face come twice: the one that was there stays.
document.addEventListener("htmx:afterSwap", (event) => {
  const seen = new Set();
  for (const item of event.target.querySelectorAll?.(":scope > [id], :scope > li[data-person]") ?? []) {
    const key = item.id || item.dataset.person;
    if (seen.has(key)) item.remove();
    seen.add(key);
  }
});
