// What is told of a picture: rows of a name and a text.
import { readExif } from "./exif.js";

/**
 * @typedef {object} Facts
 * @property {number} width
 * @property {number} height
 * @property {number} bytes
 * @property {[string, string][]} rows  what the header says
 * @property {[string, number][]} sections  names and bytes
 * @property {string} [exif]  payloads in Base64
 * @property {string} [icc]
 * @property {string} [xmp]
 */

const count = (/** @type {number} */ value) => `${value.toLocaleString("en")} B`;

/** Return the rows of a picture. @param {string} name @param {Facts} facts @returns {[string, string][]} */
export function detailsOf(name, { width, height, bytes, rows, sections, exif, icc, xmp }) {
  const rest = bytes - sections.reduce((sum, [, length]) => sum + length, 0);
  return [
    ["File", name],
    ["Pixels", `${width} x ${height}`],
    ["Size", `${count(bytes)}, ${((8 * bytes) / (width * height)).toFixed(3)} bits a pixel`],
    ...rows,
    .../** @type {[string, string][]} */ (
      [...sections, /** @type {const} */ (["Header", rest])].map(([section, length]) => [
        section === "Header" ? "Header, checksums" : `Section ${section}`,
        `${count(length)}, ${((100 * length) / bytes).toFixed(1)} %`,
      ])
    ),
    ...(exif ? readExif(unpacked(exif)) : []),
    .../** @type {[string, string][]} */ (icc ? [["Colour profile", profileName(unpacked(icc))]] : []),
    .../** @type {[string, string][]} */ (xmp ? [["XMP", titleOf(unpacked(xmp))]] : []),
  ];
}

/** @param {string} base64 */
const unpacked = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Return what an ICC profile calls itself. @param {Uint8Array} bytes */
function profileName(bytes) {
  const view = new DataView(bytes.buffer);
  try {
    for (let i = 0; i < Math.min(view.getUint32(128), 100); i++) {
      const [tag, at] = [0, 4].map((part) => view.getUint32(132 + 12 * i + part));
      if (tag !== 0x64657363) continue; // desc
      if (view.getUint32(at) === 0x64657363) return text(bytes, at + 12, view.getUint32(at + 8) - 1, "latin1");
      return text(bytes, at + view.getUint32(at + 24), view.getUint32(at + 20), "utf-16be"); // mluc
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return "without a name";
}

/** @param {Uint8Array} bytes @param {number} start @param {number} length @param {string} coding */
const text = (bytes, start, length, coding) =>
  new TextDecoder(coding).decode(bytes.subarray(start, start + Math.min(length, 200)));

/** Return the title in XMP, or how much there is. @param {Uint8Array} bytes */
function titleOf(bytes) {
  const packet = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "text/xml");
  const title = packet.getElementsByTagNameNS("http://purl.org/dc/elements/1.1/", "title")[0]?.textContent?.trim();
  return title || count(bytes.length);
}
