import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "./limited.js";
import { PACKAGE } from "./vectors.js";

const esbuild = await import("esbuild").catch(() => null);

const skip = esbuild ? false : "no esbuild: npm install";
const loadedWhenNeeded = [...readFileSync(`${PACKAGE}src/lazy.js`, "utf8").matchAll(/import\("(.*)"\)/g)].map(
  ([, name]) => name,
);

/** Return how many bytes our own JavaScript has, kernels included. @param {string[]} names @param {string[]} others  that are not counted */
async function bytesOf(names, others) {
  const built = await esbuild?.build({
    ...{ entryPoints: names.map((name) => `${PACKAGE}src/${name}.js`), bundle: true, splitting: true, minify: true },
    ...{ format: "esm", target: "es2022", write: false, outdir: "out", external: ["onnxruntime-web/wasm", ...others] },
  });
  return built?.outputFiles.reduce((sum, { contents }) => sum + contents.length, 0) ?? Infinity;
}

test("our own JavaScript that pages of .gar pictures load stays small", { skip }, async () => {
  assert.equal(loadedWhenNeeded.length, 5);
  const bytes = await bytesOf(["index", "element", "worker"], loadedWhenNeeded);
  assert.ok(bytes <= 40_960, `${bytes} bytes`);
});

test("so does that of a service worker, which must have all of it at once", { skip }, async () => {
  const bytes = await bytesOf(["service-worker"], []);
  assert.ok(bytes <= 61_440, `${bytes} bytes`);
});
