// What kernels do for a graph of the operators of FORMAT.md, section 7, and of those that a family has beside them.
import { concat } from "../bytes.js";
import { openHeap } from "./kernels.js";

/** @typedef {import("./onnx.js").Graph} Graph */
/** @typedef {import("./onnx.js").Node} Node */
/** @typedef {import("./kernels.js").Kernels} Kernels */
/** @typedef {import("./index.js").Tensor} Tensor */
/** @typedef {import("./kernels.js").Block} Block */
/** @typedef {{ shape: number[], block: Block }} Grid  of samples */
/** @typedef {(inputs: any[], machine: Machine, at: number) => Grid | number[]} Step  at: of its constants in memory */
/**
 * @typedef {object} Machine
 * @property {Kernels["call"]} call
 * @property {(shape: number[]) => Grid} make  gives a blank grid
 * @property {<T>(bytes: number, task: (at: number) => T) => T} lend  memory for a task
 */
/** @typedef {{ step: Step, packed?: Uint8Array }} Operation  and its constants as kernels need them */
/**
 * @typedef {object} Plan
 * @property {Graph} graph
 * @property {Operation[]} operations  of each node
 * @property {Record<string, number>} uses  of each value
 */

const [FLOAT, UINT8, INT8, INT32, INT64] = [1, 2, 3, 6, 7];
const OUTPUTS = 8; // channels that are computed at once
const LARGEST_WEIGHT = 64; // with which the sums of two products fit 16 bits
const MIDDLE = 128;

/** Thrown where a graph has something that no kernel does. */
export class Unsupported extends Error {}

/** @param {unknown} condition @returns {asserts condition} */
export function needed(condition) {
  if (!condition) throw new Unsupported();
}

/** @typedef {Record<string, (node: Node, constants: Graph["constants"], kernels: Kernels) => Operation>} Operators */
/** @type {Operators} */
const OPERATORS = { QLinearConv, QLinearAdd, Transpose, Reshape };

/**
 * Return the plan of a graph.
 * @param {Graph} graph
 * @param {Kernels} kernels
 * @param {Operators} [more]
 * @returns {Plan}
 */
export function planOf(graph, kernels, more) {
  const operators = { ...OPERATORS, ...more };
  /** @type {Plan["uses"]} */
  const uses = {};
  for (const name of [...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs])
    uses[name] = (uses[name] ?? 0) + 1;
  const operations = graph.nodes.map((node) => {
    needed(Object.hasOwn(operators, node.operator));
    return operators[node.operator](node, graph.constants, kernels);
  });
  return { graph, operations, uses };
}

/**
 * Return a graph's outputs.
 * @param {Plan} plan
 * @param {Kernels} kernels
 * @param {Tensor[]} inputs
 * @returns {Tensor[]}
 */
export function runPlan({ graph, operations, uses }, kernels, inputs) {
  const { memory, call } = kernels;
  const { allocate, release } = openHeap(kernels);
  const write = (/** @type {Uint8Array} */ bytes) => {
    const block = allocate(bytes.length);
    new Uint8Array(memory.buffer).set(bytes, block.at);
    return block;
  };
  /** @type {Record<string, Grid | number[]>} */
  const values = {};
  const keep = (/** @type {string} */ name, /** @type {Grid | number[]} */ value) => {
    values[name] = value;
    if ("block" in value) value.block.uses += uses[name] ?? 0;
  };
  /** @type {Machine} */
  const machine = {
    call,
    make(shape) {
      needed(shape.every(isSide));
      return { shape, block: allocate(product(shape)) };
    },
    lend(bytes, task) {
      const block = allocate(bytes);
      const result = task(block.at);
      release(block);
      return result;
    },
  };
  graph.inputs.forEach(({ name }, i) => {
    const { type, data, dims } = inputs[i];
    needed(type === "uint8" && data.length === product(dims));
    keep(name, { shape: dims, block: write(/** @type {Uint8Array} */ (data)) });
  });
  graph.nodes.forEach((node, i) => {
    const { step, packed } = operations[i];
    const block = write(packed ?? new Uint8Array(0));
    const given = node.inputs.map((name) => values[name] ?? wholeNumbers(graph.constants[name]));
    keep(node.outputs[0], step(given, machine, block.at));
    release(block);
    for (const value of given) if ("block" in value && value.block.uses-- === 1) release(value.block);
  });
  return graph.outputs.map((name) => {
    const { shape, block } = /** @type {Grid} */ (values[name]);
    return {
      type: "uint8",
      dims: shape,
      data: new Uint8Array(memory.buffer.slice(block.at, block.at + product(shape))),
    };
  });
}

/** @param {number[]} sides */
export const product = (sides) => sides.reduce((all, side) => all * side, 1);

/** @param {number} side */
export const isSide = (side) => Number.isInteger(side) && side >= 0;

/** Return the numbers of a constant. @param {Graph["constants"][string]} constant @param {number} type */
function numbers(constant, type) {
  needed(constant?.type === type);
  const { buffer } = constant.bytes.slice();
  const Numbers = { [FLOAT]: Float32Array, [UINT8]: Uint8Array, [INT8]: Int8Array, [INT32]: Int32Array }[type];
  const found = Array.from(Numbers ? new Numbers(buffer) : new BigInt64Array(buffer), Number);
  needed(found.length === product(constant.dims));
  return found;
}

/** @param {Graph["constants"][string] | undefined} constant */
const wholeNumbers = (constant) => (constant?.type === INT64 ? numbers(constant, INT64) : []);

/** @type {Operators[string]} */
function QLinearConv({ inputs, attributes }, constants, { group, signed }) {
  const [, xScale, xZero, weight, weightScale, weightZero, yScale, yZero, bias] = inputs.map((name) => constants[name]);
  const weights = numbers(weight, INT8);
  const [outputs, channels, side, across] = weight.dims;
  const half = side >> 1;
  const known = {
    channels_last: 1,
    group: 1,
    kernel_shape: [side, side],
    strides: [1, 1],
    dilations: [1, 1],
    pads: Array(4).fill(half),
  };
  const told = { ...known, channels_last: 0, ...attributes };
  needed(JSON.stringify(told) === JSON.stringify(known) && side === 2 * half + 1 && side <= 3 && across === side);
  needed(weights.every((value) => Math.abs(value) <= LARGEST_WEIGHT));
  needed(numbers(weightZero, INT8).every((zero) => zero === 0));
  const [inScale, outScale] = [xScale, yScale].map((scale) => numbers(scale, FLOAT)[0]);
  const [inZero, outZero] = [xZero, yZero].map((zero) => numbers(zero, UINT8)[0]);
  const offset = signed ? MIDDLE : 0;
  const bytes = 4 / group; // of an element
  const stride = group * Math.ceil(channels / group);
  const padded = OUTPUTS * Math.ceil(outputs / OUTPUTS);
  const [biases, factors] = [new Int32Array(padded), new Float32Array(padded)];
  const scales = numbers(weightScale, FLOAT);
  const added = numbers(bias, INT32);
  needed(added.length === outputs && [1, outputs].includes(scales.length));
  added.forEach((value, o) => {
    const sum = weights
      .slice(o * channels * side ** 2, (o + 1) * channels * side ** 2)
      .reduce((sum, weight) => sum + weight, 0);
    biases[o] = value - (inZero - offset) * sum;
    factors[o] = Math.fround(inScale * scales[o % scales.length]) / outScale;
  });
  needed([...factors, inZero, outZero].every(Number.isFinite));
  const ordered = new (bytes === 1 ? Int8Array : Int16Array)(padded * side ** 2 * stride);
  let to = 0;
  for (let first = 0; first < padded; first += OUTPUTS) {
    for (let place = 0; place < side ** 2; place++) {
      for (let c = 0; c < stride; c += group) {
        for (let o = first; o < first + OUTPUTS; o++) {
          for (let k = c; k < c + group; k++) {
            ordered[to++] = o < outputs && k < channels ? weights[(o * channels + k) * side ** 2 + place] : 0;
          }
        }
      }
    }
  }
  const parts = [ordered, biases, factors].map(({ buffer }) => new Uint8Array(buffer));
  const [biasAt, factorsAt] = [parts[0].length, parts[0].length + parts[1].length];
  return {
    packed: concat(parts),
    step([{ shape, block }], { call, make, lend }, at) {
      const [pictures, rows, columns, depth] = shape;
      needed(pictures === 1 && depth === channels && shape.length === 4);
      const out = make([1, rows, columns, outputs]);
      lend((side + 1) * (columns + side - 1) * stride * bytes, (scratch) => {
        call.convolve(
          ...[block.at, rows, columns, channels, stride, out.block.at, outputs, side],
          ...[at, at + biasAt, at + factorsAt, inZero, outZero, offset, scratch],
        );
      });
      return out;
    },
  };
}

/** @type {Operators[string]} */
function QLinearAdd({ inputs }, constants) {
  const [, xScale, xZero, , yScale, yZero, scale, zero] = inputs.map((name) => constants[name]);
  needed(new Set([xScale, yScale, scale].map((scale) => numbers(scale, FLOAT)[0])).size === 1);
  needed([xZero, yZero, zero].every((zero) => numbers(zero, UINT8)[0] === MIDDLE));
  return {
    step([a, , , b], { call, make }) {
      needed(String(a.shape) === String(b.shape));
      const out = make(a.shape);
      call.add(a.block.at, b.block.at, out.block.at, product(a.shape));
      return out;
    },
  };
}

/** @type {Operators[string]} */
function Transpose({ attributes: { perm } }) {
  needed(Array.isArray(perm) && String(perm.slice().sort()) === String([...perm.keys()]));
  return {
    step([grid], { call, make }) {
      needed(grid.shape.length === perm.length);
      const strides = stridesOf(grid.shape);
      const out = make(perm.map((axis) => grid.shape[axis]));
      /** @type {[number, number][]} */
      const axes = []; // lengths and strides in the input of the output's axes, those in one run joined
      for (const axis of perm) {
        const [length, stride] = [grid.shape[axis], strides[axis]];
        const last = axes[axes.length - 1];
        if (length === 1) continue;
        if (last?.[1] === length * stride) axes.splice(-1, 1, [last[0] * length, stride]);
        else axes.push([length, stride]);
      }
      const [[columns, apart], [rows, stride]] = [...axes, [1, 1], [1, 1]];
      if (axes.length === 2 && apart === 1 && stride === columns)
        call.transpose(grid.block.at, rows, columns, out.block.at);
      else
        copy(
          call,
          grid.block.at,
          out.block.at,
          axes.map(([length]) => length),
          axes.map(([, stride]) => stride),
        );
      return out;
    },
  };
}

/** Return how far it is to the next of each axis. @param {number[]} shape */
export const stridesOf = (shape) => shape.map((_, axis) => product(shape.slice(axis + 1)));

/**
 * Copy samples.
 * @param {Kernels["call"]} call
 * @param {number} from
 * @param {number} to
 * @param {number[]} lengths  of at most 4 axes, or 3 whose last does not lie in one run
 * @param {number[]} fromStrides
 * @param {number[]} toStrides  default: those of a grid of its own
 */
export function copy(call, from, to, lengths, fromStrides, toStrides = stridesOf(lengths)) {
  const axes = lengths.map((length, axis) => [length, fromStrides[axis], toStrides[axis]]);
  if (fromStrides[fromStrides.length - 1] !== 1) axes.push([1, 1, 1]);
  needed(axes.length <= 4);
  while (axes.length < 4) axes.unshift([1, 0, 0]);
  const [all, froms, tos] = [0, 1, 2].map((what) => axes.map((axis) => axis[what]));
  call.copy(from, to, ...all, ...froms.slice(0, 3), ...tos.slice(0, 3));
}

/** @type {Operators[string]} */
function Reshape() {
  return {
    step([{ shape, block }, wanted]) {
      const sides = wanted.map((/** @type {number} */ side, /** @type {number} */ axis) => side || shape[axis]);
      const known = -product(sides); // one of them may be -1
      const made = sides.map((/** @type {number} */ side) => (side === -1 ? product(shape) / known : side));
      needed(made.every(isSide) && product(made) === product(shape));
      return { block, shape: made };
    },
  };
}
