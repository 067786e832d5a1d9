"""Pixels to the coefficients of the whole pyramid and back, a window at a time: all that needs no weights.

`runtime/latents/wavelet.py` splits and joins one level; `runtime/areas.py` says what must be seen of the picture to do
so for a window.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runtime.areas import Area, Blocks, Reach, bands, cut, even_sides, padded
from runtime.arrays import F32, I16, U8, contiguous
from runtime.families.pyramid import spec
from runtime.families.pyramid.levels import Level
from runtime.latents import colours, wavelet
from runtime.latents.values import dequantise
from runtime.native import twin
from runtime.threads import each

FINE_LEVELS = 3
"""Wavelet levels that are transformed in windows; the coarser ones have a 64th of the samples and are done at once."""
REACH, ENHANCING_REACH = Reach(32, 32), Reach(64, 64)
"""What three wavelet levels (28 px) see beyond a window, and the synthesis net (at most 32 px) beside them."""
COARSE_REACH = Reach(256, 256)
"""What the coarser wavelet levels (224 px) see beyond that."""
LAG_PX = ENHANCING_REACH.after + COARSE_REACH.after
SEEN_PX = 2 << FINE_LEVELS
"""The sides of what is seen of the fine wavelet levels are multiples of this."""
KEPT_PX = 1 << 22
"""Fine coefficients of pictures up to so large are kept; of larger ones they would take too much memory."""


class Coefficients(NamedTuple):
    """The wavelet coefficients of a picture or of a tile, in 1/16 pixel level."""

    z: F32
    """(12, hz, wz)"""
    packed: tuple[NDArray[Any], ...]
    """(36, h, w) packed details of wavelet levels 1, 2, ... 5, of 1 the first 12 alone where chroma is subsampled; the
    fine ones rounded to int16. Those of a large picture are known tile by tile: there are only 4 and 5 of all of it."""
    size: tuple[int, int]
    """height and width of the picture, from the tile's top left on"""

    @property
    def subsampled(self) -> bool:
        return len(self.packed[0]) < spec.PACKED

    def needed(self, wavelet_level: int) -> tuple[int, int]:
        """Return how many rows and columns of a wavelet level's packed details matter to the picture's pixels.

        They are those that begin less than one detail beyond the picture.
        """
        height, width = (-(-(side + (1 << wavelet_level)) // packed_stride(wavelet_level)) for side in self.size)
        return height, width

    def with_subsampling(self) -> "Coefficients":
        """Return the coefficients without the finest details of chroma."""
        return self._replace(packed=(self.packed[0][: spec.BANDS * spec.PHASES], *self.packed[1:]))

    def with_fine(self, fine: Sequence[I16]) -> "Coefficients":
        """Return the coefficients with the packed details of the fine wavelet levels, of which there are none yet."""
        return self._replace(packed=(*fine, *self.packed))

    def of(self, tile: Area) -> "Coefficients":
        """Return the coefficients of a tile."""
        strides = [packed_stride(wavelet_level) for wavelet_level in range(1, spec.LEVELS + 1)]
        known = zip(self.packed, strides[-len(self.packed) :], strict=True)
        packed = tuple(grid[:, *tile.on(stride)] for grid, stride in known)
        height, width = self.size
        return Coefficients(self.z[:, *tile.on(spec.STRIDE_PX)], packed, (height - tile.top, width - tile.left))


def whole_of(rgb: U8) -> Area:
    """Return the area that is coded of a picture (H, W, 3)."""
    return padded(rgb.shape[0], rgb.shape[1], spec.STRIDE_PX)


# -- there -------------------------------------------------------------------------------------------------------------


class Forward:
    """The coefficients of a picture (H, W, 3), tile by tile, for threads that need one each."""

    def __init__(self, rgb: U8, window_px: int, threads: int):
        self._rgb, self._window_px, self._threads = rgb, window_px, threads
        self._large = rgb.shape[0] * rgb.shape[1] > KEPT_PX
        self._known: Coefficients | None = None
        self._waiting = threading.Lock()

    def of(self, tile: Area, subsampled: bool) -> Coefficients:
        """Return a tile's coefficients, without the finest details of chroma or with them."""
        known = self._of_all(subsampled).of(tile)
        if self._large:
            details, _ = fine(self._rgb, tile, fine_counts(subsampled), self._window_px)
            return known.with_fine(details)
        return known.with_subsampling() if subsampled else known

    def _of_all(self, subsampled: bool) -> Coefficients:
        """Return what is known of the whole picture; 4:4:4 serves for both."""
        with self._waiting:  # all threads, so that they can serve the one that comes first
            if self._large and self._known is None:
                _, low = fine(self._rgb, whole_of(self._rgb), [0] * FINE_LEVELS, self._window_px, self._threads)
                self._known = coarse(low, self._rgb.shape[:2])
            elif not self._large and (self._known is None or (self._known.subsampled and not subsampled)):
                self._known = forward(self._rgb, subsampled, self._window_px, self._threads)
            assert self._known is not None
            return self._known


def forward(rgb: U8, subsampled: bool, window_px: int, threads: int = 1) -> Coefficients:
    """Return the wavelet coefficients of a picture (H, W, 3), which no level changes."""
    details, low = fine(rgb, whole_of(rgb), fine_counts(subsampled), window_px, threads)
    return coarse(low, rgb.shape[:2]).with_fine(details)


def fine_counts(subsampled: bool) -> list[int]:
    """Return of how many colours there are details on each fine wavelet level."""
    return [1 if subsampled else spec.COLOUR_COUNT, *[spec.COLOUR_COUNT] * (FINE_LEVELS - 1)]


def fine(rgb: U8, area: Area, counts: Sequence[int], window_px: int, threads: int = 1) -> tuple[list[I16], F32]:
    """Return the packed details of the first colours on each fine wavelet level, over an area of what is coded of a
    picture (H, W, 3), and the low band (3, h, w) that these levels leave.
    """
    strides = [packed_stride(wavelet_level) for wavelet_level in range(1, FINE_LEVELS + 1)]
    found = [
        np.empty((count * spec.BANDS * spec.PHASES, *area.shape(stride)), np.int16)
        for count, stride in zip(counts, strides, strict=True)
    ]
    low = np.empty((spec.COLOUR_COUNT, *area.shape(1 << FINE_LEVELS)), np.float32)

    def fill(window: Area) -> None:
        seen = window.grown(REACH, SEEN_PX, whole_of(rgb))
        band = colours.to_colours(rgb, seen)
        for wavelet_level, (into, stride) in enumerate(zip(found, strides, strict=True), start=1):
            band, details = wavelet.split(band, counts[wavelet_level - 1])
            y, x = window.within(seen, 1 << wavelet_level)
            row, column = window.within(area, stride)
            first, sides = (y.start, x.start), window.shape(1 << wavelet_level)
            colours.pack_rounded(details, *first, *sides, spec.LARGEST_VALUE, into, row.start, column.start)
        low[:, *window.within(area, 1 << FINE_LEVELS)] = band[:, *window.within(seen, 1 << FINE_LEVELS)]

    each(fill, list(cut(area, even_sides(area, window_px, spec.STRIDE_PX))), threads)
    return found, low


def coarse(low: F32, size: tuple[int, int]) -> Coefficients:
    """Return the coefficients of a picture of a size but for the fine wavelet levels, from the low band of these."""
    packed = []
    for _ in range(FINE_LEVELS, spec.LEVELS):
        low, details = wavelet.split(low)
        packed.append(colours.pack(details))
    return Coefficients(np.concatenate(wavelet.split(low)), tuple(packed), size)


# -- back --------------------------------------------------------------------------------------------------------------


class Inverse:
    """The way back over areas of a picture: `values` returns those of a tile of the whole that is coded, z, then packed
    details of wavelet levels 5 to 1, for which so many threads ask. `reach` is how far one must see beyond a window.
    """

    def __init__(
        self,
        level: Level,
        values: Callable[[Area], Sequence[I16]],
        whole: Area,
        tile_px: int,
        reach: Reach = REACH,
        threads: int = 1,
    ):
        self._level, self._whole, self._tile_px, self._reach = level, whole, tile_px, reach
        strides = (packed_stride(number) for number in range(spec.LEVELS, 0, -1))
        self._tiles = Blocks(values, whole, (tile_px, tile_px), spec.STRIDE_PX, *strides, threads=threads)

    def windows(self, wanted: Area, window_px: int) -> Iterator[list[Area]]:
        """Yield rows of windows of a wanted area, from top to bottom, whose signals can be asked for by threads."""
        for band in bands(self._whole, self._tile_px, wanted, window_px, LAG_PX):
            height, width = even_sides(band, window_px, spec.STRIDE_PX)
            for strip in cut(band, (height, wanted.right)):
                _, wide = self._seen(strip)
                self._tiles.forget(wide)
                self._tiles.prepare(wide)
                yield list(cut(strip, (height, width)))

    def signals(self, window: Area) -> tuple[Area, F32]:
        """Return the area that must be seen to know a window, and its luma and chroma (3, h, w) in pixel levels."""
        first = 1 + spec.LEVELS - FINE_LEVELS
        seen, wide = self._seen(window)
        low = low_band(self._level, [self._tiles.take(wide, grid) for grid in range(first)])
        details = [self._tiles.take(seen, grid) for grid in range(first, 1 + spec.LEVELS)]
        return seen, joined(self._level, seen.of(low, wide, 1 << FINE_LEVELS), details, FINE_LEVELS)

    def _seen(self, area: Area) -> tuple[Area, Area]:
        """Return what is seen of the fine wavelet levels to know an area, and of the coarse ones."""
        seen = area.grown(self._reach, SEEN_PX, self._whole)
        return seen, seen.grown(COARSE_REACH, spec.STRIDE_PX, self._whole)


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
        units = level.units[coarsest - number][: len(packed) // spec.PHASES]
        _, height, width = low.shape
        joined = np.empty((len(low), 2 * height, 2 * width), np.float32)
        join_packed(contiguous(low), contiguous(packed), units, wavelet.JOINING, wavelet.scratch(low), joined)
        low = joined
    return low


@twin
def join_packed(low: F32, packed: I16, units: F32, factors: F32, scratch: F32, joined: F32) -> None:
    """Fill in the low band (m, h, w) joined with packed details (4 n, h/2, w/2), whose channels are in units (n,)."""
    wavelet.join_level(low, colours.unpack(packed) * units[:, None, None], factors, scratch, joined)


# -- grids -------------------------------------------------------------------------------------------------------------


def packed_stride(wavelet_level: int) -> int:
    """Return the pixels per position of the packed details of a wavelet level."""
    return 2 << wavelet_level
