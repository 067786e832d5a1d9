"""Tables of discretised Gaussians, so that the coder can be tested without a bundle."""

import math

import numpy as np
from numpy.typing import NDArray

from runtime.entropy.tables import Tables

SLOTS = 1 << 14


def gaussian_frequencies(sigma: float, radius: int) -> NDArray[np.uint16]:
    """Return 2 * radius + 2 frequencies: values -radius .. radius, then ESCAPE."""
    edges = [math.erf((v + 0.5) / (sigma * math.sqrt(2))) for v in range(-radius - 1, radius + 1)]
    inside = np.diff(edges) / 2
    weights = np.append(inside, max(1 - inside.sum(), 0))
    frequencies = 1 + np.floor(weights * (SLOTS - len(weights))).astype(np.int64)
    frequencies[radius] += SLOTS - frequencies.sum()
    return frequencies.astype(np.uint16)


def gaussian_tables(count: int = 24) -> Tables:
    """Return tables of sigma 0.15 and up: scale index 0, one for each table, four with raw bits."""
    sigmas = 0.15 * 1.25 ** np.arange(count)
    radius = np.ceil(3 * sigmas).astype(np.uint16)
    frequencies = np.zeros((count, 2 * int(radius.max()) + 2), np.uint16)
    for row, (sigma, reach) in enumerate(zip(sigmas, radius, strict=True)):
        frequencies[row, : 2 * int(reach) + 2] = gaussian_frequencies(float(sigma), int(reach))
    index_table = [0, *range(count), *[count - 1] * 4]
    index_shift = [0] * (count + 1) + [1, 2, 3, 4]
    return Tables(frequencies, radius, np.array(index_table, np.uint8), np.array(index_shift, np.uint8))


def draw_layer(
    tables: Tables, seed: int, n: int, skipped: float = 0.3, wild: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return n values drawn from their tables, a share skipped, `wild` of them far outside."""
    random = np.random.default_rng(seed)
    index = random.integers(1, len(tables.index_table), n).astype(np.uint8)
    index[random.random(n) < skipped] = 0
    table = tables.index_table[index].astype(np.int64)
    shift = tables.index_shift[index].astype(np.int64)
    ends = np.cumsum(tables.frequencies, axis=1, dtype=np.int64)
    symbol = (random.integers(0, SLOTS, n)[:, None] >= ends[table]).sum(axis=1)
    radius = tables.radius[table].astype(np.int64)
    escaped = symbol > 2 * radius
    q = np.where(escaped, radius + 1 + random.integers(0, 9, n), symbol - radius)
    far = random.integers(0, n, wild) if n else np.zeros(0, np.int64)
    q[far] = random.integers(-65535, 65536, len(far))
    magnitude = (np.abs(q) << shift) | (random.integers(0, 1 << 15, n) & ((1 << shift) - 1))
    values = np.where(q < 0, -magnitude, magnitude)
    values[index == 0] = 0
    return values.astype(np.int32), index
