// EXIF for people: what camera, when, where, how.

const SIZES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8];
const [ASCII, RATIONAL, SIGNED_RATIONAL] = [2, 5, 10];
const [EXIF_FOLDER, GPS_FOLDER] = [0x8769, 0x8825];
const MOST_ENTRIES = 500;
const LONGEST_TEXT = 200;

/** @typedef {string | number | number[]} Value */

const exposure = (/** @type {Value} */ s) => (Number(s) < 0.5 ? `1/${Math.round(1 / Number(s))} s` : `${s} s`);
/** @type {[number, string, (value: Value) => string][]} */
const TOLD = [
  [0x010e, "Description", String],
  [0x010f, "Camera make", String],
  [0x0110, "Camera", String],
  [0xa434, "Lens", String],
  [0x9003, "Taken", String],
  [0x829a, "Exposure", exposure],
  [0x829d, "Aperture", (f) => `f/${Number(f).toFixed(1)}`],
  [0x8827, "ISO", String],
  [0x920a, "Focal length", (mm) => `${Number(Number(mm).toFixed(1))} mm`],
  [0x0131, "Software", String],
  [0x013b, "Artist", String],
  [0x8298, "Copyright", String],
];

/** Return rows of a name and a text; what is damaged is left out. @param {Uint8Array} bytes @returns {[string, string][]} */
export function readExif(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  /** @type {Map<number, Value>} */
  const found = new Map();
  try {
    const little = view.getUint16(0) === 0x4949;
    readFolder(view, view.getUint32(4, little), little, found);
    for (const folder of [EXIF_FOLDER, GPS_FOLDER]) {
      const start = found.get(folder);
      if (typeof start === "number") readFolder(view, start, little, found);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // it ends early
  }
  /** @type {[string, string][]} */
  const rows = TOLD.filter(([tag]) => found.has(tag)).map(([tag, name, told]) => [
    name,
    told(/** @type {Value} */ (found.get(tag))),
  ]);
  const place = [degrees(found.get(2), found.get(1)), degrees(found.get(4), found.get(3))];
  return place.includes("") ? rows : [...rows, ["Place", place.join(", ")]];
}

/** @param {DataView} view @param {number} start @param {boolean} little @param {Map<number, Value>} found */
function readFolder(view, start, little, found) {
  const entries = Math.min(view.getUint16(start, little), MOST_ENTRIES);
  for (let at = start + 2, last = start + 2 + 12 * entries; at < last; at += 12) {
    const [tag, kind] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    const value = valueOf(view, at, kind, view.getUint32(at + 4, little), little);
    if (value !== null) found.set(tag, value);
  }
}

/** @param {DataView} view @param {number} at @param {number} kind @param {number} count @param {boolean} little @returns {Value | null} */
function valueOf(view, at, kind, count, little) {
  const size = SIZES[kind];
  if (!size || !count) return null;
  const start = count * size > 4 ? view.getUint32(at + 8, little) : at + 8;
  if (kind === ASCII) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset).subarray(start, start + Math.min(count, LONGEST_TEXT));
    const told = new TextDecoder().decode(bytes).split("\0")[0].trim();
    return told || null;
  }
  const number = (/** @type {number} */ place) => {
    if (kind === RATIONAL) return view.getUint32(place, little) / view.getUint32(place + 4, little);
    if (kind === SIGNED_RATIONAL) return view.getInt32(place, little) / view.getInt32(place + 4, little);
    return size === 1 ? view.getUint8(place) : size === 2 ? view.getUint16(place, little) : view.getUint32(place, little);
  };
  if (count === 1) return number(start);
  return Array.from({ length: Math.min(count, 3) }, (_, i) => number(start + size * i));
}

/** @param {Value | undefined} parts @param {Value | undefined} side */
function degrees(parts, side) {
  if (!Array.isArray(parts) || parts.length < 3 || typeof side !== "string") return "";
  const angle = parts[0] + parts[1] / 60 + parts[2] / 3600;
  return Number.isFinite(angle) ? `${angle.toFixed(4)}° ${side}` : "";
}
