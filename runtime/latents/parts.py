"""What is coded of a tile at a time, as the families have it that share this folder."""

from dataclasses import dataclass

import numpy as np

from runtime.arrays import F32, I32, U8
from runtime.entropy.costs import Costs
from runtime.entropy.tables import Tables
from runtime.entropy.tile_stream import CodedPart, PartReader, Scales
from runtime.latents.values import quantise


@dataclass(frozen=True, eq=False)
class Part:
    """What is coded at a time."""

    scales: Scales
    """(n h w,) scale indexes: symbols are coded where they are not 0"""
    symbols: I32
    """(n, h, w) all symbols of the part: those that are not coded are 0"""

    @property
    def index(self) -> U8:
        """(n, h, w) scale indexes."""
        return self.scales.index.reshape(self.symbols.shape)

    @property
    def to_code(self) -> CodedPart:
        """What the entropy coder takes of it."""
        return self.scales, self.symbols.ravel()

    @property
    def coded(self) -> I32:
        """(m,) the symbols that are coded, in coding order."""
        return self.symbols.ravel().take(self.scales.order.places)


def quantise_part(costs: Costs, exact: F32, index: U8) -> Part:
    """Return the part of residuals (n h w,) in steps that have scale indexes (n, h, w)."""
    scales = Scales(costs.tables, index.ravel())
    return Part(scales, quantise(exact, scales.index, costs).reshape(index.shape))


def read_part(tables: Tables, reader: PartReader, index: U8) -> Part:
    """Return the part that comes next, which has scale indexes (n, h, w); raises StreamError."""
    scales = Scales(tables, index.ravel())
    return Part(scales, reader.read(scales).reshape(index.shape))


def guess_part(tables: Tables, index: U8, symbols: I32 | None = None) -> Part:
    """Return the part of symbols (n, h, w), or of zeros, as far as they are coded with scale indexes (n, h, w)."""
    guessed = np.zeros(index.shape, np.int32) if symbols is None else symbols * (index != 0)
    return Part(Scales(tables, index.ravel()), guessed)
