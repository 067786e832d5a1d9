// What all tests decode: the conformance vectors of the project.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
export const VECTORS = fileURLToPath(new URL("../../tests/vectors/", import.meta.url));

/** @typedef {{ name: string, stream: Uint8Array, shape: number[], sha256: string }} Case */

/** @returns {Case[]} */
export function cases() {
  const names = readdirSync(VECTORS).filter((name) => existsSync(`${VECTORS}${name}/case.json`));
  return names.map((name) => {
    const { shape, pixels_sha256: sha256 } = JSON.parse(readFileSync(`${VECTORS}${name}/case.json`, "utf8"));
    return { name, stream: new Uint8Array(readFileSync(`${VECTORS}${name}/stream.gar`)), shape, sha256 };
  });
}

/** Return the stream of a case. @param {string} name */
export const stream = (name) => new Uint8Array(readFileSync(`${VECTORS}${name}/stream.gar`));

/** @returns {{ name: string, stream: Uint8Array }[]} */
export function refused() {
  const names = Object.keys(JSON.parse(readFileSync(`${VECTORS}refused/cases.json`, "utf8")).cases);
  return names.map((name) => ({ name, stream: new Uint8Array(readFileSync(`${VECTORS}refused/${name}.gar`)) }));
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
