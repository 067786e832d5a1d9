"""The rate scale: what one level of it makes of steps, scale indexes and what networks see. All of it is integers.

Steps and scale indexes come from the integers of the bundle, between two anchors of the rate scale. Shapes:
(channels, h, w) on the part's own grid. FORMAT.md, sections 5 and 6.
"""

from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import I16, I32, U8, Intp, contiguous
from runtime.bundle import Bundle
from runtime.errors import BundleError
from runtime.latents import spec
from runtime.latents.values import all_channels
from runtime.native import twin

_NOTHING: I16 = np.zeros((1, 1), np.int16)

MOST_LOG2_STEP = 1024
"""Steps are below 2**10 pixel levels: then 32 bits hold a value times a step."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Prior:
    """The integers of a bundle (prior.npz) that turn symbols into latents and what networks say into scale indexes.

    A family says in what order its columns are. Checked on construction: BundleError says what is wrong.
    """

    columns: ClassVar[int]
    """How many there are."""

    log2_step: I16
    """(levels, columns) quantisation steps, log2 in 1/64 octave of 1/64 pixel level"""
    scale_base: I16
    """(levels, columns) scale index where a network says 0, in 1/64"""
    thresholds: I32
    """(127,) what a value must reach to be seen as 1, 2, ..., 127"""
    top_index: int
    """highest scale index that the tables have"""

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Return the prior of a bundle."""
        needed = [each.name for each in fields(cls) if each.default is MISSING and each.name != "top_index"]
        more = [each.name for each in fields(cls) if each.default is not MISSING and bundle.has_array(each.name)]
        return cls(**bundle.arrays(*needed, *more), top_index=len(bundle.tables.index_table) - 1)

    def __post_init__(self) -> None:
        anchors, columns = self.log2_step.shape
        if columns != self.columns or self.scale_base.shape != self.log2_step.shape:
            raise unusable(
                f"log2_step has shape {self.log2_step.shape}, scale_base {self.scale_base.shape}; "
                f"both need {self.columns} columns"
            )
        if not 1 <= anchors <= spec.LEVEL_PLANES:
            raise unusable(f"the rate scale has {anchors} anchors, must be 1 to {spec.LEVEL_PLANES}")
        if self.log2_step.min() < 0 or self.log2_step.max() >= MOST_LOG2_STEP:
            raise unusable(
                f"log2_step from {self.log2_step.min()} to {self.log2_step.max()}, needs 0 to {MOST_LOG2_STEP - 1}"
            )
        if self.thresholds.shape != (127,) or self.thresholds.min() < 1 or falls(self.thresholds):
            raise unusable("thresholds must be 127 whole numbers from 1 on that do not fall")

    @property
    def top_level(self) -> int:
        """The highest level of the rate scale."""
        return (len(self.log2_step) - 1) * spec.LEVEL_STEPS

    @cached_property
    def seen(self) -> U8:
        """(65536,) what networks see of each int16 value, taken as uint16."""
        positive = np.searchsorted(self.thresholds, np.arange(spec.LARGEST_VALUE + 2), side="right").astype(np.int16)
        whole = np.concatenate([positive[:-1], -positive[:0:-1]])  # 0 .. 32767, then -32768 .. -1
        return (whole + spec.GRID_ZERO).astype(np.uint8)

    def rates(self, level: int) -> tuple[I32, I32, U8]:
        """Return steps, bases and planes of a `Rates` at one level 0 .. top_level."""
        anchor, fraction = divmod(level, spec.LEVEL_STEPS)
        planes = np.zeros(spec.LEVEL_PLANES, np.uint8)
        planes[anchor] = spec.LEVEL_STEPS - fraction
        if fraction:
            planes[anchor + 1] = fraction
        planes += np.uint8(spec.GRID_ZERO)
        return exp2(self.between(self.log2_step, level)), self.between(self.scale_base, level), planes

    def between(self, rows: NDArray[np.integer], level: int) -> I32:
        """Return the row of an array (levels, ...) at one level."""
        anchor, fraction = divmod(level, spec.LEVEL_STEPS)
        low, high = (rows[min(row, len(rows) - 1)].astype(np.int32) for row in (anchor, anchor + 1))
        weighted: I32 = low * (spec.LEVEL_STEPS - fraction) + high * fraction + spec.LEVEL_STEPS // 2
        return weighted // spec.LEVEL_STEPS


@dataclass(frozen=True)
class Rates:
    """A prior at one level of the rate scale."""

    prior: Prior
    steps: I32
    """(columns,) in 1/64 pixel level"""
    bases: I32
    """(columns,) in 1/64 index"""
    planes: U8
    """(LEVEL_PLANES,) values of the constant planes"""

    def index_unsaid(self, bases: I32, shape: tuple[int, int]) -> U8:
        """Return the scale indexes (n, h, w) of channels with bases (n,) that no network says anything of."""
        index = np.empty((len(bases), *shape), np.uint8)
        index[:] = (bases >> spec.INDEX_BITS).clip(0, self.prior.top_index)[:, None, None]
        return index

    def index_said(self, halves: I16, said: U8, less: I16 | None = None) -> U8:
        """Return the scale indexes (n, h, w) of channels with such halves (n,) of their bases.

        They follow from what a network says of their scales, less so many eighths of an octave (h, w).
        """
        index = np.empty(said.shape, np.uint8)
        find_indexes(contiguous(said), halves, _NOTHING if less is None else less, self.prior.top_index, index)
        return index

    def see(self, values: I16, count: int, channels: Intp | None = None) -> U8:
        """Return what a network sees of some channels (n,), or all, of values (c, h, w).

        It is them, the level planes as far as there is room in so many channels, and zero points in spare ones.
        """
        seen = np.empty((count, *values.shape[1:]), np.uint8)
        channels = all_channels(len(values)) if channels is None else channels
        see_values(contiguous(values), channels, self.prior.seen, self.planes, spec.GRID_ZERO, seen)
        return seen


@twin
def find_indexes(said: U8, halves: I16, less: I16, top: int, index: U8) -> None:
    """Fill in scale indexes (n, h, w), 0 to top: half of what is said, plus halves (n,), less (h, w) or (1, 1)."""
    found = np.add(said, halves[:, None, None], dtype=np.int16)
    found -= less
    found >>= np.int16(1)
    index[:] = np.clip(found, 0, top, out=found)


def halves_of(bases: I32) -> I16:
    """Return what half of a network's scale is added to, of bases (n,)."""
    # (base + 32 * scale) >> 6 is half of base / 32 + scale, rounded down; INDEX_UNIT is 32
    return ((bases >> (spec.INDEX_BITS - 1)) - spec.GRID_ZERO).astype(np.int16)


@twin
def see_values(values: I16, channels: Intp, table: U8, planes: U8, zero: int, seen: U8) -> None:
    """Fill in what networks see (m, h, w): some channels (n,) of values (c, h, w) by the table (65536,), planes (8,),
    then zero.
    """
    n = len(channels)
    seen[:n] = table.take(values.view(np.uint16).take(channels, axis=0))
    constant = seen[n : n + len(planes)]
    constant[:] = planes[: len(constant), None, None]
    seen[n + len(planes) :] = zero


def exp2(log2: I32) -> I32:
    """Return 2 ** (log2 / 64), rounded, at least 1."""
    mantissa = np.array(spec.EXP2, np.int64)[log2 % spec.STEP_FRACTION]
    scaled = np.left_shift(mantissa, np.maximum(log2 // spec.STEP_FRACTION, 0))
    return np.maximum((scaled + (1 << 13)) >> 14, 1).astype(np.int32)


def falls(rows: NDArray[np.integer]) -> bool:
    """Return whether any number is less than the one before it in its row."""
    return bool((np.diff(rows.astype(np.int64)) < 0).any())


def unusable(what: str) -> BundleError:
    """Return the error for arrays that break a rule."""
    return BundleError(f"prior.npz of the bundle cannot be used: {what}; export the bundle anew")
