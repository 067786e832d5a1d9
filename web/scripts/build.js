// Makes dist/: the same modules with onnxruntime-web inside, for pages without a bundler.
//     node scripts/build.js
import { copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
await build({
  absWorkingDir: root,
  entryPoints: { gargalo: "src/index.js", element: "src/element.js", worker: "src/worker.js", "service-worker": "src/service-worker.js" },
  outdir: "dist",
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: "es2022",
  logLevel: "warning",
});
const wasm = createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm");
copyFileSync(wasm, `${root}/dist/ort-wasm-simd-threaded.wasm`);
