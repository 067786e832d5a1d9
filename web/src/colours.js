// FORMAT.md, section 7: colours and pixels.
const f32 = Math.fround;

/**
 * Return RGBA of the top left of planes.
 * @param {Float32Array[]} planes  y, u, v
 * @param {number} columns  of the planes
 * @param {{ width: number, height: number }} size
 * @param {number} gain
 * @param {boolean} gray
 */
export function pixels([ys, us, vs], columns, { width, height }, gain, gray) {
  const data = new Uint8Array(4 * width * height).fill(255);
  const [ky, ku, kv] = [2365, 2896, -1672].map((factor) => f32((factor / 4096) * gain));
  for (let row = 0, to = 0; row < height; row++) {
    for (let x = 0, at = row * columns; x < width; x++, at++, to += 4) {
      const y = f32(f32(ky * ys[at]) + 128.5);
      const u = f32(ku * us[at]);
      const v = f32(kv * vs[at]);
      data[to] = whole(f32(f32(y + v) + u));
      data[to + 1] = whole(f32(f32(y - v) - v));
      data[to + 2] = whole(f32(f32(y + v) - u));
    }
  }
  for (let to = 0; gray && to < data.length; to += 4) {
    data.fill(((data[to] + data[to + 1] + data[to + 2] + 1) / 3) | 0, to, to + 3);
  }
  return new Uint8ClampedArray(data.buffer);
}

/** @param {number} colour */
const whole = (colour) => (colour <= 0 ? 0 : colour >= 255 ? 255 : colour | 0);
