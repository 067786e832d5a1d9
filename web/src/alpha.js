// FORMAT.md, section 8: ALPHA.
import { must } from "./errors.js";
import { readFiltered } from "./filters.js";

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
  return readFiltered(bytes.subarray(1), width, height, 1);
}
