// FORMAT.md, sections 8 and 9: rows of samples with filters.
import { must } from "./errors.js";
import { inflate } from "./inflate.js";

/**
 * Return the samples, height x width x channels, of a zlib stream.
 * @param {Uint8Array} bytes
 * @param {number} width
 * @param {number} height
 * @param {number} channels
 */
export async function readFiltered(bytes, width, height, channels) {
  const row = width * channels;
  const data = await inflate(bytes, "deflate", height * (1 + row));
  const samples = data.subarray(height);
  for (let y = 0, at = 0; y < height; y++) {
    const filter = data[y];
    must(filter <= 3, `a row of filter ${filter}; legal are 0 to 3`);
    for (let x = 0; x < row; x++, at++) {
      const left = x >= channels ? samples[at - channels] : 0;
      const above = y ? samples[at - row] : 0;
      const aboveLeft = x >= channels && y ? samples[at - row - channels] : 0;
      samples[at] += filter === 1 ? left : filter === 2 ? above : filter === 3 ? left + above - aboveLeft : 0;
    }
  }
  return samples;
}
