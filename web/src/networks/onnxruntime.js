// The one door to onnxruntime-web, for networks that kernels cannot run.
import * as ort from "onnxruntime-web/wasm";

/** @typedef {import("./index.js").Tensor} Tensor */

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1;
/** @type {import("onnxruntime-web/wasm").InferenceSession.SessionOptions} */
const OPTIONS = { executionProviders: ["wasm"], logSeverityLevel: 3 }; // errors alone

/** @type {Promise<unknown>} */
let queue = Promise.resolve();

/**
 * Return what runs a network.
 * @param {Uint8Array} file  ONNX
 */
export async function openSession(file) {
  const session = await oneByOne(() => ort.InferenceSession.create(file, OPTIONS));
  return async (/** @type {Tensor[]} */ inputs) => {
    const tensors = inputs.map(({ type, data, dims }) => new ort.Tensor(type, data, dims));
    const outputs = await oneByOne(() =>
      session.run(Object.fromEntries(session.inputNames.map((name, i) => [name, tensors[i]]))),
    );
    return session.outputNames.map((name) => /** @type {any} */ (outputs[name]));
  };
}

/**
 * Run one thing after the other: the runtime has one memory.
 * @template T
 * @param {() => Promise<T>} task
 * @returns {Promise<T>}
 */
function oneByOne(task) {
  const done = queue.then(task);
  queue = done.catch(() => {});
  return done;
}
