// FORMAT.md, sections 2 and 5 to 7: the family pyramid.
import { place } from "../coefficients.js";
import { pixels } from "../colours.js";
import { readTables } from "../entropy/tables.js";
import { TileStream } from "../entropy/tile_stream.js";
import { must } from "../errors.js";
import { indexesOf, interpolate, LARGEST_MASK, LEAST_MASK, levelPlanes, see, seenValues, stepsOf } from "../level.js";
import { fileOf, tensor } from "../networks/index.js";
import { join, PASS_GAIN } from "../wavelet.js";

/** @typedef {import("../latents.js").Area} Area */
/** @typedef {import("./index.js").Tile} Tile */
/** @typedef {Awaited<ReturnType<typeof open>>} Coding */
/**
 * @typedef {Record<number, Int16Array>} Values  of z (key 0) and of each level's packed details, (channels, rows, columns)
 */

const MASK_BYTES = 2; // of a mask of parts
/** @type {Record<string, number[]>} */
const PARTS = {
  first: [0, 3, 4, 7, 8, 11],
  second: [1, 2, 5, 6, 9, 10],
  third: Array.from({ length: 24 }, (_, i) => 12 + i),
};
/** @param {string} name */
const networksOf = (name) => Object.keys(PARTS).map((part) => `${name}_${part}`);
const Z = Array.from({ length: 12 }, (_, i) => i);
const Z_COLUMN = 45; // of log2_step and scale_base
const DETAILS = 9; // of a level
const LEVELS = 5; // of packed details
const GRAINS = Array.from({ length: LARGEST_MASK - LEAST_MASK + 1 }, (_, i) => {
  return Math.round(2 ** ((i + LEAST_MASK) / 8) * 128);
});
const LARGEST_SYMBOL = 2 ** 15;
const SEEN_BY_FIRST = 32; // also by start
const SEEN_BY_OTHERS = 16;
const NETWORKS = ["start", ...["coarse", "middle", "fine"].flatMap(networksOf)];

export const pyramid = { flag: true, networks: NETWORKS, grain: () => 64, layers: () => 3, open, tile, render };

/**
 * Prepare a level of a bundle.
 * @param {import("../bundle.js").Bundle} bundle
 * @param {import("../container.js").Header} header
 */
function open({ files, prior, run }, header) {
  const middle = networksOf("middle").filter((network) => fileOf(network) in files).length;
  must(middle % 3 === 0, `the weights ${header.bundleId} have ${middle} of 3 middle networks; export them anew`);
  return {
    header,
    run,
    middle: middle > 0,
    steps: stepsOf(interpolate(prior.log2_step, header.level)),
    bases: interpolate(prior.scale_base, header.level),
    seen: seenValues(prior.thresholds.data),
    planes: levelPlanes(header.level, prior.log2_step.shape[0]),
    masking: prior.masking,
    dark: prior.dark,
    tables: readTables(prior),
  };
}

/** How many bands each part has. @param {Coding} coding */
function bands({ header }) {
  const all = [12, ...Array(LEVELS).fill([3, 3, 6]).flat()];
  return header.subsampled ? all.slice(0, -1) : all;
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
  const { run } = coding;
  /** @type {Values} */
  const values = { 0: new Int16Array((12 * area.height * area.width) / 64 ** 2) };
  let part = 0;
  /**
   * Read the next part; the values of its channels go to `to`, and are returned.
   * @param {number[]} channels
   * @param {Int16Array} to
   * @param {(channel: number) => number} column
   * @param {Uint8Array | null} said
   * @param {Int8Array} masks
   */
  const read = async (channels, to, column, said, masks) => {
    const { least, shifts } = stream.corrections;
    const indexes = scaleIndexes(coding, channels.map(column), said, masks, least[part], shifts[part]);
    const symbols = await stream.part(indexes);
    const decoded = valuesOf(symbols, said, masks);
    channels.forEach((channel, k) => {
      to.set(decoded.subarray(k * masks.length, (k + 1) * masks.length), channel * masks.length);
    });
    part++;
    return decoded;
  };
  const sidesOf = (/** @type {number} */ level) => [area.height >> (level + 1), area.width >> (level + 1)];

  const z = await read(Z, values[0], (channel) => Z_COLUMN + channel, null, new Int8Array(values[0].length / 12));
  let [rows, columns] = sidesOf(LEVELS);
  const look = (/** @type {Int16Array} */ of, /** @type {number} */ channels) => {
    return tensor("uint8", see(of, rows * columns, channels, coding), [1, channels, rows, columns]);
  };
  let told = await run("start", [look(z, SEEN_BY_FIRST)]); // the state, but by the last network, and what is said
  let last = z;
  const alone = [{ area: { ...area, top: 0, left: 0 }, values }];
  let luma = lowest(alone, rows, columns, 0, coding.steps);
  for (let level = LEVELS; level >= 1; level--) {
    const name = level === 1 ? "fine" : level === 2 && coding.middle ? "middle" : "coarse";
    if (level < LEVELS) told = await run(`${name}_first`, [told[0], look(last, SEEN_BY_FIRST)]);
    [rows, columns] = sidesOf(level);
    const column = (/** @type {number} */ channel) => DETAILS * (level - 1) + (channel >> 2);
    if (level < LEVELS - 1) luma = finer(luma, rows / 4, columns / 4, level + 3, alone, 0, coding.steps);
    const masks =
      level < LEVELS ? maskingOf(coding, values[level + 1], luma, level, rows, columns) : new Int8Array(rows * columns);
    const to = (values[level] = new Int16Array(36 * rows * columns));
    for (const [part, channels] of Object.entries(PARTS)) {
      if (part === "third" && level === 1 && coding.header.subsampled) break;
      if (part !== "first") told = await run(`${name}_${part}`, [told[0], look(last, SEEN_BY_OTHERS)]);
      const said = /** @type {Uint8Array} */ (told[told.length - 1].data);
      last = await read(channels, to, column, said, masks);
    }
    if (level <= 3) yield values;
  }
}

/**
 * @param {Coding} coding
 * @param {number[]} columns  of each channel
 * @param {Uint8Array | null} said
 * @param {Int8Array} masks  of each pixel
 * @param {number} least
 * @param {number[]} shifts  of each band
 */
function scaleIndexes({ bases, tables }, columns, said, masks, least, shifts) {
  const pixels = masks.length;
  const indexes = new Uint8Array(columns.length * pixels);
  const bandColumns = [...new Set(columns)];
  columns.forEach((column, k) => {
    const shift = shifts[bandColumns.indexOf(column)];
    const indexOf = indexesOf(bases[column], least, shift, tables.count - 1);
    const scales = (columns.length + k) * pixels;
    for (let i = 0, at = k * pixels; i < pixels; i++, at++) {
      indexes[at] = indexOf[(said ? said[scales + i] : 128) - masks[i] + LARGEST_MASK];
    }
  });
  return indexes;
}

/**
 * @param {Int32Array} symbols
 * @param {Uint8Array | null} said
 * @param {Int8Array} masks  of each pixel
 */
function valuesOf(symbols, said, masks) {
  const values = new Int16Array(symbols.length);
  const pixels = masks.length;
  for (let start = 0; start < symbols.length; start += pixels) {
    for (let i = 0, at = start; i < pixels; i++, at++) {
      const mean = said ? said[at] - 128 : 0;
      if (symbols[at] === 0) {
        values[at] = mean;
        continue;
      }
      const symbol = Math.min(Math.max(symbols[at], -LARGEST_SYMBOL), LARGEST_SYMBOL);
      const value = ((GRAINS[masks[i] - LEAST_MASK] * symbol + 8) >> 4) + mean;
      values[at] = Math.min(Math.max(value, -LARGEST_SYMBOL), LARGEST_SYMBOL - 1);
    }
  }
  return values;
}

/**
 * Return the masking of each pixel of a packed level.
 * @param {Coding} coding
 * @param {Int16Array} above  values of the level above
 * @param {Float32Array} luma  low band of the tile, as large as a channel of the level above
 * @param {number} level
 * @param {number} rows
 * @param {number} columns
 */
function maskingOf({ steps, masking, dark }, above, luma, level, rows, columns) {
  const half = columns / 2;
  const pixels = (rows / 2) * half;
  const sums = new Int32Array(pixels);
  for (let channel = 0; channel < 12; channel++) {
    const step = steps[DETAILS * level + (channel >> 2)];
    for (let i = 0, at = channel * pixels; i < pixels; i++, at++) sums[i] += Math.min(Math.abs(above[at]), 2047) * step;
  }
  const [limits, darkLimits] = [masking, dark].map(({ data, shape: [, count] }) => {
    return data.subarray(count * (level - 1), count * level);
  });
  const masks = new Int8Array(rows * columns);
  for (let y = 0, at = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, at++) {
      const i = (y >> 1) * half + (x >> 1);
      masks[at] = LEAST_MASK + passed(limits, sums[i] >> 5) + passed(darkLimits, luma[i]);
    }
  }
  return masks;
}

/** Return how many limits, which never fall, a number reaches. @param {Int32Array} limits @param {number} number */
function passed(limits, number) {
  let count = 0;
  while (count < limits.length && limits[count] <= number) count++;
  return count;
}

/**
 * Return the pixels as far as layers are decoded, at full size with all 3, at half with 2, at a quarter with 1.
 * @param {Coding} coding
 * @param {Tile[]} tiles
 * @param {number} layers
 */
async function render(coding, tiles, layers) {
  const scale = 2 ** (3 - layers);
  const { width, height, gray } = coding.header;
  const [codedHeight, codedWidth] = [height, width].map((side) => 64 * Math.ceil(side / 64));
  const planes = [0, 1, 2].map((colour) => {
    let [rows, columns] = [codedHeight / 64, codedWidth / 64];
    let low = lowest(tiles, rows, columns, colour, coding.steps);
    for (let level = LEVELS + 1; level >= 1 + Math.log2(scale); level--) {
      low = finer(low, rows, columns, level, tiles, colour, coding.steps);
      [rows, columns] = [2 * rows, 2 * columns];
    }
    return low;
  });
  const columns = codedWidth / scale;
  const picture = { width: Math.ceil(width / scale), height: Math.ceil(height / scale) };
  return { ...picture, data: pixels(planes, columns, picture, PASS_GAIN ** (2 * Math.log2(scale)), gray) };
}

/**
 * Return the low band of z.
 * @param {Tile[]} tiles
 * @param {number} rows
 * @param {number} columns
 * @param {number} colour
 * @param {Int32Array} steps
 */
function lowest(tiles, rows, columns, colour, steps) {
  const low = new Float32Array(rows * columns);
  for (const { area, values } of tiles) {
    const channel = { values: values[0].subarray((colour * values[0].length) / 12), step: steps[Z_COLUMN + colour] };
    place(low, columns, 1, area, 64, [{ ...channel, down: 0, right: 0 }]);
  }
  return low;
}

/**
 * Return a low band joined with the details of a level.
 * @param {Float32Array} low
 * @param {number} rows  of the low band
 * @param {number} columns
 * @param {number} level  1 to 6
 * @param {Tile[]} tiles
 * @param {number} colour
 * @param {Int32Array} steps
 */
function finer(low, rows, columns, level, tiles, colour, steps) {
  return join(low, rows, columns, (plane) => {
    for (const tile of tiles) details(plane, 2 * columns, level, tile, colour, steps);
  });
}

/**
 * Put the details of a level of a tile to a plane.
 * @param {Float32Array} plane
 * @param {number} columns  of the plane
 * @param {number} level  1 to 6
 * @param {Tile} tile
 * @param {number} colour
 * @param {Int32Array} steps
 */
function details(plane, columns, level, { area, values }, colour, steps) {
  const coarsest = level === LEVELS + 1; // in z, the only one that is not packed
  const all = values[coarsest ? 0 : level];
  const channels = [0, 1, 2].flatMap((band) => {
    const [down, right, detail] = [(band + 1) & 1, (band + 1) >> 1, 3 * colour + band];
    if (coarsest)
      return {
        values: all.subarray(((3 + detail) * all.length) / 12),
        step: steps[Z_COLUMN + 3 + detail],
        down,
        right,
      };
    const step = steps[DETAILS * (level - 1) + detail];
    return [0, 1, 2, 3].map((corner) => ({
      values: all.subarray(((4 * detail + corner) * all.length) / 36),
      step,
      down: 2 * (corner >> 1) + down,
      right: 2 * (corner & 1) + right,
    }));
  });
  place(plane, columns, coarsest ? 2 : 4, area, coarsest ? 64 : 2 ** (level + 1), channels);
}
