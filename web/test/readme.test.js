import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { browsing, skip } from "./chromium.js";
import { STEP_MS, test } from "./limited.js";
import { serve } from "./server.js";
import { PACKAGE, stream } from "./vectors.js";

const README = readFileSync(`${PACKAGE}README.md`, "utf8");
const [inNode] = [...README.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
const [asStream, asElement, asImage] = [...README.matchAll(/```html\n(.*?)```/gs)].map(([, code]) => code);
const [, serviceWorker] = /`(import ".*?service-worker.js";)`/.exec(README) ?? [];

const newPage = browsing();

test("the snippet for Node.js writes the picture", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "gargalo-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(PACKAGE, join(folder, "node_modules", "gargalo"), "dir");
  writeFileSync(join(folder, "snippet.mjs"), inNode);
  writeFileSync(join(folder, "cam.gar"), stream("metadata"));
  assert.equal(
    execFileSync(process.execPath, ["snippet.mjs"], { cwd: folder, encoding: "utf8", timeout: STEP_MS }),
    "24 x 16, 1536 bytes of RGBA\n",
  );
  const png = readFileSync(join(folder, "cam.png"));
  const kinds = [];
  let samples = 0;
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const kind = png.toString("latin1", at + 4, at + 8);
    kinds.push(kind);
    if (kind === "IDAT") samples = inflateSync(png.subarray(at + 8, at + 8 + png.readUInt32BE(at))).length;
  }
  assert.deepEqual(kinds, ["IHDR", "iCCP", "eXIf", "IDAT", "IEND"]);
  assert.equal(samples, 16 * (1 + 3 * 24));
});

test("the snippets for pages show the picture", { skip }, async (t) => {
  const sends =
    (/** @type {Uint8Array | string} */ body, /** @type {string} */ type) =>
    (/** @type {import("node:http").ServerResponse} */ response) => {
      response.writeHead(200, { "Content-Type": type }).end(body);
    };
  const [head, icon] = ["<!doctype html><title>snippet</title>", '<link rel="icon" href="data:,">'];
  const server = await serve(
    { "/gargalo/": PACKAGE },
    {
      "/stream": head + icon + asStream,
      "/element": head + icon + asElement,
      "/image": head + icon + asImage,
      "/cam.gar": sends(stream("odd-sides"), "application/octet-stream"),
      "/sw.js": sends(serviceWorker, "text/javascript"),
    },
  );
  t.after(() => server.close());
  const page = await newPage();
  /** @type {Record<string, () => boolean>} */
  const shown = {
    "/stream": () => document.querySelector("canvas")?.width === 67,
    "/element": () => document.querySelector("gar-image")?.shadowRoot?.querySelector("img")?.naturalWidth === 67,
    "/image": () => document.querySelector("img")?.naturalWidth === 67,
  };
  for (const [path, isShown] of Object.entries(shown)) {
    await page.goto(server.url + path);
    await page.waitForFunction(isShown);
  }
});
