// What the tests of the viewer share: the page from a disk, and the one that `gargalo view` serves.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "gargalo";
import { stream, VECTORS } from "./vectors.js";

/** @typedef {import("playwright-core").Page} Page */

/** Vectors by the names that they have in the folder: two pictures, one with metadata, one that is damaged. */
export const FILES = {
  "alpha.gar": "alpha/stream.gar",
  "cut.gar": "refused/cut.gar",
  "metadata.gar": "metadata/stream.gar",
  "odd-sides.gar": "odd-sides/stream.gar",
  "photo.gat": "thumbnails/photo.gat",
};

/** Return a new folder with the files, and what removes it. */
export function folder() {
  const place = mkdtempSync(join(tmpdir(), "gargalo-"));
  mkdirSync(join(place, "below"));
  for (const [name, vector] of Object.entries(FILES)) copyFileSync(VECTORS + vector, join(place, name));
  copyFileSync(`${VECTORS}flat/stream.gar`, join(place, "below", "flat.gar"));
  return { place, remove: () => rmSync(place, { recursive: true }) };
}

/** @param {Page} page @param {string} text */
export const told = (page, text) => page.getByRole("status", { name: "" }).getByText(text).waitFor();

/** Choose a picture, and wait until all of it is shown. @param {Page} page @param {string} name */
export async function choose(page, name) {
  await page.getByRole("list", { name: "Pictures" }).getByRole("button", { name, exact: true }).click();
  await told(page, `${name}: shown after`);
}

/** Check that pictures have small ones, and that it is told why the damaged one cannot be shown. @param {Page} page */
export async function checkSheet(page) {
  for (const name of Object.keys(FILES).filter((name) => name !== "cut.gar")) {
    await page.locator(".list button").filter({ hasText: name }).locator("img[src^='blob:']").waitFor();
  }
  await page.locator(".list button").filter({ hasText: "cut.gar" }).click();
  await told(page, "cut.gar cannot be shown: ");
  await choose(page, "metadata.gar");
}

/** Check the pixels of a picture with alpha, as shown and as saved. @param {Page} page */
export async function checkPixels(page) {
  await choose(page, "alpha.gar");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save PNG" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "alpha.png");
  const shown = await page.locator(".pane img").evaluate((/** @type {HTMLImageElement} */ image) => {
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.drawImage(image, 0, 0);
    return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
  });
  const { data } = await decode(stream("alpha"));
  const opaque = (/** @type {Iterable<number>} */ samples) => [...samples].filter((_, i) => data[i | 3] === 255);
  assert.deepEqual(opaque(shown), opaque(data));
  const [jpeg] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save JPEG" }).click(),
  ]);
  assert.equal(jpeg.suggestedFilename(), "alpha.jpg");
}

/** Check that keys and buttons zoom, choose and compare. @param {Page} page  whose first picture is alpha.gar */
export async function checkKeys(page) {
  const zoom = page.getByRole("status", { name: "Zoom" });
  const width = () =>
    page.locator(".pane img").evaluate((image) => /** @type {HTMLImageElement} */ (image).width);
  await choose(page, "alpha.gar");
  for (const [key, text] of [["1", "100 %"], ["+", "141 %"], ["+", "200 %"]]) {
    await page.keyboard.press(key);
    assert.equal(await zoom.innerText(), text);
  }
  assert.equal(await width(), 80);
  await page.getByRole("button", { name: "Fit" }).click();
  assert.equal(await zoom.innerText(), "fit");
  await choose(page, "odd-sides.gar");
  await page.keyboard.press("ArrowLeft");
  await told(page, "metadata.gar: shown after");
  assert.equal(await width(), 24);
  await page.keyboard.press("c");
  await choose(page, "odd-sides.gar");
  assert.equal(await page.locator(".pane").count(), 2);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `the page is ${overflow} px wider than the window`);
  await page.keyboard.press("c");
  assert.equal(await page.locator(".pane").count(), 1);
  await page.keyboard.press("Escape");
  assert.ok(!(await page.getByRole("main").isVisible()), "Escape leads to the contact sheet");
  const button = page.getByRole("button", { name: "metadata.gar", exact: true });
  await button.focus();
  await page.keyboard.press("Enter");
  await told(page, "metadata.gar: shown after");
  const details = page.getByRole("table", { name: "Details of the picture" });
  assert.equal(await details.getByRole("row", { name: "Pixels" }).getByRole("cell").innerText(), "24 x 16");
  const share = (1400 / stream("metadata").length).toFixed(1);
  assert.equal(await details.getByRole("row", { name: "EXIF" }).getByRole("cell").innerText(), `14 B, ${share} %`);
}

/** Check that all that can be used has a name for screen readers. @param {Page} page */
export async function checkNames(page) {
  await choose(page, "alpha.gar");
  /** @type {[Parameters<typeof page.getByRole>[0], string][]} */
  const regions = [
    ["list", "Pictures"],
    ["main", "Picture"],
    ["complementary", "Details"],
    ["table", "Details of the picture"],
    ["group", "Zoom"],
    ["group", "alpha.gar, scrollable"],
    ["img", "alpha.gar"],
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
  const buttons = ["Open .gar and .gat files", "Contact sheet", "Zoom in", "Zoom out", "Fit", "100 %", "Compare"];
  for (const name of [...buttons, "Save PNG", "Save JPEG"]) {
    assert.equal(await page.getByRole("button", { name, exact: true }).count(), 1, name);
  }
}

/** Drop a file on a page. @param {Page} page @param {string} name @param {Uint8Array} bytes */
export async function drop(page, name, bytes) {
  await page.evaluate(
    ([name, bytes]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([Uint8Array.from(bytes)], name));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    },
    /** @type {[string, number[]]} */ ([name, [...bytes]]),
  );
}
