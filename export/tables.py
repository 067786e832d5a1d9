"""From learned scales to integer frequency tables: one per scale index, fitted to the residuals of pictures."""

import math

import numpy as np

from export.prior import Arrays
from models.entropy import TAIL_WEIGHT, TAIL_WIDTH
from runtime import spec
from runtime.entropy.rans import PRECISION_BITS

TOP_LOG2 = 11.0
"""Widest scale that has a table, in octaves of a step."""
WIDEST_LOG2 = 3.0
"""Scales above this many octaves send their low bits raw."""
RADIUS_SIGMAS, RADIUS_MIN = 8, 3
PRIOR_STRENGTH = 400.0
"""Weight of the ideal distribution against the counts, in symbols."""


def top_index() -> int:
    """Return the highest scale index."""
    return int((TOP_LOG2 - spec.INDEX_ZERO_LOG2) * spec.INDEX_PER_OCTAVE)


def layout() -> Arrays:
    """Return radius, index_table and index_shift of the runtime's Tables; scale index 0 is never coded."""
    index = np.arange(1, top_index() + 1)
    log2_sigma = spec.INDEX_ZERO_LOG2 + index / spec.INDEX_PER_OCTAVE
    shift = np.maximum(0, np.ceil(log2_sigma - WIDEST_LOG2)).astype(int)
    sigma = 2.0 ** (log2_sigma - shift)
    radius = np.maximum(RADIUS_MIN, np.ceil(RADIUS_SIGMAS * sigma)).astype(int)
    return {
        "radius": radius.astype(np.uint16),
        "index_table": np.concatenate([[0], index - 1]).astype(np.uint8),
        "index_shift": np.concatenate([[0], shift]).astype(np.uint8),
    }


def ideal(table: int, shapes: Arrays) -> np.ndarray:
    """Return the probabilities of a table's symbols, the escape last, under the mixture of models.entropy."""
    index = table + 1
    shift, radius = int(shapes["index_shift"][index]), int(shapes["radius"][table])
    sigma = 2.0 ** (spec.INDEX_ZERO_LOG2 + index / spec.INDEX_PER_OCTAVE)
    # magnitudes lose their low bits, so 0 gathers them from both sides
    above = np.arange(1, radius + 2) * 2.0**shift - 0.5
    edges = np.concatenate([-above[::-1], above])

    def below(width: float) -> np.ndarray:
        return np.array([0.5 * math.erfc(-e / (width * math.sqrt(2))) for e in edges])

    mass = np.diff((1 - TAIL_WEIGHT) * below(sigma) + TAIL_WEIGHT * below(TAIL_WIDTH * sigma))
    return np.append(mass, max(1 - mass.sum(), 1e-6))


def integer_frequencies(probabilities: np.ndarray) -> np.ndarray:
    """Return whole frequencies >= 1 that sum to 2 ** PRECISION_BITS, by largest remainders."""
    total = 1 << PRECISION_BITS
    spare = total - len(probabilities)
    exact = probabilities / probabilities.sum() * spare
    whole = np.floor(exact).astype(int)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: spare - whole.sum()]] += 1
    return whole + 1


def fit(counts: list[np.ndarray] | None = None) -> Arrays:
    """Return the arrays of the runtime's Tables, from counts of each table's symbols (escape last) or ideals alone."""
    shapes = layout()
    frequencies = np.zeros((len(shapes["radius"]), 2 * int(shapes["radius"].max()) + 2), np.uint16)
    for table in range(len(frequencies)):
        expected = ideal(table, shapes) * PRIOR_STRENGTH
        if counts is not None:
            expected = expected + counts[table]
        frequencies[table, : len(expected)] = integer_frequencies(expected)
    return {"frequencies": frequencies, **shapes}


def count(values: np.ndarray, index: np.ndarray, into: list[np.ndarray] | None) -> list[np.ndarray]:
    """Add residuals (n,) with their scale indexes to the counts of each table's symbols; return the counts."""
    shapes = layout()
    if into is None:
        into = [np.zeros(2 * int(r) + 2) for r in shapes["radius"]]
    for table, seen in enumerate(into):
        value = values[index == table + 1].astype(np.int64)
        chosen = np.sign(value) * (np.abs(value) >> int(shapes["index_shift"][table + 1]))
        radius = int(shapes["radius"][table])
        symbol = np.where(np.abs(chosen) <= radius, chosen + radius, 2 * radius + 1)
        seen += np.bincount(symbol, minlength=len(seen))
    return into
