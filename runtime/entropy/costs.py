"""What values cost in bits before they are coded: estimates that help an encoder to choose, and no decoder needs.

`tables.py` has the frequencies that they come from.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from runtime.arrays import F32, F64, I32, I64, U8
from runtime.entropy.rans import PRECISION_BITS
from runtime.entropy.tables import ESCAPE_BITS, Tables

BITS_PER_SQUARED_STEP = 10.0
"""Bits that a squared error of one step is worth: 6 / ln 2 = 8.7 in theory, chosen on validation pictures."""

BINS = 64
"""Bins of magnitudes whose bits are estimated together: 0, and four bins an octave from 1 on."""

_OCTAVE, _QUARTER = np.divmod(np.arange(BINS - 1), 4)
BIN_MAGNITUDES: I64 = np.append(0, (2.0**_OCTAVE * (1 + (_QUARTER + 0.5) / 4)).astype(np.int64))
"""(64,) a magnitude in the middle of each bin."""


@dataclass(frozen=True, eq=False)
class Costs:
    """The bits of values under some tables."""

    tables: Tables
    shifts: range = range(1)
    """What a family may add to scale indexes, if it does."""
    bits_per_squared_step: float = BITS_PER_SQUARED_STEP
    """What errors are worth to the encoder."""

    @cached_property
    def binned_bits(self) -> F64:
        """(I, 64) bits that magnitudes of a bin cost, with their sign and raw bits; 0 for scale index 0.

        Whole 64ths of a bit, so that sums are exact in any order.
        """
        tables = self.tables
        bits = np.zeros((len(tables.index_table), BINS))
        for index in range(1, len(bits)):
            weight, shift = tables.weights[tables.index_table[index]], int(tables.index_shift[index])
            q = BIN_MAGNITUDES >> shift
            escaped = q >= len(weight) - 1
            raw = shift + (BIN_MAGNITUDES > 0) + ESCAPE_BITS * escaped
            bits[index] = np.rint(64 * (PRECISION_BITS - np.log2(weight[np.where(escaped, -1, q)]))) / 64 + raw
        return bits

    @cached_property
    def shifted_bits(self) -> F64:
        """(I * 64, len(shifts)) bits of a magnitude's bin at a scale index that each of the shifts is added to."""
        bits = np.zeros((len(self.shifts), *self.binned_bits.shape))
        indexes = np.arange(1, len(self.binned_bits))
        for shift, shifted in zip(self.shifts, bits, strict=True):
            shifted[1:] = self.binned_bits[np.clip(indexes + shift, 1, len(indexes))]
        return np.ascontiguousarray(bits.reshape(len(self.shifts), -1).T)

    @cached_property
    def savings(self) -> F32:
        """(I, 16) squared steps that the bits are worth that scale index i saves by coding magnitude m - 1 in place of
        m; 0 where it is hardly defined.

        The last column stands for all larger magnitudes.
        """
        tables = self.tables
        savings = np.zeros((len(tables.index_table), 16), np.float32)
        for index in range(1, len(savings)):
            weight = tables.weights[tables.index_table[index]]
            if tables.index_shift[index] == 0:
                cost = PRECISION_BITS - np.log2(weight[:16]) + (np.arange(len(weight[:16])) > 0)
                savings[index, 1 : len(cost)] = np.diff(cost) / self.bits_per_squared_step
        savings[:, -1] = 0
        return savings.clip(0)

    @cached_property
    def dead_zone(self) -> F32:
        """(I,) Below which magnitude a residual of a scale index is taken for 0, where that saves more than it costs.

        Those of 1.5 and more are not, but all are of scale index 0.
        """
        dead = np.minimum(0.5 + self.savings[:, 1] / 2, 1.5).astype(np.float32)
        dead[0] = np.inf
        return dead

    def bits(self, values: I32, index: U8) -> float:
        """Return the bits that values (n,) of scale indexes (n,) cost an ideal coder of one value at a time."""
        tables = self.tables
        tables.check_index(index)
        where = np.flatnonzero(index)
        scale, magnitude = index[where], np.abs(values[where].astype(np.int64))
        table, shift = tables.index_table[scale], tables.index_shift[scale].astype(np.int64)
        columns = max(map(len, tables.weights))
        weights = np.array([np.pad(w, (0, columns - len(w))) for w in tables.weights])
        radius = tables.radius[table].astype(np.int64)
        q = magnitude >> shift
        symbol_bits = PRECISION_BITS - np.log2(weights[table, np.minimum(q, radius + 1)])
        raw = shift + (magnitude > 0) + ESCAPE_BITS * (q > radius)
        return float(symbol_bits.sum() + raw.sum())
