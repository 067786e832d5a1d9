// The viewer: opens files that are dropped or chosen, all within the page.
import { readHeader } from "../container.js";
import { decode, toPng } from "../index.js";
import { Source } from "../source.js";

/** @typedef {import("../codec.js").Decoded} Decoded */
/**
 * @typedef {{ name: string, size: number, header: import("../container.js").Header, picture: Decoded, png: Blob, url: string }} Opened
 */

const SECTIONS = ["", "LATENTS", "ALPHA", "EXIF", "ICC", "XMP"];
const ZOOM_STEP = Math.SQRT2;
const [SMALLEST_ZOOM, LARGEST_ZOOM] = [1 / 16, 16];
const JPEG_QUALITY = 0.92;

/** @template {HTMLElement} T @param {string} selector @returns {T} */
const find = (selector) => /** @type {T} */ (document.querySelector(selector));

/** @type {Opened[]} */
const opened = [];
/** @type {Opened[]}  one, or two side by side */
let shown = [];
/** @type {number | null}  null: fit the window */
let zoom = null;
let comparing = false;

/** @param {string} text */
const say = (text) => (find("[role=status]").textContent = text);

/** @param {Iterable<File>} files */
async function open(files) {
  const told = [];
  for (const file of files) {
    say([...told, `Decoding ${file.name} ...`].join("\n"));
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const header = await readHeader(new Source(bytes));
      const start = performance.now();
      const picture = await decode(bytes);
      told.push(`${file.name}: decoded in ${Math.round(performance.now() - start)} ms`);
      const png = new Blob([await toPng(picture)], { type: "image/png" });
      const one = { name: file.name, size: bytes.length, header, picture, png, url: URL.createObjectURL(png) };
      opened.push(one);
      list(one);
      choose(one);
    } catch (error) {
      told.push(`${file.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  say(told.join("\n"));
}

/** Add a picture to the strip. @param {Opened} one */
function list(one) {
  const button = document.createElement("button");
  const image = Object.assign(document.createElement("img"), { src: one.url, alt: "" });
  const name = Object.assign(document.createElement("span"), { textContent: one.name });
  button.append(image, name);
  button.addEventListener("click", () => choose(one));
  const item = document.createElement("li");
  item.append(button);
  find(".strip").append(item);
}

/** Show a picture, or add it to the other. @param {Opened} one */
function choose(one) {
  shown = comparing && shown.length ? [shown[0], one] : [one];
  draw();
}

function draw() {
  const buttons = document.querySelectorAll(".strip button");
  opened.forEach((one, i) => buttons[i].setAttribute("aria-current", String(shown.includes(one))));
  const panes = shown.map((one) => {
    const image = Object.assign(document.createElement("img"), { src: one.url, alt: one.name });
    const pane = Object.assign(document.createElement("div"), { className: "pane", tabIndex: 0 });
    pane.setAttribute("role", "group");
    pane.setAttribute("aria-label", `${one.name}, scrollable`);
    pane.append(image);
    pane.addEventListener("scroll", () => {
      for (const other of document.querySelectorAll(".pane")) {
        if (other !== pane) other.scrollTo(pane.scrollLeft, pane.scrollTop);
      }
    });
    const figure = document.createElement("figure");
    figure.append(pane, Object.assign(document.createElement("figcaption"), { textContent: one.name }));
    return figure;
  });
  find("main").replaceChildren(...panes);
  scale();
  tell();
}

function scale() {
  find("#zoom").textContent = zoom ? `${Math.round(zoom * 100)} %` : "fit";
  for (const pane of document.querySelectorAll(".pane")) {
    const image = /** @type {HTMLImageElement} */ (pane.querySelector("img"));
    const one = /** @type {Opened} */ (shown.find(({ url }) => url === image.src));
    const fitting = Math.min(pane.clientWidth / one.picture.width, pane.clientHeight / one.picture.height, 1);
    const factor = zoom ?? fitting;
    pane.classList.toggle("large", factor >= 2);
    image.width = Math.max(1, Math.round(one.picture.width * factor));
    image.height = Math.max(1, Math.round(one.picture.height * factor));
  }
}

/** @param {number} factor */
function zoomBy(factor) {
  const image = document.querySelector(".pane img");
  if (!image) return;
  const now = zoom ?? /** @type {HTMLImageElement} */ (image).width / shown[0].picture.width;
  zoom = Math.min(Math.max(now * factor, SMALLEST_ZOOM), LARGEST_ZOOM);
  scale();
}

/** Show the details of the picture that was chosen last. */
function tell() {
  const one = shown[shown.length - 1];
  const { width, height, channels, icc, exif, xmp } = one.picture;
  const bytes = (/** @type {number} */ count) => `${count.toLocaleString("en")} B`;
  const rows = [
    ["File", one.name],
    ["Size", bytes(one.size)],
    ["Pixels", `${width} x ${height}`],
    ["Bits per pixel", ((8 * one.size) / (width * height)).toFixed(3)],
    ["Channels", { 1: "gray", 3: "RGB", 4: "RGB and alpha" }[channels]],
    ["Chroma", one.header.subsampled ? "4:2:0" : "4:4:4"],
    ["Weights", one.header.bundleId],
    ["Level", String(one.header.level)],
    ["Tiles", `${one.header.tile} px`],
    ...one.header.sections.map(({ kind, start, end }) => [`Section ${SECTIONS[kind] ?? kind}`, bytes(end - start)]),
    ["Metadata", [icc && "ICC", exif && "EXIF", xmp && "XMP"].filter(Boolean).join(", ") || "none"],
  ];
  const table = find("table");
  table.hidden = false;
  find("tbody").replaceChildren(
    ...rows.map(([name, value]) => {
      const row = document.createElement("tr");
      const head = Object.assign(document.createElement("th"), { scope: "row", textContent: name });
      row.append(head, Object.assign(document.createElement("td"), { textContent: value }));
      return row;
    }),
  );
}

/** @param {"png" | "jpeg"} kind */
async function save(kind) {
  const one = shown[shown.length - 1];
  if (!one) return say("Open a picture first.");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(kind === "png" ? one.png : await toJpeg(one.png));
  link.download = one.name.replace(/(\.gar)?$/, kind === "png" ? ".png" : ".jpg");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
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

/** Choose the picture so many places on. @param {number} places */
function go(places) {
  const at = opened.indexOf(shown[shown.length - 1]) + places;
  if (opened[at]) choose(opened[at]);
}

const fit = () => {
  zoom = null;
  scale();
};
const full = () => {
  zoom = 1;
  scale();
};
find("#in").addEventListener("click", () => zoomBy(ZOOM_STEP));
find("#out").addEventListener("click", () => zoomBy(1 / ZOOM_STEP));
find("#fit").addEventListener("click", fit);
find("#full").addEventListener("click", full);
find("#png").addEventListener("click", () => save("png"));
find("#jpeg").addEventListener("click", () => save("jpeg"));
find("#compare").addEventListener("click", ({ currentTarget }) => {
  comparing = !comparing;
  /** @type {HTMLElement} */ (currentTarget).setAttribute("aria-pressed", String(comparing));
  if (!comparing && shown.length > 1) choose(shown[1]);
});
find("#files").addEventListener("change", ({ target }) => open(/** @type {HTMLInputElement} */ (target).files ?? []));
addEventListener("resize", scale);
addEventListener("keydown", ({ key, target, ctrlKey, metaKey }) => {
  // a pane that scrolls takes arrows for itself
  if (ctrlKey || metaKey || (zoom && key.startsWith("Arrow") && target instanceof Element && target.closest(".pane")))
    return;
  const keys = {
    "+": () => zoomBy(ZOOM_STEP),
    "-": () => zoomBy(1 / ZOOM_STEP),
    0: fit,
    1: full,
    ArrowLeft: () => go(-1),
    ArrowRight: () => go(1),
  };
  keys[/** @type {keyof typeof keys} */ (key)]?.();
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  open(event.dataTransfer?.files ?? []);
});
