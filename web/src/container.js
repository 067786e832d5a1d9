// FORMAT.md, section 1: the file.
import { hex } from "./bytes.js";
import { crc32 } from "./crc32.js";
import { GarError, must, Truncated } from "./errors.js";

/** @typedef {import("./source.js").Source} Source */
/** @typedef {{ kind: number, start: number, end: number }} Section  where its bytes lie; its CRC-32 follows */
/**
 * @typedef {object} Header
 * @property {boolean} gray
 * @property {boolean} alpha
 * @property {boolean} subsampled  flag bit 2, which is the family's own
 * @property {string} bundleId  16 hex digits
 * @property {number} level  0 to 32 (anchors - 1)
 * @property {number} tile  side of a tile in pixels
 * @property {number} width
 * @property {number} height
 * @property {Section[]} sections
 * @property {number} length  of the file in bytes
 */

const MAGIC = [0x89, 0x47, 0x41, 0x52];
const VERSION = 4;
const LONGEST_SIDE = 2 ** 20;
export const LATENTS = 1;
export const ALPHA = 2;
export const EXIF = 3;
export const ICC = 4;
export const XMP = 5;
export const RESIDUAL = 128;
const FIRST_ANCILLARY = 128;

/** Whether a file is a .gat, by its first byte. @param {Uint8Array} bytes */
export const isThumbnail = ([first]) => first >> 5 === 5; // a0 to bf

/** Takes numbers from bytes, from a place on. */
export class Cursor {
  /** @param {Uint8Array} bytes */
  constructor(bytes, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  /** Return the bytes to come, whose number is checked first. @param {number} count */
  take(count) {
    const start = this.position;
    if (count > this.bytes.length - start) throw new Truncated();
    this.position += count;
    return this.bytes.subarray(start, this.position);
  }

  u8() {
    if (this.position >= this.bytes.length) throw new Truncated();
    return this.bytes[this.position++];
  }

  u16() {
    return this.u8() | (this.u8() << 8);
  }

  u32() {
    return (this.u16() | (this.u16() << 16)) >>> 0;
  }

  /** LEB128 in its shortest form, at most 5 bytes. */
  varint() {
    let value = 0;
    for (let place = 0; place < 5; place++) {
      const byte = this.u8();
      value += (byte & 127) * 2 ** (7 * place);
      if (byte < 128) {
        must(byte > 0 || place === 0, "a number of the header is not in its shortest form");
        return value;
      }
    }
    throw new GarError("a number of the header has more than 5 bytes");
  }
}

/**
 * Return the header, checked, as soon as its bytes are there.
 * @param {Source} source
 * @returns {Promise<Header>}
 */
export async function readHeader(source) {
  for (;;) {
    try {
      const header = parse(source.bytes);
      source.limit = header.length;
      if (source.bytes.length > header.length) {
        await source.cancel();
        throw new GarError(`the file goes on after its ${header.length} bytes`);
      }
      return header;
    } catch (error) {
      if (error instanceof Truncated && (await source.more())) continue;
      await source.cancel();
      throw error instanceof Truncated ? new GarError("the file ends within its header") : error;
    }
  }
}

/** @param {Uint8Array} bytes @returns {Header} */
function parse(bytes) {
  const cursor = new Cursor(bytes);
  for (const byte of MAGIC) must(cursor.u8() === byte, "this is no .gar file: it begins with other bytes");
  const version = cursor.u8();
  must(version <= VERSION, `the file has version ${version}, newer than ${VERSION}, which this decoder reads; update it`);
  must(version === VERSION, `the file has version ${version}, older than ${VERSION}, which this decoder reads`);
  const flags = cursor.u8();
  const id = hex(cursor.take(8));
  const level = cursor.u8();
  const log2Tile = cursor.u8();
  const width = cursor.varint();
  const height = cursor.varint();
  const table = Array.from({ length: cursor.u8() }, () => ({ kind: cursor.u8(), length: cursor.varint() }));
  const end = cursor.position;
  must(cursor.u16() === (crc32(bytes.subarray(0, end)) & 0xffff), "the header is damaged: its check is wrong");

  const [gray, alpha, subsampled] = [1, 2, 4].map((bit) => (flags & bit) > 0);
  must(flags < 8, `flags ${flags} are of a later version`);
  must(!(gray && alpha), "the flags say both gray and alpha");
  must(log2Tile >= 6 && log2Tile <= 12, `tiles of 2**${log2Tile} pixels; legal are 2**6 to 2**12`);
  for (const side of [width, height]) {
    must(side >= 1 && side <= LONGEST_SIDE, `a picture of ${width} x ${height}; sides are 1 to ${LONGEST_SIDE}`);
  }
  let position = cursor.position;
  const sections = table.map(({ kind, length }) => {
    const section = { kind, start: position, end: position + length };
    position = section.end + 4;
    return section;
  });
  for (const kind of [LATENTS, ALPHA, EXIF, ICC, XMP, RESIDUAL]) {
    const count = sections.filter((section) => section.kind === kind).length;
    if (kind === LATENTS) must(count === 1, `${count} sections LATENTS; there must be one`);
    else if (kind === ALPHA) must(count === Number(alpha), `${count} sections ALPHA, unlike what the flags say`);
    else must(count <= 1, `${count} sections of kind ${kind}; there may be one`);
  }
  for (const { kind } of sections) {
    must((kind >= LATENTS && kind <= XMP) || kind >= FIRST_ANCILLARY, `section ${kind} is of a later version`);
  }
  return {
    gray,
    alpha,
    subsampled,
    bundleId: id,
    level,
    tile: 2 ** log2Tile,
    width,
    height,
    sections,
    length: position,
  };
}

/**
 * Check the length of a whole file and the CRC of each section.
 * @param {Uint8Array} bytes
 * @param {Header} header
 * @returns {string | null}  what is wrong with RESIDUAL, without which there is a picture
 */
export function checkSections(bytes, header) {
  let damage = null;
  for (const { kind, start, end } of header.sections) {
    let fault = "";
    if (bytes.length < end + 4) fault = `the file has ${bytes.length} bytes of the ${header.length} that it announces`;
    else if (crc32(bytes.subarray(start, end)) !== new Cursor(bytes, end).u32())
      fault = `section ${kind} is damaged: its CRC is wrong`;
    must(!fault || kind === RESIDUAL, fault);
    damage ||= fault || null;
  }
  return damage;
}

/**
 * Return the bytes of a section, or null where there is none.
 * @param {Uint8Array} bytes
 * @param {Header} header
 * @param {number} kind
 */
export function section(bytes, header, kind) {
  const found = header.sections.find((one) => one.kind === kind);
  return found ? bytes.slice(found.start, found.end) : null;
}
