"""Pixels to packed coefficients and back, a window at a time.

`runtime/latents/wavelet.py` splits and joins one level; `runtime/areas.py` says what must be seen of the picture to do
so for a part. A picture of n levels has n + 1 grids: z, then the packed details of level n, ... 2, 1.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.areas import Area, Blocks, Reach, cut, even_sides, padded
from runtime.arrays import F32, I32, U8
from runtime.families.recurrent import spec
from runtime.latents import colours, wavelet
from runtime.latents.spec import COEFFICIENT_BITS, COLOUR_COUNT, LARGEST_VALUE

FINE_LEVELS = spec.LEAST_LEVELS
"""Wavelet levels that are transformed in windows; the coarser ones have a 64th of the samples and are done at once."""
REACH = Reach(64, 64)
"""More than three wavelet levels see beyond a window (28 px)."""
COARSE_REACH = Reach(512, 512)
"""More than the coarser wavelet levels see beyond a part of the picture."""


def strides(levels: int) -> list[int]:
    """Return the pixels per position of each grid; the first one is the stride of the family."""
    return [2 << levels, *(2 << level for level in range(levels, 0, -1))]


def forward(rgb: U8, levels: int, window_px: int) -> list[NDArray[Any]]:
    """Return the coefficients of a picture (H, W, 3) in 1/16 pixel level: z (12, h, w), then packed details (36, h, w)
    from the coarsest level to the finest one, the fine ones rounded to int16.
    """
    stride = 2 << levels
    whole = padded(rgb.shape[0], rgb.shape[1], stride)
    fine = [np.empty((spec.PACKED, *whole.shape(2 << level)), np.int16) for level in range(1, FINE_LEVELS + 1)]
    low = np.empty((COLOUR_COUNT, *whole.shape(1 << FINE_LEVELS)), np.float32)
    for part in cut(whole, even_sides(whole, window_px, stride)):
        seen = part.grown(REACH, stride, whole)
        band = colours.to_colours(rgb, seen)
        for level, into in enumerate(fine, start=1):
            band, details = wavelet.split(band)
            details = np.rint(details[:, *part.within(seen, 1 << level)]).clip(-LARGEST_VALUE, LARGEST_VALUE)
            into[:, *part.on(2 << level)] = pack(details.astype(np.int16))
        low[:, *part.on(1 << FINE_LEVELS)] = band[:, *part.within(seen, 1 << FINE_LEVELS)]
    coarse = []
    for _ in range(FINE_LEVELS, levels):
        low, details = wavelet.split(low)
        coarse.append(pack(details))
    return [np.concatenate(wavelet.split(low)), *reversed(coarse), *reversed(fine)]


def inverse(
    steps: Sequence[F32],
    grids: Callable[[Area], Sequence[I32]],
    whole: Area,
    tile_px: int,
    wanted: Area,
    window_px: int,
    threads: int = 1,
) -> Iterator[tuple[Area, U8]]:
    """Yield parts of a wanted area, and the RGB (h, w, 3) of each.

    `grids` returns those of a tile of the whole that is coded, in units of the steps (n,) of each grid's channels; so
    many threads ask for them.
    """
    levels = len(steps) - 1
    each = strides(levels)
    tiles = Blocks(grids, whole, (tile_px, tile_px), *each, threads=threads)
    coarse = levels - FINE_LEVELS

    def joined(low: F32, area: Area, numbers: range) -> F32:
        for number in numbers:
            low = wavelet.join(low, unpack(coefficients(tiles.take(area, number), steps[number])))
        return low

    height, width = even_sides(wanted, window_px, each[0])
    for strip in cut(wanted, (height, wanted.right)):
        near = strip.grown(REACH, each[0], whole)
        wide = near.grown(COARSE_REACH, each[0], whole)
        tiles.forget(wide)
        z = coefficients(tiles.take(wide), steps[0])
        low = joined(wavelet.join(z[:COLOUR_COUNT], z[COLOUR_COUNT:]), wide, range(1, coarse + 1))
        low = near.of(low, wide, 1 << FINE_LEVELS)
        for part in cut(strip, (height, width)):
            seen = part.grown(REACH, each[0], whole)
            signals = joined(seen.of(low, near, 1 << FINE_LEVELS), seen, range(coarse + 1, levels + 1))
            yield part, colours.to_pixels(signals)[part.within(seen, 1)]


def coefficients(grid: I32, steps: F32) -> F32:
    """Return a grid (n, h, w) in pixel levels."""
    return grid.astype(np.float32) * steps[: len(grid), None, None]


def in_steps(grid: NDArray[Any], steps: F32) -> F32:
    """Return coefficients (n, h, w), given in 1/16 pixel level, in steps (n,) of their channels."""
    scaled: F32 = grid / (steps[: len(grid)] * np.float32(1 << COEFFICIENT_BITS))[:, None, None]
    return scaled


def pack(details: NDArray[Any]) -> NDArray[Any]:
    """Return details (9, 2 h, 2 w) as (36, h, w), one half of the checkerboard after the other."""
    packed = [details[:, phase // 2 :: 2, phase % 2 :: 2] for phase in spec.PHASES_IN_ORDER]
    halves = [np.stack(packed[first : first + 2], axis=1) for first in (0, 2)]  # (9, 2, h, w)
    return np.concatenate(halves).reshape(spec.PACKED, *packed[0].shape[1:])


def unpack(packed: NDArray[Any]) -> NDArray[Any]:
    """Return details (9, 2 h, 2 w) of what `pack` has packed: its inverse."""
    _, h, w = packed.shape
    details = np.empty((spec.DETAILS, 2 * h, 2 * w), packed.dtype)
    phases = packed.reshape(2, spec.DETAILS, 2, h, w).swapaxes(1, 2).reshape(4, spec.DETAILS, h, w)
    for phase, planes in zip(spec.PHASES_IN_ORDER, phases, strict=True):
        details[:, phase // 2 :: 2, phase % 2 :: 2] = planes
    return details
