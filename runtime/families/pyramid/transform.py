"""Pixels to the coefficients of the whole pyramid and back, a window at a time: all that needs no weights.

`runtime/latents/wavelet.py` splits and joins one level; `runtime/areas.py` says what must be seen of the picture to do
so for a window.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.areas import Area, Blocks, Reach, cropped, cut, even_sides, padded
from runtime.arrays import F32, I16, U8, contiguous
from runtime.families.pyramid import spec
from runtime.families.pyramid.levels import Level
from runtime.latents import colours, wavelet
from runtime.latents.values import dequantise, units
from runtime.native import twin

FINE_LEVELS = 3
"""Wavelet levels that are transformed in windows; the coarser ones have a 64th of the samples and are done at once."""
REACH = Reach(64, 64)
"""What three wavelet levels (28 px) and the synthesis net (at most 32 px) see beyond a window."""
COARSE_REACH = Reach(512, 512)
"""What the coarser wavelet levels see beyond a row of windows."""


@dataclass(frozen=True)
class Coefficients:
    """The wavelet coefficients of a picture, in 1/16 pixel level."""

    z: F32
    """(12, hz, wz)"""
    packed: tuple[NDArray[Any], ...]
    """(36, h, w) packed details of wavelet levels 1, 2, ... 5, of 1 the first 12 alone where chroma is subsampled; the
    fine ones rounded to int16"""
    size: tuple[int, int]
    """height and width of the picture"""

    @property
    def subsampled(self) -> bool:
        return len(self.packed[0]) < spec.PACKED

    @property
    def area(self) -> Area:
        """The area of the picture that is coded."""
        return Area(0, 0, *(spec.STRIDE_PX * side for side in self.z.shape[1:]))

    def needed(self, wavelet_level: int) -> tuple[int, int]:
        """Return how many rows and columns of a wavelet level's packed details matter to the picture's pixels.

        They are those that begin less than one detail beyond the picture.
        """
        height, width = (-(-(side + (1 << wavelet_level)) // packed_stride(wavelet_level)) for side in self.size)
        return height, width

    def with_subsampling(self) -> "Coefficients":
        """Return the coefficients without the finest details of chroma."""
        return replace(self, packed=(self.packed[0][: spec.BANDS * spec.PHASES], *self.packed[1:]))


# -- there -------------------------------------------------------------------------------------------------------------


def forward(rgb: U8, subsampled: bool, window_px: int) -> Coefficients:
    """Return the wavelet coefficients of a picture (H, W, 3), which no level changes."""
    height, width = rgb.shape[:2]
    whole = padded(height, width, spec.STRIDE_PX)
    counts = [1 if subsampled else spec.COLOUR_COUNT, *[spec.COLOUR_COUNT] * (FINE_LEVELS - 1)]
    fine = [
        np.empty((count * spec.BANDS * spec.PHASES, *whole.shape(packed_stride(wavelet_level))), np.int16)
        for wavelet_level, count in enumerate(counts, start=1)
    ]
    low = np.empty((spec.COLOUR_COUNT, *whole.shape(1 << FINE_LEVELS)), np.float32)
    for window in cut(whole, even_sides(whole, window_px, spec.STRIDE_PX)):
        seen = window.grown(REACH, spec.STRIDE_PX, whole)
        band = colours.to_colours(cropped(rgb, seen))
        for wavelet_level, (into, count) in enumerate(zip(fine, counts, strict=True), start=1):
            stride = packed_stride(wavelet_level)
            band, details = wavelet.split(band, count)
            details = contiguous(details[:, *window.within(seen, 1 << wavelet_level)])
            packed = into if window == whole else np.empty((len(into), *window.shape(stride)), np.int16)
            colours.pack_rounded(details, spec.LARGEST_VALUE, packed)
            if window != whole:
                into[:, *window.on(stride)] = packed
        low[:, *window.on(1 << FINE_LEVELS)] = band[:, *window.within(seen, 1 << FINE_LEVELS)]
    coarse = []
    for _ in range(FINE_LEVELS, spec.LEVELS):
        low, details = wavelet.split(low)
        coarse.append(colours.pack(details))
    return Coefficients(np.concatenate(wavelet.split(low)), (*fine, *coarse), (height, width))


# -- back --------------------------------------------------------------------------------------------------------------


def inverse(
    level: Level,
    values: Callable[[Area], Sequence[I16]],
    whole: Area,
    tile_px: int,
    wanted: Area,
    window_px: int,
) -> Iterator[tuple[Area, Area, F32]]:
    """Yield windows of a wanted area, the area seen around each, and its luma and chroma (3, h, w) in pixel levels.

    `values` returns those of a tile of the whole that is coded: z, then packed details of wavelet levels 5 to 1.
    """
    sides, strides = (tile_px, tile_px), (packed_stride(number) for number in range(spec.LEVELS, 0, -1))
    tiles = Blocks(values, whole, sides, spec.STRIDE_PX, *strides)
    coarse = spec.LEVELS - FINE_LEVELS
    height, width = even_sides(wanted, window_px, spec.STRIDE_PX)
    for strip in cut(wanted, (height, wanted.right)):
        near = strip.grown(REACH, spec.STRIDE_PX, whole)
        wide = near.grown(COARSE_REACH, spec.STRIDE_PX, whole)
        tiles.forget(wide)
        low = low_band(level, [tiles.take(wide, grid) for grid in range(1 + coarse)])
        low = near.of(low, wide, 1 << FINE_LEVELS)
        for window in cut(strip, (height, width)):
            seen = window.grown(REACH, spec.STRIDE_PX, whole)
            details = [tiles.take(seen, grid) for grid in range(1 + coarse, 1 + spec.LEVELS)]
            yield window, seen, joined(level, seen.of(low, near, 1 << FINE_LEVELS), details, FINE_LEVELS)


def low_band(level: Level, values: Sequence[I16]) -> F32:
    """Return the low band (3, h, w) of wavelet level 3, in pixel levels, from z and the packed details of 5 and 4."""
    z = dequantise(values[0], level.step(0))
    low = wavelet.join(z[: spec.COLOUR_COUNT], z[spec.COLOUR_COUNT :])
    return joined(level, low, values[1:], spec.LEVELS)


def luma_bands(level: Level, values: Sequence[I16]) -> Iterator[F32]:
    """Yield luma's low bands (h, w) of wavelet levels 6, 5, 4 and 3, in pixel levels, of a tile as if it were all.

    Values are z and the packed details of wavelet levels 5, 4, ...; none is taken before a band needs it.
    """
    z = dequantise(values[0], level.step(0))
    low = z[:1]
    yield low[0]
    low = wavelet.join(low, z[spec.COLOUR_COUNT : spec.COLOUR_COUNT + spec.BANDS])
    yield low[0]
    for number, wavelet_level in enumerate(range(spec.LEVELS, FINE_LEVELS, -1), start=1):
        low = joined(level, low, [values[number][: spec.BANDS * spec.PHASES]], wavelet_level)
        yield low[0]


def joined(level: Level, low: F32, values: Sequence[I16], coarsest: int) -> F32:
    """Return a low band (n, h, w) joined with packed details of the coarsest wavelet level, the next finer one, ..."""
    for number, packed in enumerate(values):
        steps = level.step(coarsest - number)[: len(packed) // spec.PHASES]
        _, height, width = low.shape
        joined = np.empty((len(low), 2 * height, 2 * width), np.float32)
        join_packed(contiguous(low), contiguous(packed), units(steps), wavelet.JOINING, wavelet.scratch(low), joined)
        low = joined
    return low


@twin
def join_packed(low: F32, packed: I16, units: F32, factors: F32, scratch: F32, joined: F32) -> None:
    """Fill in the low band (m, h, w) joined with packed details (4 n, h/2, w/2), whose channels are in units (n,)."""
    details = colours.unpack(packed) * units[:, None, None]
    joined[:] = wavelet.join(low, details)


# -- grids -------------------------------------------------------------------------------------------------------------


def packed_stride(wavelet_level: int) -> int:
    """Return the pixels per position of the packed details of a wavelet level."""
    return 2 << wavelet_level
