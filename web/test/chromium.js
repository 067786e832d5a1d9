// Chromium through playwright-core, or why it is not there.
import { existsSync } from "node:fs";

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
export async function launch() {
  if (!playwright) throw new Error(String(skip));
  return playwright.chromium.launch({ executablePath, args: ["--no-sandbox"] });
}
