// node:test, of which no test and no hook waits for ever.
import * as node from "node:test";

/** Of one step, such as a page that is opened; machines are slow at times. */
export const STEP_MS = 120_000;
const limit = { timeout: 300_000 };

/**
 * As in node:test.
 * @param {string} name
 * @param {node.TestOptions | node.TestFn} options
 * @param {node.TestFn} [run]
 */
export const test = (name, options, run) =>
  typeof options === "function" ? node.test(name, limit, options) : node.test(name, { ...limit, ...options }, run);
/** @param {node.HookFn} run */
export const before = (run) => node.before(run, limit);
/** @param {node.HookFn} run */
export const after = (run) => node.after(run, limit);
/** @param {node.HookFn} run */
export const afterEach = (run) => node.afterEach(run, limit);
