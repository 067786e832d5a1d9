// Reads what kernels need of ONNX files, which bundles' ids are made of: graphs with their constants.
/** @typedef {{ type: number, dims: number[], bytes: Uint8Array }} Constant  in little-endian order; type as ONNX counts them */
/** @typedef {Record<string, number | number[]>} Attributes  whole numbers alone */
/** @typedef {{ operator: string, inputs: string[], outputs: string[], attributes: Attributes }} Node */
/**
 * @typedef {object} Graph
 * @property {Node[]} nodes
 * @property {Record<string, Constant>} constants
 * @property {{ name: string, shape: number[] }[]} inputs  NaN where a side may be any
 * @property {string[]} outputs
 */
/** @typedef {(number | Uint8Array)[][]} Fields  of a message of protocol buffers, by number */

/** @param {Uint8Array} file @returns {Graph} */
export function readGraph(file) {
  const graph = message(bytesOf(message(file)[7]));
  const inputs = each(graph[11]).map((value) => {
    const shape = [2, 1, 2].reduce((fields, number) => message(bytesOf(fields[number])), value);
    return { name: text(value[1]), shape: each(shape[1]).map((side) => (side[1] ? Number(side[1][0]) : NaN)) };
  });
  return {
    nodes: each(graph[1]).map(readNode),
    constants: Object.fromEntries(each(graph[5]).map((tensor) => [text(tensor[8]), readConstant(tensor)])),
    inputs,
    outputs: each(graph[12]).map((value) => text(value[1])),
  };
}

/** @param {Fields} node @returns {Node} */
function readNode(node) {
  const attributes = each(node[5]).map((attribute) => {
    return [text(attribute[1]), attribute[8] ? numbers(attribute[8]) : Number(attribute[3]?.[0])];
  });
  const names = (/** @type {number} */ field) => (node[field] ?? []).map((name) => text([name]));
  return { operator: text(node[4]), inputs: names(1), outputs: names(2), attributes: Object.fromEntries(attributes) };
}

/** @param {Fields} tensor @returns {Constant} */
function readConstant(tensor) {
  return { type: Number(tensor[2][0]), dims: numbers(tensor[1] ?? []), bytes: bytesOf(tensor[9]) };
}

/** @param {Uint8Array} bytes @returns {Fields} */
function message(bytes) {
  /** @type {Fields} */
  const fields = [];
  let at = 0;
  const varint = () => {
    let number = 0; // its low 32 bits, signed
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (shift < 32) number |= (byte & 127) << shift;
      if (!(byte & 128)) return number;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag & 7;
    const number = kind === 5 ? 4 : kind === 1 ? 8 : varint();
    (fields[tag >>> 3] ??= []).push(kind ? bytes.subarray(at, (at += number >>> 0)) : number);
  }
  return fields;
}

/** Return the messages of a field. @param {Fields[number] | undefined} field */
const each = (field = []) => field.map((value) => message(bytesOf([value])));

/** @param {Fields[number] | undefined} field */
function bytesOf(field) {
  const value = field?.[0];
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

/** @param {Fields[number] | undefined} field */
const text = (field) => new TextDecoder().decode(bytesOf(field));

/** Return whole numbers that stand one by one. @param {Fields[number]} field */
const numbers = (field) => field.map(Number);
