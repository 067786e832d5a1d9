// A web server on a free port of this machine, for the tests.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
};

/**
 * Serve folders and pages.
 * @param {Record<string, string>} folders  path on the server, such as "/gargalo/", and folder
 * @param {Record<string, string | ((response: import("node:http").ServerResponse) => void)>} pages  path and HTML, or what answers
 */
export async function serve(folders, pages = {}) {
  /** @type {string[]} */
  const asked = [];
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    asked.push(path);
    try {
      if (typeof pages[path] === "function") return pages[path](response);
      const [prefix] = Object.keys(folders).filter((folder) => path.startsWith(folder));
      const file = prefix && join(folders[prefix], normalize(decodeURIComponent(path.slice(prefix.length))));
      const body = pages[path] ?? (await readFile(file));
      const type =
        TYPES[/** @type {keyof typeof TYPES} */ (pages[path] ? ".html" : extname(path))] ?? "application/octet-stream";
      response.writeHead(200, { "Content-Type": type }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}`, asked, close: () => server.close() && server.closeAllConnections() };
}
