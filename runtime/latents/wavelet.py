"""The CDF 9/7 wavelet by lifting, one level of it: signals to bands and back, the same floats on every machine.

What the inverse computes is FORMAT.md, section 7: IEEE float32, each operation rounded by itself, as numpy does. The
source is Daubechies and Sweldens 1998, "Factoring wavelet transforms into lifting steps". Signals are extended by
reflection, sides are even. Lifting is left without the factors that would make it orthonormal: quantisation steps
account for them.
"""

from collections.abc import Sequence

import numpy as np

from runtime.areas import strips
from runtime.arrays import F32
from runtime.latents import spec

_LIFTING = tuple((number % 2 == 0, np.float32(factor / spec.ONE)) for number, factor in enumerate(spec.LIFTING))
"""The four steps that split samples: whether high samples change, or low ones, and by how much of their neighbours."""
_JOINING = tuple((into_high, -factor) for into_high, factor in reversed(_LIFTING))
_STRIP = 1 << 17
"""Samples of either half that are lifted at a time, but a whole plane at least."""


# -- there ------------------------------------------------------------------------------------------------------------


def split(x: F32, colours: int = spec.COLOUR_COUNT) -> tuple[F32, F32]:
    """Return the low band (3, H/2, W/2) of signals (3, H, W), and the details (3 n, H/2, W/2) of the first n colours,
    ordered (colour, band).
    """
    count, height, width = x.shape
    low = np.empty((count, height // 2, width // 2), np.float32)
    details = np.empty((colours, spec.BANDS, *low.shape[1:]), np.float32)
    left, right = x[:, :, 0::2].copy(), x[:, :, 1::2].copy()
    _lift(left, right, 2, _LIFTING)
    unwanted = np.empty((count - colours, *low.shape[1:]), np.float32)
    _split_columns(left[:colours], low[:colours], details[:, 0])
    _split_columns(left[colours:], low[colours:], unwanted)
    _split_columns(right[:colours], details[:, 1], details[:, 2])
    return low, details.reshape(-1, *low.shape[1:])


def _split_columns(x: F32, low: F32, high: F32) -> None:
    """Fill the halves (n, h, w) of samples (n, 2 h, w)."""
    low[:], high[:] = x[:, 0::2], x[:, 1::2]
    _lift(low, high, 1, _LIFTING)


def _lift(low: F32, high: F32, axis: int, steps: Sequence[tuple[bool, np.float32]]) -> None:
    """Change low and high samples (n, h, w) along an axis step by step, some planes at a time."""
    count, height, width = low.shape
    for planes in strips(count, height * width, _STRIP):
        for into_high, factor in steps:
            target, source = (high, low) if into_high else (low, high)
            change = _neighbours(source[planes], axis, into_high)
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
    bands = details.reshape(-1, spec.BANDS, height, width)
    colours = len(bands)
    left, right = np.empty((2, count, 2 * height, width), np.float32)
    _join_columns(low[:colours], bands[:, 0], left[:colours])
    _join_columns(low[colours:], None, left[colours:])
    _join_columns(bands[:, 1], bands[:, 2], right[:colours])
    right[colours:] = 0
    _lift(left[:colours], right[:colours], 2, _JOINING)
    _lift(left[colours:], right[colours:], 2, _JOINING[1:])
    import cv2  # only to decode: numpy would take twice as long

    x = np.empty((count, 2 * height, 2 * width), np.float32)
    cv2.merge([half.reshape(-1, width) for half in (left, right)], x.reshape(-1, width, 2))
    return x


def _join_columns(low: F32, high: F32 | None, x: F32) -> None:
    """Fill samples (n, 2 h, w) from their halves (n, h, w); without the high one it is 0, and the first step idle."""
    x[:, 0::2], x[:, 1::2] = low, 0 if high is None else high
    _lift(x[:, 0::2], x[:, 1::2], 1, _JOINING[high is None :])
