// FORMAT.md, section 8: ALPHA.
import { must } from "./errors.js";
import { inflate } from "./inflate.js";

/**
 * Return the samples of an ALPHA section, height x width.
 * @param {Uint8Array} bytes
 * @param {number} width
 * @param {number} height
 */
export async function readAlpha(bytes, width, height) {
  const mode = bytes[0];
  if (mode === 0) {
    must(bytes.length === 2, `ALPHA of one value has ${bytes.length} bytes; it needs 2`);
    return new Uint8Array(width * height).fill(bytes[1]);
  }
  must(mode === 1, `ALPHA of mode ${mode}; legal are 0 and 1`);
  const data = await inflate(bytes.subarray(1), "deflate", height * (1 + width));
  const samples = data.subarray(height);
  for (let y = 0, at = 0; y < height; y++) {
    const filter = data[y];
    must(filter <= 3, `ALPHA has a row of filter ${filter}; legal are 0 to 3`);
    for (let x = 0; x < width; x++, at++) {
      const left = x ? samples[at - 1] : 0;
      const above = y ? samples[at - width] : 0;
      const aboveLeft = x && y ? samples[at - width - 1] : 0;
      samples[at] += filter === 1 ? left : filter === 2 ? above : filter === 3 ? left + above - aboveLeft : 0;
    }
  }
  return samples;
}
