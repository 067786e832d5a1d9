// The pictures that the server gives, beside this page's own address.
import { start } from "./viewer.js";

/** @typedef {{ name: string, number?: number, file?: File }} Served */

/** @param {string} path @param {RequestInit} [request] */
async function ask(path, request) {
  const response = await fetch(path, request).catch(() => {
    throw new Error("gargalo view does not run any more; start it again");
  });
  if (!response.ok) throw new Error((await response.text()) || `the server answers with ${response.status}`);
  return response;
}

/** @param {string} what @param {Served} item  of which the file was dropped, or has a number there */
const made = (what, { number, file }) => (file ? ask(what, { method: "POST", body: file }) : ask(`${what}/${number}`));

start(
  /** @type {import("./viewer.js").Source<Served>} */ ({
    list: async () => (await ask("list")).json(),
    add: (file) => ({ name: file.name, file }),
    small: async (item) => (await made("small", item)).blob(),
    facts: async (item) => (await made("facts", item)).json(),
    saved: async (item, kind) => (await made(kind, item)).blob(),
  }),
);
