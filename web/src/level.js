// FORMAT.md, sections 5 and 6: what families share of steps, scale indexes and what networks see.
import { must } from "./errors.js";

/** @typedef {import("./npz.js").NumericArray} NumericArray */

const STEPS_AN_ANCHOR = 32;
export const LEVEL_PLANES = 8;
/** Masking is within these. */
export const [LEAST_MASK, LARGEST_MASK] = [-10, 6];
const MIDDLE = 128;
const LARGEST_VALUE = 2 ** 15;
const STEP_OF_OCTAVE = Float64Array.from({ length: 64 }, (_, i) => Math.round(2 ** (i / 64) * 2 ** 14));

/** @param {number} value @param {number} least @param {number} most */
export const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

/**
 * Return the row of an array (anchors, columns) at a level.
 * @param {NumericArray} array
 * @param {number} level
 */
export function interpolate({ data, shape: [anchors, columns = 1] }, level) {
  checkLevel(level, STEPS_AN_ANCHOR * (anchors - 1));
  const { a, c, f } = between(level, anchors);
  return Int32Array.from({ length: columns }, (_, i) => {
    return (data[a * columns + i] * (STEPS_AN_ANCHOR - f) + data[c * columns + i] * f + STEPS_AN_ANCHOR / 2) >> 5;
  });
}

/** Refuse a level above the last of a bundle. @param {number} level @param {number} last */
export function checkLevel(level, last) {
  must(level <= last, `the stream has level ${level}, above the last of its bundle, ${last}`);
}

/** @param {number} level @param {number} anchors */
function between(level, anchors) {
  const a = level >> 5;
  return { a, c: Math.min(a + 1, anchors - 1), f: level & 31 };
}

/** Return the quantisation steps in 1/64 pixel level. @param {Int32Array} log2Steps */
export function stepsOf(log2Steps) {
  return log2Steps.map((v) => Math.max(1, ((STEP_OF_OCTAVE[v & 63] << Math.max(v >> 6, 0)) + 2 ** 13) >> 14));
}

/**
 * Return the values of the planes that tell networks the level.
 * @param {number} level
 * @param {number} anchors
 */
export function levelPlanes(level, anchors) {
  const planes = new Uint8Array(LEVEL_PLANES).fill(MIDDLE);
  const { a, c, f } = between(level, anchors);
  planes[a] += STEPS_AN_ANCHOR - f;
  if (f) planes[c] += f;
  return planes;
}

/**
 * Return the scale index for what a network says of the scale, less the masking, from 0 - LARGEST_MASK on.
 * @param {number} base
 * @param {number} least
 * @param {number} shift
 * @param {number} last
 */
export function indexesOf(base, least, shift, last) {
  const indexes = new Uint8Array(256 + LARGEST_MASK - LEAST_MASK);
  for (let i = 0; i < indexes.length; i++) {
    const index = clamp((base + 32 * (i - LARGEST_MASK - MIDDLE)) >> 6, least, last);
    indexes[i] = index && clamp(index + shift, 1, last);
  }
  return indexes;
}

/** Return what networks see of each value from -2**15 on. @param {Int32Array} thresholds */
export function seenValues(thresholds) {
  const seen = new Uint8Array(2 * LARGEST_VALUE + 1);
  for (let magnitude = 0, passed = 0; magnitude <= LARGEST_VALUE; magnitude++) {
    while (passed < thresholds.length && thresholds[passed] <= magnitude) passed++;
    seen[LARGEST_VALUE + magnitude] = MIDDLE + passed;
    seen[LARGEST_VALUE - magnitude] = MIDDLE - (magnitude ? passed : 0);
  }
  return seen;
}

/**
 * Return what a network sees of a part: its values, the level, then planes of 128.
 * @param {Int16Array} values
 * @param {number} pixels  of a channel
 * @param {number} channels  of what is seen
 * @param {{ seen: Uint8Array, planes: Uint8Array }} coding
 */
export function see(values, pixels, channels, { seen, planes }) {
  const grid = new Uint8Array(channels * pixels).fill(MIDDLE);
  const count = Math.min(values.length, grid.length);
  for (let i = 0; i < count; i++) grid[i] = seen[values[i] + LARGEST_VALUE];
  planes.forEach((value, plane) => {
    const start = values.length + plane * pixels;
    grid.fill(value, start, start + pixels);
  });
  return grid;
}
