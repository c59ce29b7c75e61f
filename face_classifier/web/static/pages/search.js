// /search: who looks like the faces of a picture. What is found is a list of faces as any other, to be corrected at once.
import { _, ngettext } from "../words.js";
import { h, personPage } from "../correct/dom.js";
import { settle } from "../correct/selection.js";
import { toast } from "../correct/toasts.js";

const SECONDS = 60;
const AROUND = 0.35; // of the box, around a face that is shown

/** @typedef {{name: string, faces: number, distance: number | null, picture: string | null}} Person */
/** @typedef {{face: {id: number, person: string | null, picture: string}, distance: number}} Alike */
/** @typedef {{box: [number, number, number, number], people: Person[], faces: Alike[]}} Found */

/** @param {string | null} text */
function tell(text) {
  const place = /** @type {HTMLElement} */ (document.querySelector("[data-searching]"));
  place.textContent = text ?? "";
  place.hidden = text === null;
}

/** @param {number} distance */
const shown = (distance) => distance.toFixed(2);

/** The face itself, cut out of the picture. @param {ImageBitmap | null} image @param {Found["box"]} box */
function cut(image, [top, right, bottom, left]) {
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { width: 176, height: 176, role: "img", "aria-label": _("A face of your picture") }));
  if (!image) return canvas;
  const side = Math.max(right - left, bottom - top) * (1 + 2 * AROUND);
  const [x, y] = [(left + right - side) / 2, (top + bottom - side) / 2];
  canvas.getContext("2d")?.drawImage(image, x, y, side, side, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** @param {Person} person */
const likely = (person) =>
  h("li", {}, h("a", { href: personPage(person.name) }, person.picture ? h("img", { src: person.picture, alt: "", width: 36, height: 36 }) : null, h("bdi", { dir: "auto" }, person.name), h("span", { class: "muted small" }, shown(person.distance ?? 0))));

/** @param {Alike} alike */
const face = ({ face: one, distance }) =>
  h("li", { role: "option", id: `face-${one.id}`, "data-face": one.id, "data-person": one.person ?? "", "aria-selected": "false", tabindex: "-1" }, h("img", { src: one.picture, width: 112, height: 112, draggable: "false", alt: one.person ?? _("Unknown") }), h("span", { class: "note" }, `${one.person ?? _("Unknown")} ${shown(distance)}`));

/** @param {Found} found @param {ImageBitmap | null} image @param {number} revision @param {number} number */
function section(found, image, revision, number) {
  const title = ngettext("Face %(num)s of your picture", "Face %(num)s of your picture", number);
  const list = h("ul", { class: "faces", role: "listbox", "aria-multiselectable": "true", "aria-label": _("Faces most alike"), "data-faces": true, "data-revision": revision, "data-person": "" }, ...found.faces.map(face));
  const head = h("header", {}, cut(image, found.box), h("div", {}, h("h2", {}, title), h("ul", { class: "likely", "aria-label": _("People most alike") }, ...found.people.slice(0, 3).map(likely))));
  return h("section", { class: "found", "aria-label": title }, head, found.faces.length ? list : h("p", { class: "muted" }, _("There is no face to compare it with yet.")));
}

/** @param {File | Blob} file */
async function search(file) {
  const place = /** @type {HTMLElement} */ (document.querySelector("[data-found]"));
  place.replaceChildren();
  tell(_("The picture is looked at …"));
  const form = new FormData();
  form.append("picture", file, file instanceof File ? file.name : "picture");
  try {
    const [response, image] = await Promise.all([
      fetch("/api/v1/search?k=24", { method: "POST", body: form, credentials: "same-origin", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(SECONDS * 1000) }),
      createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null),
    ]);
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.detail || answer.title || _("The program refused: %(status)s", { status: response.status }));
    place.replaceChildren(...answer.faces.map((/** @type {Found} */ found, /** @type {number} */ at) => section(found, image, answer.revision, at + 1)));
    tell(answer.faces.length ? ngettext("%(num)s face was found in the picture.", "%(num)s faces were found in the picture.", answer.faces.length) : _("No face was found in the picture."));
    settle();
  } catch (error) {
    tell(null);
    toast(error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError") ? _("The program does not answer.") : /** @type {Error} */ (error).message, { wrong: true });
  }
}

/** @param {DataTransfer | null} data */
const pictureOf = (data) => [...(data?.files ?? [])].find((file) => file.type.startsWith("image/") || /\.(heic|heif|avif|jxl)$/i.test(file.name));

export function start() {
  if (location.pathname !== "/search") return;
  const field = /** @type {HTMLInputElement} */ (document.querySelector("[data-picture]"));
  const zone = /** @type {HTMLElement} */ (document.querySelector("[data-drop-picture]"));
  field.addEventListener("change", () => {
    const file = field.files?.[0];
    if (file) void search(file);
    field.value = "";
  });
  document.addEventListener("paste", (event) => {
    const file = pictureOf(event.clipboardData);
    if (file) void search(file);
  });
  for (const name of ["dragover", "dragleave", "drop"])
    zone.addEventListener(name, (given) => {
      const event = /** @type {DragEvent} */ (given);
      event.preventDefault();
      zone.toggleAttribute("data-over", name === "dragover");
      const file = name === "drop" ? pictureOf(event.dataTransfer) : undefined;
      if (file) void search(file);
    });
}
