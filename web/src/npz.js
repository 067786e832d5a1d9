import { must } from "./errors.js";
import { inflate } from "./inflate.js";

/** @typedef {{ data: Int32Array, shape: number[] }} NumericArray */

/** @type {Record<string, { new (buffer: ArrayBuffer): ArrayLike<number> }>} */
const TYPES = {
  "|u1": Uint8Array,
  "|i1": Int8Array,
  "<u2": Uint16Array,
  "<i2": Int16Array,
  "<i4": Int32Array,
  "<f4": Float32Array,
};
const DIRECTORY_END_BYTES = 22;

/**
 * Return the arrays of integers and of float32 of a NumPy archive by name.
 * @param {Uint8Array} bytes
 * @returns {Promise<Record<string, NumericArray>>}
 */
export async function readNpz(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - DIRECTORY_END_BYTES;
  must(end >= 0 && view.getUint32(end, true) === 0x06054b50, "prior.npz is no ZIP archive");
  /** @type {Record<string, NumericArray>} */
  const arrays = {};
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const method = view.getUint16(at + 10, true);
    const [packed, length] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const [nameLength, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const stored = bytes.subarray(start, start + packed);
    arrays[name.replace(/\.npy$/, "")] = readNpy(method ? await inflate(stored, "deflate-raw", length) : stored);
    at += 46 + nameLength + extra + comment;
  }
  return arrays;
}

/** @param {Uint8Array} bytes @returns {NumericArray} */
function readNpy(bytes) {
  const headerEnd = 10 + (bytes[8] | (bytes[9] << 8));
  const header = new TextDecoder("latin1").decode(bytes.subarray(10, headerEnd));
  const [, type = "", shape = ""] = /'descr': '(.*?)', 'fortran_order': False, 'shape': \((.*?)\)/.exec(header) ?? [];
  must(TYPES[type], "prior.npz has an array of a type that no bundle has");
  const data = new TYPES[type](bytes.slice(headerEnd).buffer);
  const numbers = /** @type {any} */ (type === "<f4" ? data : Int32Array.from(data)); // float32 are left as they are
  return { data: numbers, shape: shape.split(",").filter(Boolean).map(Number) };
}
