// Decodes streams in Chromium and by the Python package, in turns; prints medians, how much longer Chromium takes, and how many
// bytes of code and weights the page has fetched.
//     node test/compare.js [--runs N] [--site FOLDER] STREAM...
// Both decode to samples in memory, with weights and code that are there already, on one thread. CPU time is that of the page's
// processes and of Python's. PYTHON names the interpreter that has the package. FOLDER has dist/ and weights/, of this package if not told.
import { spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { launch } from "./chromium.js";
import { serve } from "./server.js";
import { PACKAGE } from "./vectors.js";

const AT_ONCE = 5; // decodes of a run, for the browser tells CPU time in hundredths of a second
const NATIVE = `
import functools, json, pathlib, sys, time, runtime
from runtime.codec import Codec
manifests = pathlib.Path(runtime.__file__).parent.glob("weights/*/manifest.json")
bundles = {json.loads(path.read_text())["id"]: path.parent for path in manifests}
codec_of = functools.cache(lambda id: Codec(bundles[id], threads=1))
for line in sys.stdin:
    stream = pathlib.Path(line.rstrip("\\n")).read_bytes()
    codec = codec_of(stream[6:14].hex())
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(${AT_ONCE}):
        codec.decode(stream)
    print(1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu), flush=True)
`;

const { values, positionals } = parseArgs({
  options: { runs: { type: "string", default: "9" }, site: { type: "string", default: PACKAGE } },
  allowPositionals: true,
});
const python = process.env.PYTHON ?? "python3";
const native = spawn(python, ["-c", NATIVE], {
  stdio: ["pipe", "pipe", "inherit"],
  env: { ...process.env, OMP_NUM_THREADS: "1" },
});
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

/** Return wall and CPU time of a decode in ms. @param {string} base64 */
async function inChromium(base64, count = AT_ONCE) {
  const before = await cpuOfPages();
  const wall = await page.evaluate(
    async ([base64, count]) => {
      // @ts-expect-error: an address of the server
      const { decode } = await import("/gargalo/dist/gargalo.js");
      const bytes = Uint8Array.from(atob(String(base64)), (letter) => letter.charCodeAt(0));
      const start = performance.now();
      for (let i = 0; i < Number(count); i++) await decode(bytes);
      return performance.now() - start;
    },
    [base64, count],
  );
  return [wall / count, ((await cpuOfPages()) - before) / count];
}

/** @param {string} path */
async function inPython(path) {
  native.stdin.write(`${path}\n`);
  return String((await answers.next()).value)
    .split(" ")
    .map((ms) => Number(ms) / AT_ONCE);
}

/** @param {number[]} numbers */
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

console.log(
  `Chromium ${browser.version()}, medians of ${values.runs} runs in turns, of ${AT_ONCE} decodes each, after two that do not count`,
);
for (const path of positionals) {
  const bytes = readFileSync(path);
  const first = await inChromium(bytes.toString("base64"), 1);
  console.log(
    `${basename(path)}: first decode in Chromium ${first[0].toFixed(0)} ms, ${first[1].toFixed(0)} ms of CPU`,
  );
  const fetched = [...new Set(server.asked)].filter((path) => path.startsWith("/gargalo/"));
  const bytesOf = (/** @type {string} */ folder) =>
    fetched
      .filter((path) => path.startsWith(`/gargalo/${folder}/`))
      .reduce((sum, path) => sum + statSync(join(values.site, path.replace("/gargalo/", ""))).size, 0);
  console.log(`${basename(path)}: fetched by now ${bytesOf("dist")} bytes of code, ${bytesOf("weights")} of weights`);
  /** @type {number[][][]} */
  const times = [];
  for (let run = 0; run < Number(values.runs) + 2; run++) {
    const pair = [await inChromium(bytes.toString("base64")), await inPython(path)];
    if (run > 1) times.push(pair);
  }
  const [[wall, cpu], [nativeWall, nativeCpu]] = [0, 1].map((who) =>
    [0, 1].map((what) => median(times.map((pair) => pair[who][what]))),
  );
  const told = (/** @type {number} */ ours, /** @type {number} */ theirs) =>
    `${ours.toFixed(0)} ms in Chromium, ${theirs.toFixed(0)} ms natively, ${(ours / theirs).toFixed(1)} times`;
  console.log(`${basename(path)}: wall ${told(wall, nativeWall)}; CPU ${told(cpu, nativeCpu)}`);
}
native.stdin.end();
await browser.close();
server.close();
