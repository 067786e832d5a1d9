// What a bundle makes of a picture: one module a family, named by the bundle's manifest.
import { lazy } from "../lazy.js";
import { pyramid } from "./pyramid.js";

/** @typedef {{ area: import("../latents.js").Area, values: any }} Tile  what a family's tile() yielded last */
/** @typedef {{ width: number, height: number, data: Uint8ClampedArray }} Picture  RGBA, row by row */
/**
 * @typedef {object} Family
 * @property {string[]} networks  that a bundle has or may have, in the order of its id
 * @property {import("../networks/plan.js").Operators} [operators]  that they have beside those of FORMAT.md, section 7
 * @property {(bundle: import("../bundle.js").Bundle, header: import("../container.js").Header) => any} open  makes the coding
 * @property {boolean} [flag]  whether flag bit 2 has a meaning
 * @property {(coding: any) => number} grain  coded sides are multiples of so many pixels
 * @property {(coding: any) => number} layers
 * @property {(coding: any, area: import("../latents.js").Area, more: import("../latents.js").More) => AsyncGenerator<any>} tile
 *   yields the tile's values at the end of each layer
 * @property {(coding: any, tiles: Tile[], layers: number) => Promise<Picture>} render
 */

/** @type {Record<string, () => Promise<Family>>} */
export const families = {
  pyramid: async () => pyramid,
  autoencoder: async () => (await lazy.autoencoder()).autoencoder,
  recurrent: async () => (await lazy.recurrent()).recurrent,
};
