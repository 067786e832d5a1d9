// FORMAT.md, section 9: RESIDUAL.
import { Cursor } from "./container.js";
import { crc32 } from "./crc32.js";
import { pop } from "./entropy/coder.js";
import { slotsOf } from "./entropy/tables.js";
import { must } from "./errors.js";
import { readFiltered } from "./filters.js";

/** @typedef {import("./entropy/tables.js").Slots} Slots */
/** @typedef {{ cursor: Cursor, states: Uint32Array }} Coder */
/**
 * @typedef {object} Parameters  of a plane
 * @property {number[]} limits
 * @property {number[][]} weights
 * @property {number[]} energies
 * @property {number} outside
 * @property {number[]} numbers
 */

const STRIP_ROWS = 256;
const CONTEXTS = 40;
const BESIDE = [[0, -1], [-1, 0], [0, 1], [1, 0]]; // prettier-ignore
const DIAGONAL = [[-1, -1], [-1, 1], [1, -1], [1, 1]]; // prettier-ignore
const AROUND = [...BESIDE, ...DIAGONAL];
const BEFORE = [[0, -1], [-1, 0], [-1, -1], [-1, 1], [0, -2], [-2, 0]]; // prettier-ignore
const SIZED = [...BEFORE, [-2, 1], [-1, -2]];
const QUARTERS = [16, 19, 23, 27];
const THRESHOLDS = Array.from({ length: CONTEXTS - 1 }, (_, j) => QUARTERS[j % 4] << ((j >> 2) + 3));
const POWERS = [2, 3, 5, 8];

/**
 * Make the pixels, RGBA, what the section says that they should be.
 * @param {Uint8Array} bytes
 * @param {{ width: number, height: number, data: Uint8ClampedArray }} picture
 * @param {boolean} gray
 */
export async function restore(bytes, { width, height, data }, gray) {
  const cursor = new Cursor(bytes);
  const [bound, kind] = [cursor.u8(), cursor.u8()];
  must(bound <= 127 && kind <= 1, `RESIDUAL begins with ${bound}, ${kind}; that means nothing`);
  const channels = gray ? [0] : [1, 0, 2]; // of planes, in their order
  if (kind === 1) {
    const samples = await readSamples(cursor, width, height, channels.length);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) data[4 * i + c] = samples[channels.length * i + (gray ? 0 : c)];
    }
    return;
  }
  const [lanesLog2, classes] = [cursor.u8(), cursor.u8()];
  must(lanesLog2 <= 8 && classes >= 1 && classes <= 16, `2**${lanesLog2} lanes, ${classes} classes of RESIDUAL`);
  const parameters = channels.map((_, p) => readParameters(cursor, p, classes));
  /** @type {number[]} */
  const tops = [];
  for (let top = 0; top < height; top += STRIP_ROWS) tops.push(top);
  const index = tops.map(() => ({ length: cursor.varint(), crc: cursor.u32() }));
  for (const [i, { length, crc }] of index.entries()) {
    const rows = Math.min(STRIP_ROWS, height - tops[i]);
    const pixels = data.subarray(4 * width * tops[i], 4 * width * (tops[i] + rows));
    const made = restoreStrip(cursor.take(length), pixels, width, rows, channels, parameters, {
      step: 2 * bound + 1,
      lanes: 1 << lanesLog2,
    });
    must(crc32(made) === crc, "RESIDUAL does not fit the decoded picture");
    if (gray) pixels.forEach((_, at) => at % 4 < 3 && (pixels[at] = made[at >> 2]));
    else made.forEach((sample, at) => (pixels[at + Math.floor(at / 3)] = sample));
  }
  must(cursor.position === bytes.length, "bytes follow the end of RESIDUAL");
}

/**
 * Return the samples that the section holds as they are.
 * @param {Cursor} cursor
 * @param {number} width
 * @param {number} height
 * @param {number} channels
 */
async function readSamples(cursor, width, height, channels) {
  const colours = cursor.u8();
  const palette = cursor.take(colours * channels);
  const rest = cursor.bytes.subarray(cursor.position);
  if (!colours) return readFiltered(rest, width, height, channels);
  const bits = [1, 2, 4, 8].find((each) => colours <= 1 << each) ?? 8;
  const across = Math.ceil((width * bits) / 8);
  const packed = await readFiltered(rest, across, height, 1);
  const samples = new Uint8Array(width * height * channels);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += channels) {
      const byte = packed[y * across + ((x * bits) >> 3)];
      const number = (byte >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1);
      must(number < colours, `colour ${number} of ${colours}`);
      samples.set(palette.subarray(number * channels, (number + 1) * channels), at);
    }
  }
  return samples;
}

/**
 * @param {Cursor} cursor
 * @param {number} p  planes before
 * @param {number} classes
 * @returns {Parameters}
 */
function readParameters(cursor, p, classes) {
  /** @param {number} count */
  const u16s = (count) => Array.from({ length: count }, () => cursor.u16());
  const limits = [...cursor.take(classes - 1)];
  const weights = Array.from({ length: classes }, () => u16s(14 + 9 * p).map((word) => (word << 16) >> 16));
  const [energies, [outside]] = [u16s(10 + 3 * p), u16s(1)];
  const numbers = [...cursor.take(CONTEXTS)];
  const rise = limits.every((limit, i) => i === 0 || limits[i - 1] <= limit);
  must(rise && energies.every((energy) => energy < 4096) && outside <= 2040, "illegal parameters of RESIDUAL");
  must(
    numbers.every((number) => number < 48 * POWERS.length),
    "illegal tables of RESIDUAL",
  );
  return { limits, weights, energies, outside, numbers };
}

/** A plane of whole numbers with two rows or columns of others around it. */
class Framed {
  /** @param {number} width @param {number} height @param {number} outside */
  constructor(width, height, outside) {
    this.across = width + 4;
    this.values = new Int32Array(this.across * (height + 4)).fill(outside);
    this.size = [width, height];
  }

  /** @param {number} y @param {number} x */
  at(y, x) {
    return (y + 2) * this.across + x + 2;
  }

  /** @param {number[][]} places */
  offsets(places) {
    return places.map(([dy, dx]) => dy * this.across + dx);
  }

  /** Return a copy around which the edges are repeated. */
  repeated() {
    const [width, height] = this.size;
    const copy = new Framed(width, height, 0);
    for (let y = -2; y < height + 2; y++) {
      for (let x = -2; x < width + 2; x++) {
        const inner = this.at(Math.min(Math.max(y, 0), height - 1), Math.min(Math.max(x, 0), width - 1));
        copy.values[this.at(y, x)] = this.values[inner];
      }
    }
    return copy;
  }
}

/**
 * Return the samples of a strip, all channels of a pixel together.
 * @param {Uint8Array} bytes
 * @param {Uint8ClampedArray} pixels  RGBA
 * @param {number} width
 * @param {number} height
 * @param {number[]} channels  of planes, in their order
 * @param {Parameters[]} parameters
 * @param {{ step: number, lanes: number }} how
 */
function restoreStrip(bytes, pixels, width, height, channels, parameters, { step, lanes }) {
  const cursor = new Cursor(bytes);
  const states = Uint32Array.from({ length: lanes }, () => cursor.u32());
  must(
    states.every((state) => state >= 2 ** 16),
    "a strip begins with an illegal state",
  );
  /** @type {[Framed[], Framed[]]} */
  const [errors, sizes] = [[], []];
  const made = new Uint8Array(width * height * channels.length);
  for (const [p, channel] of channels.entries()) {
    const base = new Framed(width, height, 0);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) base.values[base.at(y, x)] = pixels[4 * (y * width + x) + channel];
    }
    const [error, size] = readPlane({ cursor, states }, base.repeated(), parameters[p], step, errors, sizes);
    for (let y = 0, to = channel; y < height; y++) {
      for (let x = 0; x < width; x++, to += channels.length) {
        made[to] = base.values[base.at(y, x)] + error.values[base.at(y, x)];
      }
    }
    errors.push(error.repeated());
    sizes.push(size.repeated());
  }
  must(cursor.position === bytes.length, "bytes follow the end of a strip");
  must(
    states.every((state) => state === 2 ** 16),
    "a strip does not end as it should",
  );
  return made;
}

/**
 * Return errors and sizes of the next plane.
 * @param {Coder} coder
 * @param {Framed} base
 * @param {Parameters} parameters
 * @param {number} step  D
 * @param {Framed[]} errors  of the planes before, edges repeated
 * @param {Framed[]} sizes
 */
function readPlane(coder, base, { limits, weights, energies, outside, numbers }, step, errors, sizes) {
  const [width, height] = base.size;
  const error = new Framed(width, height, 0);
  const size = new Framed(width, height, outside);
  const [before, sized, around] = [BEFORE, SIZED, AROUND].map((places) => base.offsets(places));
  const rings = [BESIDE, DIAGONAL].map((places) => base.offsets(places));
  const lanes = coder.states.length;
  const bound = step >> 1;
  let j = 0;
  for (let t = 0; t < width + 2 * (height - 1); t++) {
    for (let y = Math.max(0, (t - width + 2) >> 1); y < height && 2 * y <= t; y++) {
      const at = base.at(y, t - 2 * y);
      const b = base.values[at];
      const differences = around.map((offset) => base.values[at + offset] - b);
      let energy = 0;
      let k = 0;
      for (const offset of sized) energy += energies[k++] * size.values[at + offset];
      energy += energies[k++] * differences.reduce((sum, each) => sum + Math.abs(each), 0) + energies[k++] * 16;
      for (const { values } of sizes) {
        energy += energies[k++] * values[at];
        for (const ring of rings) {
          let sum = 0;
          for (const offset of ring) sum += values[at + offset];
          energy += energies[k++] * sum;
        }
      }
      const context = countUpTo(THRESHOLDS, energy);

      const row = weights[countUpTo(limits, context)];
      let total = 0;
      k = 0;
      for (const offset of before) total += row[k++] * error.values[at + offset];
      for (const difference of differences) total += row[k++] * difference;
      for (const { values } of errors) {
        total += row[k++] * values[at];
        for (const offset of around) total += row[k++] * values[at + offset];
      }
      const mu = Math.min(Math.max((total + 256) >> 9, -8 * b), 8 * (255 - b));
      const m = Math.floor((2 * mu + step) / (2 * step));
      const q = (m + 4) >> 3;
      const code = pop(coder, j++ % lanes, table(numbers[context], m - 8 * q + 4));
      const least = -Math.floor((b + bound) / step);
      const times = least + ((q + code - 128 - least) & 255);
      error.values[at] = Math.min(Math.max(b + step * times, 0), 255) - b;
      size.values[at] = Math.abs(8 * error.values[at] - mu);
    }
  }
  return [error, size];
}

/** Return how many of numbers that rise are not above a value. @param {number[]} numbers @param {number} value */
function countUpTo(numbers, value) {
  let count = 0;
  while (count < numbers.length && numbers[count] <= value) count++;
  return count;
}

/** @type {Slots[]} */
const tables = [];

/** Return the slots of a table at one of 8 fractions. @param {number} number @param {number} f */
function table(number, f) {
  return (tables[8 * number + f] ??= makeTable(number, f));
}

/** @param {number} number @param {number} f @returns {Slots} */
function makeTable(number, f) {
  const power = POWERS[Math.floor(number / 48)];
  const square = (QUARTERS[number % 4] << ((number % 48) >> 2)) ** 2;
  /** All products are below 2**53. @param {number} i */
  const g = (i) => {
    const u = Math.floor((square * 2 ** 20) / (square + (16 * (2 * i + 1)) ** 2));
    let found = u;
    for (let n = 1; n < power; n++) found = Math.floor((found * u) / 2 ** 20);
    return found;
  };
  return slotsOf(
    Array.from({ length: 256 }, (_, k) => {
      let sum = 0;
      for (let i = -4; i < 4; i++) sum += g(8 * (k - 128) - (f - 4) + i);
      return sum;
    }),
  );
}
