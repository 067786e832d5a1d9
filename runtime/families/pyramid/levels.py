"""The rate scale of the pyramid, with masking: steps and scale indexes also follow the next coarser detail and luma.

Busy areas hide errors, so their steps are wider; dark ones show them, so theirs are finer. `runtime/latents/rates.py`
tells what else a level of the rate scale is, and how steps are stored. Shapes: (channels, h, w) on the part's own grid.
FORMAT.md, sections 5 and 6.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from runtime.arrays import F32, I16, I32, U8, contiguous
from runtime.families.pyramid import spec
from runtime.latents import rates
from runtime.latents.rates import Rates, falls, halves_of, unusable
from runtime.latents.values import factors, units
from runtime.native import twin

UNSEEN_SQUARED_STEPS = 0.02
"""Chosen on validation pictures."""

_HALF, _CHROMA = np.arange(spec.BANDS).repeat(2), np.arange(spec.BANDS, spec.DETAILS).repeat(spec.PHASES)
_CHANNELS = _HALF, _HALF, _CHROMA
"""The detail that each channel of a part is of."""
_GAINS: I32 = np.array(spec.GAINS, np.int32)
_COEFFICIENT_SHIFT = spec.STEP_BITS + 3 - spec.COEFFICIENT_BITS  # values are eighths


@dataclass(frozen=True, eq=False, kw_only=True)
class Prior(rates.Prior):
    """The integers of a pyramid's bundle. Columns are the 9 details of wavelet level 1, of level 2 to 5, then z."""

    columns = spec.LEVELS * spec.DETAILS + spec.Z

    masking: I32
    """(4, 12) what the detail before wavelet levels 1 to 4 must reach for each eighth of an octave that steps grow"""
    dark: I32
    """(4, 4) what luma's low band two levels before them must reach, in pixel levels, for each eighth of an octave that
    steps are not finer, which they are in the dark"""
    gates: I32 | None = None
    """(5, 2) how much of what luma lets one guess is added to means of chroma, of u and v of wavelet levels 1 to 5, in
    1/32; without it nothing is guessed"""

    def __post_init__(self) -> None:
        super().__post_init__()
        counts = {"masking": 2 * spec.MASKING_MOST, "dark": spec.DARK_MOST}
        for name, count in counts.items():
            rows = getattr(self, name)
            if rows.shape != (spec.LEVELS - 1, count) or falls(rows):
                raise unusable(
                    f"{name} of shape {rows.shape} must have 4 rows of {count} whole numbers that do not fall"
                )
        if np.abs(self.dark.astype(np.int64)).max() >= 1 << 24:
            raise unusable(f"dark from {self.dark.min()} to {self.dark.max()}, must be within 2**24 on both sides of 0")
        most, gates = spec.LARGEST_GATE, self.gates
        if gates is not None and (gates.shape != (spec.LEVELS, 2) or gates.dtype.kind != "i"):
            raise unusable(f"gates of shape {gates.shape} and type {gates.dtype} must be (5, 2) whole numbers")
        if gates is not None and (gates.min() < -most or gates.max() > most):
            raise unusable(f"gates from {gates.min()} to {gates.max()}, must be from -{most} to {most}")

    def at_level(self, level: int, subsampled: bool = False) -> "Level":
        """Return the prior at one level 0 .. top_level."""
        if (level, subsampled) not in self._levels:
            self._levels[level, subsampled] = Level(self, *self.rates(level), subsampled)
        return self._levels[level, subsampled]

    @cached_property
    def _levels(self) -> "dict[tuple[int, bool], Level]":
        """Those that were asked for: a stream asks for one several times."""
        return {}


@dataclass(frozen=True)
class Level(Rates):
    """The prior at one level of the rate scale."""

    prior: Prior
    subsampled: bool
    """whether the finest chroma details are 0 and not coded: 4:2:0"""

    @cached_property
    def chroma_unseen(self) -> float:
        """The mean square of the finest chroma details below which it pays to skip them, in squared pixel levels."""
        step_px = float(self.step(1)[spec.BANDS :].mean()) / (1 << spec.STEP_BITS)
        return UNSEEN_SQUARED_STEPS * step_px**2

    def step(self, wavelet_level: int) -> I32:
        """Return the steps (9,) of a wavelet level's details; for level 0 those (12,) of z."""
        return _columns(self.steps, wavelet_level)

    @cached_property
    def units(self) -> list[F32]:
        """What values stand for in pixel levels: of z (12,), then of the details (9,) of wavelet levels 1, 2, ..."""
        return [units(self.step(wavelet_level)) for wavelet_level in range(spec.LEVELS + 1)]

    def index_z(self, shape: tuple[int, int]) -> U8:
        """Return the scale indexes (12, hz, wz) of z."""
        return self.index_unsaid(_columns(self.bases, 0), shape)

    def masking(self, luma: I16, low: F32, wavelet_level: int) -> I16:
        """Return the masking (2 h, 2 w) of a wavelet level: the eighths of an octave by which its steps grow.

        It follows from the values (12, h, w) of the luma details of the wavelet level before, and from luma's low band
        (h, w) in pixel levels.
        """
        steps = self.step(wavelet_level + 1)[: spec.BANDS].repeat(spec.PHASES)
        _, h, w = luma.shape
        masking = np.empty((2 * h, 2 * w), np.int16)
        masked, dark = self.prior.masking[wavelet_level - 1], self.prior.dark[wavelet_level - 1]
        thresholds = masked.astype(np.int32), dark.astype(np.float32)
        limits = spec.MASKING_LARGEST, _COEFFICIENT_SHIFT, spec.MASKINGS.start
        find_masking(contiguous(luma), steps, contiguous(low), *thresholds, *limits, masking)
        return masking

    def index(self, said: U8, wavelet_level: int, part: int, masking: I16) -> U8:
        """Return the scale indexes (n, h, w) of a part of a wavelet level.

        They follow from what the network says of its scales, and from masking (h, w).
        """
        return self.index_said(self._halves[wavelet_level, part], said, masking)

    @cached_property
    def _halves(self) -> dict[tuple[int, int], I16]:
        """Those (n,) that `index_said` takes, for each part of each wavelet level."""
        return {
            (wavelet_level, part): halves_of(_part(_columns(self.bases, wavelet_level), part))
            for wavelet_level in range(1, spec.LEVELS + 1)
            for part in range(len(spec.PARTS))
        }

    @cached_property
    def factors(self) -> dict[tuple[int, int], F32]:
        """Those (n,) that `residuals` takes, for each wavelet level and part; for (0, 0) those of z."""
        return {
            (wavelet_level, part): factors(self.part_step(wavelet_level, part) if wavelet_level else self.step(0))
            for wavelet_level in range(spec.LEVELS + 1)
            for part in range(len(spec.PARTS))
        }

    def part_step(self, wavelet_level: int, part: int) -> I32:
        """Return the steps (n,) of the channels of a part of a wavelet level."""
        return _part(self.step(wavelet_level), part)


@twin
def find_masking(
    luma: I16, steps: I32, low: F32, thresholds: I32, dark: F32, largest: int, shift: int, least: int, masking: I16
) -> None:
    """Fill in the masking (2 h, 2 w): the least, plus how many thresholds the detail at each position reaches, and how
    many of `dark` the low band (h, w).

    Detail is the sum of the sizes of luma (n, h, w), up to the largest, times steps (n,), without the lowest bits.
    """
    size = np.abs(luma.astype(np.int32)).clip(max=largest)
    size *= steps[:, None, None]
    size = size.sum(axis=0, dtype=np.int32) >> np.int32(shift)
    found = np.searchsorted(thresholds, size, side="right") + np.searchsorted(dark, low, side="right") + least
    masking[:] = found.repeat(2, axis=0).repeat(2, axis=1)


def gain_of(masking: I16) -> I32:
    """Return the gain (h, w), the values that a symbol stands for at each position, in 1/16."""
    gain = np.empty(masking.shape, np.int32)
    find_gains(masking, _GAINS, spec.MASKINGS.start, gain)
    return gain


@twin
def find_gains(masking: I16, gains: I32, least: int, gain: I32) -> None:
    """Fill in the gain (h, w) at each position of masking (h, w); the least masking has the first of gains (n,)."""
    gain[:] = gains.take(masking - least)


def _columns(table: I32, wavelet_level: int) -> I32:
    """Return the columns of a wavelet level's details; for level 0 those of z."""
    start = spec.DETAILS * ((wavelet_level or spec.LEVELS + 1) - 1)
    return table[start : start + (spec.DETAILS if wavelet_level else spec.Z)]


def _part(details: I32, part: int) -> I32:
    """Return the entries of details (9,) for each channel of a part."""
    return details.take(_CHANNELS[part])
