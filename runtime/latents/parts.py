"""What is coded of a tile at a time, as the families have it that share this folder."""

from dataclasses import dataclass

import numpy as np

from runtime.arrays import F32, I32, U8
from runtime.entropy.costs import Costs
from runtime.entropy.residuals import Order
from runtime.entropy.tables import Tables
from runtime.entropy.tile_stream import PartReader
from runtime.latents.values import quantise


@dataclass(frozen=True, eq=False)
class Part:
    """What is coded at a time."""

    index: U8
    """(n, h, w) scale indexes"""
    order: Order
    """which symbols are coded, those whose scale index is not 0, and in which order"""
    symbols: I32
    """(n, h, w) all symbols of the part: those that are not coded are 0"""

    @property
    def coded(self) -> I32:
        """(m,) the symbols that are coded, in coding order."""
        return self.order.take(self.symbols.ravel())


def quantise_part(costs: Costs, exact: F32, index: U8) -> Part:
    """Return the part of residuals (n h w,) in steps that have scale indexes (n, h, w)."""
    indexes = index.ravel()
    symbols = quantise(exact, indexes, costs.savings)
    return Part(index, Order(costs.tables, indexes), symbols.reshape(index.shape))


def read_part(tables: Tables, reader: PartReader, index: U8) -> Part:
    """Return the part that comes next, which has scale indexes (n, h, w); raises StreamError."""
    order = Order(tables, index.ravel())
    return Part(index, order, order.put(reader.read(order)).reshape(index.shape))


def guess_part(tables: Tables, index: U8, symbols: I32 | None = None) -> Part:
    """Return the part of symbols (n, h, w), or of zeros, as far as they are coded with scale indexes (n, h, w)."""
    guessed = np.zeros(index.shape, np.int32) if symbols is None else symbols * (index != 0)
    return Part(index, Order(tables, index.ravel()), guessed)
