// The kernels of kernels/kernels.c, and their memory.
import { inflate } from "../inflate.js";
import { BYTES, DEFLATED } from "./kernels.wasm.js";

/**
 * @typedef {object} Kernels
 * @property {WebAssembly.Memory} memory
 * @property {number} start  of what of it is free
 * @property {number} group  how many channels are summed up at once
 * @property {boolean} signed  whether elements above 127 are taken as signed
 * @property {Record<"convolve" | "add" | "transpose" | "copy" | "spread" | "join" | "colour", (...numbers: number[]) => void>} call
 */
/** @typedef {{ at: number, end: number, uses: number }} Block  of memory; uses: what still needs it */
/** @typedef {{ allocate: (size: number) => Block, release: (block: Block) => void }} Heap */

const PAGE_BYTES = 2 ** 16;
const KEPT_BYTES = 2 ** 26; // of memory, which cannot shrink
const ALIGNMENT = 16;

/** @type {Promise<WebAssembly.Module> | undefined} */
let compiling;
/** @type {WebAssembly.Module} */
let compiled;
/** @type {Kernels | undefined} */
let last;

/** Compile the kernels, once: those for relaxed SIMD where there is such, and it works. */
export async function prepareKernels() {
  compiling ??= compile();
  compiled = await compiling;
}

async function compile() {
  const packed = Uint8Array.from(atob(DEFLATED), (letter) => letter.charCodeAt(0));
  const codes = await inflate(packed, "deflate-raw", BYTES[0] + BYTES[1]);
  const relaxed = codes.subarray(BYTES[0]);
  if (WebAssembly.validate(relaxed)) {
    const module = await WebAssembly.compile(relaxed);
    if (sumsUp(instance(module))) return module;
  }
  return WebAssembly.compile(codes.subarray(0, BYTES[0]));
}

/**
 * Return whether sums of the largest samples are right: an engine had them wrong in code that it had not optimised yet.
 * @param {Kernels} kernels
 */
function sumsUp({ memory: { buffer }, start, signed, call }) {
  const [samples, weights, bias, factors, out, scratch] = [0, 64, 128, 192, 256, 320].map((at) => start + at);
  const bytes = new Uint8Array(buffer);
  bytes.fill(255, samples, weights);
  bytes.fill(-64, weights, bias);
  new Float32Array(buffer, factors, 8).fill(2 ** -10);
  call.convolve(samples, 1, 4, 4, 4, out, 8, 1, weights, bias, factors, 0, 128, signed ? 128 : 0, scratch);
  return bytes.subarray(out, out + 32).every((sample) => sample === (signed ? 96 : 64));
}

/** Return the kernels, with all of their memory until the caller waits for something. @returns {Kernels} */
export function openKernels() {
  last ??= instance(compiled);
  queueMicrotask(() => {
    if (last && last.memory.buffer.byteLength > KEPT_BYTES) last = undefined;
  });
  return last;
}

/** @param {WebAssembly.Module} module @returns {Kernels} */
function instance(module) {
  const { memory, __heap_base, group, signed, ...call } = /** @type {any} */ (new WebAssembly.Instance(module).exports);
  return { memory, start: __heap_base.value, group: group(), signed: Boolean(signed()), call };
}

/**
 * Return what hands out the memory; with more than there is of it, a RangeError is thrown.
 * @param {Kernels} kernels
 * @returns {Heap}
 */
export function openHeap({ memory, start }) {
  /** @type {Block[]} */
  const blocks = []; // by place
  return {
    allocate(size) {
      let at = aligned(start);
      let before = 0;
      while (before < blocks.length && blocks[before].at - at < size) at = blocks[before++].end;
      const block = { at, end: aligned(at + size), uses: 0 };
      const lacking = block.end - memory.buffer.byteLength;
      if (lacking > 0) memory.grow(Math.ceil(lacking / PAGE_BYTES));
      blocks.splice(before, 0, block);
      return block;
    },
    release: (block) => void blocks.splice(blocks.indexOf(block), 1),
  };
}

/** @param {number} at */
const aligned = (at) => Math.ceil(at / ALIGNMENT) * ALIGNMENT;
