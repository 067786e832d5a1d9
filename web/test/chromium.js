// Chromium through playwright-core, or why it is not there.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { after, afterEach, before, STEP_MS } from "./limited.js";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = PLACES.find((path) => path && existsSync(path));
const playwright = await import("playwright-core").catch(() => null);

/** Why tests in Chromium are skipped, or false. */
export const skip = !playwright
  ? "no playwright-core: npm install"
  : executablePath
    ? false
    : "no Chromium: install it, or set CHROMIUM to its path";

/**
 * Start a browser.
 * @returns {Promise<import("playwright-core").Browser>}
 */
export function launch() {
  if (!playwright) throw new Error(String(skip));
  return playwright.chromium.launch({ executablePath, args: ["--no-sandbox"], timeout: STEP_MS });
}

/**
 * Start a browser for the tests of a file, and return what opens pages in it, each until its test ends. Errors in a page
 * fail the test.
 * @param {string | false} skipped  why there are no tests
 */
export function browsing(skipped = skip) {
  /** @type {import("playwright-core").Browser | undefined} */
  let browser;
  /** @type {import("playwright-core").Page[]} */
  const pages = [];
  /** @type {unknown[]} */
  const faults = [];
  before(async () => {
    if (!skipped) browser = await launch();
  });
  afterEach(async () => {
    const told = faults.splice(0);
    await Promise.all(pages.splice(0).map((page) => page.close()));
    assert.deepEqual(told, []);
  });
  after(() => browser?.close()); // which kills it when it does not end

  /** @param {import("playwright-core").BrowserContextOptions} options */
  async function create(options) {
    const page = browser?.newPage(options); // waits for ever where no process can be started for the page
    const late = setTimeout(STEP_MS, null, { ref: false });
    const made = await Promise.race([page, late]);
    if (made) return made;
    await browser?.close();
    browser = await launch();
    return browser.newPage(options);
  }

  /**
   * @param {(address: string) => boolean} allowed  what the page may ask for
   * @param {import("playwright-core").BrowserContextOptions} options
   */
  return async (allowed = () => true, options = {}) => {
    const page = await create(options);
    pages.push(page);
    page.setDefaultTimeout(STEP_MS);
    page.on("pageerror", (error) => faults.push(error.stack));
    page.on("request", (request) => {
      if (!allowed(request.url())) faults.push(`the page asks for ${request.url()}`);
    });
    return page;
  };
}
