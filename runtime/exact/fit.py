"""The parameters that suit a picture's errors: least squares over parts of it. Of encoders alone; floats are allowed.

Weights make squares of what is not expected least, class by class; then energies those of sizes, in proportion to them;
then each context takes the table in which its errors cost the fewest bits.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from runtime.arrays import F64, I16, I32, I64, U8, U16, Intp
from runtime.exact import strips, tables
from runtime.exact.parameters import (
    ENERGY_BITS,
    MOST_ENERGY,
    Parameters,
    energy_count,
)
from runtime.exact.planes import Strip
from runtime.exact.strips import CAUSAL, CONTEXTS, ONE, SIZED, WEIGHT_BITS

CLASS_PIXELS = 1 << 14
"""A class for so many pixels, which pay for its weights."""
CLASSES = 8
WINDOWS, WINDOW = 8, (96, 256)
"""So many parts of a picture, rows and columns, are looked at."""

_ROUNDS = 2
_EVERY = 2
"""One pixel of so many is taken for least squares."""
_REWEIGHTINGS = 3
_RIDGE = 1e-3
_SHARE = 1 / 16
"""What neighbouring contexts tell of one."""
_USUAL = 5
"""Quarter octaves from the mean size of a context's errors to the scale of its table where there are none."""


def fit(windows: Sequence[tuple[Sequence[U8], Sequence[I16]]], pixels: int, step: int) -> list[Parameters]:
    """Return the parameters of all planes, of what was decoded and its errors (h, w) in some windows of a picture."""
    parts = [Strip(base, step) for base, _ in windows]
    classes = max(1, min(CLASSES, pixels // CLASS_PIXELS))
    found: list[Parameters] = []
    for p, here in enumerate(zip(*(errors for _, errors in windows), strict=True)):
        found.append(_fit_plane(parts, p, here, classes))
        for part, each in zip(parts, here, strict=True):
            part.encode(each, found[-1], np.zeros(CONTEXTS, np.int32))
    return found


def windows(shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return some parts of a picture, far from each other, which are enough to fit parameters to."""
    (height, width), (rows, columns) = shape, WINDOW
    places = [(y, x) for y in range(0, height, rows) for x in range(0, width, columns)]
    places = places[:: -(-len(places) // WINDOWS)]
    return [(slice(y, y + rows), slice(x, x + columns)) for y, x in places]


def _fit_plane(parts: Sequence[Strip], planes: int, errors: Sequence[I16], classes: int) -> Parameters:
    """Return the parameters of the plane after so many others, from its errors in some parts of the picture.

    Which class a pixel is in depends on sizes, which depend on weights: so these are fitted again for new classes.
    """
    features = np.concatenate([_features(part, planes, each) for part, each in zip(parts, errors, strict=True)], axis=1)
    wanted = np.concatenate([each.ravel() for each in errors]).astype(np.float64)
    context = np.zeros(wanted.size, np.intp)
    no_limits, no_numbers = np.zeros(0, np.uint8), np.zeros(CONTEXTS, np.uint8)
    found = Parameters(no_limits, np.zeros((1, 0), np.int32), np.zeros(energy_count(planes), np.int32), 0, no_numbers)
    for left, count in ((_ROUNDS, 1), *((left, classes) for left in reversed(range(_ROUNDS)))):
        limits = _limits(context, count)
        weights = _fit_weights(features, wanted, limits.searchsorted(context, side="right"), count)
        found = replace(found, limits=limits, weights=weights)
        sized = _sizes(parts, errors, found)
        sizes = np.concatenate([each.ravel() for each in sized])
        outside = int(sizes.mean())
        around = np.concatenate(
            [_energy_features(part, planes, each, outside) for part, each in zip(parts, sized, strict=True)], axis=1
        )
        if left:
            energies = _fit_energies(around[:, ::_EVERY], sizes[::_EVERY].astype(np.float64))
            found = replace(found, energies=energies, outside=outside)
        context = strips.THRESHOLDS.searchsorted(found.energies @ around.astype(np.int64), side="right")
    distance = np.rint(sizes / parts[0].step).astype(np.int64)
    return replace(found, numbers=_fit_tables(context, distance, parts[0].step))


def _sizes(parts: Sequence[Strip], errors: Sequence[I16], parameters: Parameters) -> list[U16]:
    """Return how far errors are from what is expected with some parameters, in each part."""
    trial = [part.copy() for part in parts]
    for part, each in zip(trial, errors, strict=True):
        part.encode(each, parameters, np.zeros(CONTEXTS, np.int32))
    return [strips.shifted(part.sizes[-1], (0, 0)) for part in trial]


def _limits(context: Intp, classes: int) -> U8:
    """Return the contexts (classes - 1,) at which classes begin that have about as many pixels each."""
    return np.quantile(context, np.arange(1, classes) / classes, method="nearest").astype(np.uint8)


def _fit_weights(features: F64, wanted: F64, class_of: Intp, classes: int) -> I32:
    """Return the weights (classes, k) of features (k, n) that come nearest to what is wanted (n,)."""
    weights = np.zeros((classes, len(features)), np.int32)
    for each in range(classes):
        chosen = np.flatnonzero(class_of == each)[::_EVERY]
        if len(chosen):
            solved = _solve(features[:, chosen], wanted[chosen], 1.0)
            weights[each] = np.rint(solved * (1 << WEIGHT_BITS)).clip(-(1 << 15), (1 << 15) - 1)
    return weights


def _features(part: Strip, planes: int, errors: I16) -> F64:
    """Return what weights are for (k, h * w)."""
    base = np.pad(part.base[planes].astype(np.int16), 1, "edge")
    before = np.stack(part.errors) if part.errors else np.empty((0, *base.shape), np.int16)
    known = strips.known_features(base, before)
    return np.concatenate([np.stack(_around(errors, CAUSAL, 0)), known]).reshape(-1, errors.size).astype(np.float64)


def _energy_features(part: Strip, planes: int, sizes: U16, outside: int) -> F64:
    """Return what energies are for (k, h * w)."""
    activity = strips.activity(np.pad(part.base[planes].astype(np.int16), 1, "edge"))
    sums = [activity, np.full(sizes.shape, ONE), *(each for plane in part.sizes for each in strips.rings(plane))]
    return np.stack([*_around(sizes, SIZED, outside), *sums]).reshape(-1, sizes.size).astype(np.float64)


def _around(plane: I16 | U16, places: Sequence[tuple[int, int]], outside: int) -> list[I16 | U16]:
    """Return for each of some places around a pixel what is there in a plane, for all pixels (h, w)."""
    framed = strips.framed(plane, outside)
    (h, w), top, left = plane.shape, strips.ABOVE, strips.LEFT
    return [framed[top + dy : top + dy + h, left + dx : left + dx + w] for dy, dx in places]


def _solve(features: F64, wanted: F64, trust: F64 | float) -> F64:
    """Return the weights (k,) of features (k, n) that come nearest to what is wanted (n,)."""
    trusted = features * trust
    square = trusted @ trusted.T
    square.flat[:: len(square) + 1] += _RIDGE * (1 + np.diag(square))
    return np.linalg.solve(square, trusted @ (wanted * trust)).astype(np.float64)


def _fit_energies(features: F64, sizes: F64) -> I32:
    """Return the energies (k,) of features (k, n) that come nearest to the sizes (n,), none below 0."""
    trust: F64 | float = 1.0
    for _ in range(_REWEIGHTINGS):
        solved = np.maximum(_solve(features, sizes, trust), 0)
        trust = 1 / (solved @ features + 2)
    return np.rint(solved * (1 << ENERGY_BITS)).clip(0, MOST_ENERGY).astype(np.int32)


def _fit_tables(context: Intp, distance: I64, step: int) -> U8:
    """Return the tables (40,) in which errors so far from what was expected, in eighths of a step, are cheapest."""
    costs = _costs()
    most = costs.shape[1]
    counts = np.bincount(context * most + np.minimum(distance, most - 1), minlength=CONTEXTS * most)
    counts = counts.reshape(CONTEXTS, most).astype(np.float64)
    padded = np.pad(counts, ((1, 1), (0, 0)))
    shared = counts + _SHARE * (padded[:-2] + padded[2:])
    usual = np.arange(CONTEXTS) + _USUAL - round(4 * np.log2(step))
    numbers = tables.SCALES + usual.clip(0, tables.SCALES - 1)  # of the second shape
    found = shared.any(axis=1)
    numbers[found] = np.argmin(shared[found] @ costs.T, axis=1)
    return numbers.astype(np.uint8)


@cache
def _costs() -> F64:
    """Return the bits (192, 1024) of an error in each table, so many eighths of a step from what was expected."""
    return np.stack([tables.cost_bits(number) for number in range(tables.NUMBERS)])
