"""The rate scale: what one level of it makes of steps, scale indexes and what networks see. All of it is integers.

Steps and scale indexes come from the integers of the bundle, between two anchors of the rate scale. Both also follow
the detail of the wavelet level before, since errors hide there: that is masking. Shapes: (channels, h, w) on the part's
own grid. FORMAT.md, sections 5 and 6.
"""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import I16, I32, U8
from runtime.bundle import Bundle
from runtime.errors import BundleError
from runtime.families.pyramid import spec

UNSEEN_SQUARED_STEPS = 0.02
"""Chosen on validation pictures."""

MOST_LOG2_STEP = 1024
"""Steps are below 2**10 pixel levels: then 32 bits hold what masking sums."""
_HALF, _CHROMA = np.arange(spec.BANDS).repeat(2), np.arange(spec.BANDS, spec.DETAILS).repeat(spec.PHASES)
_CHANNELS = _HALF, _HALF, _CHROMA
"""The detail that each channel of a part is of."""
_COEFFICIENT_SHIFT = spec.STEP_BITS + 3 - spec.COEFFICIENT_BITS  # values are eighths


@dataclass(frozen=True, eq=False)
class Prior:
    """The integers of a bundle (prior.npz) that turn symbols into coefficients and what networks say into indexes.

    Checked on construction: BundleError says what is wrong.
    """

    log2_step: I16
    """(levels, 57) quantisation steps, log2 in 1/64 octave of 1/64 pixel level: the 9 details of wavelet level 1, of
    level 2, ... level 5, then z"""
    scale_base: I16
    """(levels, 57) scale index where a network says 0, in 1/64"""
    thresholds: I32
    """(127,) what a value must reach to be seen as 1, 2, ..., 127"""
    masking: I32
    """(4, 8) what the detail before levels 1 to 4 must reach for each eighth of an octave that steps grow"""
    top_index: int
    """highest scale index that the tables have"""

    @classmethod
    def of(cls, bundle: Bundle) -> "Prior":
        """Return the prior of a bundle."""
        names = [field.name for field in fields(cls) if field.name != "top_index"]
        return cls(**bundle.arrays(*names), top_index=len(bundle.tables.index_table) - 1)

    def __post_init__(self) -> None:
        anchors, columns = self.log2_step.shape
        if columns != spec.LEVELS * spec.DETAILS + spec.Z or self.scale_base.shape != self.log2_step.shape:
            raise _bad(f"log2_step has shape {self.log2_step.shape}, scale_base {self.scale_base.shape}")
        if not 1 <= anchors <= spec.LEVEL_PLANES:
            raise _bad(f"{anchors} anchors of the rate scale, 1 to {spec.LEVEL_PLANES} may be")
        if self.log2_step.min() < 0 or self.log2_step.max() >= MOST_LOG2_STEP:
            raise _bad(
                f"log2_step from {self.log2_step.min()} to {self.log2_step.max()}, needs 0 to {MOST_LOG2_STEP - 1}"
            )
        if self.thresholds.shape != (127,) or self.thresholds.min() < 1 or _falls(self.thresholds):
            raise _bad("thresholds must be 127 whole numbers from 1 on that do not fall")
        if self.masking.shape != (spec.LEVELS - 1, 2 * spec.MASKING_MOST) or _falls(self.masking):
            raise _bad(f"masking of shape {self.masking.shape} must have 4 rows of 8 whole numbers that do not fall")

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

    def at_level(self, level: int, subsampled: bool = False) -> "Level":
        """Return what holds at one level 0 .. top_level."""
        anchor, fraction = divmod(level, spec.LEVEL_STEPS)
        following = min(anchor + 1, len(self.log2_step) - 1)

        def between(rows: NDArray[np.integer]) -> I32:
            low, high = rows[anchor].astype(np.int32), rows[following].astype(np.int32)
            return (low * (spec.LEVEL_STEPS - fraction) + high * fraction + spec.LEVEL_STEPS // 2) // spec.LEVEL_STEPS

        planes = np.zeros(spec.LEVEL_PLANES, np.uint8)
        planes[anchor] = spec.LEVEL_STEPS - fraction
        if fraction:
            planes[following] = fraction
        planes += np.uint8(spec.GRID_ZERO)
        return Level(self, exp2(between(self.log2_step)), between(self.scale_base), planes, subsampled)


@dataclass(frozen=True)
class Level:
    """The prior at one level of the rate scale."""

    prior: Prior
    steps: I32
    """(57,) in 1/64 pixel level"""
    bases: I32
    """(57,) in 1/64 index"""
    planes: U8
    """(LEVEL_PLANES,) values of the constant planes"""
    subsampled: bool
    """whether the finest chroma details are 0 and not coded: 4:2:0"""

    @property
    def chroma_unseen(self) -> float:
        """The mean square of the finest chroma details, in squared levels, up to which they had better be left out."""
        step_px = float(self.step(1)[spec.BANDS :].mean()) / (1 << spec.STEP_BITS)
        return UNSEEN_SQUARED_STEPS * step_px**2

    def step(self, level: int) -> I32:
        """Return the steps (9,) of the details of a wavelet level; of level 0: those of z (12,)."""
        return _columns(self.steps, level)

    def index_z(self, shape: tuple[int, int]) -> U8:
        """Return the scale indexes (12, hz, wz) of z."""
        whole = np.clip(_columns(self.bases, 0) >> spec.INDEX_BITS, 0, self.prior.top_index).astype(np.uint8)
        return np.broadcast_to(whole[:, None, None], (spec.Z, *shape))

    def masking(self, luma: I16, level: int) -> I16:
        """Return the eighths of an octave (2 h, 2 w) by which steps of a wavelet level grow, from the values (12, h, w)
        of the luma details of the level before.
        """
        size = np.abs(luma.astype(np.int32)).clip(max=spec.MASKING_LARGEST)
        size *= np.repeat(self.step(level + 1)[: spec.BANDS], spec.PHASES)[:, None, None]
        size = size.sum(axis=0, dtype=np.int32) >> _COEFFICIENT_SHIFT
        masking = np.searchsorted(self.prior.masking[level - 1], size, side="right") - spec.MASKING_MOST
        return masking.astype(np.int16).repeat(2, axis=0).repeat(2, axis=1)

    def index(self, said: U8, level: int, part: int, masking: I16) -> U8:
        """Return the scale indexes (n, h, w) of a part of a wavelet level, from what the network says of its scales,
        and from masking (h, w).
        """
        # (base + 32 * scale) >> 6 is half of base / 32 + scale, rounded down; INDEX_UNIT is 32
        halves = (_part(_columns(self.bases, level), part) >> (spec.INDEX_BITS - 1)) - spec.GRID_ZERO
        index = np.add(said, halves.astype(np.int16)[:, None, None], dtype=np.int16)
        index -= masking
        index >>= np.int16(1)
        return np.clip(index, 0, self.prior.top_index, out=index).astype(np.uint8)

    def part_step(self, level: int, part: int) -> I32:
        """Return the steps (n,) of the channels of a part of a wavelet level."""
        return _part(self.step(level), part)

    def see(self, values: I16, channels: int) -> U8:
        """Return what a network sees of values (n, h, w): them, the level planes, and zero points in spare channels."""
        n, h, w = values.shape
        seen = np.full((channels, h, w), spec.GRID_ZERO, np.uint8)
        np.take(self.prior.seen, values.view(np.uint16), out=seen[:n])
        seen[n : n + spec.LEVEL_PLANES] = self.planes[:, None, None]
        return seen


def exp2(log2: I32) -> I32:
    """Return 2 ** (log2 / 64), rounded, at least 1."""
    mantissa = np.array(spec.EXP2, np.int64)[log2 % spec.STEP_FRACTION]
    scaled = np.left_shift(mantissa, np.maximum(log2 // spec.STEP_FRACTION, 0))
    return np.maximum((scaled + (1 << 13)) >> 14, 1).astype(np.int32)


def _columns(table: I32, level: int) -> I32:
    """Return the columns of a wavelet level's details; of level 0: of z."""
    start = spec.DETAILS * ((level or spec.LEVELS + 1) - 1)
    return table[start : start + (spec.DETAILS if level else spec.Z)]


def _part(details: I32, part: int) -> I32:
    """Return what details (9,) have, for each channel of a part."""
    return details.take(_CHANNELS[part])


def _falls(rows: NDArray[np.integer]) -> bool:
    """Return whether any number is less than the one before it in its row."""
    return bool((np.diff(rows.astype(np.int64)) < 0).any())


def _bad(what: str) -> BundleError:
    return BundleError(f"prior.npz of the bundle cannot be used: {what}; export the bundle anew")
