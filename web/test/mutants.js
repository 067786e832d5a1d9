// Mutants of the vectors, seeded: most have right checksums, so that they reach what lies behind these.
//     node test/mutants.js [COUNT] [SEED]
// Prints what came of them. Exit status 1 if one ended in anything but pixels or a GarError, or took too long.
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import { decode, GarError } from "gargalo";
import { readHeader } from "../src/container.js";
import { crc32 } from "../src/crc32.js";
import { tileAreas } from "../src/latents.js";
import { Source } from "../src/source.js";
import { cases, facts } from "./vectors.js";

const MAX_PIXELS = 2 ** 20;
const TOO_LONG_MS = 20_000; // of CPU
const LARGEST_STREAM = 2000;

/** Return seeded random whole numbers below a limit (xorshift). @param {number} seed */
function randomiser(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return (/** @type {number} */ limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** @typedef {ReturnType<typeof randomiser>} Random */

/** Return bytes that are changed in one of many ways. @param {Uint8Array} bytes @param {Random} random */
function changed(bytes, random) {
  const out = [...bytes];
  const at = random(out.length + 1);
  const many = 1 + random(8);
  const other = random(out.length + 1);
  const ways = [
    () => (out[at % out.length] ^= 1 << random(8)),
    () => (out[at % out.length] = [0, 1, 127, 128, 255, random(256)][random(6)]),
    () => out.splice(at, many),
    () => out.splice(at, 0, ...Array.from({ length: many }, () => random(256))),
    () => out.splice(at, many, ...Array.from({ length: many }, () => random(256))),
    () => out.splice(at),
    () => out.splice(at, many, ...bytes.slice(other, other + many)),
  ];
  if (out.length) ways[random(ways.length)]();
  return Uint8Array.from(out);
}

/** @param {number} value */
function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/** @param {number} value @param {number} bytes */
const littleEndian = (value, bytes) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255);

/** @param {Uint8Array} bytes @returns {number[]} */
const checked = (bytes) => littleEndian(crc32(bytes), 4);

/**
 * Change a tile's chunk, and make the index anew.
 * @param {Uint8Array} latents
 * @param {number} count
 * @param {Random} random
 */
function changedChunk(latents, count, random) {
  let at = 0;
  const lengths = Array.from({ length: count }, () => {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = latents[at++];
      length += (byte & 127) << shift;
      if (byte < 128) break;
    }
    at += 4;
    return length;
  });
  at += 4;
  const chunks = lengths.map((length) => latents.subarray(at, (at += length)));
  const chosen = random(count);
  chunks[chosen] = changed(chunks[chosen], random);
  const index = Uint8Array.from(chunks.flatMap((chunk) => [...varint(chunk.length), ...checked(chunk)]));
  return Uint8Array.from([...index, ...checked(index), ...chunks.flatMap((chunk) => [...chunk])]);
}

/** Return a mutant of a stream. @param {Uint8Array} stream @param {Random} random */
export async function mutant(stream, random) {
  if (random(10) === 0) return changed(stream, random);
  const header = await readHeader(new Source(stream));
  const sections = header.sections.map(({ kind, start, end }) => ({ kind, bytes: stream.slice(start, end) }));
  const tiles = tileAreas(header, 64).length;
  let fields = stream.slice(0, 16);
  let sizes = [...varint(header.width), ...varint(header.height)];
  const chosen = sections[random(sections.length)];
  const what = random(10);
  if (what === 0) fields = changed(fields, random).slice(0, 16);
  else if (what === 1) sizes = [...varint(1 + random(1500)), ...varint(1 + random(1500))];
  else if (what === 2) fields[[5, 14, 15][random(3)]] = random(256);
  else if (what === 3) sections.splice(random(2) * sections.length, 0, { kind: random(256), bytes: chosen.bytes });
  else if (tiles > 1 && chosen.kind === 1 && what < 9) chosen.bytes = changedChunk(chosen.bytes, 3 * tiles, random);
  else chosen.bytes = changed(chosen.bytes, random);
  const table = sections.flatMap(({ kind, bytes }) => [kind, ...varint(bytes.length)]);
  const head = Uint8Array.from([...fields, ...sizes, sections.length, ...table]);
  return Uint8Array.from([
    ...head,
    ...checked(head).slice(0, 2),
    ...sections.flatMap(({ bytes }) => [...bytes, ...checked(bytes)]),
  ]);
}

/**
 * Decode mutants; return how many ended in what.
 * @param {number} count
 * @param {number} seed
 */
export async function tryMutants(count, seed) {
  const random = randomiser(seed);
  const small = cases().filter(({ stream }) => stream.length <= LARGEST_STREAM);
  /** @type {Map<string, number>} */
  const ends = new Map();
  /** @type {string[]} */
  const faults = [];
  let slowest = 0;
  for (let i = 0; i < count; i++) {
    const { name, stream, sha256 } = small[random(small.length)];
    const bytes = await mutant(stream, random);
    const start = process.cpuUsage();
    let end;
    try {
      const picture = await decode(bytes, { maxPixels: MAX_PIXELS });
      end = facts(picture).sha256 === sha256 ? "decoded to the same pixels" : "decoded to other pixels";
    } catch (error) {
      const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
      if (!(error instanceof GarError))
        faults.push(`${name} ${digest}: ${error instanceof Error ? error.stack : error}`);
      end =
        error instanceof GarError ? `refused: ${error.message.replace(/[0-9a-f]{16}|file:\S+|\d+/g, "N")}` : "failed";
    }
    const { user, system } = process.cpuUsage(start);
    const ms = (user + system) / 1000;
    if (ms > TOO_LONG_MS) faults.push(`${name}: ${Math.round(ms)} ms of CPU`);
    slowest = Math.max(slowest, ms);
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  return { ends, faults, slowest };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [count, seed] = [Number(process.argv[2] ?? 1000), Number(process.argv[3] ?? 1)];
  const { ends, faults, slowest } = await tryMutants(count, seed);
  for (const [end, number] of [...ends].sort(([, a], [, b]) => b - a)) console.log(`${number}\t${end}`);
  console.log(`${count} mutants of seed ${seed}, ${faults.length} faults, the slowest took ${Math.round(slowest)} ms of CPU`);
  for (const fault of faults.slice(0, 5)) console.error(fault);
  process.exitCode = Math.min(faults.length, 1);
}
