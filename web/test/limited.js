// node:test, of which no test and no hook waits for ever.
import * as node from "node:test";

/** For what comes at once where the machine is not busy with something else. */
export const STEP_MS = 60_000;
const limit = { timeout: 150_000 };

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
