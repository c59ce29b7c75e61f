// Light, dark, or as the system: kept in a cookie, so that the next page comes in it at once.
const YEAR = 31536000;

function keep(name, value) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR}; samesite=strict${secure}`;
}

for (const link of document.querySelectorAll("[data-theme-link]")) {
  link.addEventListener("click", () => keep("theme", link.dataset.themeLink)); // the link itself asks for the page anew
}

// What was asked for once (?lang=, ?theme=) is in a cookie now; the address is of the page alone again.
const here = new URL(location.href);
if (here.searchParams.has("lang") || here.searchParams.has("theme")) {
  here.searchParams.delete("lang");
  here.searchParams.delete("theme");
  history.replaceState(history.state, "", here);
}
