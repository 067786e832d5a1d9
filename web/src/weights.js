import { must } from "./errors.js";

/**
 * @typedef {{ bytes: Uint8Array, keep: () => Promise<void> }} File  `keep`, once it is known to be right, saves fetching it again
 */

/**
 * Return a file of a bundle, fetched or as the Cache API has kept it.
 * @param {string} url
 * @param {string} id  of the bundle
 * @returns {Promise<File>}
 */
export async function load(url, id) {
  const cache = await globalThis.caches?.open("gargalo").catch(() => null);
  const there = await cache?.match(url);
  if (there) return { bytes: new Uint8Array(await there.arrayBuffer()), keep: async () => {} };
  const bytes = await fetched(url, id);
  return { bytes, keep: async () => cache?.put(url, new Response(bytes)).catch(() => {}) };
}

/**
 * @param {string} url
 * @param {string} id
 */
export async function fetched(url, id) {
  const response = await fetch(url).catch((error) => error);
  const fault = response.status ? `is not there (${response.status})` : `cannot be fetched: ${response.message}`;
  must(response.ok, `the file needs the weights ${id}, and ${url} ${fault}`);
  return new Uint8Array(await response.arrayBuffer());
}
