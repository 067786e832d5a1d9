"""The CDF 9/7 wavelet by lifting, one level of it: signals to bands and back, the same floats on every machine.

What the inverse computes is FORMAT.md, section 7: IEEE float32, each operation rounded by itself, as numpy does. The
source is Daubechies and Sweldens 1998, "Factoring wavelet transforms into lifting steps". Signals are extended by
reflection, sides are even. Lifting is left without the factors that would make it orthonormal: quantisation steps
account for them.
"""

import numpy as np

from runtime.areas import strips
from runtime.arrays import F32, contiguous
from runtime.latents import spec
from runtime.native import twin

_LIFTING: F32 = np.array(spec.LIFTING, np.float32) / np.float32(spec.ONE)
"""By how much of their neighbours the four steps that split samples change high samples, low, high and low ones."""
JOINING: F32 = -_LIFTING[::-1]
"""The same for those that join them, which change low samples first."""
_STRIP = 1 << 17
"""Samples of either half that are lifted at a time, but a whole plane at least."""


# -- there ------------------------------------------------------------------------------------------------------------


def split(x: F32, colours: int = spec.COLOUR_COUNT) -> tuple[F32, F32]:
    """Return the low band (3, H/2, W/2) of signals (3, H, W), and the details (3 n, H/2, W/2) of the first n colours,
    ordered (colour, band).
    """
    count, height, width = x.shape
    low = np.empty((count, height // 2, width // 2), np.float32)
    details = np.empty((colours * spec.BANDS, *low.shape[1:]), np.float32)
    split_level(contiguous(x), _LIFTING, low, details, np.empty((low.shape[1] + 1, low.shape[2]), np.float32))
    return low, details


@twin
def split_level(x: F32, factors: F32, low: F32, details: F32, scratch: F32) -> None:
    """Fill in what `split` returns; the compiled function needs some scratch (H/2 + 1, W/2)."""
    bands = details.reshape(-1, spec.BANDS, *low.shape[1:])
    colours = len(bands)
    left, right = x[:, :, 0::2].copy(), x[:, :, 1::2].copy()
    _lift(left, right, 2, factors, True)
    unwanted = np.empty((len(low) - colours, *low.shape[1:]), np.float32)
    _split_columns(left[:colours], low[:colours], bands[:, 0], factors)
    _split_columns(left[colours:], low[colours:], unwanted, factors)
    _split_columns(right[:colours], bands[:, 1], bands[:, 2], factors)


def _split_columns(x: F32, low: F32, high: F32, factors: F32) -> None:
    """Fill the halves (n, h, w) of samples (n, 2 h, w)."""
    low[:], high[:] = x[:, 0::2], x[:, 1::2]
    _lift(low, high, 1, factors, True)


def _lift(low: F32, high: F32, axis: int, factors: F32, into_high: bool) -> None:
    """Change high and low samples (n, h, w) in turn along an axis, some planes at a time; high ones first or not."""
    count, height, width = low.shape
    for planes in strips(count, height * width, _STRIP):
        for number, factor in enumerate(factors, start=not into_high):
            target, source = (low, high) if number % 2 else (high, low)
            change = _neighbours(source[planes], axis, number % 2 == 0)
            change *= factor
            target[planes] += change


def _neighbours(x: F32, axis: int, following: bool) -> F32:
    """Return each sample (n, h, w) along an axis plus the next one (or the one before), the last (first) one twice."""
    total = np.empty(x.shape, np.float32)
    edge = -1 if following else 0
    if axis == 1:
        np.add(x[:, :-1], x[:, 1:], out=total[:, :-1] if following else total[:, 1:])
        np.add(x[:, edge], x[:, edge], out=total[:, edge])
    else:  # in one go, also from the end of a row to the next one, which the edges put right
        flat, sums = x.reshape(-1), total.reshape(-1)
        np.add(flat[:-1], flat[1:], out=sums[:-1] if following else sums[1:])
        np.add(x[:, :, edge], x[:, :, edge], out=total[:, :, edge])
    return total


# -- back -------------------------------------------------------------------------------------------------------------


def join(low: F32, details: F32) -> F32:
    """Return signals (3, H, W) of their low band (3, H/2, W/2) and the details (3 n, H/2, W/2) of the first n colours,
    those of the others being 0: the inverse of split.
    """
    count, height, width = low.shape
    x = np.empty((count, 2 * height, 2 * width), np.float32)
    join_level(contiguous(low), contiguous(details), JOINING, scratch(low), x)
    return x


def scratch(low: F32) -> F32:
    """Return the rows that the compiled functions join a low band (3, h, w) in."""
    return np.empty((16, low.shape[2]), np.float32)


@twin
def join_level(low: F32, details: F32, factors: F32, scratch: F32, x: F32) -> None:
    """Fill in what `join` returns; the compiled function needs some scratch (16, W/2)."""
    count, height, width = low.shape
    bands = details.reshape(-1, spec.BANDS, height, width)
    colours = len(bands)
    left, right = np.empty((2, count, 2 * height, width), np.float32)
    _join_columns(low[:colours], bands[:, 0], left[:colours], factors)
    _join_columns(low[colours:], None, left[colours:], factors[1:])  # where high ones are 0 the first step is idle
    _join_columns(bands[:, 1], bands[:, 2], right[:colours], factors)
    right[colours:] = 0
    _lift(left[:colours], right[:colours], 2, factors, False)
    _lift(left[colours:], right[colours:], 2, factors[1:], True)
    import cv2  # only to decode: numpy would take twice as long

    cv2.merge([half.reshape(-1, width) for half in (left, right)], x.reshape(-1, width, 2))


def _join_columns(low: F32, high: F32 | None, x: F32, factors: F32) -> None:
    """Fill samples (n, 2 h, w) from their halves (n, h, w); without the high one it is 0."""
    x[:, 0::2], x[:, 1::2] = low, 0 if high is None else high
    _lift(x[:, 0::2], x[:, 1::2], 1, factors, high is None)
