// Pictures are decoded a few at a time, for each takes its memory.
const AT_ONCE = 4;
let running = 0;
/** @type {(() => void)[]} */
const waiting = [];

/** Run a task as soon as it has its turn. @template T @param {() => Promise<T>} task @returns {Promise<T>} */
export async function inTurn(task) {
  if (running === AT_ONCE) await new Promise((resolve) => waiting.push(() => resolve(null)));
  else running++;
  try {
    return await task();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}
