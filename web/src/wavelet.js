// FORMAT.md, section 7: wavelet.
import { openHeap, openKernels } from "./networks/kernels.js";

/** What a pass makes of constant low samples 1 where all high ones are 0. */
export const PASS_GAIN = 1 - (217 / 2048) * (3616 / 2048);

/**
 * Join low band and details in place: low at even rows and columns, band 0 at odd rows, 1 at odd columns, 2 at both odd.
 * @param {Float32Array} plane  (rows, columns), both even
 * @param {number} rows
 * @param {number} columns
 */
export function join(plane, rows, columns) {
  const kernels = openKernels();
  const { allocate } = openHeap(kernels);
  const [{ at }, scratch] = [allocate(plane.byteLength), allocate(4 * columns + 64)];
  const inside = new Float32Array(kernels.memory.buffer, at, plane.length);
  inside.set(plane);
  kernels.call.join(at, rows, columns, scratch.at);
  plane.set(inside);
}

/**
 * Return a plane of twice the sides with another at its even rows and columns, and 0 elsewhere.
 * @param {Float32Array} low  (rows, columns)
 * @param {number} rows
 * @param {number} columns
 */
export function spread(low, rows, columns) {
  const plane = new Float32Array(4 * rows * columns);
  for (let y = 0, from = 0; y < rows; y++) {
    for (let x = 0, to = 4 * y * columns; x < columns; x++, to += 2) plane[to] = low[from++];
  }
  return plane;
}
