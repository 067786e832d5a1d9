// What all tests decode: the conformance vectors of the project.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { families } from "../src/families/index.js";

export const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
export const VECTORS = fileURLToPath(new URL("../../tests/vectors/", import.meta.url));

const WEIGHTS = fileURLToPath(new URL("../../runtime/weights/", import.meta.url));

/** @typedef {{ name: string, stream: Uint8Array, shape: number[], sha256: string, skip: string | false }} Case */

/** Return what a JSON file holds. @param {string} path */
const read = (path) => JSON.parse(readFileSync(path, "utf8"));

/** Return the shipped bundles' families by their ids. @returns {Record<string, string>} */
function shipped() {
  const manifests = readdirSync(WEIGHTS).map((name) => read(`${WEIGHTS}${name}/manifest.json`));
  return Object.fromEntries(manifests.map(({ id, family = "pyramid" }) => [id, family]));
}

/** Return the cases of families that this decoder knows. */
export const cases = () => allCases().filter(({ skip }) => !skip);

/** Return all cases; `skip` says of those that cannot be decoded why. @returns {Case[]} */
export function allCases() {
  const family = shipped();
  const names = readdirSync(VECTORS).filter((name) => existsSync(`${VECTORS}${name}/case.json`));
  return names.map((name) => {
    const { shape, pixels_sha256: sha256, bundle_id: id } = read(`${VECTORS}${name}/case.json`);
    const skip = !Object.hasOwn(families, family[id]) && `the family ${family[id]} is not known here`;
    return { name, stream: stream(name), shape, sha256, skip };
  });
}

/**
 * Return the streams whose RESIDUAL alone is broken, and the SHA-256 of their pictures without it.
 * @returns {{ name: string, stream: Uint8Array, sha256: string }[]}
 */
export function unbound() {
  if (!existsSync(`${VECTORS}unbound/cases.json`)) return [];
  return Object.entries(read(`${VECTORS}unbound/cases.json`).pixels_sha256).map(([name, sha256]) => ({
    ...{ name, sha256: String(sha256), stream: new Uint8Array(readFileSync(`${VECTORS}unbound/${name}.gar`)) },
  }));
}

/** Return the stream of a case. @param {string} name */
export const stream = (name) =>
  new Uint8Array(readFileSync(`${VECTORS}${name}${name.startsWith("refused/") ? ".gar" : "/stream.gar"}`));

/** Return the id of the bundle of a case. @param {string} name */
export const bundleId = (name) => Buffer.from(stream(name).subarray(6, 14)).toString("hex");

/** @returns {{ name: string, stream: Uint8Array }[]} */
export function refused() {
  const names = Object.keys(read(`${VECTORS}refused/cases.json`).cases);
  return names.map((name) => ({ name, stream: new Uint8Array(readFileSync(`${VECTORS}refused/${name}.gar`)) }));
}

/** Return the thumbnails, and the SHA-256 of the pixels of each. @returns {{ name: string, file: Uint8Array, sha256: string }[]} */
export function thumbnails() {
  const place = `${VECTORS}thumbnails/`;
  return Object.entries(read(`${place}cases.json`).pixels_sha256).map(([name, sha256]) => ({
    ...{ name, sha256: String(sha256), file: new Uint8Array(readFileSync(`${place}${name}.gat`)) },
  }));
}

/**
 * Return shape and SHA-256 of a picture as case.json has them.
 * @param {{ width: number, height: number, channels: number, data: Uint8ClampedArray }} picture
 */
export function facts({ width, height, channels, data }) {
  const samples = data.filter((_, i) => i % 4 < channels);
  const shape = channels === 1 ? [height, width] : [height, width, channels];
  return { shape, sha256: createHash("sha256").update(samples).digest("hex") };
}

/** Return a stream that gives bytes so many at a time. @param {Uint8Array} bytes @param {number} size */
export function dribble(bytes, size) {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, (at += size)));
    },
  });
}
