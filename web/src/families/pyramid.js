// FORMAT.md, sections 2 and 5 to 7: the family pyramid.
import { place } from "../coefficients.js";
import { pixels } from "../colours.js";
import { readTables } from "../entropy/tables.js";
import { TileStream } from "../entropy/tile_stream.js";
import { must } from "../errors.js";
import { around, slopesOf, whole } from "../guesses.js";
import { clamp, indexesOf, interpolate, LARGEST_MASK, LEAST_MASK, levelPlanes, see, seenValues, stepsOf } from "../level.js";
import { fileOf, tensor } from "../networks/index.js";
import { join, PASS_GAIN } from "../wavelet.js";

/** @typedef {import("../latents.js").Area} Area */
/** @typedef {import("./index.js").Tile} Tile */
/** @typedef {Awaited<ReturnType<typeof open>>} Coding */
/**
 * @typedef {Record<number, Int16Array>} Values  of z (key 6) and of each level's packed details, (channels, rows, columns)
 */

const f32 = Math.fround;
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
const LUMA = 12; // channels of a level's packed luma
const RIDGE = 16; // of slopes of chroma, in squared pixel levels
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
    gates: prior.gates,
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
  const values = { [LEVELS + 1]: new Int16Array((Z.length * area.height * area.width) / 64 ** 2) };
  let part = 0;
  /**
   * Read the next part; the values of its channels go to `to`, and are returned.
   * @param {number[]} channels
   * @param {Int16Array} to
   * @param {(channel: number) => number} column
   * @param {Uint8Array | null} said
   * @param {Int8Array} masks
   * @param {Int16Array} [guesses]  that are added to what is said
   */
  const read = async (channels, to, column, said, masks, guesses) => {
    const { least, shifts } = stream.corrections;
    const indexes = scaleIndexes(coding, channels.map(column), said, masks, least[part], shifts[part]);
    const symbols = await stream.part(indexes);
    const decoded = valuesOf(symbols, said, masks, guesses);
    channels.forEach((channel, k) => {
      to.set(decoded.subarray(k * masks.length, (k + 1) * masks.length), channel * masks.length);
    });
    part++;
    return decoded;
  };
  const sidesOf = (/** @type {number} */ level) => [area.height >> (level + 1), area.width >> (level + 1)];

  let [rows, columns] = sidesOf(LEVELS);
  const z = await read(Z, values[LEVELS + 1], (channel) => Z_COLUMN + channel, null, new Int8Array(rows * columns));
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
      const guesses = part === "third" && coding.gates ? guessesOf(coding, alone[0], level, columns) : undefined;
      last = await read(channels, to, column, said, masks, guesses);
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
 * @param {Int16Array} [guesses]
 */
function valuesOf(symbols, said, masks, guesses) {
  const values = new Int16Array(symbols.length);
  const pixels = masks.length;
  for (let start = 0; start < symbols.length; start += pixels) {
    for (let i = 0, at = start; i < pixels; i++, at++) {
      const mean = said ? said[at] - 128 + (guesses?.[at] ?? 0) : 0;
      if (symbols[at] === 0) {
        values[at] = mean;
        continue;
      }
      const symbol = clamp(symbols[at], -LARGEST_SYMBOL, LARGEST_SYMBOL);
      const value = ((GRAINS[masks[i] - LEAST_MASK] * symbol + 8) >> 4) + mean;
      values[at] = clamp(value, -LARGEST_SYMBOL, LARGEST_SYMBOL - 1);
    }
  }
  return values;
}

/**
 * Return what luma lets one guess of the values of a level's packed chroma.
 * @param {Coding} coding
 * @param {Tile} tile
 * @param {number} level
 * @param {number} columns  of the packed level
 */
function guessesOf({ steps, gates }, tile, level, columns) {
  const luma = tile.values[level];
  const pixels = luma.length / 36;
  const above = [0, 1, 2].map((colour) => {
    const plane = new Float32Array(4 * pixels); // with the three bands of the level above in it
    details(plane, 2 * columns, level + 1, tile, colour, steps);
    return plane;
  });
  const [squares, ...products] = above.map((plane) => {
    const sums = new Float32Array(pixels).map((_, i) => {
      const at = 4 * i - 2 * (i % columns);
      const [a, b, c] = [2 * columns, 1, 2 * columns + 1].map((band) => f32(above[0][at + band] * plane[at + band]));
      return f32(a + b) + c;
    });
    return around(sums, columns);
  });
  const guesses = new Int16Array(2 * LUMA * pixels);
  products.forEach((product, colour) => {
    const r = steps[(level < LEVELS ? DETAILS * level : Z_COLUMN + 3) + 3 + 3 * colour] / 32;
    const slopes = slopesOf(squares, product, f32(RIDGE + f32(r * r)));
    for (let channel = 0, at = colour * LUMA * pixels; channel < LUMA; channel++) {
      const detail = DETAILS * (level - 1) + (channel >> 2);
      const gate = gates.data[2 * level - 2 + colour] / 32;
      const factor = f32(f32(steps[detail] / steps[detail + 3 + 3 * colour]) * gate);
      for (let i = 0, from = channel * pixels; i < pixels; i++, at++) {
        guesses[at] = whole(f32(f32(slopes[i] * luma[from + i]) * factor));
      }
    }
  });
  return guesses;
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
    const z = values[LEVELS + 1];
    const channel = { values: z.subarray((colour * z.length) / Z.length), step: steps[Z_COLUMN + colour] };
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
  const packed = level <= LEVELS; // all but those in z, after its low bands
  const side = packed ? 2 ** (level + 1) : 64;
  const pixels = (area.height * area.width) / side ** 2;
  const channels = [0, 1, 2].flatMap((band) => {
    const detail = 3 * colour + band;
    return (packed ? [0, 1, 2, 3] : [0]).map((corner) => ({
      values: values[level].subarray(pixels * (packed ? 4 * detail + corner : 3 + detail)),
      step: steps[packed ? DETAILS * (level - 1) + detail : Z_COLUMN + 3 + detail],
      down: 2 * (corner >> 1) + ((band + 1) & 1),
      right: 2 * (corner & 1) + ((band + 1) >> 1),
    }));
  });
  place(plane, columns, packed ? 4 : 2, area, side, channels);
}
