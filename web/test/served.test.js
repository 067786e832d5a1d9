// The page that `gargalo view` serves, where Python has gargalo: PYTHON names it.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { launch, skip as without } from "./chromium.js";
import { PACKAGE, stream } from "./vectors.js";
import { checkKeys, checkNames, checkPixels, checkSheet, drop, folder, told } from "./viewer.js";

const python = process.env.PYTHON ?? "python3";
const options = { cwd: `${PACKAGE}..` };
const runs = spawnSync(python, ["-c", "import runtime.codec"], options).status === 0;
const skip = without || (runs ? false : `${python} cannot run gargalo: set PYTHON`);

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {import("node:child_process").ChildProcess} */
let server;
let address = "";
const { place, remove } = folder();
before(async () => {
  if (skip) return;
  browser = await launch();
  server = spawn(python, ["-m", "runtime", "view", "--no-browser", place], options);
  const [line] = await once(/** @type {import("node:stream").Readable} */ (server.stdout), "data");
  address = String(line).split(" ")[0];
});
after(async () => {
  await browser?.close();
  server?.kill();
  remove();
});

async function open(width = 1400) {
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  page.setDefaultTimeout(120_000); // machines are slow at times
  page.on("pageerror", (error) => assert.fail(error.stack));
  page.on("request", (request) =>
    assert.ok(/^(blob|data):/.test(request.url()) || request.url().startsWith(address), "the page asks for something else"),
  );
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
  server.kill();
  await once(server, "exit");
  await button.click();
  await told(page, "gargalo view does not run any more");
});
