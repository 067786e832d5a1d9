import { GarError, must } from "./errors.js";

/**
 * Return what a compressed stream holds, which must be so many bytes, and end with it.
 * @param {Uint8Array} bytes
 * @param {"deflate" | "deflate-raw"} format  deflate is zlib's, with its checksum
 * @param {number} length
 */
export async function inflate(bytes, format, length) {
  const out = await expand(bytes, format, length);
  must(out.length === length, `compressed data hold ${out.length} bytes; ${length} are needed`);
  // not all platforms refuse bytes behind the end: then the stream is complete without its last byte too
  const early = await expand(bytes.subarray(0, -1), format, length).catch(() => null);
  must(!early, "bytes follow the end of compressed data");
  return out;
}

/** @param {Uint8Array} bytes @param {"deflate" | "deflate-raw"} format @param {number} length */
async function expand(bytes, format, length) {
  const stream = new DecompressionStream(format);
  const writer = stream.writable.getWriter();
  writer.write(/** @type {Uint8Array<ArrayBuffer>} */ (bytes)).catch(() => {});
  writer.close().catch(() => {});
  const reader = stream.readable.getReader();
  const out = new Uint8Array(length);
  let filled = 0;
  for (;;) {
    const { value, done } = await reader.read().catch(() => {
      throw new GarError("compressed data are damaged");
    });
    if (done) return out.subarray(0, filled);
    if (filled + value.length > length) {
      await reader.cancel().catch(() => {});
      throw new GarError(`compressed data hold more than ${length} bytes`);
    }
    out.set(value, filled);
    filled += value.length;
  }
}
