// Makes dist/: the same modules with onnxruntime-web inside, for pages without a bundler, and the viewer, a page of one file.
//     node scripts/build.js
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
/** @type {import("esbuild").BuildOptions} */
const options = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  logLevel: "warning",
  outdir: "dist",
};
const wasm = readFileSync(createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));

rmSync(`${root}dist`, { recursive: true, force: true });
const names = { gargalo: "index", element: "element", worker: "worker", "service-worker": "service-worker" };
const entryPoints = Object.fromEntries(Object.entries(names).map(([name, source]) => [name, `src/${source}.js`]));
await build({ ...options, entryPoints, splitting: true });
writeFileSync(`${root}dist/ort-wasm-simd-threaded.wasm`, wasm);

// a page that is opened from a disk may load nothing, nor a module: it carries its worker's code, weights and wasm
const viewer = { worker: "src/worker.js", viewer: "viewer/page.js" };
const carried = {
  format: /** @type {const} */ ("iife"),
  conditions: ["embedded"],
  define: { "import.meta.url": '"https://page.invalid/dist/"' },
  write: false,
};
const { outputFiles = [] } = await build({ ...options, ...carried, entryPoints: viewer });
const [worker, page] = outputFiles.map(({ text }) => text.replaceAll("</script", "<\\/script"));
const files = readdirSync(`${root}weights`).flatMap((id) =>
  readdirSync(`${root}weights/${id}`).map((file) => `${id}/${file}`),
);
const assets = [["ort.wasm", wasm], ...files.map((file) => [file, readFileSync(`${root}weights/${file}`)])];
const scripts = [
  ...assets.map(
    ([name, bytes]) =>
      `<script type="text/plain" data-asset="${name}">${gzipSync(bytes, { level: 9 }).toString("base64")}</script>`,
  ),
  `<script type="text/plain" id="worker">${worker}</script>`,
  `<script>${page}</script>`,
];
const served = `${root}../runtime/viewer/page`;
const style = `<style>${readFileSync(`${served}/viewer.css`, "utf8")}</style>`;
const html = readFileSync(`${served}/index.html`, "utf8")
  .replace(/<link rel="stylesheet".*>/, () => style)
  .replace(/<script type="module".*>/, "")
  .replace("</body>", () => `${scripts.join("\n")}\n</body>`);
writeFileSync(`${root}dist/viewer.html`, html);
