"""What a tile's stream corrects of the scale indexes that networks tell (FORMAT.md, section 4, Corrections).

Networks know photographs. Of a picture unlike those that they learnt from they tell scales that are too wide or too
narrow for a whole band, which a shift puts right; or that nothing is there where something is: then a part gets a least
scale index. All of it is the side bytes of a tile's stream. The parts are in coding order. A band is some channels of a
part, as many as each of its others has: a family says how many bands each of its parts has.

    mask of parts | for each of them u8 least scale index
    mask of parts | for each of them, for each of its bands, 4 bits: shift + 8 | padded to bytes

A mask has a bit for each part, the first lowest, in whole bytes, little-endian.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np

from runtime.arrays import F32, F64, I16, I64, U8, contiguous
from runtime.entropy.costs import BIN_MAGNITUDES, BINS, BITS_PER_SQUARED_STEP, Costs
from runtime.errors import StreamError
from runtime.latents import spec
from runtime.native import twin

LEAST_FLAG, SHIFTS_FLAG = 1, 2
"""The flags of a tile's stream: which of the two there are."""

_MASK_BITS = 16
"""Of a mask, about, as the encoder reckons."""
_SHIFT_BITS = 4
_POSITIONS = 1024
"""About so many positions of a part tell the encoder what pays: every so many-th row."""
_ROUNDED_UP = 0.33
"""Magnitudes from so much below a whole number on become that, roughly; chosen on validation pictures."""
_BITS_OF_ERRORS = np.maximum(BITS_PER_SQUARED_STEP * BIN_MAGNITUDES**2 - 4.5, 0)
"""(BINS,) bits that the squared error is worth that is saved by coding a magnitude in place of 0: on average less than
its square, as most that are rounded to it are smaller."""


class Corrections(NamedTuple):
    """Those of one tile."""

    least: tuple[int, ...]
    """least scale index of each part"""
    shifts: tuple[tuple[int, ...], ...]
    """what is added to the scale indexes from 1 on of each band of each part"""

    def of(self, part: int, index: U8, top: int) -> U8:
        """Return the corrected scale indexes (n, h, w) of a part by its number, the highest there is being top."""
        return corrected(index, self.least[part], self.shifts[part], top)

    @classmethod
    def none(cls, bands: Sequence[int]) -> Self:
        """Return those that correct nothing of parts with so many bands each."""
        return cls((0,) * len(bands), tuple((0,) * count for count in bands))


def corrected(index: U8, least: int, shifts: tuple[int, ...], top: int) -> U8:
    """Return scale indexes (n, h, w) raised to the least, and those from 1 on shifted band by band, to 1 .. top."""
    if not least and not any(shifts):
        return index
    found = np.empty(index.shape, np.uint8)
    correct_indexes(contiguous(index), least, np.array(shifts, np.int16), top, found)
    return found


@twin
def correct_indexes(index: U8, least: int, shifts: I16, top: int, corrected: U8) -> None:
    """Fill in what `corrected` returns; shifts (bands,)."""
    found = index.reshape(len(shifts), -1).astype(np.int16)
    if least:
        np.clip(found, least, top, out=found)
    found += shifts[:, None]
    np.clip(found, 1, top, out=found)
    corrected[:] = found.reshape(index.shape)
    if not least:
        corrected *= (index != 0).view(np.uint8)


# -- to bytes and back -------------------------------------------------------------------------------------------------


def pack(corrections: Corrections) -> tuple[int, bytes]:
    """Return flags that say what there is, and the side bytes of that."""
    least = [part for part, index in enumerate(corrections.least) if index]
    moved = [part for part, shifts in enumerate(corrections.shifts) if any(shifts)]
    mask_bytes, data = -(-len(corrections.least) // 8), b""

    def mask(parts: list[int]) -> bytes:
        return sum(1 << part for part in parts).to_bytes(mask_bytes, "little")

    if least:
        data += mask(least) + bytes(corrections.least[part] for part in least)
    if moved:
        nibbles = [shift - spec.SHIFTS.start for part in moved for shift in corrections.shifts[part]]
        nibbles += [0] * (len(nibbles) % 2)
        pairs = zip(nibbles[::2], nibbles[1::2], strict=True)
        data += mask(moved) + bytes(high << _SHIFT_BITS | low for high, low in pairs)
    return LEAST_FLAG * bool(least) | SHIFTS_FLAG * bool(moved), data


def unpack(flags: int, take: Callable[[int], bytes], parts: int, top: int, bands: Sequence[int]) -> Corrections:
    """Return the corrections of a tile of so many of the parts with so many bands each, up to the highest scale index;
    `take` gives the next so many side bytes.

    Raises what take raises, and StreamError for what pack does not make.
    """
    none = Corrections.none(bands)
    least, shifts = list(none.least), list(none.shifts)

    def masked() -> list[int]:
        mask = int.from_bytes(take(-(-len(bands) // 8)), "little")
        if not mask or mask >> parts:
            raise StreamError(
                f"corrections for the mask of parts {mask:#06x}, there are {parts} parts: the tile stream is damaged"
            )
        return [part for part in range(parts) if mask >> part & 1]

    if flags & LEAST_FLAG:
        corrected = masked()
        for part, index in zip(corrected, take(len(corrected)), strict=True):
            if not 1 <= index <= top:
                raise StreamError(f"least scale index {index}, must be 1 to {top}: the tile stream is damaged")
            least[part] = index
    if flags & SHIFTS_FLAG:
        corrected = masked()
        count = sum(bands[part] for part in corrected)
        nibbles = [nibble for byte in take((count + 1) // 2) for nibble in (byte >> _SHIFT_BITS, byte & 15)]
        if any(nibbles[count:]):
            raise StreamError("bits behind the last shift are not 0: the tile stream is damaged")
        numbers = iter(nibbles)
        for part in corrected:
            shifts[part] = tuple(next(numbers) + spec.SHIFTS.start for _ in range(bands[part]))
    return Corrections(tuple(least), tuple(shifts))


# -- the encoder's choice ----------------------------------------------------------------------------------------------


def best(exact: F32, index: U8, bands: int, costs: Costs, much: float = 1.5) -> tuple[int, tuple[int, ...]]:
    """Return the least scale index and the shifts of a part that pay most, of its residuals (n h w,) in steps and the
    scale indexes (n, h, w) that a network tells; 0 where they do not save the bits that they take themselves.

    For a least scale index leaving out must cost `much` times what coding does: photographs else gain little and take
    more time.
    """
    bits, shifts = costs.binned_bits, np.empty(bands, np.int64)
    rows = max(1, index.shape[1] * index.shape[2] // _POSITIONS)
    counts = np.empty((bands, *bits.shape), np.int64)
    errors, shifted = _BITS_OF_ERRORS, costs.shifted_bits
    least = choose_corrections(exact, contiguous(index), rows, bits, shifted, errors, much, counts, shifts)
    return least, tuple(shifts.tolist())


@twin
def choose_corrections(
    exact: F32,
    index: U8,
    every: int,
    bits: F64,
    shifted: F64,
    errors: F64,
    much: float,
    counts: I64,
    shifts: I64,
) -> int:
    """Return the least scale index that pays most, and fill in the shifts (bands,) that do then.

    Residuals (n h w,) in steps have scale indexes (n, h, w), of which every so many-th row counts, for all of them.
    bits (I, BINS) that magnitudes cost, and shifted (I * BINS, 16) by each of spec.SHIFTS; errors (BINS,): bits that
    the squared error is worth. All are whole 64ths, so that sums are exact in any order. counts (bands, I, BINS) is
    room.
    """
    _count_magnitudes(exact.reshape(index.shape), index, every, counts)
    counts *= every
    return _choose_corrections(counts, bits, shifted, errors, much, shifts)


def _count_magnitudes(exact: F32, index: U8, every: int, counts: I64) -> None:
    """Fill in how many residuals there are (bands, I, BINS) of each scale index with a magnitude of each bin.

    Residuals and scale indexes are (n, h, w), as many channels in each band; only every so many-th row is counted.
    """
    magnitude = np.abs(exact[:, ::every])
    magnitude += np.float32(_ROUNDED_UP)
    np.floor(magnitude, out=magnitude)
    # a number's exponent and the first two bits of its mantissa: four bins an octave
    places = magnitude.view(np.int32) >> 21
    places -= 4 * 127 - 1
    np.clip(places, 0, BINS - 1, out=places)
    places += index[:, ::every] * np.int32(BINS)
    by_band = places.reshape(len(counts), -1)
    by_band += np.arange(0, counts.size, counts[0].size, dtype=np.int32)[:, None]
    counts[:] = np.bincount(by_band.ravel(), minlength=counts.size).reshape(counts.shape)


def _choose_corrections(counts: I64, bits: F64, shifted: F64, errors: F64, much: float, shifts: I64) -> int:
    """Return what choose_corrections returns, from counts (bands, I, BINS), which change."""
    bands = len(counts)
    least = _best_least(counts, bits, errors, much)
    if least:
        counts[:, least] += counts[:, :least].sum(axis=1)
        counts[:, :least] = 0
    found = counts.reshape(bands, -1)
    some = np.flatnonzero(found.any(axis=0))
    # not as a product of matrices, which would wake up threads
    total = np.einsum("bi,is->bs", found.take(some, axis=1).astype(np.float64), shifted.take(some, axis=0))
    saved = total[:, spec.SHIFTS.index(0)] - total.min(axis=1)
    pays = saved.sum() > _SHIFT_BITS * bands + _MASK_BITS
    shifts[:] = np.where(pays & (saved > 0), total.argmin(axis=1) + spec.SHIFTS.start, 0)
    return least


def _best_least(by_band: I64, bits: F64, errors: F64, much: float) -> int:
    """Return the least scale index that pays most, of the counts (bands, I, BINS) of scale indexes and bins of
    magnitudes, and of the bits (I, BINS) that they cost. What is left out, or coded as 0, costs its squared error.
    """
    before, price = float((by_band[:, 0] * errors).sum()), _MASK_BITS + 8
    if before <= price or len(bits) == 1:
        return 0
    counts = by_band.sum(axis=0)
    costs = np.minimum(bits[1:], bits[1:, :1] + errors)  # at each least index from 1 on
    raised = counts[1:].cumsum(axis=0)[:-1]
    harm = (raised * costs[1:]).sum(axis=1) - (counts[1:-1] * bits[1:-1]).sum(axis=1).cumsum()
    after = (costs * counts[0]).sum(axis=1) + np.append(0, harm.clip(0))
    which = int(after.argmin())
    return which + 1 if before > much * after[which] + price else 0
