// <gar-image src="cam.gar" alt="a cat">: a picture that gets finer as it comes.
import { decodeStream, toPng } from "./index.js";

const STYLE = ":host { display: inline-block } img { display: block; max-width: 100%; height: auto }";

export class GarImage extends HTMLElement {
  static observedAttributes = ["src", "alt"];
  #image = document.createElement("img");
  #shown = 0; // width of the picture that is shown
  /** @type {AbortController | undefined} */
  #loading;

  constructor() {
    super();
    const style = document.createElement("style");
    style.textContent = STYLE;
    this.attachShadow({ mode: "open" }).append(style, this.#image);
    this.#image.part.add("image");
  }

  /** @param {string} name @param {string | null} _old @param {string | null} value */
  attributeChangedCallback(name, _old, value) {
    if (name === "alt") this.#image.alt = value ?? "";
    else if (this.isConnected) this.#load();
  }

  connectedCallback() {
    this.#load();
  }

  disconnectedCallback() {
    this.#loading?.abort();
    this.#clear();
  }

  #clear() {
    URL.revokeObjectURL(this.#image.src);
    this.#image.removeAttribute("src");
  }

  /** Fires "load", or "error" with the reason as its detail. */
  async #load() {
    this.#loading?.abort();
    const src = this.getAttribute("src");
    if (!src) return this.#clear();
    this.#shown = 0;
    const loading = (this.#loading = new AbortController());
    const { signal } = loading;
    try {
      const response = await fetch(src, { signal });
      if (!response.ok || !response.body) throw new Error(`${src} cannot be fetched (${response.status})`);
      /** @param {import("./codec.js").Preview} preview */
      const onPreview = (preview) => void this.#show(preview, preview.fullWidth, preview.fullHeight, signal);
      const picture = await decodeStream(response.body, onPreview, { signal });
      await this.#show(picture, picture.width, picture.height, signal);
      this.dispatchEvent(new Event("load"));
    } catch (error) {
      if (signal.aborted) return;
      loading.abort(); // previews that are not shown yet
      this.#clear(); // no picture of another file, nor a part of this one
      this.dispatchEvent(new CustomEvent("error", { detail: error }));
    }
  }

  /**
   * @param {Parameters<typeof toPng>[0]} picture
   * @param {number} width
   * @param {number} height
   * @param {AbortSignal} signal
   */
  async #show(picture, width, height, signal) {
    const url = URL.createObjectURL(new Blob([await toPng(picture)], { type: "image/png" }));
    if (signal.aborted || picture.width < this.#shown) return URL.revokeObjectURL(url);
    this.#shown = picture.width;
    const last = this.#image.src;
    Object.assign(this.#image, { src: url, width, height });
    await this.#image.decode().catch(() => {});
    URL.revokeObjectURL(last);
  }
}

customElements.define("gar-image", GarImage);
