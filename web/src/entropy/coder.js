// FORMAT.md, section 4: coder.
import { Cursor } from "../container.js";
import { must, Truncated } from "../errors.js";
import { SLOTS } from "./tables.js";

const LEAST_STATE = 2 ** 16;

/** Reads a tile from bytes that are there or still come: its states, then words and what else stands between them. */
export class Coder {
  cursor = new Cursor(new Uint8Array(0));
  states = new Uint32Array(0);
  #more;

  /** @param {import("../latents.js").More} more */
  constructor(more) {
    this.#more = more;
  }

  /**
   * Read the states of so many lanes.
   * @param {number} lanes
   */
  start(lanes) {
    this.states = Uint32Array.from({ length: lanes }, () => this.cursor.u32());
    must(
      this.states.every((state) => state >= LEAST_STATE),
      "a tile begins with an illegal state",
    );
  }

  /**
   * Do what reads, again from its beginning when more bytes are there, if those that are do not suffice.
   * @template T
   * @param {() => T} read
   * @returns {Promise<T>}
   */
  async retry(read) {
    const states = this.states.slice();
    for (;;) {
      const start = this.cursor.position;
      try {
        return read();
      } catch (error) {
        if (!(error instanceof Truncated)) throw error;
        const bytes = await this.#more(this.cursor.bytes.subarray(start));
        if (!bytes) throw error;
        this.cursor = new Cursor(bytes);
        this.states.set(states);
      }
    }
  }

  /** Refuse bytes that are left. */
  async end() {
    let rest = this.cursor.bytes.subarray(this.cursor.position);
    for (let more; rest.length === 0 && (more = await this.#more(rest));) rest = more;
    must(rest.length === 0, "bytes follow the end of a tile");
  }
}

/**
 * Read codes of one table; return the lane behind the last.
 * @param {{ cursor: Cursor, states: Uint32Array }} coder
 * @param {number} lane  of the first
 * @param {import("./tables.js").Slots} slots
 * @param {Uint8Array} to
 * @param {number} count
 */
export function popMany({ cursor, states }, lane, { starts, codes }, to, count) {
  const { bytes } = cursor;
  const last = states.length - 1;
  let { position } = cursor;
  for (let i = 0; i < count; i++) {
    const state = states[lane];
    const slot = state & (SLOTS - 1);
    const code = (to[i] = codes[slot]);
    const start = starts[code];
    // state in [2**16, 2**32), so the product is below 2**32
    let next = (Math.imul(starts[code + 1] - start, state >>> 14) + slot - start) >>> 0;
    if (next < LEAST_STATE) {
      if (position + 2 > bytes.length) throw new Truncated();
      next = ((next << 16) | bytes[position] | (bytes[position + 1] << 8)) >>> 0;
      position += 2;
    }
    states[lane] = next;
    lane = lane === last ? 0 : lane + 1;
  }
  cursor.position = position;
  return lane;
}

const one = new Uint8Array(1);

/**
 * Return the next code of a lane.
 * @param {{ cursor: Cursor, states: Uint32Array }} coder
 * @param {number} lane
 * @param {import("./tables.js").Slots} slots
 */
export function pop(coder, lane, slots) {
  popMany(coder, lane, slots, one, 1);
  return one[0];
}
