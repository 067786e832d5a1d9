// FORMAT.md, section 4: coding order, corrections.
import { must } from "../errors.js";
import { Coder, popMany } from "./coder.js";
import { DIGITS, GROUPINGS } from "./tables.js";

/** @typedef {import("../container.js").Cursor} Cursor */
/** @typedef {import("./tables.js").Tables} Tables */
/** @typedef {{ index: number, end: number, groupingEnd: number }} Run  of symbols of a scale index; where its grouping ends */
/** @typedef {{ places: Uint32Array, runs: Run[] }} Order */
/** @typedef {{ least: number[], shifts: number[][] }} Corrections  of each part; of each band of each part */

export const MOST_LANES = 12;
const FIELD_BITS = 16;

/** Reads the parts of a tile, one after the other, from bytes that are there or still come. */
export class TileStream {
  /** @type {Corrections} */
  corrections = { least: [], shifts: [] };
  #coder;
  #tables;
  #bands;
  #part = 0;

  /**
   * @param {Tables} tables
   * @param {number[]} bands  how many each part has
   * @param {import("../latents.js").More} more
   */
  constructor(tables, bands, more) {
    this.#coder = new Coder(more);
    this.#tables = tables;
    this.#bands = bands;
  }

  /**
   * Read what stands before the parts.
   * @param {number} maskBytes  of a mask of parts
   */
  async open(maskBytes) {
    const coder = this.#coder;
    await coder.retry(() => {
      const first = coder.cursor.u8();
      must((first & 15) <= MOST_LANES && first < 64, "a tile has too many lanes or unknown corrections");
      const [least, shifts] = [(first & 16) > 0, (first & 32) > 0];
      this.corrections = readCorrections(coder.cursor, least, shifts, maskBytes, this.#bands, this.#tables.count);
      coder.start(1 << (first & 15));
    });
  }

  /**
   * Return the symbols of the next part, of which those of scale index 0 are 0.
   * @param {Uint8Array} indexes  scale index of each
   */
  async part(indexes) {
    const last = ++this.#part === this.#bands.length;
    const order = sorted(indexes, this.#tables);
    const symbols = await this.#coder.retry(() => readPart(this.#coder, this.#tables, indexes.length, order, last));
    if (last) await this.#coder.end();
    return symbols;
  }
}

/**
 * @param {Cursor} cursor
 * @param {boolean} least
 * @param {boolean} shifts
 * @param {number} maskBytes
 * @param {number[]} bands
 * @param {number} count
 * @returns {Corrections}
 */
function readCorrections(cursor, least, shifts, maskBytes, bands, count) {
  const named = () => {
    const mask = cursor.take(maskBytes).reduce((sum, byte, place) => sum + byte * 256 ** place, 0);
    must(mask > 0 && mask < 2 ** bands.length, "a tile corrects no part, or one that is not there");
    return bands.map((_, part) => Math.floor(mask / 2 ** part) % 2 > 0);
  };
  const corrections = { least: bands.map(() => 0), shifts: bands.map((count) => Array(count).fill(0)) };
  if (least) {
    named().forEach((is, part) => {
      if (is) corrections.least[part] = cursor.u8();
      must(
        !is || (corrections.least[part] >= 1 && corrections.least[part] < count),
        "a tile has an illegal least index",
      );
    });
  }
  if (shifts) {
    const places = named().flatMap((is, part) => (is ? corrections.shifts[part].map((_, band) => [part, band]) : []));
    const bytes = cursor.take(Math.ceil(places.length / 2));
    places.forEach(([part, band], i) => {
      corrections.shifts[part][band] = (i % 2 ? bytes[i >> 1] & 15 : bytes[i >> 1] >> 4) - 8;
    });
    must(places.length % 2 === 0 || (bytes[bytes.length - 1] & 15) === 0, "bits follow the last shift of a tile");
  }
  return corrections;
}

/**
 * Return the places of the symbols that are coded, in coding order, and the runs of these that have one scale index.
 * @param {Uint8Array} indexes
 * @param {Tables} tables
 * @returns {Order}
 */
function sorted(indexes, tables) {
  const counts = new Uint32Array(tables.count);
  for (let i = 0; i < indexes.length; i++) counts[indexes[i]]++;
  const next = new Uint32Array(tables.count);
  /** @type {Run[]} */
  const runs = [];
  let total = 0;
  for (let place = 0; place < GROUPINGS.length; place++) {
    const first = runs.length;
    for (let index = 1; index < tables.count; index++) {
      if (tables.groupings[index] !== place || !counts[index]) continue;
      next[index] = total;
      total += counts[index];
      runs.push({ index, end: total, groupingEnd: 0 });
    }
    for (const run of runs.slice(first)) run.groupingEnd = total;
  }
  const places = new Uint32Array(total);
  for (let i = 0; i < indexes.length; i++) if (indexes[i]) places[next[indexes[i]]++] = i;
  return { places, runs };
}

/**
 * @param {Coder} coder
 * @param {Tables} tables
 * @param {number} count  of symbols
 * @param {Order} order
 * @param {boolean} last
 */
function readPart(coder, tables, count, { places, runs }, last) {
  const { cursor, states } = coder;
  const magnitudes = new Int32Array(places.length); // in coding order
  readGroups(coder, tables, runs, magnitudes);
  const escaped = readExcesses(coder, tables, runs, magnitudes);
  let kept = new Uint8Array(0);
  if (last) {
    kept = new Uint8Array(2 * states.length);
    states.forEach((state, lane) => {
      must(state >>> 16 === 1, "a tile ends in an illegal state");
      kept[2 * lane] = state & 255;
      kept[2 * lane + 1] = (state >> 8) & 255;
    });
  }
  const bits = new Bits(cursor, kept);
  let [j, nextEscape] = [0, 0];
  for (const { index, end } of runs) {
    const shift = tables.shifts[index];
    const least = Math.max(tables.radii[index] + 1, GROUPINGS[tables.groupings[index]][1] - 1);
    if (!shift && !(escaped[nextEscape] < end)) j = end;
    for (; j < end; j++) {
      if (escaped[nextEscape] === j) {
        nextEscape++;
        magnitudes[j] = bits.take(FIELD_BITS);
        must(magnitudes[j] >= least, "an escape stands for a magnitude that its table has");
      }
      if (shift) magnitudes[j] = (magnitudes[j] << shift) | bits.take(shift);
    }
  }
  bits.pad();
  const symbols = new Int32Array(count);
  for (let j = 0; j < places.length; j++) {
    if (magnitudes[j]) symbols[places[j]] = bits.take(1) ? -magnitudes[j] : magnitudes[j];
  }
  bits.pad();
  must(bits.unneeded(), "bits that are not needed are not 0");
  return symbols;
}

/**
 * @param {Coder} coder
 * @param {Tables} tables
 * @param {Run[]} runs
 * @param {Int32Array} magnitudes
 */
function readGroups(coder, tables, runs, magnitudes) {
  const codes = new Uint8Array(magnitudes.length);
  let [j, lane] = [0, 0];
  for (const { index, end, groupingEnd } of runs) {
    const place = tables.groupings[index];
    const size = GROUPINGS[place][0];
    const digits = DIGITS[place];
    // a group has the table of its first symbol, and may reach into the next runs of the grouping
    const count = Math.max(Math.ceil((end - j) / size), 0);
    lane = popMany(coder, lane, tables.groups(index), codes, count);
    for (let i = 0; i < count; i++) {
      const groupEnd = Math.min(j + size, groupingEnd);
      for (let digit = codes[i] * size; j < groupEnd; j++) magnitudes[j] = digits[digit++];
    }
  }
}

/**
 * Add the excesses to the digits; return the places, in coding order, of the symbols that are escaped.
 * @param {Coder} coder
 * @param {Tables} tables
 * @param {Run[]} runs
 * @param {Int32Array} magnitudes
 */
function readExcesses(coder, tables, runs, magnitudes) {
  const places = new Uint32Array(magnitudes.length); // of those that have an excess, in a run
  const codes = new Uint8Array(magnitudes.length);
  /** @type {number[]} */
  const escaped = [];
  let [j, lane] = [0, 0];
  for (const { index, end } of runs) {
    const largest = GROUPINGS[tables.groupings[index]][1] - 1;
    let count = 0;
    for (; j < end; j++) if (magnitudes[j] === largest) places[count++] = j;
    if (!count) continue;
    const slots = tables.excesses(index);
    lane = popMany(coder, lane, slots, codes, count);
    for (let i = 0; i < count; i++) {
      if (codes[i] === slots.starts.length - 2) escaped.push(places[i]);
      else magnitudes[places[i]] += codes[i];
    }
  }
  return escaped;
}

/** Takes raw bits, highest first, of bytes kept in states and then of a stream. */
class Bits {
  #cursor;
  #kept;
  #used = 0; // bytes of those kept
  #bits = 0; // the last of them were not taken yet
  #left = 0; // so many

  /** @param {Cursor} cursor @param {Uint8Array} kept */
  constructor(cursor, kept) {
    this.#cursor = cursor;
    this.#kept = kept;
  }

  /** Return the number that the next bits are, at most 16. @param {number} count */
  take(count) {
    while (this.#left < count) {
      const byte = this.#used < this.#kept.length ? this.#kept[this.#used++] : this.#cursor.u8();
      this.#bits = (this.#bits << 8) | byte;
      this.#left += 8;
    }
    this.#left -= count;
    return (this.#bits >> this.#left) & ((1 << count) - 1);
  }

  /** Go on at the next byte. */
  pad() {
    must((this.#bits & ((1 << this.#left) - 1)) === 0, "raw bits are padded with ones");
    this.#left = 0;
  }

  /** Whether all bytes kept that were not taken are 0. */
  unneeded() {
    return this.#kept.subarray(this.#used).every((byte) => byte === 0);
  }
}
