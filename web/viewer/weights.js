// In the worker of the page that carries weights and runtime itself: they come as its first message.
import { env } from "onnxruntime-web/wasm";
import { GarError } from "../src/errors.js";

/** @typedef {Record<string, Uint8Array<ArrayBuffer>>} Assets  ort.wasm, and ID/FILE of each bundle */

/** @type {Promise<Assets>} */
const carried = new Promise((resolve) => {
  addEventListener("message", (event) => {
    if (!event.data.assets) return;
    event.stopImmediatePropagation(); // it is no picture to decode
    env.wasm.wasmBinary = event.data.assets["ort.wasm"];
    resolve(event.data.assets);
  });
});

/**
 * Return a file of a bundle.
 * @param {string} url
 * @param {string} id  of the bundle
 * @returns {Promise<import("../src/weights.js").File>}
 */
export async function load(url, id) {
  const bytes = (await carried)[url.split("/").slice(-2).join("/")];
  if (!bytes) throw new GarError(`the file needs the weights ${id}, which this page does not carry`);
  return { bytes, keep: async () => {} };
}
