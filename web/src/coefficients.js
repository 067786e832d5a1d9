const f32 = Math.fround;

/**
 * Put the coefficients of a channel of a tile to every `stride`-th row and column of a plane, from (down, right) on.
 * @param {Float32Array} plane
 * @param {number} columns  of the plane
 * @param {{ stride: number, down: number, right: number }} to
 * @param {import("./latents.js").Area} area  of the tile
 * @param {number} side  of a value of the channel in pixels
 * @param {Int16Array} channel  its values, row by row, and maybe more
 * @param {number} step
 */
export function place(plane, columns, { stride, down, right }, area, side, channel, step) {
  const factor = f32(step / 512);
  const [rows, count, top, left] = [area.height, area.width, area.top, area.left].map((length) => length / side);
  for (let y = 0, at = 0; y < rows; y++) {
    let to = ((top + y) * stride + down) * columns + left * stride + right;
    for (let x = 0; x < count; x++, to += stride) plane[to] = f32(channel[at++] * factor);
  }
}
