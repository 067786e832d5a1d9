// The page that `gargalo view` serves, where Python has gargalo: PYTHON names it.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { browsing, skip as without } from "./chromium.js";
import { after, before, STEP_MS, test } from "./limited.js";
import { PACKAGE, stream } from "./vectors.js";
import { checkKeys, checkNames, checkPixels, checkSheet, drop, folder, told } from "./viewer.js";

const python = process.env.PYTHON ?? "python3";
const cwd = `${PACKAGE}..`;
const runs = spawnSync(python, ["-c", "import runtime.codec"], { cwd, timeout: STEP_MS }).status === 0;
const skip = without || (runs ? false : `${python} cannot run gargalo: set PYTHON`);

/** @type {import("node:child_process").ChildProcessByStdio<null, import("node:stream").Readable, null>} */
let server;
let address = "";
const { place, remove } = folder();
before(async () => {
  if (skip) return;
  const words = ["-m", "runtime", "view", "--no-browser", place];
  server = spawn(python, words, { cwd, stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: server.stdout })) {
    address = line.split(" ")[0];
    break;
  }
  assert.ok(address, "gargalo view has ended before it told its address");
});
after(async () => {
  if (server) await end();
  remove();
});
const newPage = browsing(skip);

/** Ask the server to end as users do, then force it; return its exit status, null where that took force. */
async function end() {
  const ended = server.exitCode === null && server.signalCode === null && once(server, "exit");
  server.kill();
  const force = setTimeout(() => server.kill("SIGKILL"), STEP_MS);
  await ended;
  clearTimeout(force);
  return server.exitCode;
}

async function open(width = 1400) {
  const inside = (/** @type {string} */ asked) => /^(blob|data):/.test(asked) || asked.startsWith(address);
  const page = await newPage(inside, { viewport: { width, height: 800 } });
  await page.goto(address);
  return page;
}

test("the contact sheet shows all of the folder, and tells why one cannot be shown", { skip }, async () => {
  const page = await open();
  await checkSheet(page);
  await page.locator(".list button").getByText("cannot be shown: ends early").waitFor();
  assert.equal(await page.locator(".list").getByText("flat.gar").count(), 0, "subfolders were not asked for");
});

test("pictures are shown and saved with the right pixels", { skip }, async () => checkPixels(await open()));

test("a file that is dropped is shown; one that is damaged is told of", { skip }, async () => {
  const page = await open();
  await page.getByRole("button", { name: "alpha.gar", exact: true }).waitFor();
  await drop(page, "dropped-cut.gar", stream("refused/cut"));
  await told(page, "dropped-cut.gar cannot be shown: ends early");
  await drop(page, "dropped.gar", stream("gray"));
  await page.getByRole("img", { name: "dropped.gar" }).waitFor();
});

for (const width of [1400, 400]) {
  test(`keys and buttons zoom, choose and compare, ${width} px wide`, { skip }, async () => checkKeys(await open(width)));
}

test("all that can be used has a name for screen readers", { skip }, async () => checkNames(await open()));

test("a page whose server has ended says so", { skip }, async () => {
  const page = await open();
  const button = page.getByRole("button", { name: "odd-sides.gar", exact: true });
  await button.locator("img[src^='blob:']").waitFor(); // else its small picture is what fails
  assert.equal(await end(), 0);
  await button.click();
  await told(page, "gargalo view does not run any more");
});
