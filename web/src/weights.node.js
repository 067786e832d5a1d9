import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { GarError } from "./errors.js";

/**
 * Return a file of a bundle: read, or fetched once and kept in a folder.
 * @param {string} url  file: or http(s):
 * @param {string} id  of the bundle
 * @returns {Promise<Uint8Array>}
 */
export async function load(url, id) {
  const there = await readFile(url.startsWith("file:") ? new URL(url) : kept(url, id)).catch(() => null);
  if (there) return new Uint8Array(there);
  const missing = `the file needs the weights ${id}, and ${url} is not there`;
  if (url.startsWith("file:")) throw new GarError(missing);
  const response = await fetch(url).catch((error) => {
    throw new GarError(`the file needs the weights ${id}, and ${url} cannot be fetched: ${error.message}`);
  });
  if (!response.ok) throw new GarError(`${missing} (${response.status})`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const path = kept(url, id);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(`${path}.${process.pid}`, bytes);
  await rename(`${path}.${process.pid}`, path);
  return bytes;
}

/** @param {string} url @param {string} id */
function kept(url, id) {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "gargalo", id, basename(url));
}
