/** Return a new worker that decodes. */
export const startWorker = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
