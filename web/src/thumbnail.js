// docs/format/thumbnail.md: .gat files.
import { Cursor } from "./container.js";
import { must } from "./errors.js";
import { blankGrids, fill, open, render, silent, tableOf } from "./families/recurrent.js";

/** @typedef {import("./families/recurrent.js").Odds} Odds */

const MODELS = ["acfea88a0d88993a"]; // ids of the bundles by their numbers
const FIRST_MODEL = 0xa0;
const SIDE_PX = 32;
const [LEAST_BYTES, MOST_BYTES] = [4, 2048];
const HEADER_BYTES = 3;
const SLOTS = 2 ** 14;
const PLANES = [32, 32, 32, 32, 20, 12, 6, 1, -3];
const FIRST_PLANES = [
  [32, 12, 0, -10],
  [20, 20, 12, 3, -4, -6],
  [20, 14, 4, -6, -12],
];

/**
 * Return the picture of a .gat file.
 * @param {import("./source.js").Source} source
 * @param {(id: string) => Promise<import("./bundle.js").Bundle>} openBundle
 */
export async function readThumbnail(source, openBundle) {
  source.limit = MOST_BYTES;
  await source.all();
  const { bytes } = source;
  const model = bytes[0] - FIRST_MODEL;
  const id = MODELS[model];
  must(id, `the thumbnail was made with weights of number ${model}, which this decoder does not know`);
  const { length } = bytes;
  must(length >= LEAST_BYTES && length <= MOST_BYTES, `a thumbnail of ${length} bytes; it has 4 to ${MOST_BYTES}`);
  const message = bytes.subarray(HEADER_BYTES);
  const ofId = id.match(/../g)?.map((digits) => parseInt(digits, 16)) ?? [];
  must(
    crc16([...ofId, bytes[0], ...message]) === new Cursor(bytes, 1).u16(),
    "the thumbnail is damaged: its check is wrong",
  );
  const bundle = await openBundle(id);
  const header = { width: SIDE_PX, height: SIDE_PX, level: 0, gray: false };
  const { tables, most, grids: count } = open(bundle, header);
  const codes = new Message(message, tables, most, count);
  const coding = open(bundle, { ...header, level: codes.level });
  codes.tableOf = (odds, at, what) => tableOf(coding, odds, at, what);
  const grids = blankGrids(coding, header);
  for await (const _ of fill(coding, grids, codes));
  const area = { top: 0, left: 0, ...header };
  return render(coding, [{ area, values: grids }]);
}

/** @param {Iterable<number>} bytes */
function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

/** Thrown where the message tells no more. */
class End extends Error {}

/** Codes of a message, with what stands in front. */
class Message {
  thrifty = true;
  ended = false;
  told = new Uint8Array(0);
  /** @type {(odds: Odds, at: number, what: number) => number} */
  tableOf = () => 0;
  #bytes;
  #tables;
  #at = 0; // bytes that were taken, missing ones too
  #number = 0;
  #span = 2 ** 48;

  /**
   * @param {Uint8Array} bytes
   * @param {import("./entropy/tables.js").Slots[]} tables
   * @param {number} planes
   * @param {number} grids
   */
  constructor(bytes, tables, planes, grids) {
    this.#bytes = bytes;
    this.#tables = tables;
    while (this.#at < 6) this.#take();
    try {
      this.level = 16 * this.#count(planes - 1, PLANES);
      for (const bit of [8, 4, 2, 1]) this.level += bit * this.#count(1, [0]);
      this.starts = [0];
      for (let g = 0; g < grids; g++) {
        const least = g ? Math.max(this.starts[g - 1] - 2, 0) : 0;
        this.starts[g] = least + this.#count(15 - least, FIRST_PLANES[Math.min(g, 2)]);
      }
    } catch (error) {
      must(!(error instanceof End), "the thumbnail ends before its first iteration");
      throw error;
    }
  }

  #take() {
    this.#number = 256 * this.#number + (this.#bytes[this.#at++] ?? 0);
  }

  /** @param {number} table */
  #code(table) {
    const { starts, codes } = this.#tables[table];
    const unit = Math.floor(this.#span / SLOTS);
    const most = 256 ** Math.max(this.#at - this.#bytes.length, 0) - 1; // that missing bytes can add
    const [code, other] = [0, most].map((more) => codes[Math.min(Math.floor((this.#number + more) / unit), SLOTS - 1)]);
    if (code !== other) throw new End();
    this.#number -= starts[code] * unit;
    this.#span = (starts[code + 1] - starts[code]) * unit;
    for (; this.#span < 2 ** 40; this.#span *= 256) this.#take();
    return code;
  }

  /** @param {number} most @param {number[]} logOdds */
  #count(most, logOdds) {
    let n = 0;
    while (n < most && this.#code(32 + logOdds[Math.min(n, logOdds.length - 1)])) n++;
    return n;
  }

  /** Return what is known after an iteration, as far as it is told. @param {Odds} odds */
  read(odds) {
    const { known, oddsA } = odds;
    const now = known.slice();
    this.told = Uint8Array.from(known, (_, at) => Number(silent(odds, at)));
    const rank = (/** @type {number} */ at) => (known[at] ? 128 : -oddsA[at]);
    const order = [...known.keys()].filter((at) => !this.told[at]).sort((a, b) => rank(a) - rank(b));
    try {
      for (const at of order) {
        const code = (/** @type {number} */ what) => this.#code(this.tableOf(odds, at, what));
        if (known[at]) now[at] = 2 * known[at] + Math.sign(known[at]) * code(1);
        else if (code(0)) now[at] = (2 * code(1) - 1) * (1 + code(2));
        this.told[at] = 1;
      }
    } catch (error) {
      if (!(error instanceof End)) throw error;
      this.ended = true;
    }
    return now;
  }
}
