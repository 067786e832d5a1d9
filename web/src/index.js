// The decoder for pages: all work is done in a worker.
import { startWorker } from "#worker";
import { GarError } from "./errors.js";

export { GarError } from "./errors.js";
export { toPng } from "./png.js";

/** @typedef {import("./codec.js").Decoded} Decoded */
/** @typedef {import("./codec.js").Preview} Preview */
/** @typedef {import("./codec.js").Options} Options */
/**
 * @typedef {{ preview?: Preview, picture?: Decoded, error?: string, known?: boolean }} Answer  `known`: it is a GarError
 */

/** @type {ReturnType<typeof start> | undefined} */
let started;

/**
 * Return the picture in the bytes of a .gar file.
 * @param {Uint8Array | ArrayBuffer | Blob} bytes
 * @param {Options} [options]
 * @returns {Promise<Decoded>}
 * @throws {GarError} if it is no picture that can be read; its message says why
 */
export async function decode(bytes, options) {
  return decodeStream(
    /** @type {ReadableStream<Uint8Array>} */ (new Response(/** @type {BodyInit} */ (bytes)).body),
    undefined,
    options,
  );
}

/**
 * Return the picture in a stream of bytes, and hand out smaller ones as layers come.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {(preview: Preview) => void} [onPreview]
 * @param {Options} [options]
 * @returns {Promise<Decoded>}
 * @throws {GarError} if it is no picture that can be read; its message says why
 */
export async function decodeStream(stream, onPreview, { signal, ...options } = {}) {
  signal?.throwIfAborted();
  const reader = stream.getReader();
  const { worker, failed, end } = (started ??= start());
  const { port1: port, port2 } = new MessageChannel();
  if (options.weights) options.weights = new URL(options.weights, document.baseURI).href;
  worker.postMessage({ port: port2, options, previews: Boolean(onPreview) }, [port2]);
  try {
    const decoded = new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      port.onmessage = ({ data: { preview, picture, error, known } }) => {
        if (preview) onPreview?.(preview);
        else if (picture) resolve(picture);
        else {
          reject(known ? new GarError(error) : new Error(error));
          if (!known) end(String(error)); // its memory may be used up
        }
      };
      send(reader, port).catch(reject);
    });
    return await Promise.race([decoded, failed]);
  } finally {
    reader.cancel().catch(() => {});
    port.postMessage({ stop: true });
  }
}

/** @param {ReadableStreamDefaultReader<Uint8Array>} reader @param {MessagePort} port */
async function send(reader, port) {
  for (;;) {
    const { value, done } = await reader.read();
    port.postMessage({ chunk: value ?? null });
    if (done) return;
  }
}

function start() {
  const worker = startWorker();
  /** @type {(reason: Error) => void} */
  let reject;
  /** @type {Promise<never>} */
  const failed = new Promise((_, rejected) => (reject = rejected));
  failed.catch(() => {});
  /** End all that is decoded, and let the next picture have a new worker. @param {string} reason */
  const end = (reason) => {
    worker.terminate();
    if (started?.worker === worker) started = undefined;
    reject(new Error(`the worker of gargalo does not run: ${reason}`));
  };
  worker.addEventListener("error", ({ message }) => end(message));
  return { worker, failed, end };
}
