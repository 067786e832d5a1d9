import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { decode, GarError } from "gargalo";
import { test } from "./limited.js";
import { serve } from "./server.js";
import { bundleId, PACKAGE, stream } from "./vectors.js";

const LITE = bundleId("lite");

/** Return a folder that is removed after a test. @param {import("node:test").TestContext} t */
function scratch(t) {
  const folder = mkdtempSync(join(tmpdir(), "gargalo-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("weights are fetched once and kept in a folder", async (t) => {
  process.env.XDG_CACHE_HOME = scratch(t);
  const server = await serve({ "/first/": `${PACKAGE}weights`, "/second/": `${PACKAGE}weights` });
  t.after(() => server.close());
  for (const place of ["first", "second"]) await decode(stream("lite"), { weights: `${server.url}/${place}/` });
  assert.equal(server.asked.length, 9);
  assert.ok(server.asked.every((path) => path.startsWith(`/first/${LITE}/`)));
  assert.equal(readdirSync(join(process.env.XDG_CACHE_HOME, "gargalo", LITE)).length, 9);
});

test("weights that are not those of the id are refused", async (t) => {
  const folder = scratch(t);
  cpSync(join(PACKAGE, "weights"), folder, { recursive: true });
  const path = join(folder, LITE, "start.onnx");
  const bytes = readFileSync(path);
  bytes[1000] ^= 1;
  writeFileSync(path, bytes);
  const weights = `${pathToFileURL(folder).href}/`;
  await assert.rejects(
    decode(stream("lite"), { weights }),
    new RegExp(`have the id [0-9a-f]{16}; they must be those of ${LITE}`),
  );
});

test("what a server sends in place of weights is not kept", async (t) => {
  process.env.XDG_CACHE_HOME = scratch(t);
  const server = await serve(
    {},
    Object.fromEntries(["manifest.json", "start.onnx"].map((file) => [`/${LITE}/${file}`, "<p>sign in first"])),
  );
  t.after(() => server.close());
  await assert.rejects(decode(stream("lite"), { weights: `${server.url}/` }), /manifest.json is no manifest/);
  assert.deepEqual(readdirSync(process.env.XDG_CACHE_HOME), []);
});

test("a server without the weights is told of", async (t) => {
  process.env.XDG_CACHE_HOME = scratch(t);
  const server = await serve({});
  t.after(() => server.close());
  const missing = decode(stream("lite"), { weights: `${server.url}/` });
  await assert.rejects(
    missing,
    (error) =>
      error instanceof GarError &&
      error.message.includes(`needs the weights ${LITE}, and `) &&
      error.message.endsWith(" is not there (404)"),
  );
});
