// The operators of docs/format/recurrent.md beside those of FORMAT.md, section 7: they put grids together and cut them.
import { copy, isSide, needed, product, stridesOf } from "./plan.js";

export const MORE_OPERATORS = { Concat, Slice, Shape };

/** @type {import("./plan.js").Operators[string]} */
function Concat({ attributes }) {
  const axis = Number(attributes.axis);
  return {
    step(grids, { call, make }) {
      const shape = grids[0].shape.slice();
      needed(isSide(shape[axis]));
      needed(new Set(grids.map((grid) => String(grid.shape.toSpliced(axis, 1)))).size === 1);
      shape[axis] = grids.reduce((sum, grid) => sum + grid.shape[axis], 0);
      const out = make(shape);
      const run = product(shape.slice(axis));
      let to = out.block.at;
      for (const grid of grids) {
        const length = product(grid.shape.slice(axis));
        copy(call, grid.block.at, to, [product(shape.slice(0, axis)), length], [length, 1], [run, 1]);
        to += length;
      }
      return out;
    },
  };
}

/** @type {import("./plan.js").Operators[string]} */
function Slice() {
  return {
    step([from, begins, ends, axes, steps = []], { call, make }) {
      needed(steps.every((/** @type {number} */ step) => step === 1));
      if (Array.isArray(from)) return from.slice(begins[0], ends[0]);
      const [starts, shape] = [from.shape.map(() => 0), from.shape.slice()];
      axes.forEach((/** @type {number} */ axis, /** @type {number} */ i) => {
        needed(begins[i] >= 0 && ends[i] >= 0 && isSide(shape[axis]));
        starts[axis] = Math.min(begins[i], shape[axis]);
        shape[axis] = Math.max(Math.min(ends[i], shape[axis]) - starts[axis], 0);
      });
      const strides = stridesOf(from.shape);
      const out = make(shape);
      const first = starts.reduce(
        (/** @type {number} */ sum, /** @type {number} */ start, /** @type {number} */ axis) =>
          sum + start * strides[axis],
        from.block.at,
      );
      copy(call, first, out.block.at, shape, strides);
      return out;
    },
  };
}

/** @type {import("./plan.js").Operators[string]} */
function Shape({ attributes }) {
  needed(Object.keys(attributes).length === 0);
  return { step: ([{ shape }]) => shape };
}
