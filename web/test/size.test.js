import assert from "node:assert/strict";
import { test } from "./limited.js";
import { PACKAGE } from "./vectors.js";

const esbuild = await import("esbuild").catch(() => null);

test("our own JavaScript that pages of .gar pictures load stays small", { skip: esbuild ? false : "no esbuild: npm install" }, async () => {
  const entryPoints = ["index", "element", "worker", "service-worker"].map((name) => `${PACKAGE}src/${name}.js`);
  const built = await esbuild?.build({
    ...{ entryPoints, bundle: true, splitting: true, minify: true, format: "esm", target: "es2022" },
    ...{ write: false, outdir: "out", external: ["onnxruntime-web/wasm", "./residual.js", "./thumbnail.js"] }, // which are loaded when needed
  });
  const bytes = built?.outputFiles.reduce((sum, { contents }) => sum + contents.length, 0) ?? Infinity;
  assert.ok(bytes <= 40_960, `${bytes} bytes`);
});
