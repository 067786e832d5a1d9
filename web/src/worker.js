// Decodes what pages send: a port for each picture, over which its bytes come and previews and the picture go.
import { decodeFrom } from "./codec.js";
import { GarError } from "./errors.js";

const AT_ONCE = 4;
let running = 0;
/** @type {(() => void)[]} */
const waiting = [];

addEventListener("message", async ({ data: { port, options, previews } }) => {
  const abort = new AbortController();
  const stream = new ReadableStream({
    start(controller) {
      port.onmessage = (/** @type {MessageEvent} */ { data: { chunk, stop } }) => {
        if (stop) {
          abort.abort();
          port.close();
        } else if (!abort.signal.aborted) {
          if (chunk) controller.enqueue(chunk);
          else controller.close();
        }
      };
    },
    cancel: () => abort.abort(),
  });
  if (running === AT_ONCE) await new Promise((resolve) => waiting.push(() => resolve(null)));
  else running++;
  try {
    const onPreview = previews && ((/** @type {import("./codec.js").Preview} */ preview) => port.postMessage({ preview }, [preview.data.buffer]));
    const picture = await decodeFrom(stream, { ...options, signal: abort.signal }, onPreview);
    port.postMessage({ picture }, [picture.data.buffer]);
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error), known: error instanceof GarError });
  }
  const next = waiting.shift();
  if (next) next();
  else running--;
});
