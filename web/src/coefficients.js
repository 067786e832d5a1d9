const f32 = Math.fround;

/**
 * @typedef {object} Channel
 * @property {Int16Array | Int32Array} values  row by row, and maybe more
 * @property {number} step  of a value, in 1/512 pixel level
 * @property {number} down  its first row in the plane
 * @property {number} right  its first column
 */

/**
 * Put the coefficients of channels of a tile to every `stride`-th row and column of a plane.
 * @param {Float32Array} plane
 * @param {number} columns  of the plane
 * @param {number} stride
 * @param {import("./latents.js").Area} area  of the tile
 * @param {number} side  of a value in pixels
 * @param {Channel[]} channels
 */
export function place(plane, columns, stride, area, side, channels) {
  const [rows, count, top, left] = [area.height, area.width, area.top, area.left].map((length) => length / side);
  for (let y = 0; y < rows; y++) {
    for (const { values, step, down, right } of channels) {
      const start = ((top + y) * stride + down) * columns + left * stride + right;
      placeRow(plane, start, stride, values, y * count, count, f32(step / 512));
    }
  }
}

/**
 * @param {Float32Array} plane
 * @param {number} to
 * @param {number} stride
 * @param {Int16Array | Int32Array} values
 * @param {number} at
 * @param {number} count
 * @param {number} step
 */
function placeRow(plane, to, stride, values, at, count, step) {
  for (const end = at + count; at < end; at++, to += stride) plane[to] = f32(values[at] * step);
}
