// Runs the networks of a bundle: by kernels of our own, else by onnxruntime-web, which is loaded only then.
import { lazy } from "../lazy.js";
import { openKernels } from "./kernels.js";
import { readGraph } from "./onnx.js";
import { planOf, runPlan, Unsupported } from "./plan.js";

/** @typedef {{ type: "uint8" | "float32", data: Uint8Array | Float32Array, dims: number[] }} Tensor */
/**
 * @typedef {(name: string, inputs: Tensor[]) => Promise<Tensor[]>} Run  runs a network, inputs and outputs in its order
 */

/**
 * Return a tensor.
 * @param {Tensor["type"]} type
 * @param {Tensor["data"]} data
 * @param {number[]} dims
 * @returns {Tensor}
 */
export const tensor = (type, data, dims) => ({ type, data, dims });

/** @param {string} name  of a network */
export const fileOf = (name) => `${name}.onnx`;

/**
 * Return what runs networks, which are prepared when they are first used.
 * @param {Record<string, Uint8Array>} files  by name
 * @param {import("./plan.js").Operators} [more]
 * @returns {Run}
 */
export function openNetworks(files, more) {
  /** @type {Record<string, (inputs: Tensor[]) => Promise<Tensor[]>>} */
  const opened = {};
  return (name, inputs) => (opened[name] ??= open(files[fileOf(name)], more))(inputs);
}

/**
 * @param {Uint8Array} file
 * @param {import("./plan.js").Operators} [more]
 * @returns {(inputs: Tensor[]) => Promise<Tensor[]>}
 */
function open(file, more) {
  const plan = attempt(() => planOf(readGraph(file), openKernels(), more));
  /** @type {ReturnType<typeof import("./onnxruntime.js").openSession> | undefined} */
  let session;
  return async (inputs) => {
    const outputs = plan && attempt(() => runPlan(plan, openKernels(), inputs));
    if (outputs) return outputs;
    session ??= lazy.onnxruntime().then(({ openSession }) => openSession(file));
    return (await session)(inputs);
  };
}

/**
 * Return what a task does, or nothing where kernels lack something, or the graph does: onnxruntime-web tells what.
 * @template T
 * @param {() => T} task
 */
function attempt(task) {
  try {
    return task();
  } catch (error) {
    if (!(error instanceof Unsupported || error instanceof TypeError)) throw error;
  }
}
