// docs/format/autoencoder.md: the family autoencoder.
import { place } from "../coefficients.js";
import { readTables } from "../entropy/tables.js";
import { TileStream } from "../entropy/tile_stream.js";
import { around, slopesOf, whole } from "../guesses.js";
import { clamp, indexesOf, interpolate, LARGEST_MASK, levelPlanes, see, seenValues, stepsOf } from "../level.js";
import { tensor } from "../networks/index.js";
import { join } from "../wavelet.js";

/** @typedef {import("../latents.js").Area} Area */
/** @typedef {import("./index.js").Tile} Tile */
/** @typedef {Awaited<ReturnType<typeof open>>} Coding */
/**
 * @typedef {{ z: Int16Array, details: Record<number, Int16Array>, ac: Int16Array }} Values  (channels, rows, columns) each
 */
/**
 * @typedef {object} Part
 * @property {string} network  that tells of it
 * @property {number} seen  channels that the network sees
 * @property {number} level  1 to 3 of details, 0 of AC, 4 of z
 * @property {number[]} channels
 * @property {number | null} half  remainder of row + column by 2 of the positions that it holds
 * @property {number} bands
 */

const f32 = Math.fround;
const MASK_BYTES = 3; // of a mask of parts
const grain = () => 64;
const layers = () => 3;
const AC = 63; // frequencies of a colour
const FIRST_LEVEL = 3;
const LARGEST_SYMBOL = 2 ** 15;
const GRAIN_PX = 64;
const BLOCK_PX = 8;
const DECODED_AT_ONCE = 128; // blocks along each side
const HALO = 6; // blocks that the decoder looks around
const DECODED_SEEN = 16; // planes that tell the decoder the level

/** @param {number} from @param {number} to */
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** @type {Part[]} */
const PARTS = [
  { network: "", seen: 0, level: 4, channels: range(0, 2), half: null, bands: 3 },
  ...range(0, 2).flatMap((i) => [
    { network: i ? "first" : "start", seen: 16, level: FIRST_LEVEL - i, channels: range(0, 2), half: 0, bands: 3 },
    { network: "second", seen: 16, level: FIRST_LEVEL - i, channels: range(0, 2), half: 1, bands: 3 },
    { network: "third", seen: 16, level: FIRST_LEVEL - i, channels: range(3, 8), half: null, bands: 6 },
  ]),
  { network: "fine_0", seen: 16, level: 0, channels: range(0, 7), half: 0, bands: 4 },
  { network: "fine_1", seen: 8, level: 0, channels: range(0, 7), half: 1, bands: 4 },
  { network: "fine_2", seen: 8, level: 0, channels: range(8, 23), half: 0, bands: 4 },
  { network: "fine_3", seen: 16, level: 0, channels: range(8, 23), half: 1, bands: 4 },
  { network: "fine_4", seen: 16, level: 0, channels: range(24, 62), half: 0, bands: 3 },
  { network: "fine_5", seen: 40, level: 0, channels: range(24, 62), half: 1, bands: 3 },
  { network: "fine_6", seen: 40, level: 0, channels: [...range(63, 74), ...range(126, 137)], half: null, bands: 4 },
  { network: "fine_7", seen: 24, level: 0, channels: [...range(75, 125), ...range(138, 188)], half: null, bands: 3 },
];
const LAST = PARTS.length - 1;
const OF_CHROMA = [3, 6, 9, LAST - 1, LAST];
const LAYER_ENDS = [9, 13, LAST];
/** First column of log2_step and scale_base of AC, of the details of levels 1 to 3, of z. */
const COLUMNS = [0, 207, 198, 189, 216];
const NETWORKS = ["start", "second", "third", "first", ...range(0, 7).map((i) => `fine_${i}`), "decoder"];

export const autoencoder = { networks: NETWORKS, grain, layers, open, tile, render };

/**
 * Prepare a level of a bundle.
 * @param {import("../bundle.js").Bundle} bundle
 * @param {import("../container.js").Header} header
 */
function open({ prior, run }, header) {
  const tables = readTables(prior);
  const plain = f32(stepsOf(interpolate(prior.log2_plain_step, header.level))[0] / 64);
  return {
    header,
    run,
    steps: stepsOf(interpolate(prior.log2_step, header.level)),
    bases: interpolate(prior.scale_base, header.level),
    ridge: f32(3 * f32(plain * plain)),
    seen: seenValues(prior.thresholds.data),
    planes: levelPlanes(header.level, prior.log2_step.shape[0]),
    tables,
    lastIndex: tables.count - 1,
  };
}

/** How many bands each part has. @param {Coding} _coding */
function bands(_coding) {
  return PARTS.map((part) => part.bands);
}

/**
 * Decode a tile: yields its values at the end of each layer.
 * @param {Coding} coding
 * @param {Area} area
 * @param {import("../latents.js").More} more
 */
async function* tile(coding, area, more) {
  const stream = new TileStream(coding.tables, bands(coding), more);
  await stream.open(MASK_BYTES);
  /** @type {import("../networks/index.js").Tensor | undefined} */
  let state;
  /** @type {import("../networks/index.js").Tensor | undefined} */
  let told;
  let [rows, columns] = [area.height / GRAIN_PX, area.width / GRAIN_PX];
  let last = new Int16Array(0);
  /** @type {Float32Array[]} */
  let low = [];
  const of = (/** @type {number} */ channels, /** @type {number} */ side) => {
    return new Int16Array((channels * area.height * area.width) / side ** 2);
  };
  /** @type {Values} */
  const values = { z: of(3, 64), details: { 3: of(9, 64), 2: of(9, 32), 1: of(9, 16) }, ac: of(3 * AC, BLOCK_PX) };
  for (const [p, part] of PARTS.entries()) {
    if (part.network) {
      const seen = see(last, rows * columns, part.seen, coding);
      const sees = tensor("uint8", seen, [1, part.seen, rows, columns]);
      const outputs = await coding.run(part.network, state ? [state, sees] : [sees]);
      told = outputs[outputs.length - 1];
      if (p < LAST) state = outputs[0];
      [rows, columns] = told.dims.slice(2);
    }
    const said = told ? /** @type {Uint8Array} */ (told.data) : null;
    const all = part.level === 4 ? values.z : (values.details[part.level] ?? values.ac);
    const pixels = rows * columns;
    const indexes = scaleIndexes(
      coding,
      part,
      said,
      columns,
      pixels,
      stream.corrections.least[p],
      stream.corrections.shifts[p],
    );
    const symbols = await stream.part(indexes);
    const from = said && OF_CHROMA.includes(p) ? chromaFromLuma(coding, p, part, said, low, all, rows, columns) : null;
    last = valuesOf(symbols, part, said, from, columns, pixels);
    part.channels.forEach((channel, k) => {
      const [start, at] = [channel * pixels, k * pixels];
      for (let i = 0; i < pixels; i++) all[start + i] += last[at + i]; // halves fill each other up
    });
    if (part.level === 4)
      low = [0, 1, 2].map((colour) => lowOf(coding, [{ area: atOrigin(area), values }], columns, colour));
    if (part.network === "third") {
      const one = { area: atOrigin(area), values };
      low = low.map((plane, colour) => joined(coding, plane, [one], rows, columns, part.level, colour));
    }
    if (LAYER_ENDS.includes(p)) yield values;
  }
}

/** @param {Area} area */
const atOrigin = (area) => ({ ...area, top: 0, left: 0 });

/** Return a plane of z. @param {Coding} coding @param {Tile[]} tiles @param {number} columns @param {number} colour */
function lowOf({ steps }, tiles, columns, colour) {
  const pixels = tiles.reduce((sum, { values }) => sum + values.z.length / 3, 0);
  const plane = new Float32Array(pixels);
  for (const { area, values } of tiles) {
    const channel = { values: values.z.subarray((colour * values.z.length) / 3), step: steps[COLUMNS[4] + colour] };
    place(plane, columns, 1, area, GRAIN_PX, [{ ...channel, down: 0, right: 0 }]);
  }
  return plane;
}

/**
 * Return a low band joined with the details of its level.
 * @param {Coding} coding
 * @param {Float32Array} low
 * @param {Tile[]} tiles
 * @param {number} rows
 * @param {number} columns
 * @param {number} level
 * @param {number} colour
 */
function joined({ steps }, low, tiles, rows, columns, level, colour) {
  return join(low, rows, columns, (plane) => {
    for (const { area, values } of tiles) {
      const all = values.details[level];
      const channels = [0, 1, 2].map((band) => {
        const detail = 3 * colour + band;
        const channel = { values: all.subarray((detail * all.length) / 9), step: steps[COLUMNS[level] + detail] };
        return { ...channel, down: (band + 1) & 1, right: (band + 1) >> 1 };
      });
      place(plane, 2 * columns, 2, area, BLOCK_PX * 2 ** level, channels);
    }
  });
}

/**
 * @param {Coding} coding
 * @param {Part} part
 * @param {Uint8Array | null} said
 * @param {number} columns  of the grid
 * @param {number} pixels
 * @param {number} least
 * @param {number[]} shifts  of each band
 */
function scaleIndexes({ bases, lastIndex }, part, said, columns, pixels, least, shifts) {
  const count = part.channels.length;
  const indexes = new Uint8Array(count * pixels);
  part.channels.forEach((channel, k) => {
    const shift = shifts[Math.floor((k * part.bands) / count)];
    const indexOf = indexesOf(bases[COLUMNS[part.level] + channel], least, shift, lastIndex);
    for (let i = 0, at = k * pixels; i < pixels; i++, at++) {
      if (outside(part, i, columns)) continue;
      indexes[at] = indexOf[(said ? said[(count + k) * pixels + i] : 128) + LARGEST_MASK];
    }
  });
  return indexes;
}

/** Whether a part does not hold a place. @param {Part} part @param {number} i @param {number} columns */
const outside = ({ half }, i, columns) => half !== null && ((Math.floor(i / columns) + (i % columns)) & 1) !== half;

/**
 * @param {Int32Array} symbols
 * @param {Part} part
 * @param {Uint8Array | null} said
 * @param {Int32Array | null} from  luma: what is added to means
 * @param {number} columns  of the grid
 * @param {number} pixels
 */
function valuesOf(symbols, part, said, from, columns, pixels) {
  const values = new Int16Array(symbols.length);
  for (let start = 0; start < symbols.length; start += pixels) {
    for (let i = 0, at = start; i < pixels; i++, at++) {
      const mean = said && !outside(part, i, columns) ? said[at] + (from ? from[at] : 0) : 128;
      const value = 8 * clamp(symbols[at], -LARGEST_SYMBOL, LARGEST_SYMBOL) + mean - 128;
      values[at] = clamp(value, -LARGEST_SYMBOL, LARGEST_SYMBOL - 1);
    }
  }
  return values;
}

/**
 * Return what luma adds to the means of a part of chroma.
 * @param {Coding} coding
 * @param {number} p
 * @param {Part} part
 * @param {Uint8Array} said
 * @param {Float32Array[]} low  of the tile
 * @param {Int16Array} values  of the part's kind
 * @param {number} rows
 * @param {number} columns
 */
function chromaFromLuma({ steps, ridge }, p, part, said, low, values, rows, columns) {
  const pixels = rows * columns;
  const count = part.channels.length;
  const gates = said.length / pixels - 2 * count;
  const added = new Int32Array(count * pixels);
  if (!gates) return added;
  const ofColour = part.level ? 3 : AC; // channels
  const slopes = [1, 2].map((colour) => {
    const [luma, chroma] = p < LAST ? covariances(low, colour, columns) : products(values, steps, colour, columns);
    return slopesOf(luma, chroma, ridge);
  });
  part.channels.forEach((channel, k) => {
    const colour = Math.floor(channel / ofColour);
    const slope = slopes[colour - 1];
    const luma = channel - colour * ofColour;
    const ratio = f32(steps[COLUMNS[part.level] + luma] / steps[COLUMNS[part.level] + channel]);
    const gate = (2 * count + Math.floor((k * gates) / count)) * pixels;
    for (let i = 0, at = k * pixels; i < pixels; i++, at++) {
      const product = f32(f32(f32(slope[i] * values[luma * pixels + i]) * ratio) * (said[gate + i] - 128)) / 32;
      added[at] = whole(product);
    }
  });
  return added;
}

/**
 * Variance of luma and covariance with a colour, 9 times.
 * @param {Float32Array[]} low
 * @param {number} colour
 * @param {number} columns
 */
function covariances(low, colour, columns) {
  const sum = around(low[0], columns);
  return [low[0], low[colour]].map((plane) => {
    const other = around(plane, columns);
    const products = around(
      plane.map((value, i) => low[0][i] * value),
      columns,
    );
    return products.map((value, i) => value - f32(f32(sum[i] * other[i]) / 9));
  });
}

/**
 * Sums of squares of luma and of products with a colour.
 * @param {Int16Array} ac
 * @param {Int32Array} steps
 * @param {number} colour
 * @param {number} columns
 */
function products(ac, steps, colour, columns) {
  const pixels = ac.length / (3 * AC);
  return [0, AC * colour].map((first) => {
    const sums = new Float32Array(pixels);
    for (let f = 0; f < 12; f++) {
      const [a, b] = [f32(steps[f] / 512), f32(steps[first + f] / 512)];
      for (let i = 0; i < pixels; i++) {
        sums[i] += f32(f32(ac[f * pixels + i] * a) * f32(ac[(first + f) * pixels + i] * b));
      }
    }
    return around(sums, columns);
  });
}

/**
 * Return the pixels of the layers that are decoded: with 1 those of the DC alone.
 * @param {Coding} coding
 * @param {Tile[]} tiles
 */
async function render(coding, tiles) {
  const { width, height, gray } = coding.header;
  let [rows, columns] = [height, width].map((side) => Math.ceil(side / GRAIN_PX));
  let low = [0, 1, 2].map((colour) => lowOf(coding, tiles, columns, colour));
  for (let level = FIRST_LEVEL; level >= 1; level--) {
    low = low.map((plane, colour) => joined(coding, plane, tiles, rows, columns, level, colour));
    [rows, columns] = [2 * rows, 2 * columns];
  }
  const data = new Uint8ClampedArray(4 * width * height);
  const rate = new Uint8Array(DECODED_SEEN).fill(128);
  rate.set(coding.planes);
  const rates = tensor("uint8", rate, [1, DECODED_SEEN, 1, 1]);
  for (let top = 0; top < rows; top += DECODED_AT_ONCE) {
    for (let left = 0; left < columns; left += DECODED_AT_ONCE) {
      const inner = window(top, left, rows, columns, 0);
      const outer = window(top, left, rows, columns, HALO);
      const latents = latentsOf(coding, tiles, low, columns, outer);
      const [pixels] = await coding.run("decoder", [
        tensor("float32", latents, [1, 192, outer.height, outer.width]),
        rates,
      ]);
      paint(data, width, height, /** @type {Uint8Array} */ (pixels.data), inner, outer, gray);
    }
  }
  return { width, height, data };
}

/**
 * @param {number} top
 * @param {number} left
 * @param {number} rows
 * @param {number} columns
 * @param {number} halo
 * @returns {Area}
 */
function window(top, left, rows, columns, halo) {
  const [from, start] = [Math.max(top - halo, 0), Math.max(left - halo, 0)];
  const height = Math.min(top + DECODED_AT_ONCE + halo, rows) - from;
  return { top: from, left: start, height, width: Math.min(left + DECODED_AT_ONCE + halo, columns) - start };
}

/**
 * @param {Coding} coding
 * @param {Tile[]} tiles
 * @param {Float32Array[]} low
 * @param {number} columns
 * @param {Area} wanted
 */
function latentsOf({ steps }, tiles, low, columns, wanted) {
  const pixels = wanted.height * wanted.width;
  const latents = new Float32Array(192 * pixels);
  for (let colour = 0; colour < 3; colour++) {
    for (let y = 0; y < wanted.height; y++) {
      const start = (wanted.top + y) * columns + wanted.left;
      latents.set(low[colour].subarray(start, start + wanted.width), 64 * colour * pixels + y * wanted.width);
    }
  }
  for (const { area, values } of tiles) {
    const [tileTop, tileLeft, tileRows, tileColumns] = [area.top, area.left, area.height, area.width].map(
      (px) => px / BLOCK_PX,
    );
    const [top, bottom] = [Math.max(tileTop, wanted.top), Math.min(tileTop + tileRows, wanted.top + wanted.height)];
    const [left, right] = [
      Math.max(tileLeft, wanted.left),
      Math.min(tileLeft + tileColumns, wanted.left + wanted.width),
    ];
    for (let channel = 0; channel < 3 * AC; channel++) {
      const factor = f32(steps[channel] / 512);
      const plane = channel + Math.floor(channel / AC) + 1;
      for (let y = top; y < bottom; y++) {
        let at = (channel * tileRows + y - tileTop) * tileColumns + left - tileLeft;
        let to = plane * pixels + (y - wanted.top) * wanted.width + left - wanted.left;
        for (let x = left; x < right; x++) latents[to++] = f32(values.ac[at++] * factor);
      }
    }
  }
  return latents;
}

/**
 * @param {Uint8ClampedArray} data
 * @param {number} width
 * @param {number} height
 * @param {Uint8Array} pixels
 * @param {Area} inner
 * @param {Area} outer
 * @param {boolean} gray
 */
function paint(data, width, height, pixels, inner, outer, gray) {
  const columns = BLOCK_PX * outer.width;
  const plane = columns * BLOCK_PX * outer.height;
  const bottom = Math.min(BLOCK_PX * (inner.top + inner.height), height);
  const right = Math.min(BLOCK_PX * (inner.left + inner.width), width);
  for (let y = BLOCK_PX * inner.top; y < bottom; y++) {
    let at = (y - BLOCK_PX * outer.top) * columns + BLOCK_PX * (inner.left - outer.left);
    let to = 4 * (y * width + BLOCK_PX * inner.left);
    for (let x = BLOCK_PX * inner.left; x < right; x++, at++) {
      const rgb = [pixels[at], pixels[at + plane], pixels[at + 2 * plane]];
      const mean = Math.floor((rgb[0] + rgb[1] + rgb[2] + 1) / 3);
      for (const sample of rgb) data[to++] = gray ? mean : sample;
      data[to++] = 255;
    }
  }
}
