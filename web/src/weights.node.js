import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { GarError } from "./errors.js";
import { fetched } from "./weights.js";

/**
 * Return a file of a bundle: read, or fetched and then kept in a folder.
 * @param {string} url  file: or http(s):
 * @param {string} id  of the bundle
 * @returns {Promise<import("./weights.js").File>}
 */
export async function load(url, id) {
  const local = url.startsWith("file:");
  const kept = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "gargalo", id, basename(url));
  const there = await readFile(local ? new URL(url) : kept).catch(() => null);
  if (there) return { bytes: new Uint8Array(there), keep: async () => {} };
  if (local) throw new GarError(`the file needs the weights ${id}, and ${url} is not there`);
  const bytes = await fetched(url, id);
  return { bytes, keep: () => write(kept, bytes).catch(() => {}) };
}

/** Write a whole file, or none. @param {string} path @param {Uint8Array} bytes */
async function write(path, bytes) {
  const partial = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(partial, bytes);
  await rename(partial, path);
}
