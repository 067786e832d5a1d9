import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { browsing, skip } from "./chromium.js";
import { after, before, test } from "./limited.js";
import { serve } from "./server.js";
import { bundleId, cases, facts, PACKAGE, refused, stream, thumbnails, VECTORS } from "./vectors.js";

/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
const BLANK = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>test</title><p>';
const OTHERS = ["lossless", "progressive", "autoencoder"]; // of which each needs code of its own
const pages = {
  "/": BLANK,
  "/element": `${BLANK}<script type="module" src="/gargalo/dist/element.js"></script>
    <gar-image src="/vectors/odd-sides/stream.gar" alt="a flag"></gar-image>
    <gar-image src="/vectors/refused/cut.gar" alt="damaged"></gar-image>`,
  "/images": `${BLANK}<img src="/vectors/alpha/stream.gar" alt="a"><img src="/vectors/refused/cut.gar" alt="b">`,
  "/others": `${BLANK}${OTHERS.map((name) => `<img src="/vectors/${name}/stream.gar" alt="${name}">`).join("")}`,
  "/sw.js": (/** @type {import("node:http").ServerResponse} */ response) =>
    response.writeHead(200, { "Content-Type": "text/javascript" }).end('import "/gargalo/dist/service-worker.js";'),
};

before(async () => {
  if (skip) return;
  assert.ok(existsSync(`${PACKAGE}dist/gargalo.js`), "no dist: npm run build");
  server = await serve({ "/gargalo/": PACKAGE, "/vectors/": VECTORS }, pages);
});
const newPage = browsing();
after(() => server?.close());

/** Open a page. @param {string} path */
async function open(path) {
  const page = await newPage();
  await page.goto(server.url + path);
  return page;
}

/** Decode in the page. @param {import("playwright-core").Page} page @param {Uint8Array} bytes */
async function decoded(page, bytes) {
  const { base64, ...picture } = await page.evaluate(async (base64) => {
    // @ts-expect-error: an address of the server
    const { decode } = await import("/gargalo/dist/gargalo.js");
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    try {
      const { data, width, height, channels } = await decode(bytes);
      let text = "";
      for (const value of data) text += String.fromCharCode(value);
      return { width, height, channels, base64: btoa(text) };
    } catch (error) {
      return { error: `${error}` };
    }
  }, Buffer.from(bytes).toString("base64"));
  return { ...picture, data: new Uint8ClampedArray(Buffer.from(base64 ?? "", "base64")) };
}

test("Chromium gives the pixels of all vectors, and fetches weights once", { skip }, async () => {
  const page = await open("/");
  for (const { name, stream, shape, sha256 } of cases()) {
    const picture = await decoded(page, stream);
    assert.equal(picture.error, undefined, name);
    assert.deepEqual(facts(/** @type {any} */ (picture)), { shape, sha256 }, name);
  }
  for (const { name, file, sha256 } of thumbnails()) {
    const picture = await decoded(page, file);
    assert.deepEqual(facts(/** @type {any} */ (picture)), { shape: [32, 32, 3], sha256 }, name);
  }
  await page.reload();
  await decoded(page, stream("flat"));
  const weights = server.asked.filter((path) => path.startsWith("/gargalo/weights/"));
  assert.equal(weights.length, new Set(weights).size, "weights were fetched again");
  assert.ok(
    !weights.some((path) => path.endsWith("synthesis.onnx")),
    "a network that decoding does not need was fetched",
  );
});

test("Chromium refuses what must be refused, and works on", { skip }, async () => {
  const page = await open("/");
  for (const { name, stream } of refused())
    assert.match((await decoded(page, stream)).error ?? "", /^GarError: /, name);
  assert.equal((await decoded(page, stream("flat"))).error, undefined);
});

test("weights may lie elsewhere, and a decode can be stopped", { skip }, async () => {
  const page = await open("/");
  const [missing, width, stopped] = await page.evaluate(async () => {
    // @ts-expect-error: an address of the server
    const { decode, decodeStream } = await import("/gargalo/dist/gargalo.js");
    const bytes = await (await fetch("/vectors/lite/stream.gar")).arrayBuffer();
    const missing = await decode(bytes, { weights: "/nowhere" }).catch(String);
    const { width } = await decode(bytes, { weights: "gargalo/weights" });
    const stop = new AbortController();
    const waiting = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(bytes, 0, 100)) });
    const stopped = decodeStream(waiting, () => {}, { signal: stop.signal }).catch(String);
    stop.abort();
    return [missing, width, await stopped];
  });
  const id = bundleId("lite");
  const told = `GarError: the file needs the weights ${id}, and .*/nowhere/${id}/manifest.json is not there \\(404\\)`;
  assert.match(missing, new RegExp(told));
  assert.equal(width, 67);
  assert.match(stopped, /AbortError/);
});

test("twenty pictures at once are all decoded", { skip }, async () => {
  const page = await open("/");
  const all = await page.evaluate(async () => {
    // @ts-expect-error: an address of the server
    const { decodeStream } = await import("/gargalo/dist/gargalo.js");
    const names = ["gray", "flat", "lite", "alpha", "noise"];
    return Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { body } = await fetch(`/vectors/${names[i % 5]}/stream.gar`);
        return (await decodeStream(body, () => {})).width;
      }),
    );
  });
  assert.deepEqual(all.slice(0, 5), [23, 80, 67, 40, 48]);
});

test("<gar-image> shows the picture, tells its text, and says when it cannot", { skip }, async () => {
  const page = await open("/element");
  const [good, damaged] = await page.evaluate(async () => {
    const [good, damaged] = document.querySelectorAll("gar-image");
    const ended = (/** @type {Element} */ element) =>
      new Promise((resolve) => {
        element.addEventListener("load", () => resolve("load"));
        element.addEventListener("error", (event) => resolve(`${/** @type {CustomEvent} */ (event).detail}`));
      });
    for (const element of [good, damaged]) element.setAttribute("src", element.getAttribute("src") ?? "");
    const how = await Promise.all([ended(good), ended(damaged)]);
    return [good, damaged].map((element, i) => {
      const image = element.shadowRoot?.querySelector("img");
      return {
        how: how[i],
        alt: image?.alt,
        width: image?.naturalWidth,
        height: image?.naturalHeight,
        shown: image?.complete,
      };
    });
  });
  assert.deepEqual(good, { how: "load", alt: "a flag", width: 67, height: 97, shown: true });
  assert.match(damaged.how, /GarError: the file has \d+ bytes of the \d+ that it announces/);
  assert.equal(damaged.alt, "damaged");
  await page.getByRole("img", { name: "a flag" }).waitFor();
});

test("<gar-image> keeps no picture of the file before", { skip }, async () => {
  const page = await open("/element");
  const shown = await page.evaluate(async () => {
    const [element] = document.querySelectorAll("gar-image");
    const image = element.shadowRoot?.querySelector("img");
    /** @param {string} name @param {string} event */
    const change = async (name, event) => {
      const ended = new Promise((resolve) => element.addEventListener(event, resolve, { once: true }));
      element.setAttribute("src", `/vectors/${name}`);
      await ended;
      return image?.naturalWidth;
    };
    const widths = [];
    for (const name of ["flat/stream.gar", "odd-sides/stream.gar"]) widths.push(await change(name, "load"));
    for (const name of ["refused/tiles-chunk-crc.gar", "nowhere"]) widths.push(await change(name, "error"));
    widths.push(await change("flat/stream.gar", "load"));
    element.remove();
    return [...widths, image?.hasAttribute("src")];
  });
  assert.deepEqual(shown, [80, 67, 0, 0, 80, false]);
});

test("a service worker answers <img> with the pixels of the vector", { skip }, async () => {
  const page = await open("/");
  await page.evaluate(async () => {
    await navigator.serviceWorker.register("/sw.js", { type: "module" });
    if (!navigator.serviceWorker.controller) {
      await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve));
    }
  });
  await page.goto(`${server.url}/images`);
  const [shown, broken] = await page.evaluate(async () => {
    const images = [...document.images];
    await Promise.all(images.map((image) => image.decode().catch(() => {})));
    return images.map((image) => {
      if (!image.naturalWidth) return { width: 0, data: [] };
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
      const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.drawImage(image, 0, 0);
      return { width: image.naturalWidth, data: [...context.getImageData(0, 0, canvas.width, canvas.height).data] };
    });
  });
  const expected = await (await import("gargalo")).decode(stream("alpha"));
  assert.equal(shown.width, 40);
  const opaque = expected.data.map((value, i) => (expected.data[i | 3] === 255 ? value : 0));
  const seen = shown.data.map((value, i) => (shown.data[i | 3] === 255 ? value : 0)); // canvases round colours that are not opaque
  assert.deepEqual(seen, [...opaque]);
  assert.deepEqual(
    shown.data.filter((_, i) => i % 4 === 3),
    [...expected.data].filter((_, i) => i % 4 === 3),
  );
  assert.equal(broken.width, 0);
  await page.goto(`${server.url}/others`);
  const sizes = await page.evaluate(async () => {
    await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
    return [...document.images].map(({ naturalWidth, naturalHeight }) => [naturalHeight, naturalWidth]);
  });
  const shapes = OTHERS.map((other) => cases().find(({ name }) => name === other)?.shape.slice(0, 2));
  assert.deepEqual(sizes, shapes);
});

test("Chromium's convolutions are those of the format, by relaxed SIMD", { skip }, async () => {
  const page = await open("/");
  const { faults, group } = await page.evaluate(async () => {
    // @ts-expect-error: an address of the server
    const { tryConvolutions } = await import("/gargalo/test/convolutions.js");
    return tryConvolutions(300, 4);
  });
  assert.deepEqual(faults, []);
  assert.equal(group, 4, "the kernels for plain SIMD were taken");
});

test("onnxruntime-web is loaded for none but networks that compute with floats", { skip }, async () => {
  const page = await open("/");
  const runtime = () => server.asked.filter((path) => path.includes("ort-wasm")).length;
  const before = runtime();
  for (const name of ["flat", "lite", "nano", "progressive"]) await decoded(page, stream(name));
  assert.equal(runtime(), before);
  await decoded(page, stream("autoencoder"));
  assert.equal(runtime(), before + 1);
});

test("pictures that were stopped leave their turn to others, and streams that are in use are refused", { skip }, async () => {
  const page = await open("/");
  const [ends, refused, width] = await page.evaluate(async () => {
    // @ts-expect-error: an address of the server
    const { decode, decodeStream } = await import("/gargalo/dist/gargalo.js");
    const bytes = await (await fetch("/vectors/tiles-2x2/stream.gar")).arrayBuffer();
    const stopped = Array.from({ length: 9 }, (_, i) => {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 50 * i);
      const waiting = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(bytes, 0, 100)) });
      return decodeStream(waiting, () => {}, { signal: stop.signal }).catch((/** @type {Error} */ { name }) => name);
    });
    const ends = await Promise.all(stopped);
    const locked = Array.from({ length: 4 }, () => {
      const stream = new ReadableStream();
      stream.getReader();
      return decodeStream(stream).catch((/** @type {Error} */ { name }) => name);
    });
    return [ends, await Promise.all(locked), (await decode(bytes)).width];
  });
  assert.deepEqual(ends, Array(9).fill("AbortError"));
  assert.deepEqual(refused, Array(4).fill("TypeError"));
  assert.ok(width > 0);
});
