import { decodeFrom } from "./codec.js";

export { GarError } from "./errors.js";
export { toPng } from "./png.js";

/** @typedef {import("./codec.js").Decoded} Decoded */

/**
 * Return the picture in the bytes of a .gar file.
 * @param {Uint8Array | ArrayBuffer} bytes
 * @param {import("./codec.js").Options} [options]
 * @returns {Promise<Decoded>}
 * @throws {import("./errors.js").GarError} if it is no picture that can be read; its message says why
 */
export async function decode(bytes, options) {
  return decodeFrom(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes, options);
}

/**
 * Return the picture in a stream of bytes, and hand out smaller ones as layers come.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {(preview: import("./codec.js").Preview) => void} [onPreview]
 * @param {import("./codec.js").Options} [options]
 * @returns {Promise<Decoded>}
 * @throws {import("./errors.js").GarError} if it is no picture that can be read; its message says why
 */
export async function decodeStream(stream, onPreview, options) {
  return decodeFrom(stream, options, onPreview);
}
