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
    coded: I32
    """(m,) these symbols in coding order"""

    @property
    def symbols(self) -> I32:
        """(n, h, w) all symbols of the part."""
        return self.order.put(self.coded).reshape(self.index.shape)


def quantise_part(costs: Costs, exact: F32, index: U8) -> Part:
    """Return the part of residuals (n h w,) in steps that have scale indexes (n, h, w)."""
    order = Order(costs.tables, index.ravel())
    return Part(index, order, quantise(exact, order.index, costs.savings, order.places))


def read_part(tables: Tables, reader: PartReader, index: U8) -> Part:
    """Return the part that comes next, which has scale indexes (n, h, w); raises StreamError."""
    order = Order(tables, index.ravel())
    return Part(index, order, reader.read(order))


def guess_part(tables: Tables, index: U8, symbols: I32 | None = None) -> Part:
    """Return the part of symbols (n, h, w), or of zeros, as far as they are coded with scale indexes (n, h, w)."""
    order = Order(tables, index.ravel())
    coded = np.zeros(len(order.places), np.int32) if symbols is None else symbols.ravel().take(order.places)
    return Part(index, order, coded)
