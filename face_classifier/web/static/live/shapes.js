// Masks and zones as data: polygons in fractions of a picture, whether they may stand in a configuration, and as YAML.

/** @typedef {[number, number]} Point x and y, fractions of width and height from the upper left */
/**
 * @typedef {Object} Area
 * @property {"mask" | "zone"} kind
 * @property {string} name of a zone
 * @property {"" | "only" | "ignore"} role of a zone
 * @property {Point[]} points
 */

const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,62}$/u; // as the configuration has it

/** @param {number} number a fraction, to a thousandth of the picture */
const round = (number) => Math.round(Math.min(1, Math.max(0, number)) * 1000) / 1000;

/** @param {number} x @param {number} y @returns {Point} */
export const point = (x, y) => [round(x), round(y)];

/** Whether two sides of a polygon cross: a mask would not cover all that it seems to. @param {Point[]} points */
export function crosses(points) {
  const turn = (/** @type {Point} */ a, /** @type {Point} */ b, /** @type {Point} */ c) =>
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
  const sides = points.map((one, place) => [one, points[(place + 1) % points.length]]);
  return sides.some(([a, b], place) =>
    sides
      .slice(place + 1)
      .some(([c, d]) => turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0),
  );
}

/** What keeps areas from standing in a configuration: the first of it. @param {Area[]} areas @returns {[Area, "few" | "crosses" | "name" | "twice"] | null} */
export function fault(areas) {
  const names = new Set();
  for (const area of areas) {
    if (area.points.length < 3) return [area, "few"];
    if (crosses(area.points)) return [area, "crosses"];
    if (area.kind !== "zone") continue;
    if (!NAME.test(area.name)) return [area, "name"];
    if (names.has(area.name)) return [area, "twice"];
    names.add(area.name);
  }
  return null;
}

/** @param {string} text quoted, so that YAML takes it for nothing else */
const quoted = (text) => JSON.stringify(text);

/** @param {Point[]} points */
const list = (points) => `[${points.map(([x, y]) => `[${x}, ${y}]`).join(", ")}]`;

/**
 * What stands in the configuration for the areas of one camera.
 * @param {string} camera
 * @param {Area[]} areas
 * @param {boolean} pixelate whether strangers are shown pixelated
 */
export function yaml(camera, areas, pixelate) {
  const masks = areas.filter((area) => area.kind === "mask");
  const zones = areas.filter((area) => area.kind === "zone");
  const of = (/** @type {string} */ role) => zones.filter((zone) => zone.role === role).map((zone) => quoted(zone.name));
  const lines = ["cameras:", `  ${quoted(camera)}:`];
  if (masks.length) lines.push("    masks:", ...masks.map((mask) => `      - ${list(mask.points)}`));
  else lines.push("    masks: []");
  if (zones.length) lines.push("    zones:", ...zones.map((zone) => `      ${quoted(zone.name)}: ${list(zone.points)}`));
  for (const role of ["only", "ignore"]) if (of(role).length) lines.push(`    ${role}: [${of(role).join(", ")}]`);
  if (pixelate) lines.push("    pixelate: strangers");
  return `${lines.join("\n")}\n`;
}
