// The same as latents.py, in Node.js: node latents.mjs BUNDLE cam.ppm out.ppm    (npm install onnxruntime-web)
// In a browser take pixels from a canvas: getImageData gives RGBA where a PPM file has RGB.
import { readFileSync, writeFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

const [bundle, source, target] = process.argv.slice(2);
const load = (name) => ort.InferenceSession.create(readFileSync(`${bundle}/${name}.onnx`));
const [encoder, decoder] = [await load("encoder"), await load("decoder")];

const file = readFileSync(source); // P6, width, height, 255, then RGB
const [header, ...sides] = file.toString("latin1").match(/^P6\s+(\d+)\s+(\d+)\s+255\s/);
const [width, height] = sides.map(Number);
const [columns, rows] = sides.map((side) => 8 * Math.ceil(side / 8)); // sides must be multiples of 8
const pixels = new Uint8Array(3 * rows * columns); // a plane of each colour
for (let i = 0; i < pixels.length; i++) {
  const [colour, row, column] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
  const place = Math.min(row, height - 1) * width + Math.min(column, width - 1);
  pixels[i] = file[header.length + 3 * place + colour];
}
const { latents } = await encoder.run({ pixels: new ort.Tensor("uint8", pixels, [1, 3, rows, columns]) });

const step = 16; // the bottleneck: only multiples of 16 pass, most of them 0
const passed = latents.data.map((value) => Math.round(value / step) * step);
const share = passed.filter((value) => value).length / passed.length;
console.log(`${(100 * share).toFixed(1)}% of ${passed.length} latents are not 0`);

const rate = new Uint8Array(16).fill(128); // which of 8 rates the decoder shall expect, here the fourth
rate[3] += 32;
const feeds = { rate: new ort.Tensor("uint8", rate, [1, 16, 1, 1]) };
feeds.latents = new ort.Tensor("float32", passed, latents.dims);
const { data } = (await decoder.run(feeds)).pixels;

const shown = Buffer.alloc(3 * width * height);
for (let i = 0; i < shown.length; i++) {
  const [row, column, colour] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
  shown[i] = data[(colour * rows + row) * columns + column];
}
writeFileSync(target, Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), shown]));
