// A decoded picture as a PNG, for <img>, for downloads and for colour profiles, which canvases leave aside.
import { concat } from "./bytes.js";
import { crc32 } from "./crc32.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOUR_TYPES = { 1: 0, 3: 2, 4: 6 };
const UP = 2; // filter: each sample less the one above

/**
 * Return the bytes of a PNG with the pixels, colour profile and EXIF of a picture.
 * @param {{ width: number, height: number, data: Uint8ClampedArray, channels?: 1 | 3 | 4, icc?: Uint8Array | null, exif?: Uint8Array | null }} picture
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function toPng({ width, height, data, channels = 4, icc, exif }) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, COLOUR_TYPES[channels], 0, 0, 0], 8);
  const parts = [Uint8Array.from(SIGNATURE), chunk("IHDR", header)];
  if (icc) parts.push(chunk("iCCP", concat([ascii("icc\0\0"), await deflate(icc)])));
  if (exif) parts.push(chunk("eXIf", exif));
  parts.push(chunk("IDAT", await deflate(filtered(width, height, data, channels))), chunk("IEND", new Uint8Array(0)));
  return concat(parts);
}

/** @param {number} width @param {number} height @param {Uint8ClampedArray} data @param {number} channels */
function filtered(width, height, data, channels) {
  const rows = new Uint8Array(height * (1 + channels * width));
  for (let y = 0, to = 0; y < height; y++) {
    rows[to++] = UP;
    for (let x = 0, at = 4 * y * width; x < width; x++, at += 4) {
      for (let c = 0; c < channels; c++) rows[to++] = data[at + c] - (y ? data[at + c - 4 * width] : 0);
    }
  }
  return rows;
}

/** @param {Uint8Array} bytes */
async function deflate(bytes) {
  const packed = new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)])
    .stream()
    .pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** @param {string} kind @param {Uint8Array} bytes */
function chunk(kind, bytes) {
  const body = concat([ascii(kind), bytes]);
  return concat([bigEndian(bytes.length), body, bigEndian(crc32(body))]);
}

/** @param {number} value */
const bigEndian = (value) => Uint8Array.from([24, 16, 8, 0], (bits) => value >>> bits);

/** @param {string} text */
const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
