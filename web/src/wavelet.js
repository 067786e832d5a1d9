// FORMAT.md, section 7: wavelet.
const f32 = Math.fround;
const STEPS = [1817 / 4096, 3616 / 4096, -217 / 4096, -6497 / 4096];
/** What a pass makes of constant low samples 1 where all high ones are 0. */
export const PASS_GAIN = 1 - (217 / 2048) * (3616 / 2048);

/**
 * Join low band and details in place: low at even rows and columns, band 0 at odd rows, 1 at odd columns, 2 at both odd.
 * @param {Float32Array} plane  (rows, columns), both even
 * @param {number} rows
 * @param {number} columns
 */
export function join(plane, rows, columns) {
  const n = rows / 2;
  const [first, second, third, fourth] = STEPS;
  // each sample of a step needs the two around it of the step before: four steps and the pass along rows in one sweep
  for (let i = 0; i < n + 2; i++) {
    if (i < n) lift(plane, columns, 2 * i, 2 * Math.max(i - 1, 0) + 1, 2 * i + 1, first);
    if (i >= 1 && i <= n) lift(plane, columns, 2 * i - 1, 2 * i - 2, 2 * Math.min(i, n - 1), second);
    if (i >= 1 && i <= n) lift(plane, columns, 2 * i - 2, 2 * Math.max(i - 2, 0) + 1, 2 * i - 1, third);
    if (i >= 2) {
      lift(plane, columns, 2 * i - 3, 2 * i - 4, 2 * Math.min(i - 1, n - 1), fourth);
      passAlong(plane, (2 * i - 4) * columns, columns);
      passAlong(plane, (2 * i - 3) * columns, columns);
    }
  }
}

/**
 * @param {Float32Array} plane
 * @param {number} columns
 * @param {number} row
 * @param {number} before
 * @param {number} behind
 * @param {number} step
 */
function lift(plane, columns, row, before, behind, step) {
  const factor = f32(step);
  for (
    let at = row * columns, a = before * columns, b = behind * columns, end = at + columns;
    at < end;
    at++, a++, b++
  ) {
    plane[at] = f32(plane[at] - f32(factor * f32(plane[a] + plane[b])));
  }
}

/** @param {Float32Array} plane @param {number} start @param {number} columns */
function passAlong(plane, start, columns) {
  const last = start + columns - 1;
  for (let step = 0; step < 4; step += 2) {
    const [low, high] = [f32(STEPS[step]), f32(STEPS[step + 1])];
    plane[start] = f32(plane[start] - f32(low * f32(plane[start + 1] + plane[start + 1])));
    for (let at = start + 2; at < last; at += 2) {
      plane[at] = f32(plane[at] - f32(low * f32(plane[at - 1] + plane[at + 1])));
    }
    for (let at = start + 1; at < last; at += 2) {
      plane[at] = f32(plane[at] - f32(high * f32(plane[at - 1] + plane[at + 1])));
    }
    plane[last] = f32(plane[last] - f32(high * f32(plane[last - 1] + plane[last - 1])));
  }
}

/**
 * Return a plane of twice the sides with another at its even rows and columns, and 0 elsewhere.
 * @param {Float32Array} low  (rows, columns)
 * @param {number} rows
 * @param {number} columns
 */
export function spread(low, rows, columns) {
  const plane = new Float32Array(4 * rows * columns);
  for (let y = 0, from = 0; y < rows; y++) {
    for (let x = 0, to = 4 * y * columns; x < columns; x++, to += 2) plane[to] = low[from++];
  }
  return plane;
}
