"""What export and runtime agree on about the autoencoder: what is coded in which order, by which networks.

Everything here is part of docs/format/autoencoder.md.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from runtime.areas import Reach
from runtime.arrays import Bool
from runtime.latents.spec import BANDS as DETAIL_BANDS
from runtime.latents.spec import COLOUR_COUNT
from runtime.networks import Network

BLOCK_PX, BANDS = 8, 64
"""Side of the blocks that latents are of, and latents of each colour in a block, by frequency from low to high."""
AC = COLOUR_COUNT * (BANDS - 1)
"""Latents of a block but the lowest of each colour, the DC: ordered (colour, frequency)."""
DC_LEVELS = 3
"""Wavelet levels of the DC: details at H/64, H/32 and H/16, and z at H/64."""
STRIDE_PX = BLOCK_PX << DC_LEVELS
"""Pixels per position of z."""
DETAILS = COLOUR_COUNT * DETAIL_BANDS
"""Channels of a wavelet level's details: ordered (colour, band)."""
GRIDS = ((COLOUR_COUNT, 64), *((DETAILS, side_px) for side_px in (64, 32, 16)), (AC, BLOCK_PX))
"""Channels of z, of the details from coarse to fine, of the AC, and pixels per position of each."""
FIRST_COLUMN = (AC + DC_LEVELS * DETAILS, *(AC + level * DETAILS for level in range(DC_LEVELS)), 0)
"""Column of each grid's first channel in the arrays of the bundle."""
LUMA_GROUPS, CHROMA_GROUPS = ((1, 9), (9, 25), (25, 64)), ((1, 13), (13, 64))
"""The frequencies of the AC that are coded at a time."""
RIDGE = 3
"""Keeps slopes small where luma is flat, in squared plain steps."""
LAYER_ENDS = (10, 14, 18)
"""Parts up to the end of each layer: the DC, low frequencies of luma, all others."""
REACH = Reach(48, 48)
"""What encoder and decoder may see beyond a window: 6 blocks."""
DC_REACH = Reach(256, 256)
"""What the wavelet of the DC sees beyond a window (28 blocks)."""
RATE_PLANES = 16
"""Values that tell the decoder the level: the level planes, then zero points."""


@dataclass(frozen=True)
class Coding:
    """How a part is coded."""

    network: str
    """what tells its means and scales, from the state and the part before; none for z"""
    seen: int
    """channels of the part before, as the network sees them"""
    grid: int
    """which of GRIDS it is of"""
    channels: tuple[int, ...]
    bands: int
    """into how many bands its channels are divided where scale indexes are corrected"""
    luma: tuple[int, ...] = ()
    """the channels of luma that a network may guess those of chroma from: of the same bands or frequencies"""
    half: int | None = None
    """which half of the checkerboard alone is coded, the other values being 0: the remainder of row + column by 2"""

    @property
    def columns(self) -> list[int]:
        """The columns of the part's channels in the arrays of the bundle."""
        return [FIRST_COLUMN[self.grid] + channel for channel in self.channels]

    @property
    def luma_columns(self) -> list[int]:
        """The columns of the luma channels in the arrays of the bundle."""
        return [FIRST_COLUMN[self.grid] + channel for channel in self.luma]

    def positions(self, shape: tuple[int, ...]) -> Bool:
        """Return at which positions of a grid of a shape (h, w) the part is coded, as bool (h, w)."""
        row, column = np.ogrid[: shape[0], : shape[1]]
        return (row + column) % 2 == self.half if self.half is not None else np.ones(shape, np.bool_)


def _coding_order() -> Iterator[Coding]:
    luma, chroma = (tuple(range(DETAIL_BANDS)), tuple(range(DETAIL_BANDS, DETAILS)))
    yield Coding("", 0, 0, tuple(range(COLOUR_COUNT)), COLOUR_COUNT)
    for grid in (1, 2, 3):
        yield Coding("start" if grid == 1 else "first", 16, grid, luma, len(luma), half=0)
        yield Coding("second", 16, grid, luma, len(luma), half=1)
        yield Coding("third", 16, grid, chroma, len(chroma), luma)
    seen, number = 16, itertools.count()
    for low, high in LUMA_GROUPS:
        rows = tuple(range(low - 1, high - 1))
        for half in (0, 1):
            yield Coding(f"fine_{next(number)}", seen, len(GRIDS) - 1, rows, _bands(rows), half=half)
            seen = -(-len(rows) // 8) * 8
    for low, high in CHROMA_GROUPS:
        luma = tuple(range(low - 1, high - 1))
        rows = tuple(colour * (BANDS - 1) + row for colour in range(1, COLOUR_COUNT) for row in luma)
        yield Coding(f"fine_{next(number)}", seen, len(GRIDS) - 1, rows, _bands(rows), luma)
        seen = -(-len(rows) // 8) * 8


def _bands(channels: tuple[int, ...]) -> int:
    return next(count for count in (4, 3, 2, 1) if len(channels) % count == 0)


CODING_ORDER = tuple(_coding_order())
PART_BANDS = tuple(part.bands for part in CODING_ORDER)
NETWORKS = (
    Network("encoder", "encode"),
    *(Network(name, "both") for name in dict.fromkeys(part.network for part in CODING_ORDER[1:])),
    Network("decoder", "decode"),
)
