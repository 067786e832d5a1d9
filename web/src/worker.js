// Decodes what pages send: a port for each picture, over which its bytes come and previews and the picture go.
import { decodeFrom } from "./codec.js";
import { GarError } from "./errors.js";
import { inTurn } from "./turns.js";

addEventListener("message", async ({ data: { port, options, previews } }) => {
  const abort = new AbortController();
  let wanted = true;
  const stream = new ReadableStream({
    start(controller) {
      port.onmessage = (/** @type {MessageEvent} */ { data: { chunk, stop } }) => {
        if (stop) {
          abort.abort();
          port.close();
        } else if (wanted) {
          if (chunk) controller.enqueue(chunk);
          else controller.close();
        }
      };
    },
    cancel: () => void (wanted = false),
  });
  try {
    const onPreview =
      previews &&
      ((/** @type {import("./codec.js").Preview} */ preview) => port.postMessage({ preview }, [preview.data.buffer]));
    const picture = await inTurn(() => decodeFrom(stream, { ...options, signal: abort.signal }, onPreview));
    port.postMessage({ picture }, [picture.data.buffer]);
  } catch (error) {
    port.postMessage({
      error: error instanceof Error ? error.message : String(error),
      known: error instanceof GarError,
    });
  }
});
