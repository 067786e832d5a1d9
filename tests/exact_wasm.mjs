// Runs the graphs in onnxruntime-web on what exact_worker.py kept of a run, and compares every output byte.
//     node tests/exact_wasm.mjs <folder with node_modules> <folder of bundles> <kept folder> < JSON lines of exact_worker.py
// Prints a JSON line for each stream: how many runs of graphs there were, and which of them gave other bytes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [root, weights, kept] = process.argv.slice(2);
const found = createRequire(resolve(root, "package.json")).resolve("onnxruntime-web");
const ort = await import(pathToFileURL(found).href).then((module) => module.default ?? module);
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const types = { uint8: Uint8Array, float32: Float32Array };
const sessions = {};

function tensor({ type, shape, file }) {
  const bytes = readFileSync(join(kept, file));
  const data = new types[type](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return new ort.Tensor(type, data, shape);
}

async function same({ graph, in: inputs, out: expected }) {
  sessions[graph] ??= await ort.InferenceSession.create(readFileSync(join(weights, `${graph}.onnx`)), {
    executionProviders: ["wasm"],
  });
  const feeds = Object.fromEntries(inputs.map((input) => [input.name, tensor(input)]));
  const outputs = await sessions[graph].run(feeds);
  return expected.every(({ name, file }) => {
    const { data } = outputs[name];
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength).equals(readFileSync(join(kept, file)));
  });
}

const { version } = JSON.parse(readFileSync(join(root, "node_modules/onnxruntime-web/package.json")));
console.log(JSON.stringify({ node: process.version, "onnxruntime-web": version }));
for (const line of readFileSync(0, "utf8").split("\n").filter((text) => text.includes('"calls"'))) {
  const { file, calls } = JSON.parse(line);
  const wrong = [];
  for (const call of calls) if (!(await same(call))) wrong.push(call.graph);
  console.log(JSON.stringify({ file, runs: calls.length, wrong }));
}
