// Graphs of one convolution with random numbers, by kernels and as FORMAT.md has them; runs in Node.js and in pages.
import { openKernels, prepareKernels } from "../src/networks/kernels.js";
import { planOf, runPlan } from "../src/networks/plan.js";

const SIDES = [1, 2, 3, 4, 5, 7, 9, 17];
const CHANNELS = [1, 2, 3, 4, 6, 8, 12, 16, 20, 31, 64];

/** Return seeded random whole numbers below a limit. @param {number} seed */
export function randomiser(seed) {
  let state = seed;
  return (/** @type {number} */ limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** @param {number} type @param {number[]} dims @param {Uint8Array | Int8Array | Int32Array | Float32Array} numbers */
const constant = (type, dims, { buffer }) => ({ type, dims, bytes: new Uint8Array(buffer) });

/** Return the nearest whole number, the even one of two. @param {number} value */
function rint(value) {
  const whole = Math.round(value);
  return whole - value === 0.5 && whole % 2 ? whole - 1 : whole;
}

/**
 * Convolve random grids; return what kernels made wrong, and how many channels they sum up at once.
 * @param {number} count
 * @param {number} seed
 */
export async function tryConvolutions(count, seed) {
  await prepareKernels();
  const random = randomiser(seed);
  /** @template T @param {T[]} all */
  const oneOf = (all) => all[random(all.length)];
  const faults = [];
  for (let i = 0; i < count; i++) {
    const [rows, columns, channels, outputs] = [oneOf(SIDES), oneOf(SIDES), oneOf(CHANNELS), oneOf(CHANNELS)];
    const side = oneOf([1, 3]);
    const extreme = random(4) === 0; // the largest sums that there are
    const [xZero, yZero] = [oneOf([0, 128, 255, random(256)]), oneOf([0, 128, 255, random(256)])];
    const data = Uint8Array.from({ length: rows * columns * channels }, () =>
      extreme ? oneOf([0, 255]) : random(256),
    );
    const weights = Int8Array.from({ length: outputs * channels * side ** 2 }, () =>
      extreme ? oneOf([-64, 64]) : random(129) - 64,
    );
    const bias = Int32Array.from({ length: outputs }, () => random(20001) - 10000);
    const [xScale, yScale] = [1 / 32, 0.01 + random(1000) / 20000];
    // some factors are a half, so that there are ties
    const scales = Float32Array.from({ length: outputs }, () =>
      random(3) ? 0.0001 + random(1000) / 1e6 : yScale / xScale / 2,
    );
    const constants = {
      xScale: constant(1, [], new Float32Array([xScale])),
      yScale: constant(1, [], new Float32Array([yScale])),
      scales: constant(1, [outputs], scales),
      xZero: constant(2, [], new Uint8Array([xZero])),
      yZero: constant(2, [], new Uint8Array([yZero])),
      zeros: constant(3, [outputs], new Int8Array(outputs)),
      weights: constant(3, [outputs, channels, side, side], weights),
      bias: constant(6, [outputs], bias),
    };
    const half = side >> 1;
    const node = {
      operator: "QLinearConv",
      inputs: ["in", "xScale", "xZero", "weights", "scales", "zeros", "yScale", "yZero", "bias"],
      outputs: ["out"],
      attributes: { channels_last: 1, kernel_shape: [side, side], pads: Array(4).fill(half), strides: [1, 1] },
    };
    const graph = { nodes: [node], constants, inputs: [{ name: "in", shape: [] }], outputs: ["out"] };
    const kernels = openKernels();
    const [{ data: found }] = runPlan(planOf(graph, kernels), kernels, [
      { type: "uint8", data, dims: [1, rows, columns, channels] },
    ]);
    const f32 = Math.fround;
    for (let y = 0, at = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        for (let o = 0; o < outputs; o++, at++) {
          let sum = bias[o];
          for (let c = 0; c < channels; c++) {
            for (let i = 0; i < side ** 2; i++) {
              const [row, column] = [y + Math.floor(i / side) - half, x + (i % side) - half];
              if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
              sum +=
                weights[(o * channels + c) * side ** 2 + i] * (data[(row * columns + column) * channels + c] - xZero);
            }
          }
          const factor = f32(f32(f32(xScale) * scales[o]) / f32(yScale));
          const expected = Math.min(Math.max(rint(f32(f32(sum) * factor)) + yZero, 0), 255);
          if (found[at] !== expected) {
            faults.push(
              `${rows} x ${columns}, ${channels} to ${outputs} channels, side ${side}: ${found[at]} for ${expected}`,
            );
          }
        }
      }
    }
  }
  return { faults: faults.slice(0, 5), group: openKernels().group };
}
