// Decodes streams in Chromium and by the Python package, in turns; prints medians, and how much longer Chromium takes.
//     node test/compare.js [--runs N] [--site FOLDER] STREAM...
// Both decode to samples in memory, with weights and code that are there already, on one thread. CPU time is that of the page's
// processes and of Python's. PYTHON names the interpreter that has the package. FOLDER has dist/ and weights/, of this package if not told.
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { launch } from "./chromium.js";
import { serve } from "./server.js";
import { PACKAGE } from "./vectors.js";

const NATIVE = `
import sys, time
from runtime.codec import Codec
codecs = {}
for line in sys.stdin:
    bundle, path = line.rstrip("\\n").split("\\t")
    codec = codecs.setdefault(bundle, None) or Codec(bundle, threads=1)
    codecs[bundle] = codec
    stream = open(path, "rb").read()
    wall, cpu = time.perf_counter(), time.process_time()
    codec.decode(stream)
    print(1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu), flush=True)
`;

const { values, positionals } = parseArgs({
  options: { runs: { type: "string", default: "9" }, site: { type: "string", default: PACKAGE } },
  allowPositionals: true,
});
const python = process.env.PYTHON ?? "python3";
const native = spawn(python, ["-c", NATIVE], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, OMP_NUM_THREADS: "1" } });
const answers = createInterface(native.stdout)[Symbol.asyncIterator]();
const server = await serve({ "/gargalo/": values.site }, { "/": "<!doctype html><title>compare</title>" });
const browser = await launch();
const page = await browser.newPage();
const processes = await browser.newBrowserCDPSession();
await page.goto(`${server.url}/`);

/** Return the CPU time of pages, which are what we have in the browser, in ms. */
async function cpuOfPages() {
  const { processInfo } = await processes.send("SystemInfo.getProcessInfo");
  return 1000 * processInfo.filter(({ type }) => type === "renderer").reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

/** Return wall and CPU time in ms. @param {string} base64 */
async function inChromium(base64) {
  const before = await cpuOfPages();
  const wall = await page.evaluate(async (base64) => {
    // @ts-expect-error: an address of the server
    const { decode } = await import("/gargalo/dist/gargalo.js");
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const start = performance.now();
    await decode(bytes);
    return performance.now() - start;
  }, base64);
  return [wall, (await cpuOfPages()) - before];
}

/** @param {string} bundle @param {string} path */
async function inPython(bundle, path) {
  native.stdin.write(`${bundle}\t${path}\n`);
  return String((await answers.next()).value).split(" ").map(Number);
}

/** @param {number[]} numbers */
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

console.log(`Chromium ${browser.version()}, medians of ${values.runs} runs in turns, after two that do not count`);
for (const path of positionals) {
  const bytes = readFileSync(path);
  const id = bytes.subarray(6, 14).toString("hex");
  const find = `from runtime.bundles import *; import json, pathlib, runtime; print(next(p.parent for p in (pathlib.Path(runtime.__file__).parent / "weights").glob("*/manifest.json") if json.loads(p.read_text())["id"] == "${id}"))`;
  const bundle = execFileSync(python, ["-c", find], { encoding: "utf8" }).trim();
  /** @type {number[][][]} */
  const times = [];
  for (let run = 0; run < Number(values.runs) + 2; run++) {
    const pair = [await inChromium(bytes.toString("base64")), await inPython(bundle, path)];
    if (run === 0) console.log(`${basename(path)}: first decode in Chromium ${pair[0][0].toFixed(0)} ms, ${pair[0][1].toFixed(0)} ms of CPU`);
    if (run > 1) times.push(pair);
  }
  const [[wall, cpu], [nativeWall, nativeCpu]] = [0, 1].map((who) => [0, 1].map((what) => median(times.map((pair) => pair[who][what]))));
  const told = (/** @type {number} */ ours, /** @type {number} */ theirs) =>
    `${ours.toFixed(0)} ms in Chromium, ${theirs.toFixed(0)} ms natively, ${(ours / theirs).toFixed(1)} times`;
  console.log(`${basename(path)}: wall ${told(wall, nativeWall)}; CPU ${told(cpu, nativeCpu)}`);
}
native.stdin.end();
await browser.close();
server.close();
