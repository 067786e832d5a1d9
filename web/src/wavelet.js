// FORMAT.md, section 7: wavelet.
import { openHeap, openKernels } from "./networks/kernels.js";

/** What a pass makes of constant low samples 1 where all high ones are 0. */
export const PASS_GAIN = 1 - (217 / 2048) * (3616 / 2048);

/**
 * Return a low band joined with details, a plane of twice the sides.
 * @param {Float32Array} low  (rows, columns)
 * @param {number} rows
 * @param {number} columns
 * @param {(plane: Float32Array) => void} place  puts band 0 at odd rows, 1 at odd columns, 2 where both are odd
 */
export function join(low, rows, columns, place) {
  const kernels = openKernels();
  const { allocate } = openHeap(kernels);
  const [{ at }, scratch] = [allocate(16 * low.length), allocate(Math.max(4 * low.length, 8 * columns + 64))];
  const floats = (/** @type {number} */ at, /** @type {number} */ count) =>
    new Float32Array(kernels.memory.buffer, at, count);
  floats(scratch.at, low.length).set(low);
  kernels.call.spread(scratch.at, rows, columns, at);
  const plane = floats(at, 4 * low.length);
  place(plane);
  kernels.call.join(at, 2 * rows, 2 * columns, scratch.at);
  return new Float32Array(kernels.memory.buffer.slice(at, at + 16 * low.length));
}
