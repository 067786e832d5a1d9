// The weights that a stream names: fetched once, checked against their id and kept.
import { GarError, must } from "./errors.js";
import { families } from "./families/index.js";
import { readTables } from "./entropy/tables.js";
import { openNetworks } from "./networks.js";
import { readNpz } from "./npz.js";
import { load } from "#weights";

/**
 * @typedef {object} Bundle
 * @property {string} id
 * @property {import("./families/index.js").Family} family
 * @property {Record<string, import("./npz.js").IntegerArray>} prior
 * @property {import("./entropy/tables.js").Tables} tables
 * @property {import("./networks.js").Run} run
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
  const folder = new URL(`${id}/`, weights).href;
  const bundle = opened.get(folder) ?? open(id, folder);
  opened.set(folder, bundle);
  bundle.catch(() => opened.delete(folder));
  return bundle;
}

/** @param {string} id @param {string} folder @returns {Promise<Bundle>} */
async function open(id, folder) {
  const manifest = JSON.parse(new TextDecoder().decode(await load(`${folder}manifest.json`, id)));
  const name = manifest.family ?? "pyramid";
  const family = families[name];
  if (!family) throw new GarError(`bundle ${id} is of the family ${name}, which this decoder does not know; update it`);
  const names = [...family.networks.map((network) => `${network}.onnx`), "prior.npz"];
  const files = await Promise.all(names.map((file) => load(folder + file, id)));
  const hashes = await Promise.all(files.map(sha256));
  const found = hex((await sha256(join(hashes))).subarray(0, 8));
  must(found === id, `the weights at ${folder} have the id ${found}; clear the cache or mend the server`);
  const prior = await readNpz(files[files.length - 1]);
  const graphs = Object.fromEntries(family.networks.map((network, i) => [network, files[i]]));
  return { id, family, prior, tables: readTables(prior), run: openNetworks(graphs) };
}

/** @param {Uint8Array} bytes */
async function sha256(bytes) {
  must(globalThis.crypto?.subtle, "weights cannot be checked on this page; serve it over https or from localhost");
  return new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {Uint8Array<ArrayBuffer>} */ (bytes)));
}

/** @param {Uint8Array[]} parts */
function join(parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
