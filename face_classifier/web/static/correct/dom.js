// Elements of the page, made and read. Text is only ever text: a name with tags in it is shown as it is written.

/**
 * Make an element.
 * @param {string} tag its name.
 * @param {Object<string, unknown>} given attributes; `onclick` and the like take functions, null and false leave one out.
 * @param {...(Node | string | null | undefined)} inside what is in it.
 * @returns {HTMLElement}
 */
export function h(tag, given = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(.../** @type {(Node | string)[]} */ (inside.filter((one) => one !== null && one !== undefined)));
  return element;
}

/**
 * The element of this id.
 * @param {string} id
 * @returns {HTMLElement | null}
 */
export const byId = (id) => document.getElementById(id);

/**
 * Where a person's page is; the person's name is the id.
 * @param {string} person
 */
export const personPage = (person) => `/people/${encodeURIComponent(person)}`;

/**
 * Whether a key is one of what is being written: in a field, or in the middle of composing a syllable.
 * @param {KeyboardEvent} event
 */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/**
 * Whether this is a place where keys are letters.
 * @param {EventTarget | null} target
 */
export const isField = (target) =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    target.matches("input:not([type=checkbox], [type=radio], [type=button]), textarea, select"));
