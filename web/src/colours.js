// FORMAT.md, section 7: colours and pixels.
import { openHeap, openKernels } from "./networks/kernels.js";

/**
 * Return RGBA of the top left of planes.
 * @param {Float32Array[]} planes  y, u, v
 * @param {number} columns  of the planes
 * @param {{ width: number, height: number }} size
 * @param {number} gain
 * @param {boolean} gray
 */
export function pixels(planes, columns, { width, height }, gain, gray) {
  const kernels = openKernels();
  const { allocate } = openHeap(kernels);
  const bytes = 4 * width * height;
  const [out, ...places] = [bytes + 12, ...planes.map((plane) => plane.byteLength)].map((size) => allocate(size).at);
  const { buffer } = kernels.memory;
  planes.forEach((plane, i) => new Float32Array(buffer, places[i], plane.length).set(plane));
  const factors = [2365, 2896, -1672].map((factor) => (factor / 4096) * gain);
  kernels.call.colour(...places, columns, ...factors, width, height, Number(gray), out);
  return new Uint8ClampedArray(buffer.slice(out, out + bytes));
}
