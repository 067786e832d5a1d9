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
const KEPT_BYTES = 2 ** 26; // of memory, which cannot shrink, from a run to the next
const ALIGNMENT = 16;

/** @type {Promise<WebAssembly.Module> | undefined} */
let compiling;
/** @type {WebAssembly.Module} */
let compiled;
/** @type {Kernels | undefined} */
let last;

/** Compile the kernels, once: those for relaxed SIMD where there is such. */
export async function prepareKernels() {
  compiling ??= inflate(
    Uint8Array.from(atob(DEFLATED), (letter) => letter.charCodeAt(0)),
    "deflate-raw",
    BYTES[0] + BYTES[1],
  ).then((codes) => {
    const [plain, relaxed] = [codes.subarray(0, BYTES[0]), codes.subarray(BYTES[0])];
    return WebAssembly.compile(WebAssembly.validate(relaxed) ? relaxed : plain);
  });
  compiled = await compiling;
}

/** Return the kernels, with all of their memory. @returns {Kernels} */
export function openKernels() {
  if (last && last.memory.buffer.byteLength <= KEPT_BYTES) return last;
  const { memory, __heap_base, group, signed, ...call } = /** @type {any} */ (new WebAssembly.Instance(compiled).exports);
  return (last = { memory, start: __heap_base.value, group: group(), signed: Boolean(signed()), call });
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
