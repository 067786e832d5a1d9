// docs/format/recurrent.md: the family recurrent.
import { place } from "../coefficients.js";
import { pixels } from "../colours.js";
import { Coder, pop } from "../entropy/coder.js";
import { SLOTS } from "../entropy/tables.js";
import { MOST_LANES } from "../entropy/tile_stream.js";
import { must } from "../errors.js";
import { checkLevel } from "../level.js";
import { fileOf, tensor } from "../networks/index.js";
import { MORE_OPERATORS } from "../networks/more_operators.js";
import { readGraph } from "../networks/onnx.js";
import { join } from "../wavelet.js";

/** @typedef {import("../entropy/tables.js").Slots} Slots */
/** @typedef {import("../latents.js").Area} Area */
/** @typedef {import("../npz.js").NumericArray} NumericArray */
/** @typedef {import("../networks/index.js").Tensor} Tensor */
/** @typedef {import("./index.js").Tile} Tile */
/** @typedef {ReturnType<typeof open>} Coding */
/**
 * @typedef {object} Grid
 * @property {number} rows
 * @property {number} columns
 * @property {number} channels
 * @property {Int32Array} known  k of each coefficient, (channels, rows, columns)
 * @property {Int32Array} values  v of each, in units of the last plane
 * @property {number} visited  channels of it in this plane, from the first on
 */

const OFFSETS = 16; // levels of a plane
const CHANNELS = 36; // of a grid
const HALF = 18; // of them, on one colour of a checkerboard
const Z_CHANNELS = 12;
const SEEN = 80; // planes that the network sees
const MIDDLE = 128;
const LIMIT = 96; // of log-odds, in eighths of a nat
const LEAST_CODED = -64;
const SIZE_TABLES = 65; // the first of them
const MOST_PLANES = 13;

const NETWORK = "iteration";
export const recurrent = { networks: [NETWORK], operators: MORE_OPERATORS, grain, layers, open, tile, render };

/**
 * Prepare a level of a bundle.
 * @param {import("../bundle.js").Bundle} bundle
 * @param {Pick<import("../container.js").Header, "width" | "height" | "level" | "gray">} header
 */
export function open({ files, prior, run }, header) {
  const [most, grids] = prior.base_a.shape;
  checkLevel(header.level, OFFSETS * most - 1);
  const planes = (header.level >> 4) + 1;
  return {
    header,
    run,
    channels: readGraph(files[fileOf(NETWORK)]).inputs[0].shape[3], // of the state
    prior,
    tables: readTables(prior.frequencies),
    grids,
    planes,
    most,
    offset: header.level & 15,
  };
}

/** @param {Coding} coding */
function grain({ grids }) {
  return 2 ** grids;
}

/** @param {Coding} coding */
function layers({ planes }) {
  return planes;
}

/** @param {NumericArray} frequencies @returns {Slots[]} */
function readTables({ data, shape: [count, symbols] }) {
  return Array.from({ length: count }, (_, t) => {
    const starts = new Uint16Array(symbols + 1);
    const codes = new Uint8Array(SLOTS);
    for (let symbol = 0; symbol < symbols; symbol++) {
      starts[symbol + 1] = starts[symbol] + data[t * symbols + symbol];
      codes.fill(symbol, starts[symbol], starts[symbol + 1]);
    }
    return { starts, codes };
  });
}

/** @param {number} value @param {number} low @param {number} high */
const clip = (value, low, high) => (value < low ? low : value > high ? high : value);
/** @param {number} odds */
const bin = (odds) => Math.min((odds + LIMIT) >> 3, 23);
/** @param {number} odds */
const table = (odds) => clip((odds + 1) >> 1, -32, 32) + 32;

/**
 * @typedef {object} Odds  of the channels of an iteration, from the first one on: what is known of each before, and log-odds
 * @property {Int32Array} known
 * @property {Int8Array} oddsA
 * @property {Int8Array} oddsB
 * @property {Int8Array} raised
 */
/**
 * @typedef {object} Codes  of a tile or of a thumbnail
 * @property {boolean} thrifty
 * @property {number[]} starts  first plane of each grid
 * @property {(odds: Odds) => Int32Array | Promise<Int32Array>} read  gives what is known after an iteration
 * @property {boolean} [ended]  whether codes of some were missing,
 * @property {Uint8Array} [told]  and of which they were not
 */

/**
 * Return blank grids.
 * @param {Coding} coding
 * @param {{ height: number, width: number }} area
 * @returns {Grid[]}
 */
export function blankGrids({ grids: count }, area) {
  return Array.from({ length: count }, (_, g) => {
    const side = 2 ** (count + 1 - Math.max(g, 1));
    const [rows, columns, channels] = [area.height / side, area.width / side, g ? CHANNELS : Z_CHANNELS];
    const size = channels * rows * columns;
    return { rows, columns, channels, known: new Int32Array(size), values: new Int32Array(size), visited: 0 };
  });
}

/**
 * Fill grids, and yield at the end of each plane.
 * @param {Coding} coding
 * @param {Grid[]} grids
 * @param {Codes} codes
 */
export async function* fill(coding, grids, codes) {
  /** @type {Tensor[]} */
  const states = [];
  for (let p = 0; p < coding.planes; p++) {
    for (const grid of grids) grid.visited = 0;
    for (const [g, grid] of grids.entries()) {
      if (p < codes.starts[g]) continue;
      for (let h = 0; h < (g ? 2 : 1); h++) {
        const said = await iterate(coding, grids, states, p, g, h);
        await readIteration(codes, coding, grid, p, g, h, said);
        if (codes.ended) return;
        grid.visited = HALF * (h + 1);
      }
    }
    yield p;
  }
}

/**
 * Decode a tile: yields its grids at the end of each plane.
 * @param {Coding} coding
 * @param {Area} area
 * @param {import("../latents.js").More} more
 */
async function* tile(coding, area, more) {
  const grids = blankGrids(coding, area);
  const coder = new Coder(more);
  const codes = { thrifty: false, starts: [0], read: (/** @type {Odds} */ odds) => readPasses(coder, coding, odds) };
  await coder.retry(() => {
    const first = coder.cursor.u8();
    must((first & 15) <= MOST_LANES && first < 32, "a tile has too many lanes or an unknown first byte");
    codes.thrifty = first >= 16;
    const bytes = coder.cursor.take((grids.length + 1) >> 1);
    codes.starts = grids.map((_, g) => (g % 2 ? bytes[g >> 1] & 15 : bytes[g >> 1] >> 4));
    must(grids.length % 2 === 0 || (bytes[bytes.length - 1] & 15) === 0, "bits follow the starts of a tile");
    coder.start(1 << (first & 15));
  });
  for await (const p of fill(coding, grids, codes)) {
    if (p === coding.planes - 1) {
      must(
        coder.states.every((state) => state === 2 ** 16),
        "a tile ends in an illegal state",
      );
      await coder.end();
    }
    yield grids;
  }
}

/**
 * Run the network; return what it says of a grid, and keep its new state.
 * @param {Coding} coding
 * @param {Grid[]} grids
 * @param {Tensor[]} states  of each grid from 1 on, at place 1 on
 * @param {number} p
 * @param {number} g
 * @param {number} h
 */
async function iterate(coding, grids, states, p, g, h) {
  const { rows, columns } = grids[g];
  const own = Math.max(g, 1);
  const { channels } = coding;
  const blank = (/** @type {number[]} */ shape) =>
    tensor("uint8", new Uint8Array(shape.reduce((product, side) => product * side)).fill(MIDDLE), shape);
  const half = [rows, columns].map((side) => Math.ceil(side / 2));
  const coarser =
    g < 2
      ? [blank([1, ...half, channels]), blank([1, SEEN, ...half])]
      : [states[g - 1] ?? blank([1, ...half, channels]), seen(coding, grids[g - 1], p, g - 1, 1, CHANNELS)];
  const state = states[own] ?? blank([1, rows, columns, channels]);
  const [newState, said] = await coding.run(NETWORK, [state, seen(coding, grids[g], p, g, h), ...coarser]);
  states[own] = newState;
  return /** @type {Uint8Array} */ (said.data);
}

/**
 * Return what the network sees of a grid.
 * @param {Coding} coding
 * @param {Grid} grid
 * @param {number} p
 * @param {number} g
 * @param {number} h
 */
function seen({ prior, offset }, { rows, columns, known, visited }, p, g, h, seenAsVisited = visited) {
  const pixels = rows * columns;
  const [, n] = prior.magnitudes.shape;
  const planes = new Uint8Array(SEEN * pixels).fill(MIDDLE);
  for (let channel = 0; channel < CHANNELS; channel++) {
    const row = channel < seenAsVisited ? 0 : n;
    for (let i = 0, at = channel * pixels; i < pixels; i++, at++) {
      const k = known[at] ?? 0; // z has fewer channels
      const m = prior.magnitudes.data[row + Math.min(Math.abs(k), n - 1)];
      planes[at] = MIDDLE + m;
      planes[CHANNELS * pixels + at] = MIDDLE + m * Math.sign(k);
    }
  }
  const constant = (/** @type {number} */ number, /** @type {number} */ value) => {
    planes.fill(value, (2 * CHANNELS + number) * pixels, (2 * CHANNELS + number + 1) * pixels);
  };
  constant(g, 160);
  constant(6, MIDDLE + 32 * h);
  constant(7, MIDDLE + Math.ceil((OFFSETS * (MOST_PLANES - p) - offset) / 2));
  return tensor("uint8", planes, [1, SEEN, rows, columns]);
}

/** Whether nothing is told of a coefficient. @param {Odds} odds @param {number} at */
export const silent = ({ known, oddsA }, at) => !known[at] && oddsA[at] <= LEAST_CODED;

const [SIGNIFICANT, BIT, SIZE] = [0, 1, 2];

/**
 * Return the table of a coefficient's code: 0 whether it is significant, 1 its sign or bit, 2 its size.
 * @param {Coding} coding
 * @param {Odds} odds
 * @param {number} at
 * @param {number} what
 */
export function tableOf({ prior }, { raised, oddsB }, at, what) {
  if (what === SIZE) return SIZE_TABLES + table(prior.more.data[raised[at] + LIMIT]);
  return table((what === BIT ? oddsB : raised)[at]);
}

/**
 * Read the codes of an iteration, and tell values anew.
 * @param {Codes} codes
 * @param {Coding} coding
 * @param {Grid} grid
 * @param {number} p
 * @param {number} g
 * @param {number} h
 * @param {Uint8Array} said
 */
async function readIteration(codes, coding, grid, p, g, h, said) {
  const { prior, planes, most, offset, grids } = coding;
  const sparing = codes.thrifty && p === planes - 1;
  const pixels = grid.rows * grid.columns;
  const [first, count] = g ? [HALF * h, HALF] : [0, Z_CHANNELS];
  const size = count * pixels;
  const known = grid.known.slice(first * pixels, first * pixels + size);
  const [oddsA, oddsB, raised] = [new Int8Array(size), new Int8Array(size), new Int8Array(size)];
  const base = (/** @type {NumericArray} */ { data }, /** @type {number} */ channel) => {
    const at = (/** @type {number} */ plane) => data[(plane * grids + g) * CHANNELS + channel];
    return ((OFFSETS - offset) * at(p) + offset * at(Math.min(p + 1, most - 1)) + 128) >> 8;
  };
  for (let k = 0, at = 0; k < count; k++) {
    const [a, b] = [base(prior.base_a, first + k), base(prior.base_b, first + k)];
    for (let i = (first + k) * pixels; at < (k + 1) * pixels; i++, at++) {
      oddsA[at] = clip(said[i] - MIDDLE + a, -LIMIT, LIMIT);
      oddsB[at] = clip(said[CHANNELS * pixels + i] - MIDDLE + (known[at] ? b : 0), -LIMIT, LIMIT);
      raised[at] = sparing ? clip(oddsA[at] + prior.fewer.data[bin(oddsA[at])], -LIMIT, LIMIT) : oddsA[at];
    }
  }
  const now = await codes.read({ known, oddsA, oddsB, raised });
  grid.known.set(now, first * pixels);
  const r = sparing ? 1 : 0;
  for (let at = 0; at < size; at++) {
    if (codes.ended && !codes.told?.[at]) continue;
    const [k, binA, binB] = [Math.abs(now[at]), bin(oddsA[at]), bin(oddsB[at])];
    let value = prior.place_zero.data[(r * 24 + binA) * 24 + binB];
    if (k) value = 256 * k + (k === 1 ? prior.place_one.data[r * 24 + binA] : prior.place_more.data[binB]);
    grid.values[first * pixels + at] = (now[at] < 0 ? -value : value) * 2 ** (planes - 1 - p);
  }
}

/**
 * Return what is known after the two passes of an iteration.
 * @param {Coder} coder
 * @param {Coding} coding
 * @param {Odds} odds
 */
function readPasses(coder, coding, odds) {
  const { known } = odds;
  return coder.retry(() => {
    const now = known.slice();
    const mask = coder.states.length - 1;
    let lane = 0;
    const code = (/** @type {number} */ at, /** @type {number} */ what) =>
      pop(coder, lane++ & mask, coding.tables[tableOf(coding, odds, at, what)]);
    const significant = [];
    for (let at = 0; at < known.length; at++) {
      if (!known[at] && !silent(odds, at) && code(at, SIGNIFICANT)) significant.push(at);
    }
    lane = 0;
    for (let at = 0; at < known.length; at++) {
      if (known[at]) now[at] = 2 * known[at] + code(at, BIT) * Math.sign(known[at]);
    }
    for (const at of significant) now[at] = code(at, BIT) ? 1 : -1;
    for (const at of significant) now[at] *= 1 + code(at, SIZE);
    return now;
  });
}

/**
 * Return the pixels of the planes that are decoded.
 * @param {Coding} coding
 * @param {Tile[]} tiles
 */
export async function render(coding, tiles) {
  const { header, grids, planes: count, offset, prior } = coding;
  const { width, height, gray } = header;
  /** @param {number} g @param {number} channel */
  const step = (g, channel) => prior.steps.data[(offset * grids + g) * CHANNELS + channel] * 2 ** (1 - count - 8) * 512;
  const side = grain(coding);
  /** @param {Grid} grid @param {number} g @param {number} channel @param {number} down @param {number} right */
  const channelOf = (grid, g, channel, down, right) => {
    const values = grid.values.subarray(channel * grid.rows * grid.columns);
    return { values, step: step(g, channel), down, right };
  };
  const planes = [0, 1, 2].map((colour) => {
    let [rows, columns] = [height, width].map((length) => Math.ceil(length / side));
    let low = new Float32Array(rows * columns);
    for (const { area, values } of tiles) {
      place(low, columns, 1, area, side, [channelOf(values[0], 0, colour, 0, 0)]);
    }
    for (let g = 0; g < grids; g++) {
      low = join(low, rows, columns, (plane) => {
        for (const { area, values } of tiles) {
          const channels = [0, 1, 2].flatMap((band) => {
            const [down, right, detail] = [(band + 1) & 1, (band + 1) >> 1, 3 * colour + band];
            if (g === 0) return channelOf(values[0], 0, 3 + detail, down, right);
            return [0, 1, 2, 3].map((corner) => {
              const [i, j] = [corner >> 1, corner & 1];
              const channel = HALF * (i ^ j) + 2 * detail + i;
              return channelOf(values[g], g, channel, 2 * i + down, 2 * j + right);
            });
          });
          place(plane, 2 * columns, g ? 4 : 2, area, g ? 2 ** (grids + 1 - g) : side, channels);
        }
      });
      [rows, columns] = [2 * rows, 2 * columns];
    }
    return low;
  });
  const columns = side * Math.ceil(width / side);
  return { width, height, data: pixels(planes, columns, { width, height }, 1, gray) };
}
