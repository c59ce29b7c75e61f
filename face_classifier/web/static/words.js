// What scripts say, in the language of the page: _("Undo"), _("Merged into %(name)s", { name }),
// ngettext("%(num)s face", "%(num)s faces", 3). The server hands over the translations of exactly these keys.
const words = JSON.parse(document.body.dataset.words || "{}");
const counted = new Intl.NumberFormat(document.documentElement.lang);

const fill = (text, values) => text.replace(/%\((\w+)\)s|%%/g, (whole, name) => (name ? String(values[name] ?? whole) : "%"));

export const _ = (key, values = {}) => fill(words[key] ?? key, values);

export function ngettext(one, many, number, values = {}) {
  const text = words[`${one}|${many}`] ?? (number === 1 ? one : many);
  return fill(text, { num: counted.format(number), ...values });
}

// An icon of the set that templates use, too: icon("users").
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.body.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}
