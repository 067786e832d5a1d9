// FORMAT.md, section 4: tables.
import { must } from "../errors.js";

/** @typedef {import("../npz.js").NumericArray} NumericArray */
/**
 * @typedef {{ starts: Uint16Array, codes: Uint8Array }} Slots  start of each code and one more; the code of each slot
 */
/**
 * @typedef {object} Tables
 * @property {number} count  I, how many scale indexes there are
 * @property {Uint8Array} groupings  place in GROUPINGS of each scale index
 * @property {Uint8Array} shifts  k of each scale index
 * @property {Int32Array} radii  R of each scale index
 * @property {(index: number) => Slots} groups  of a scale index
 * @property {(index: number) => Slots} excesses  of a scale index
 */

/** (g, b): g digits below b are one code. */
export const GROUPINGS = [
  [8, 2],
  [5, 3],
  [4, 4],
  [3, 6],
  [2, 16],
];
/** For each grouping the digits of each code, first digit first. */
export const DIGITS = GROUPINGS.map(([g, b]) =>
  Uint8Array.from({ length: g * b ** g }, (_, i) => Math.floor(Math.floor(i / g) / b ** (g - 1 - (i % g))) % b),
);
const SLOT_BITS = 14;
export const SLOTS = 2 ** SLOT_BITS;
const LARGEST_TAIL = 1024;

/** @type {WeakMap<object, Tables>} */
const known = new WeakMap();

/**
 * Return the tables of a bundle; slots are made when they are first used.
 * @param {Record<string, NumericArray>} prior
 * @returns {Tables}
 */
export function readTables(prior) {
  const tables = known.get(prior) ?? tablesOf(prior);
  known.set(prior, tables);
  return tables;
}

/** @param {Record<string, NumericArray>} prior @returns {Tables} */
function tablesOf({ frequencies, radius, index_table, index_shift }) {
  const count = index_table.data.length;
  const columns = frequencies.shape[1];
  const weights = Array.from(radius.data, (R, t) => {
    must(R >= 0 && 2 * R + 2 <= columns, `the bundle has a table of radius ${R}`);
    return weightsOf(frequencies.data.subarray(t * columns, (t + 1) * columns), R);
  });
  const groupings = weights.map((weight) => {
    const found = GROUPINGS.findIndex(([, b]) => sum(weight.slice(b - 1)) <= LARGEST_TAIL);
    return found < 0 || found === GROUPINGS.length - 1 ? GROUPINGS.length - 1 : found;
  });
  for (let i = 1; i < count; i++) must(weights[index_table.data[i]], "the bundle has a scale index without a table");
  const groups = weights.map((weight, t) => once(() => groupSlots(weight, groupings[t])));
  const excesses = weights.map((weight, t) =>
    once(() => excessSlots(weight, radius.data[t], GROUPINGS[groupings[t]][1])),
  );
  const table = index_table.data;
  return {
    count,
    groupings: Uint8Array.from(table, (t) => groupings[t]),
    shifts: Uint8Array.from(index_shift.data),
    radii: table.map((t) => radius.data[t]),
    groups: (index) => groups[table[index]](),
    excesses: (index) => excesses[table[index]](),
  };
}

/** Weights of the magnitudes 0 to R and of ESCAPE. @param {Int32Array} f @param {number} R */
function weightsOf(f, R) {
  const weight = [f[R]];
  for (let q = 1; q <= R; q++) weight.push(f[R - q] + f[R + q]);
  return [...weight, f[2 * R + 1]];
}

/** @param {number[]} weight @param {number} place */
function groupSlots(weight, place) {
  const [g, b] = GROUPINGS[place];
  const digits = Array.from({ length: b }, (_, d) => BigInt(d < b - 1 ? (weight[d] ?? 0) : sum(weight.slice(b - 1))));
  let products = [1n << 40n];
  for (let digit = 0; digit < g; digit++) {
    products = products.flatMap((product) => digits.map((weight) => (product * weight) >> BigInt(SLOT_BITS)));
  }
  return share(products);
}

/** @param {number[]} weight @param {number} R @param {number} b */
function excessSlots(weight, R, b) {
  return share(weight.slice(Math.min(b - 1, R + 1)).map(BigInt));
}

/** Return the slots of codes with such P. @param {number[]} weights */
export const slotsOf = (weights) => share(weights.map(BigInt));

/** Share the slots out to codes. @param {bigint[]} weights @returns {Slots} */
function share(weights) {
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  must(total > 0n, "the bundle has a table without weights");
  const free = BigInt(SLOTS - weights.length);
  const starts = new Uint16Array(weights.length + 1);
  const codes = new Uint8Array(SLOTS);
  let before = 0n;
  for (let code = 0; code < weights.length; code++) {
    before += weights[code];
    starts[code + 1] = code + 1 + Number((before * free) / total);
    codes.fill(code, starts[code], starts[code + 1]);
  }
  return { starts, codes };
}

/** @param {number[]} values */
const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Return a function that works once. @template T @param {() => T} make */
function once(make) {
  /** @type {T | undefined} */
  let made;
  return () => (made ??= make());
}
