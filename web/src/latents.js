// FORMAT.md, section 3: LATENTS.
import { concat } from "./bytes.js";
import { Cursor } from "./container.js";
import { crc32 } from "./crc32.js";
import { must, Truncated } from "./errors.js";

/** @typedef {import("./source.js").Source} Source */
/** @typedef {{ top: number, left: number, height: number, width: number }} Area  of the coded picture, in pixels */
/**
 * @typedef {(rest: Uint8Array) => Promise<Uint8Array | null>} More  gives the rest and what came since, null if nothing did
 */

const GROWTH = 1.25; // wait for so much more before a part is tried again

/**
 * Return the areas of the tiles of a picture, row by row.
 * @param {import("./container.js").Header} header
 * @param {number} grain  coded sides are multiples of so many pixels
 * @returns {Area[]}
 */
export function tileAreas({ width, height, tile }, grain) {
  const areas = [];
  const [codedHeight, codedWidth] = [height, width].map((side) => grain * Math.ceil(side / grain));
  for (let top = 0; top < codedHeight; top += tile) {
    for (let left = 0; left < codedWidth; left += tile) {
      areas.push({ top, left, height: Math.min(tile, codedHeight - top), width: Math.min(tile, codedWidth - left) });
    }
  }
  return areas;
}

/**
 * Return what gives the bytes of each tile, chunk by chunk.
 * @param {Source} source
 * @param {import("./container.js").Section} section
 * @param {number} tiles
 * @param {number} layers
 * @returns {Promise<More[]>}
 */
export async function readChunks(source, { start, end }, tiles, layers) {
  if (tiles === 1) return [onlyChunk(source, start, end)];
  const index = await readIndex(source, start, end, layers * tiles);
  return Array.from({ length: tiles }, (_, tile) =>
    chunksOf(
      source,
      Array.from({ length: layers }, (_, layer) => index[layer * tiles + tile]),
    ),
  );
}

/** @param {Source} source @param {{ start: number, end: number, crc: number }[]} chunks @returns {More} */
function chunksOf(source, chunks) {
  let next = 0;
  return async (rest) => {
    if (next === chunks.length) return null;
    const { start, end, crc } = chunks[next++];
    await source.need(end);
    const bytes = source.bytes.subarray(start, end);
    must(crc32(bytes) === crc, "a chunk of a tile is damaged: its CRC is wrong");
    return concat([rest, bytes]);
  };
}

/** @param {Source} source @param {number} start @param {number} end @returns {More} */
function onlyChunk(source, start, end) {
  let given = start;
  return async (rest) => {
    const wanted = Math.min(end, Math.ceil(given + rest.length * (GROWTH - 1)) + 1);
    if (given >= end) return null;
    await source.need(wanted);
    const from = given - rest.length;
    given = Math.min(end, source.bytes.length);
    return source.bytes.subarray(from, given);
  };
}

/** @param {Source} source @param {number} start @param {number} end @param {number} chunks */
async function readIndex(source, start, end, chunks) {
  for (;;) {
    const cursor = new Cursor(source.bytes.subarray(start, end));
    try {
      /** @type {{ start: number, end: number, crc: number }[]} */
      const index = [];
      for (let i = 0; i < chunks; i++) {
        const length = cursor.varint();
        index.push({ start: 0, end: length, crc: cursor.u32() });
      }
      const told = crc32(cursor.bytes.subarray(0, cursor.position));
      must(cursor.u32() === told, "the index of the tiles is damaged: its CRC is wrong");
      let place = start + cursor.position;
      for (const chunk of index) [chunk.start, chunk.end] = [place, (place += chunk.end)];
      must(place === end, "the chunks of tiles do not fill their section");
      return index;
    } catch (error) {
      if (!(error instanceof Truncated) || source.bytes.length >= end || !(await source.more())) throw error;
    }
  }
}
