import { GarError } from "./errors.js";

/**
 * Return a file of a bundle; in browsers it is fetched once and kept by the Cache API.
 * @param {string} url
 * @param {string} id  of the bundle
 * @returns {Promise<Uint8Array>}
 */
export async function load(url, id) {
  const cache = await globalThis.caches?.open("gargalo").catch(() => null);
  let response = await cache?.match(url);
  if (!response) {
    response = await fetch(url).catch((error) => {
      throw new GarError(`the file needs the weights ${id}, and ${url} cannot be fetched: ${error.message}`);
    });
    if (!response.ok) throw new GarError(`the file needs the weights ${id}, and ${url} is not there (${response.status})`);
    await cache?.put(url, response.clone()).catch(() => {});
  }
  return new Uint8Array(await response.arrayBuffer());
}
