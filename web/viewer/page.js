// The viewer as one page that needs no server: pictures are decoded in the page.
import { start } from "../../runtime/viewer/page/viewer.js";
import { checkSections, EXIF, ICC, isThumbnail, readHeader, XMP } from "../src/container.js";
import { decode, decodeStream, toPng } from "../src/index.js";
import { Source } from "../src/source.js";

const SECTIONS = ["", "LATENTS", "ALPHA", "EXIF", "ICC", "XMP"];
const SMALL_PX = 320;
const THUMBNAIL_HEADER_BYTES = 3;
const JPEG_QUALITY = 0.95;

/** @typedef {{ name: string, file: File }} Dropped */

/** @param {Parameters<typeof toPng>[0]} picture */
const png = async (picture) => new Blob([await toPng(picture)], { type: "image/png" });

/** Return a picture of a file's first layer. @param {Dropped} item @returns {Promise<Blob>} */
async function small({ file }) {
  const stop = new AbortController();
  /** @type {import("../src/index.js").Preview | undefined} */
  let preview;
  const whole = decodeStream(
    file.stream(),
    (first) => {
      preview ??= first;
      stop.abort();
    },
    { signal: stop.signal },
  );
  const picture = await whole.catch((error) => {
    if (preview) return preview;
    throw error;
  });
  const bitmap = await createImageBitmap(await png(picture));
  const factor = Math.min(SMALL_PX / Math.max(bitmap.width, bitmap.height), 1);
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * factor)));
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.convertToBlob();
}

/** @param {Dropped} item @returns {Promise<import("../../runtime/viewer/page/details.js").Facts>} */
async function facts({ file }) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isThumbnail(bytes)) {
    const sections = /** @type {[string, number][]} */ ([["Message", bytes.length - THUMBNAIL_HEADER_BYTES]]);
    return { width: 32, height: 32, bytes: bytes.length, rows: [["Kind", "thumbnail"]], sections };
  }
  const header = await readHeader(new Source(bytes));
  const { width, height, gray, alpha, subsampled, level, tile, bundleId, sections } = header;
  const damage = checkSections(bytes, header);
  /** @param {number} kind */
  const payload = (kind) => {
    const found = sections.find((section) => section.kind === kind);
    if (!found) return undefined;
    return btoa(Array.from(bytes.subarray(found.start, found.end), (byte) => String.fromCharCode(byte)).join(""));
  };
  const [exif, icc, xmp] = [EXIF, ICC, XMP].map(payload);
  return {
    ...{ width, height, bytes: bytes.length, exif, icc, xmp },
    rows: [
      ["Colours", gray ? "gray" : alpha ? "RGB and alpha" : "RGB"],
      .../** @type {[string, string][]} */ (gray ? [] : [["Chroma", subsampled ? "4:2:0" : "4:4:4"]]),
      ["Level", `${level}, more is finer`],
      ["Tiles", `${tile} px`],
      ["Weights", bundleId],
      .../** @type {[string, string][]} */ (damage ? [["Damage", damage]] : []),
    ],
    sections: sections.map(({ kind, start, end }) => [SECTIONS[kind] ?? `section ${kind}`, end - start]),
  };
}

/** @param {Blob} png @returns {Promise<Blob>} */
async function toJpeg(png) {
  const image = await createImageBitmap(png);
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, image.width, image.height);
  context.drawImage(image, 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
}

start(
  /** @type {import("../../runtime/viewer/page/viewer.js").Source<Dropped>} */ ({
    list: async () => [],
    add: (file) => ({ name: file.name, file }),
    small,
    facts,
    saved: async ({ file }, kind) => {
      const picture = await png(await decode(file));
      return kind === "png" ? picture : toJpeg(picture);
    },
  }),
);
