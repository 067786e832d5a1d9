/** Return a new worker of the code in this page, with the assets that the page carries. */
export function startWorker() {
  const code = /** @type {HTMLElement} */ (document.getElementById("worker")).textContent ?? "";
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(url);
  unpacked().then((assets) => worker.postMessage({ assets }));
  return worker;
}

/** @returns {Promise<Record<string, Uint8Array>>} */
async function unpacked() {
  const elements = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("script[data-asset]"));
  const assets = [...elements].map(async ({ dataset: { asset }, textContent }) => {
    const packed = Uint8Array.from(atob(textContent ?? ""), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return [asset, new Uint8Array(await new Response(stream).arrayBuffer())];
  });
  return Object.fromEntries(await Promise.all(assets));
}
