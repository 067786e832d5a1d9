import { GarError, Truncated } from "./errors.js";

/** Bytes of a file: all there, or still coming. */
export class Source {
  /** @type {Uint8Array}  what is there so far */
  bytes = new Uint8Array(0);
  /** Whether all is there. */
  ended = false;
  /** What is there must not become more than this; readHeader sets it. */
  limit = Infinity;
  #buffer = new Uint8Array(0);
  /** @type {ReadableStreamDefaultReader<Uint8Array> | undefined} */
  #reader;

  /** @param {Uint8Array | ReadableStream<Uint8Array>} from */
  constructor(from) {
    if (from instanceof Uint8Array) {
      this.bytes = from;
      this.ended = true;
    } else {
      this.#reader = from.getReader();
    }
  }

  /**
   * Wait until so many bytes are there.
   * @param {number} length
   * @throws {Truncated} if the file ends before
   */
  async need(length) {
    while (this.bytes.length < length) {
      if (!(await this.more()))
        throw new Truncated(`the file ends after ${this.bytes.length} bytes; ${length} are needed`);
    }
  }

  /** Wait for more bytes: false if there are none. */
  async more() {
    if (this.ended || !this.#reader) return false;
    const { value, done } = await this.#reader.read();
    if (done) {
      this.ended = true;
      return false;
    }
    const length = this.bytes.length + value.length;
    if (length > this.limit) {
      await this.cancel();
      throw new GarError(`the file goes on after its ${this.limit} bytes`);
    }
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.min(2 * length, this.limit));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#buffer.set(value, this.bytes.length);
    this.bytes = this.#buffer.subarray(0, length);
    return true;
  }

  /** Wait for all bytes. */
  async all() {
    while (await this.more());
  }

  /** Tell the sender that no more is wanted. */
  async cancel() {
    if (!this.ended) await this.#reader?.cancel().catch(() => {});
    this.ended = true;
  }
}
