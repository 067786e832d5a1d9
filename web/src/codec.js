// From the bytes of a .gar to pixels: read this first.
import { readAlpha } from "./alpha.js";
import { openBundle } from "./bundle.js";
import { ALPHA, checkSections, EXIF, ICC, isThumbnail, LATENTS, readHeader, RESIDUAL, section, XMP } from "./container.js";
import { GarError, must } from "./errors.js";
import { readChunks, tileAreas } from "./latents.js";
import { lazy } from "./lazy.js";
import { Source } from "./source.js";

/** @typedef {import("./families/index.js").Picture} Picture */
/**
 * @typedef {object} Options
 * @property {string} [weights]  URL of the folder with a folder for each bundle id; default: weights/ of this package
 * @property {number} [maxPixels]  refuse larger pictures
 * @property {AbortSignal} [signal]
 */
/**
 * @typedef {Picture & { fullWidth: number, fullHeight: number }} Preview  smaller than the picture, of whose size it tells
 */
/**
 * @typedef {object} Decoded
 * @property {number} width
 * @property {number} height
 * @property {Uint8ClampedArray} data  RGBA, row by row, as in ImageData
 * @property {1 | 3 | 4} channels  gray, RGB, RGB and alpha: what of RGBA the file holds
 * @property {Uint8Array | null} icc  profile as in PNG's iCCP, inflated
 * @property {Uint8Array | null} exif  payload as in PNG's eXIf
 * @property {Uint8Array | null} xmp  XML
 * @property {string | null} damage  what is wrong with RESIDUAL, without which the picture's errors have no bound
 */

const MAX_PIXELS = 2 ** 25; // that take about a gigabyte
const PAUSE_MS = 50; // between pauses
const WEIGHTS = new URL("../weights/", import.meta.url).href;

/**
 * Return the picture in the bytes of a file or in what comes of them.
 * @param {Uint8Array | ReadableStream<Uint8Array>} from
 * @param {Options} [options]
 * @param {(preview: Preview) => void} [onPreview]  takes smaller pictures, as a rule at a quarter and half of the sides
 * @returns {Promise<Decoded>}
 * @throws {import("./errors.js").GarError} if it is no picture that this decoder can read
 */
export async function decodeFrom(from, options = {}, onPreview) {
  const source = new Source(from);
  const { signal } = options;
  const stop = () => source.cancel();
  signal?.addEventListener("abort", stop);
  try {
    signal?.throwIfAborted();
    return await decode(source, options, onPreview);
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof RangeError
      ? new GarError(`the picture needs more memory than there is: ${error.message}`)
      : error;
  } finally {
    signal?.removeEventListener("abort", stop);
    await source.cancel();
  }
}

/**
 * @param {Source} source
 * @param {Options} options
 * @param {((preview: Preview) => void) | undefined} onPreview
 * @returns {Promise<Decoded>}
 */
async function decode(source, { weights = WEIGHTS, maxPixels = MAX_PIXELS, signal }, onPreview) {
  await source.need(1);
  if (isThumbnail(source.bytes)) {
    const { readThumbnail } = await lazy.thumbnail();
    const picture = await readThumbnail(source, (id) => openBundle(id, weights));
    return { ...picture, channels: 3, icc: null, exif: null, xmp: null, damage: null };
  }
  const header = await readHeader(source);
  const { width, height } = header;
  must(
    width * height <= maxPixels,
    `a picture of ${width} x ${height}; at most ${maxPixels} pixels are decoded, see maxPixels`,
  );
  if (!onPreview) await source.all();
  let damage = source.ended ? checkSections(source.bytes, header) : null;

  const bundle = await openBundle(header.bundleId, weights);
  const { family } = bundle;
  must(!header.subsampled || family.flag, "flag bit 2 is set, which this bundle does not know");
  /** @type {import("./networks/index.js").Run} */
  const run = async (name, inputs) => {
    await pause();
    signal?.throwIfAborted();
    return bundle.run(name, inputs);
  };
  const coding = family.open({ ...bundle, run }, header);
  const layers = family.layers(coding);
  const areas = tileAreas(header, family.grain(coding));
  const latents = /** @type {import("./container.js").Section} */ (
    header.sections.find(({ kind }) => kind === LATENTS)
  );
  const chunks = await readChunks(source, latents, areas.length, layers);
  const decoders = chunks.map((more, tile) => family.tile(coding, areas[tile], more));
  const tiles = areas.map((area) => ({ area, values: /** @type {any} */ (null) }));
  for (let layer = 1; layer <= layers; layer++) {
    for (const [i, tile] of tiles.entries()) tile.values = (await decoders[i].next()).value;
    if (onPreview && layer < layers) {
      onPreview({ ...(await family.render(coding, tiles, layer)), fullWidth: width, fullHeight: height });
    }
  }
  if (!source.ended) {
    await source.all();
    damage = checkSections(source.bytes, header);
  }
  let { data } = await family.render(coding, tiles, layers);
  const residual = section(source.bytes, header, RESIDUAL);
  if (residual && !damage) {
    const { restore } = await lazy.residual();
    const restored = data.slice();
    try {
      await restore(residual, { width, height, data: restored }, header.gray);
      data = restored;
    } catch (error) {
      if (!(error instanceof GarError)) throw error;
      damage = error.message;
    }
  }
  const alpha = section(source.bytes, header, ALPHA);
  if (alpha) (await readAlpha(alpha, width, height)).forEach((sample, i) => (data[4 * i + 3] = sample));
  const [icc, exif, xmp] = [ICC, EXIF, XMP].map((kind) => section(source.bytes, header, kind));
  return { width, height, data, channels: header.gray ? 1 : header.alpha ? 4 : 3, icc, exif, xmp, damage };
}

let paused = 0;

/** Let others run, and a signal come, once in a while. */
async function pause() {
  if (performance.now() < paused + PAUSE_MS) return;
  await new Promise((resolve) => setTimeout(resolve));
  paused = performance.now();
}
