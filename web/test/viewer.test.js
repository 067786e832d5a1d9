import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { browsing, skip } from "./chromium.js";
import { after, before, test } from "./limited.js";
import { PACKAGE, stream } from "./vectors.js";
import { checkKeys, checkNames, checkPixels, checkSheet, drop, FILES, folder, told } from "./viewer.js";

const CUT = stream("refused/cut");

const VIEWER = `${PACKAGE}dist/viewer.html`;
before(() => assert.ok(skip || existsSync(VIEWER), "no dist: npm run build"));
const newPage = browsing();
const { place, remove } = folder();
after(remove);

/** Open the page from the disk, with files in it. @param {string[]} names */
async function open(names, width = 1400) {
  const inside = (/** @type {string} */ address) => /^(file|blob|data):/.test(address);
  const page = await newPage(inside, { viewport: { width, height: 800 } });
  await page.goto(pathToFileURL(VIEWER).href);
  if (names.length) await page.setInputFiles("#files", names.map((name) => join(place, name)));
  return page;
}
const all = Object.keys(FILES);

test("the page opens pictures from a disk, with no server, and tells why one cannot be shown", { skip }, async () => {
  await checkSheet(await open(all));
});

test("it shows and saves the right pixels", { skip }, async () => {
  await checkPixels(await open(all));
});

test("a file that is dropped is shown; one that is damaged is told of", { skip }, async () => {
  const page = await open([]);
  await drop(page, "cut.gar", stream("refused/cut"));
  await told(page, `cut.gar cannot be shown: the file has ${CUT.length} bytes of the ${CUT.length + 1} that it announces`);
  await drop(page, "dropped.gar", stream("gray"));
  await page.getByRole("img", { name: "dropped.gar" }).waitFor();
  assert.equal(await page.getByRole("row", { name: "Pixels" }).getByRole("cell").innerText(), "23 x 40");
});

for (const width of [1400, 400]) {
  test(`keys and buttons zoom, choose and compare, ${width} px wide`, { skip }, async () => {
    await checkKeys(await open(all, width));
  });
}

test("all that can be used has a name for screen readers", { skip }, async () => {
  await checkNames(await open(all));
});
