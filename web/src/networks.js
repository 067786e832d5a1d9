// The one door to onnxruntime-web.
import * as ort from "onnxruntime-web/wasm";

/** @typedef {import("onnxruntime-web/wasm").Tensor} Tensor */
/**
 * @typedef {(name: string, inputs: Tensor[]) => Promise<Tensor[]>} Run  runs a network, inputs and outputs in its order
 */

/** @typedef {(name: string) => Promise<number[][]>} InputShapes  NaN where a side may be any */

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1;
/** @type {import("onnxruntime-web/wasm").InferenceSession.SessionOptions} */
const OPTIONS = { executionProviders: ["wasm"], logSeverityLevel: 3 }; // errors alone

/** @type {Promise<unknown>} */
let queue = Promise.resolve();

/**
 * Return a tensor.
 * @param {"uint8" | "float32"} type
 * @param {Uint8Array | Float32Array} data
 * @param {number[]} shape
 */
export const tensor = (type, data, shape) => new ort.Tensor(type, data, shape);

/**
 * Return what runs networks, whose sessions are made when they are first used, and what tells the shapes of their inputs.
 * @param {Record<string, Uint8Array>} graphs  ONNX files
 * @returns {{ run: Run, inputShapes: InputShapes }}
 */
export function openNetworks(graphs) {
  /** @type {Record<string, Promise<import("onnxruntime-web/wasm").InferenceSession>>} */
  const sessions = {};
  const open = (/** @type {string} */ name) =>
    (sessions[name] ??= oneByOne(() => ort.InferenceSession.create(graphs[name], OPTIONS)));
  return {
    async run(name, inputs) {
      const session = await open(name);
      const feeds = Object.fromEntries(session.inputNames.map((input, i) => [input, inputs[i]]));
      const outputs = await oneByOne(() => session.run(feeds));
      return session.outputNames.map((output) => /** @type {Tensor} */ (outputs[output]));
    },
    async inputShapes(name) {
      return (await open(name)).inputMetadata.map((input) => (input.isTensor ? input.shape.map(Number) : []));
    },
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
