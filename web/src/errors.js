/** What is wrong with a stream, a bundle or a call, as one sentence: what we got, what we need, what to do. */
export class GarError extends Error {
  name = "GarError";
}

/** Ends where more bytes are needed: of a stream that still comes, wait; of a whole one, refuse. */
export class Truncated extends GarError {
  constructor(message = "the stream ends too early") {
    super(message);
  }
}

/**
 * Throw a GarError unless a condition holds.
 * @param {unknown} condition
 * @param {string} message
 * @returns {asserts condition}
 */
export function must(condition, message) {
  if (!condition) throw new GarError(message);
}
