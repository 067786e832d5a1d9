// The page: a contact sheet, one picture or two side by side, zoom, details, saving. Where pictures come from is a Source.
import { detailsOf } from "./details.js";

/** @typedef {{ name: string }} Item */
/** @typedef {"png" | "jpeg"} Kind */
/**
 * @template {Item} T
 * @typedef {object} Source  of which each function may throw the reason why a file cannot be shown
 * @property {() => Promise<T[]>} list  what is there at the beginning
 * @property {(file: File) => T} add
 * @property {(item: T) => Promise<Blob>} small  a picture of a few hundred pixels, of the first layers
 * @property {(item: T) => Promise<import("./details.js").Facts>} facts
 * @property {(item: T, kind: Kind) => Promise<Blob>} saved  the picture as a file
 */
/**
 * @template {Item} T
 * @typedef {object} Shown
 * @property {T} item
 * @property {import("./details.js").Facts} facts
 * @property {Blob} png  a small one, until the picture is there
 * @property {string} url  of it
 */

const ZOOM_STEP = Math.SQRT2;
const [SMALLEST_ZOOM, LARGEST_ZOOM] = [1 / 16, 16];
const PIXELS_SEEN = 2; // from this zoom on, pixels are shown as squares
const KEPT_MS = 60_000; // of a file that is being saved

/** @template {HTMLElement} T @param {string} selector @returns {T} */
const find = (selector) => /** @type {T} */ (document.querySelector(selector));
/** @template {keyof HTMLElementTagNameMap} K @param {K} name @param {object} properties @returns {HTMLElementTagNameMap[K]} */
const make = (name, properties) => Object.assign(document.createElement(name), properties);
/** @param {unknown} error */
const reason = (error) => (error instanceof Error ? error.message : String(error));

/** Show what a source has. @template {Item} T @param {Source<T>} source */
export async function start(source) {
  /** @type {T[]} */
  const items = [];
  /** @type {HTMLButtonElement[]}  of each item */
  const buttons = [];
  /** @type {Shown<T>[]}  one, or two side by side */
  let shown = [];
  /** @type {number | null}  null: fit the window */
  let zoom = null;
  let comparing = false;
  let choice = 0; // counts up; what an earlier one waited for is not shown any more

  /** @param {string} text */
  const say = (text) => (find("[role=status]").textContent = text);

  /** @type {Map<T, Promise<Blob>>} */
  const smalls = new Map();
  /** Return the small picture, made once. @param {T} item */
  function smallOf(item) {
    const small = smalls.get(item) ?? source.small(item);
    smalls.set(item, small);
    return small;
  }

  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      showSmall(buttons.indexOf(/** @type {HTMLButtonElement} */ (target)));
    }
  });

  /** @param {T} item */
  function list(item) {
    const button = make("button", {});
    button.append(make("img", { alt: "" }), make("span", { textContent: item.name }));
    button.addEventListener("click", () => choose(item));
    items.push(item);
    buttons.push(button);
    const entry = make("li", {});
    entry.append(button);
    find(".list").append(entry);
    seen.observe(button);
    find("#sheet").hidden = items.length < 2;
  }

  /** @param {number} place */
  async function showSmall(place) {
    const button = buttons[place];
    const image = /** @type {HTMLImageElement} */ (button.querySelector("img"));
    try {
      image.src = URL.createObjectURL(await smallOf(items[place]));
    } catch (error) {
      button.classList.add("bad");
      button.append(make("span", { textContent: `cannot be shown: ${reason(error)}` }));
    }
  }

  /** Show a picture, or add it to the other: its small one first. @param {T} item */
  async function choose(item) {
    const mine = ++choice;
    const { name } = item;
    const started = performance.now();
    say(`Decoding ${name} ...`);
    const beside = comparing ? shown.slice(0, 1) : [];
    /** @param {Shown<T>} one */
    const show = (one) => {
      for (const { url } of shown) if (![one, ...beside].some((kept) => kept.url === url)) URL.revokeObjectURL(url);
      shown = [...beside, one];
      draw();
    };
    try {
      const facts = await source.facts(item);
      if (mine !== choice) return;
      see(false);
      const whole = source.saved(item, "png");
      const first = smallOf(item).then((small) => mine === choice && show(shownAs(item, facts, small)));
      await Promise.race([first.catch(() => {}), whole]);
      const png = await whole;
      await first.catch(() => {});
      if (mine !== choice) return;
      show(shownAs(item, facts, png));
      say(`${name}: shown after ${Math.round(performance.now() - started)} ms`);
    } catch (error) {
      if (mine === choice) say(`${name} cannot be shown: ${reason(error)}`);
    }
  }

  /** @param {T} item @param {import("./details.js").Facts} facts @param {Blob} png */
  const shownAs = (item, facts, png) => ({ item, facts, png, url: URL.createObjectURL(png) });

  /** Show all pictures, or one. @param {boolean} all */
  function see(all) {
    document.body.classList.toggle("sheet", all);
    find("#sheet").setAttribute("aria-pressed", String(all));
    for (const id of ["out", "in", "fit", "full", "compare", "png", "jpeg"]) {
      /** @type {HTMLButtonElement} */ (find(`#${id}`)).disabled = all;
    }
  }

  function draw() {
    items.forEach((item, i) => buttons[i].setAttribute("aria-current", String(shown.some((one) => one.item === item))));
    const panes = shown.map(({ item: { name }, url }) => {
      const image = make("img", { src: url, alt: name });
      const pane = make("div", { className: "pane", tabIndex: 0, role: "group", ariaLabel: `${name}, scrollable` });
      pane.append(image);
      pane.addEventListener("scroll", () => {
        for (const other of document.querySelectorAll(".pane")) {
          if (other !== pane) other.scrollTo(pane.scrollLeft, pane.scrollTop);
        }
      });
      const figure = make("figure", {});
      figure.append(pane, make("figcaption", { textContent: name }));
      return figure;
    });
    find("main").replaceChildren(...panes);
    scale();
    const { item, facts } = shown[shown.length - 1];
    buttons[items.indexOf(item)].scrollIntoView({ block: "nearest", inline: "nearest" });
    const rows = detailsOf(item.name, facts).map(([name, value]) => {
      const row = make("tr", {});
      row.append(make("th", { scope: "row", textContent: name }), make("td", { textContent: value }));
      return row;
    });
    find("tbody").replaceChildren(...rows);
  }

  const panes = () => /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".pane"));

  /** How many pixels of the page one of the picture takes. @param {HTMLElement} pane @param {Shown<T>} one */
  const factorOf = (pane, { facts }) =>
    zoom ?? Math.min(pane.clientWidth / facts.width, pane.clientHeight / facts.height, 1);

  function scale() {
    find("#zoom").textContent = zoom ? `${Math.round(zoom * 100)} %` : "fit";
    panes().forEach((pane, i) => {
      const factor = factorOf(pane, shown[i]);
      const { width, height } = shown[i].facts;
      pane.classList.toggle("large", factor >= PIXELS_SEEN);
      const image = /** @type {HTMLImageElement} */ (pane.querySelector("img"));
      image.width = Math.max(1, Math.round(width * factor));
      image.height = Math.max(1, Math.round(height * factor));
    });
  }

  /** Zoom, and keep what is in the middle there. @param {number | null} to */
  function zoomTo(to) {
    const middles = [...panes()].map((pane) => [
      (pane.scrollLeft + pane.clientWidth / 2) / pane.scrollWidth,
      (pane.scrollTop + pane.clientHeight / 2) / pane.scrollHeight,
    ]);
    zoom = to && Math.min(Math.max(to, SMALLEST_ZOOM), LARGEST_ZOOM);
    scale();
    panes().forEach((pane, i) =>
      pane.scrollTo(
        middles[i][0] * pane.scrollWidth - pane.clientWidth / 2,
        middles[i][1] * pane.scrollHeight - pane.clientHeight / 2,
      ),
    );
  }

  /** @param {number} factor */
  const zoomBy = (factor) => shown.length && zoomTo(factorOf(panes()[0], shown[0]) * factor);

  /** @param {Kind} kind */
  async function save(kind) {
    const { item, png } = shown[shown.length - 1];
    try {
      const blob = kind === "png" ? png : await source.saved(item, kind);
      const link = make("a", { href: URL.createObjectURL(blob) });
      const name = item.name.split("/").pop() ?? "";
      link.download = name.replace(/(\.ga[rt])?$/i, kind === "png" ? ".png" : ".jpg");
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
      say(`${item.name}: saved as ${link.download}`);
    } catch (error) {
      say(`${item.name} cannot be saved: ${reason(error)}`);
    }
  }

  /** Choose the picture so many places on. @param {number} places */
  function go(places) {
    if (!shown.length || document.body.classList.contains("sheet")) return;
    const item = items[items.indexOf(shown[shown.length - 1].item) + places];
    if (item) choose(item);
  }

  function compare() {
    comparing = !comparing;
    find("#compare").setAttribute("aria-pressed", String(comparing));
    if (comparing) say("Choose another picture, which is shown beside this one.");
    else if (shown.length > 1) {
      URL.revokeObjectURL(shown[0].url);
      shown = shown.slice(1);
      draw();
    }
  }

  /** @param {Iterable<File>} files */
  function open(files) {
    const added = [...files].map((file) => source.add(file));
    added.forEach(list);
    if (added.length === 1) choose(added[0]);
    else if (added.length) see(true);
  }

  const actions = {
    out: () => zoomBy(1 / ZOOM_STEP),
    in: () => zoomBy(ZOOM_STEP),
    fit: () => zoomTo(null),
    full: () => zoomTo(1),
    sheet: () => see(true),
    compare,
    png: () => save("png"),
    jpeg: () => save("jpeg"),
  };
  for (const [id, action] of Object.entries(actions)) find(`#${id}`).addEventListener("click", action);
  /** @type {Record<string, () => unknown>} */
  const keys = {
    "+": actions.in,
    "-": actions.out,
    0: actions.fit,
    1: actions.full,
    c: compare,
    ArrowLeft: () => go(-1),
    ArrowRight: () => go(1),
    Escape: () => items.length > 1 && see(true),
  };
  addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
    // a pane that scrolls takes arrows for itself
    const scrolls = zoom && key.startsWith("Arrow") && target instanceof Element && target.closest(".pane");
    if (ctrlKey || metaKey || altKey || scrolls) return;
    if (Object.hasOwn(keys, key) && (shown.length || key === "Escape")) keys[key]();
  });
  find("main").addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return; // which pinching a touchpad sets, too
      event.preventDefault();
      zoomBy(ZOOM_STEP ** -Math.sign(event.deltaY));
    },
    { passive: false },
  );
  addEventListener("resize", scale);
  find("#files").addEventListener("change", ({ target }) =>
    open(/** @type {HTMLInputElement} */ (target).files ?? []),
  );
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

  see(true);
  try {
    const there = await source.list();
    there.forEach(list);
    if (there.length === 1) choose(there[0]);
  } catch (error) {
    say(reason(error));
  }
}
