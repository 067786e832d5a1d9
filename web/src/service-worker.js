// Answers <img src="x.gar"> with decoded pictures.
import { decodeFrom } from "./codec.js";
import * as autoencoder from "./families/autoencoder.js";
import * as recurrent from "./families/recurrent.js";
import { lazy } from "./lazy.js";
import * as onnxruntime from "./networks/onnxruntime.js";
import { toPng } from "./png.js";
import * as residual from "./residual.js";
import * as thumbnail from "./thumbnail.js";
import { inTurn } from "./turns.js";

for (const [name, module] of Object.entries({ autoencoder, recurrent, onnxruntime, residual, thumbnail })) {
  Object.assign(lazy, { [name]: async () => module });
}

const worker = /** @type {any} */ (self); // TypeScript knows pages or workers, not both

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { destination, url } = event.request;
  if (destination === "image" && new URL(url).pathname.endsWith(".gar")) event.respondWith(answer(event.request));
});

/** @param {Request} request */
async function answer(request) {
  const response = await fetch(request);
  const { body } = response;
  if (!response.ok || !body) return response;
  try {
    const png = await inTurn(async () => toPng(await decodeFrom(body)));
    return new Response(png, { headers: { "Content-Type": "image/png" } });
  } catch (error) {
    console.error(`${request.url}: ${/** @type {Error} */ (error).message}`);
    return new Response(String(error), { status: 415 });
  }
}
