"""What an iteration tells of the coefficients that it visits: codes, their tables, and where coefficients are put then.

What is known of a coefficient c is an integer k: 0 where |c| < T, else |c| is in [|k|, |k| + 1) T with the sign of c.
An iteration visits coefficients whose T is half as large as it was, and tells of each

    k = 0     first, where log-odds A of that are above LOGIT_SKIP, whether it becomes significant;
              then, if so, its sign, with log-odds B that it is positive, and |k| - 1, up to MOST_AT_ONCE - 1
    else      then, with log-odds B, whether |c| is in the upper half of its interval

The first pass holds all codes of the first kind, the second one those of intervals, of signs, of sizes.
"""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from runtime.arrays import F32, I16, I32, U8, U16, Intp
from runtime.bundle import Bundle
from runtime.entropy.plain import Passes, PlainTables
from runtime.entropy.tile_stream import CodedPart, PartReader
from runtime.errors import BundleError
from runtime.families.recurrent import spec

SAVED, SAVED_AT_0 = 2.9, -2.1
"""Squared thresholds of error that significance at |c| = u T saves are SAVED u + SAVED_AT_0."""
BITS_PER_SQUARED_THRESHOLD = 5.0
"""What these are worth to an encoder that no further plane follows."""

_LOG_ODDS = np.arange(-spec.LOGIT_MOST, spec.LOGIT_MOST + 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Prior:
    """The integers of a bundle (prior.npz). Log-odds are in eighths of a nat.

    Checked on construction: BundleError says what is wrong.
    """

    base_a: I16
    """(planes, z and levels, 36) log-odds of significance where the network says 0, in 1/16 of a unit"""
    base_b: I16
    """the same of the upper half"""
    fewer: I16
    """(24,) what log-odds of significance are raised by where the encoder is thrifty, by bins of them"""
    more: I16
    """(193,) log-odds of one more in |k|, by log-odds of significance"""
    place_zero: I16
    """(2, 24, 24) where a coefficient is put whose k is 0, by bins of A and B, in 1/256 threshold"""
    place_one: I16
    """(2, 24) how far beyond k where |k| is 1, by A; the second rows of both are those of thrifty planes"""
    place_more: I16
    """(24,) the same of larger |k|, by B"""
    magnitudes: U8
    """(2, n) |k| as the network sees it where it is in units of the coming threshold, and of twice that"""
    steps: F32
    """(16, z and levels, 36) the first threshold of each coefficient, in pixel levels, by offset"""
    frequencies: U16
    """(130, 4) tables of binary codes by log-odds, then of sizes by log-odds of one more"""

    @classmethod
    def of(cls, bundle: Bundle) -> "Prior":
        """Return the prior of a bundle."""
        return cls(**bundle.arrays(*(field.name for field in fields(cls))))

    def __post_init__(self) -> None:
        planes, indexes = self.base_a.shape[:2] if self.base_a.ndim == 3 else (0, 0)
        if not (1 <= planes <= spec.MOST_PLANES and spec.LEAST_LEVELS < indexes <= spec.MOST_LEVELS + 1):
            raise _bad(f"base_a of shape {self.base_a.shape}")
        each = (indexes, spec.PACKED)
        shapes: dict[str, tuple[int, ...]] = {
            "base_a": (planes, *each),
            "base_b": (planes, *each),
            "fewer": (spec.BINS,),
            "more": (len(_LOG_ODDS),),
            "place_zero": (2, spec.BINS, spec.BINS),
            "place_one": (2, spec.BINS),
            "place_more": (spec.BINS,),
            "steps": (spec.OFFSETS, *each),
            "frequencies": (2 * spec.TABLES, spec.MOST_AT_ONCE),
        }
        for name, shape in shapes.items():
            array, kind = getattr(self, name), {"steps": "<f4", "frequencies": "<u2"}.get(name, "<i2")
            if array.shape != shape or array.dtype != np.dtype(kind):
                raise _bad(f"{name} of {array.dtype} {array.shape} must be {np.dtype(kind)} {shape}")
        seen = self.magnitudes
        if seen.ndim != 2 or len(seen) != 2 or not seen.size or seen.dtype != np.uint8 or seen.max() >= 128:
            raise _bad(f"magnitudes of {seen.dtype} {seen.shape}, up to {seen.max(initial=0)}")
        if np.abs(self.base_a.astype(np.int32)).max() > 1 << 14 or np.abs(self.base_b.astype(np.int32)).max() > 1 << 14:
            raise _bad("log-odds beyond 128 nats")
        binary, sizes = np.split(self.frequencies, 2)
        if not (binary[:, :2].all() and sizes.all()) or binary[:, 2:].any():
            raise _bad("frequencies of binary codes must be two a table, of sizes four, none of them 0")
        if not (np.isfinite(self.steps).all() and 0 < self.steps.min() and self.steps.max() < 1 << 20):
            raise _bad(f"steps from {self.steps.min()} to {self.steps.max()}")

    @property
    def planes(self) -> int:
        """How many there are."""
        return len(self.base_a)

    @property
    def levels(self) -> int:
        """Wavelet levels with details."""
        return self.base_a.shape[1] - 1

    @cached_property
    def tables(self) -> PlainTables:
        """The entropy coder's tables."""
        return PlainTables(self.frequencies)

    @cached_property
    def significance(self) -> U8:
        """(2, 193) the table of a code of significance by its log-odds; the second row is that of thrifty planes."""
        return table_of(np.stack([_LOG_ODDS, self._raised]))

    @cached_property
    def bits(self) -> U8:
        """(193,) the table of another binary code."""
        return table_of(_LOG_ODDS)

    @cached_property
    def sizes(self) -> U8:
        """(2, 193) the table of a size by the log-odds of significance."""
        more = self.more[np.stack([_LOG_ODDS, self._raised]) + spec.LOGIT_MOST]
        return table_of(more.astype(np.int64)) + np.uint8(spec.TABLES)

    @property
    def _raised(self) -> Intp:
        raised = _LOG_ODDS + self.fewer[bin_of(_LOG_ODDS)]
        return raised.clip(-spec.LOGIT_MOST, spec.LOGIT_MOST)

    def base(self, base: I16, plane: int, offset: int, index: int) -> I16:
        """Return what is added to log-odds (36,), between two planes where there is an offset."""
        here, after = (base[min(n, self.planes - 1), index].astype(np.int32) for n in (plane, plane + 1))
        total = here * (spec.OFFSETS - offset) + after * offset
        unit = spec.OFFSETS * spec.BASE_UNITS
        return ((total + unit // 2) // unit).astype(np.int16)


@dataclass(eq=False)
class Visit:
    """An iteration: which coefficients it visits, and what it says of them. Arrays are (n, h, w)."""

    plane: int
    index: int
    """0: z; 1: the coarsest level"""
    channels: slice
    sparing: bool
    """whether the encoder is thrifty"""
    k: I16
    """what is known, which the codes change in place"""
    a: I16
    """log-odds of significance"""
    b: I16
    """log-odds of a positive sign, or of the upper half"""


def write(prior: Prior, visit: Visit, u: F32, worth: float) -> CodedPart:
    """Return the codes of coefficients (n, h, w), given in thresholds, which are known then.

    A squared threshold of error is `worth` so many bits to a thrifty encoder.
    """
    k, fresh, old = _visited(visit)
    size = np.abs(u.ravel())
    least = least_worth(worth) if visit.sparing else np.ones(len(_LOG_ODDS), np.float32)
    significant = size.take(fresh) >= least.take(_log_odds(visit.a, fresh))
    some = fresh[significant]
    sizes = size.take(some).astype(np.int32).clip(1, spec.MOST_AT_ONCE) - 1
    upper = size.take(old) >= 2 * np.abs(k.take(old)) + 1
    upper &= (u.ravel().take(old) > 0) == (k.take(old) > 0)
    second = np.concatenate([upper, u.ravel().take(some) > 0, sizes])
    passes = Passes(prior.tables, _first(prior, visit, fresh), _second(prior, visit, old, some))
    _learn(k, old, some, second)
    return passes, np.concatenate([significant, second]).astype(np.int32)


def read(prior: Prior, visit: Visit, reader: PartReader) -> None:
    """Read the codes of the next part, and know what they tell; raise StreamError."""
    k, fresh, old = _visited(visit)

    def second(significant: U8) -> U8:
        return _second(prior, visit, old, fresh[significant.view(np.bool_)])

    significant, symbols = reader.read_passes(_first(prior, visit, fresh), second)
    _learn(k, old, fresh[significant.view(np.bool_)], symbols)


def _visited(visit: Visit) -> tuple[I16, Intp, Intp]:
    """Return all k, flat, where significance is coded, and where k is not 0."""
    k = visit.k.reshape(-1)
    zero = k == 0
    return k, np.flatnonzero(zero & (visit.a.reshape(-1) > spec.LOGIT_SKIP)), np.flatnonzero(~zero)


def _log_odds(log_odds: I16, places: Intp) -> I16:
    """Return those at some places, as tables are indexed by them."""
    return log_odds.reshape(-1).take(places) + np.int16(spec.LOGIT_MOST)


def _first(prior: Prior, visit: Visit, fresh: Intp) -> U8:
    return prior.significance[int(visit.sparing)].take(_log_odds(visit.a, fresh))


def _second(prior: Prior, visit: Visit, old: Intp, some: Intp) -> U8:
    signs_and_halves = prior.bits.take(_log_odds(visit.b, np.concatenate([old, some])))
    return np.concatenate([signs_and_halves, prior.sizes[int(visit.sparing)].take(_log_odds(visit.a, some))])


def _learn(k: I16, old: Intp, some: Intp, symbols: U8 | I32) -> None:
    """Change k in place by what the second pass told: halves, signs, sizes."""
    halves, signs, sizes = np.split(symbols.astype(np.int16), [len(old), len(old) + len(some)])
    was = k.take(old)
    k[old] = 2 * was + np.sign(was) * halves
    k[some] = (2 * signs - 1) * (1 + sizes)


def placed(prior: Prior, visit: Visit) -> I32:
    """Return where coefficients (n, h, w) are put after a visit, in 1/256 of its threshold."""
    a, b, row = bin_of(visit.a), bin_of(visit.b), int(visit.sparing)
    size = np.abs(visit.k)
    beyond = np.where(size == 1, prior.place_one[row].take(a), prior.place_more.take(b))
    away = np.sign(visit.k) * ((size.astype(np.int32) << spec.PLACE_BITS) + beyond)
    zero = prior.place_zero[row].reshape(-1).take(a * np.int16(spec.BINS) + b)
    offsets: I32 = np.where(size == 0, zero, away)
    return offsets


def least_worth(worth: float) -> F32:
    """Return |c| in thresholds (193,), 1 or more, from which on becoming significant is worth its bits."""
    bits = 1 - _LOG_ODDS / (spec.LOGIT_UNITS * np.log(2))
    least: F32 = ((bits / worth - SAVED_AT_0) / SAVED).astype(np.float32)
    return least.clip(1)


def table_of(log_odds: Intp) -> U8:
    """Return the table of binary codes of such log-odds, in the nearest quarter of a nat."""
    return (((log_odds + 1) >> 1).clip(-spec.CODED_MOST, spec.CODED_MOST) + spec.CODED_MOST).astype(np.uint8)


def bin_of(log_odds: I16 | Intp) -> I16:
    """Return the bins of clamped log-odds."""
    return ((log_odds + spec.LOGIT_MOST) // spec.LOGIT_UNITS).clip(max=spec.BINS - 1).astype(np.int16)


def _bad(what: str) -> BundleError:
    return BundleError(f"prior.npz of the bundle cannot be used: {what}; export the bundle anew")
