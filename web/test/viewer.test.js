import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { decode } from "gargalo";
import { launch, skip } from "./chromium.js";
import { PACKAGE, stream, VECTORS } from "./vectors.js";

const VIEWER = `${PACKAGE}dist/viewer.html`;
const TWO = ["odd-sides", "alpha"].map((name) => `${VECTORS}${name}/stream.gar`);

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  if (skip) return;
  assert.ok(existsSync(VIEWER), "no dist: npm run build");
  browser = await launch();
});
after(() => browser?.close());

/** Open the page from the disk, with files in it. @param {string[]} files */
async function open(files, width = 1400) {
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  page.on("pageerror", (error) => assert.fail(error.stack));
  page.on("request", (request) =>
    assert.match(request.url(), /^(file|blob|data):/, "the page asks for something outside"),
  );
  await page.goto(pathToFileURL(VIEWER).href);
  if (files.length) await page.setInputFiles("#files", files);
  await page.waitForFunction(
    (count) => document.querySelectorAll(".strip button").length === count,
    files.filter((file) => !file.includes("refused")).length,
  );
  return page;
}

test("the page opens pictures from a disk, with no server, and saves the right pixels", { skip }, async () => {
  const page = await open([TWO[1]]);
  await page.getByRole("img", { name: "stream.gar" }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save PNG" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "stream.png");
  const shown = await page.evaluate(async () => {
    const image = await createImageBitmap(
      await (await fetch(/** @type {HTMLImageElement} */ (document.querySelector(".pane img")).src)).blob(),
      {
        premultiplyAlpha: "none",
      },
    );
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      new OffscreenCanvas(image.width, image.height).getContext("2d")
    );
    context.drawImage(image, 0, 0);
    return [...context.getImageData(0, 0, image.width, image.height).data];
  });
  const { data } = await decode(stream("alpha"));
  assert.deepEqual(
    shown.filter((_, i) => data[i | 3] === 255),
    [...data.filter((_, i) => data[i | 3] === 255)],
  );
});

test("a file that is dropped is shown; one that cannot be is told of", { skip }, async () => {
  const page = await open([`${VECTORS}refused/cut.gar`]);
  await page.getByRole("status").getByText("cut.gar: the file has 155 bytes of the 156 that it announces").waitFor();
  await page.evaluate(
    (bytes) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([Uint8Array.from(bytes)], "dropped.gar"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    },
    [...stream("gray")],
  );
  await page.getByRole("img", { name: "dropped.gar" }).waitFor();
  assert.equal(await page.getByRole("row", { name: "Pixels" }).getByRole("cell").innerText(), "23 x 40");
});

test("keys and buttons zoom, choose and compare", { skip }, async () => {
  for (const width of [1400, 400]) {
    const page = await open(TWO, width);
    const zoom = page.getByRole("status", { name: "Zoom" });
    await page.keyboard.press("1");
    assert.equal(await zoom.innerText(), "100 %");
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    assert.equal(await zoom.innerText(), "200 %");
    assert.equal(
      await page.locator(".pane img").evaluate((image) => /** @type {HTMLImageElement} */ (image).width),
      80,
    );
    await page.getByRole("button", { name: "Fit" }).click();
    assert.equal(await zoom.innerText(), "fit");
    await page.keyboard.press("ArrowLeft");
    assert.equal(
      await page.locator(".pane img").evaluate((image) => /** @type {HTMLImageElement} */ (image).width),
      67,
    );
    await page.getByRole("button", { name: "Compare" }).click();
    await page.locator(".strip button").nth(1).click();
    assert.equal(await page.locator(".pane").count(), 2);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px wider than the window`);
    await page.close();
  }
});

test("all that can be used has a name for screen readers", { skip }, async () => {
  const page = await open(TWO);
  /** @type {[Parameters<typeof page.getByRole>[0], string][]} */
  const regions = [
    ["list", "Pictures"],
    ["main", "Picture"],
    ["complementary", "Details"],
    ["group", "stream.gar, scrollable"],
    ["img", "stream.gar"],
  ];
  for (const [role, name] of regions) assert.equal(await page.getByRole(role, { name, exact: true }).count(), 1, name);
  const unnamed = await page
    .locator("button, input, img, [tabindex]")
    .evaluateAll((elements) =>
      elements
        .filter(
          (element) =>
            !element.textContent?.trim() &&
            !element.getAttribute("aria-label") &&
            !element.closest("button") &&
            !element.getAttribute("alt"),
        )
        .map((element) => element.outerHTML),
    );
  assert.deepEqual(unnamed, []);
  for (const name of ["Open .gar files", "Zoom in", "Zoom out", "Fit", "100 %", "Compare", "Save PNG", "Save JPEG"]) {
    assert.equal(await page.getByRole("button", { name, exact: true }).count(), 1, name);
  }
});
