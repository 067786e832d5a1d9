import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { compile, noCompiler } from "../scripts/kernels.js";
import { openHeap, openKernels, prepareKernels } from "../src/networks/kernels.js";
import { BYTES, DEFLATED } from "../src/networks/kernels.wasm.js";
import { MORE_OPERATORS } from "../src/networks/more_operators.js";
import { openSession } from "../src/networks/onnxruntime.js";
import { readGraph } from "../src/networks/onnx.js";
import { planOf, runPlan, Unsupported } from "../src/networks/plan.js";
import { randomiser, tryConvolutions } from "./convolutions.js";
import { test } from "./limited.js";
import { PACKAGE } from "./vectors.js";

const WEIGHTS = `${PACKAGE}weights/`;
const SIDES = [7, 5]; // of grids; those above have half as many
await prepareKernels();

/** Return names and bytes of all networks that decoding needs. */
function networks() {
  return readdirSync(WEIGHTS).flatMap((id) => {
    const files = readdirSync(WEIGHTS + id).filter((file) => file.endsWith(".onnx"));
    return files.map((file) => ({
      name: `${id}/${file}`,
      file: new Uint8Array(readFileSync(`${WEIGHTS}${id}/${file}`)),
    }));
  });
}

/** Return the plan, or null where kernels cannot run all of the graph. @param {Uint8Array} file */
function planned(file) {
  try {
    return planOf(readGraph(file), openKernels(), MORE_OPERATORS);
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
}

test("convolutions are those of the format, at all edges and with the largest sums", async () => {
  assert.deepEqual((await tryConvolutions(300, 1)).faults, []);
});

test("every shipped network gives what onnxruntime-web does", async () => {
  const random = randomiser(2);
  for (const { name, file } of networks()) {
    const plan = planned(file);
    if (!plan) continue;
    const inputs = plan.graph.inputs.map(({ name, shape }) => {
      const sides = SIDES.map((side) => (name.startsWith("parent") ? Math.ceil(side / 2) : side));
      const dims = shape.map((side) => (Number.isNaN(side) ? /** @type {number} */ (sides.shift()) : side));
      const data = Uint8Array.from({ length: dims.reduce((all, side) => all * side) }, () => random(256));
      return { type: /** @type {const} */ ("uint8"), data, dims };
    });
    const expected = await (await openSession(file))(inputs);
    const found = runPlan(plan, openKernels(), inputs);
    found.forEach(({ data, dims }, i) => {
      assert.deepEqual([...dims], [...expected[i].dims], name);
      assert.deepEqual(data, expected[i].data, name);
    });
  }
});

test("kernels run all networks but those that compute with floats", () => {
  const others = networks().filter(({ file }) => !planned(file));
  assert.deepEqual(
    others.map(({ name }) => name.split("/")[1]),
    ["decoder.onnx"],
  );
});

test("graphs that make no sense are left to onnxruntime-web, which refuses them", () => {
  const sides = (/** @type {number[]} */ ...numbers) => {
    const { buffer } = BigInt64Array.from(numbers, BigInt);
    return { type: 7, dims: [numbers.length], bytes: new Uint8Array(buffer) };
  };
  /** @type {(operator: string, attributes: Record<string, number | number[]>, constants?: object, dims?: number[]) => void} */
  const run = (operator, attributes, constants = {}, dims = [1, 2, 3, 4]) => {
    const inputs = operator === "Concat" ? ["a", "b"] : ["a", ...Object.keys(constants)];
    const graph = {
      nodes: [{ operator, inputs, outputs: ["y"], attributes }],
      constants: /** @type {any} */ (constants),
      inputs: ["a", "b"].map((name) => ({ name, shape: [NaN, NaN, NaN, NaN] })),
      outputs: ["y"],
    };
    const grids = [[1, 2, 3, 4], dims].map((dims) => ({ type: /** @type {const} */ ("uint8"), data: new Uint8Array(24), dims }));
    runPlan(planOf(graph, openKernels(), MORE_OPERATORS), openKernels(), grids);
  };
  const slice = (/** @type {number} */ axis) => ({ from: sides(0), to: sides(1), axes: sides(axis) });
  run("Transpose", { perm: [0, 2, 3, 1] });
  run("Reshape", {}, { shape: sides(0, 4, -1, 1) });
  run("Concat", { axis: 2 });
  run("Slice", {}, slice(3));
  for (const perm of [[0, 1, 1, 3], [0, 1, 2, -1], [0, 1, 2, 4], [0, 1, 2], [0, 1, 2, 3, 4]]) // prettier-ignore
    assert.throws(() => run("Transpose", { perm }), Unsupported, String(perm));
  for (const shape of [[1, 2, 3, 5], [1, 5, -1], [-1, -1], [-2, -12], [2 ** 30, 2 ** 30], [0, 0, 0, 0, 0]]) // prettier-ignore
    assert.throws(() => run("Reshape", {}, { shape: sides(...shape) }), Unsupported, String(shape));
  for (const axis of [-1, 4, NaN, 1.5]) assert.throws(() => run("Concat", { axis }), Unsupported, String(axis));
  assert.throws(() => run("Concat", { axis: 3 }, {}, [1, 3, 2, 4]), Unsupported);
  assert.throws(() => run("Concat", { axis: 3 }, {}, [1, 2, 12]), Unsupported);
  assert.throws(() => run("Concat", { axis: 3 }, {}, [1, 2, 3, 5]), Unsupported); // more than there are samples
  for (const axis of [-1, 4]) assert.throws(() => run("Slice", {}, slice(axis)), Unsupported, String(axis));
});

test("memory that there is not is a RangeError, and much of it is not kept", async () => {
  const kernels = openKernels();
  const heap = openHeap(kernels);
  assert.throws(() => heap.allocate(2 ** 33), RangeError);
  assert.equal(openKernels(), kernels);
  heap.allocate(2 ** 27);
  await null;
  assert.notEqual(openKernels(), kernels);
});

test("memory is handed out anew, and never twice", () => {
  const heap = openHeap(openKernels());
  const random = randomiser(3);
  /** @type {import("../src/networks/kernels.js").Block[]} */
  const held = [];
  for (let i = 0; i < 500; i++) {
    if (held.length > 8) heap.release(held.splice(random(held.length), 1)[0]);
    const size = random(1000);
    const block = heap.allocate(size);
    assert.ok(block.at % 16 === 0 && block.end >= block.at + size && block.end < 2 ** 16);
    for (const { at, end } of held) assert.ok(end <= block.at || block.end <= at);
    held.push(block);
  }
});

test("the code that is committed is that of the source", { skip: noCompiler() }, () => {
  const codes = inflateRawSync(Buffer.from(DEFLATED, "base64"));
  assert.deepEqual([codes.subarray(0, BYTES[0]), codes.subarray(BYTES[0])], compile());
});
