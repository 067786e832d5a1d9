// The weights that a stream names: fetched once, checked against their id and kept.
import { concat, hex } from "./bytes.js";
import { GarError, must } from "./errors.js";
import { families } from "./families/index.js";
import { fileOf, openNetworks } from "./networks/index.js";
import { prepareKernels } from "./networks/kernels.js";
import { readNpz } from "./npz.js";
import { load } from "#weights";

/**
 * @typedef {object} Bundle
 * @property {string} id
 * @property {import("./families/index.js").Family} family
 * @property {Record<string, Uint8Array>} files  those that decoding needs, by name
 * @property {Record<string, import("./npz.js").NumericArray>} prior
 * @property {import("./networks/index.js").Run} run
 */

/** @type {Map<string, Promise<Bundle>>} */
const opened = new Map();

/**
 * Return the bundle of an id.
 * @param {string} id
 * @param {string} weights  URL of the folder with a folder for each id
 * @returns {Promise<Bundle>}
 */
export function openBundle(id, weights) {
  const folder = new URL(`${id}/`, weights.replace(/\/*$/, "/")).href;
  const bundle = opened.get(folder) ?? open(id, folder);
  opened.set(folder, bundle);
  bundle.catch(() => opened.delete(folder));
  return bundle;
}

/** @param {string} id @param {string} folder @returns {Promise<Bundle>} */
async function open(id, folder) {
  const manifest = await load(`${folder}manifest.json`, id);
  const { name, listed } = read(manifest.bytes, folder);
  must(
    Object.hasOwn(families, name),
    `bundle ${id} is of the family ${name}, which this decoder does not know; update it`,
  );
  const [family] = await Promise.all([families[name](), prepareKernels()]);
  const names = [...family.networks.map(fileOf), "prior.npz"].filter((file) => listed.includes(file));
  const loaded = await Promise.all(names.map((file) => load(folder + file, id)));
  const files = Object.fromEntries(loaded.map(({ bytes }, i) => [names[i], bytes]));
  const hashes = await Promise.all(Object.values(files).map(sha256));
  const found = hex((await sha256(concat(hashes))).subarray(0, 8));
  must(found === id, `the weights at ${folder} have the id ${found}; they must be those of ${id}`);
  await Promise.all([manifest, ...loaded].map((file) => file.keep()));
  const prior = await readNpz(files["prior.npz"]);
  return { id, family, files, prior, run: openNetworks(files, family.operators) };
}

/** Return the name of the family and the names of the files. @param {Uint8Array} manifest @param {string} folder */
function read(manifest, folder) {
  try {
    const { family, sha256 } = JSON.parse(new TextDecoder().decode(manifest));
    return { name: family ?? "pyramid", listed: Object.keys(sha256) };
  } catch {
    throw new GarError(`${folder}manifest.json is no manifest; the weights must be there`);
  }
}

/** @param {Uint8Array} bytes */
async function sha256(bytes) {
  must(globalThis.crypto?.subtle, "weights cannot be checked on this page; serve it over https or from localhost");
  return new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {Uint8Array<ArrayBuffer>} */ (bytes)));
}
