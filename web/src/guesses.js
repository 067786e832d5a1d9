// FORMAT.md, section 6, and docs/format/autoencoder.md: chroma from luma.
import { clamp } from "./level.js";

const f32 = Math.fround;
const LARGEST_SLOPE = 2;
const LARGEST_GUESS = 32512; // with which means fit 16 bits
const ROUNDING = 1.5 * 2 ** 23; // float32 above it have no fraction

/**
 * Return how much chroma there is for luma at each place.
 * @param {Float32Array} luma  sums of its squares
 * @param {Float32Array} chroma  sums of its products with luma
 * @param {number} ridge
 */
export function slopesOf(luma, chroma, ridge) {
  return chroma.map((sum, i) => clamp(f32(sum / f32(Math.max(luma[i], 0) + ridge)), -LARGEST_SLOPE, LARGEST_SLOPE));
}

/**
 * Sum up 3 x 3 places, those beyond an edge being the edge's.
 * @param {Float32Array} plane
 * @param {number} columns
 */
export function around(plane, columns) {
  const down = plane.map((value, i) => {
    return f32((plane[i - columns] ?? value) + value) + (plane[i + columns] ?? value);
  });
  return down.map((value, i) => {
    const x = i % columns;
    return f32(down[x ? i - 1 : i] + value) + down[x < columns - 1 ? i + 1 : i];
  });
}

/** Return a guess as a whole number, the even one of two. @param {number} guess */
export const whole = (guess) => f32(clamp(guess, -LARGEST_GUESS, LARGEST_GUESS) + ROUNDING) - ROUNDING;
