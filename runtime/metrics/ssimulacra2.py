"""SSIMULACRA 2.1: how good a decoded picture looks beside its original, as a score up to 100.

At six scales and in three components of XYB there are three maps of errors: SSIM, edges that are new, edges that are
lost. Their means and 4-norms, 108 numbers, are weighed into the score. Written after the description and program of
Jon Sneyers, https://github.com/cloudinary/ssimulacra2 (2023), whose weights these are (BSD-3-Clause), and proved
against it. Pictures are compared in strips of rows.
"""

import cv2
import numpy as np

from runtime.arrays import F32, F64, U8
from runtime.metrics.light import MIN_SIDE_PX, half, linear_pair

SCALES = 6
_STRIP_PX = 1 << 15
"""About so many pixels are compared at a time, which bounds memory and fits caches."""
_SSIM_C2 = np.float32(0.0009)
"""SSIM's constant of the variances. In the factor of the means there is neither a constant nor a denominator here."""

_BIAS = 0.0037930732552754493
_TO_CONES = np.array(
    [
        [0.3, 0.622, 0.078, _BIAS],
        [0.23, 0.692, 0.078, _BIAS],
        [0.24342268924547819, 0.20476744424496821, 0.5518098665095536, _BIAS],
    ]
)
"""Linear RGB to what long, medium and short cones absorb, as in JPEG XL."""

_RADIUS_PX = 5
_ANGLES = np.array([[1], [3], [5]]) * np.pi / (2 * _RADIUS_PX)
_AMPLITUDES = np.array([[0.17893914164149127], [0.072726144736190185], [0.012955819110517063]])
"""The blur is a sum of three cosines over 9 px, near to a Gaussian of 1.5 px (Charalampidis 2016)."""
_KERNEL = (_AMPLITUDES * np.cos(_ANGLES * np.arange(1 - _RADIUS_PX, _RADIUS_PX))).sum(0)
_GAIN = (-_AMPLITUDES * np.cos(_ANGLES * (_RADIUS_PX + 1))).astype(np.float32).astype(np.float64)
_TURN = (2 * np.cos(_ANGLES)).astype(np.float32).astype(np.float64)

# fmt: off
_WEIGHTS = np.array([
    # X: a row a scale, the means of the three maps and their 4-norms
    0, 0.00073766067, 0, 0, 0.00077934817, 0,
    0, 0.00043711557, 0, 1.1041726, 0.00066284834, 0.00015231633,
    0, 0.0016406437, 0, 1.8422456, 11.441173, 0,
    0.00079891094, 0.00017681644, 0, 1.8787595, 10.94907, 0,
    0.0007289347, 0.96779371, 0, 0.00014003424, 0.9981767, 0.00031949756,
    0.00045509921, 0, 0, 0.0013648766, 0, 0,
    # Y
    0, 0, 0, 7.4668903, 0, 17.445834,
    0.00062356016, 0, 0, 6.6836781, 0.00037724408, 1.0278899,
    225.20515, 0, 0, 19.213238, 0.0011401525, 0.0012377556,
    176.39318, 0, 0, 24.43301, 0.28520803, 0.00044854369,
    0, 0, 0, 34.779063, 44.835625, 0,
    0, 0, 0, 0, 0, 0,
    # B - Y
    0, 0.00086805566, 0, 0, 0, 0,
    0, 0.00053131919, 0, 0.00016533814, 0, 0,
    0, 0, 0, 0.00041791718, 0.0017290828, 0,
    0.0020827006, 0, 0, 8.8269828, 23.192433, 0,
    95.10805, 0.9863978, 0.98343828, 0.0012286405, 171.26673, 0.98078589,
    0, 0, 0, 0.00051300646, 0, 0.00010854058,
])
# fmt: on


def ssimulacra2(original: U8, decoded: U8) -> float:
    """Return the score of two (H, W, 3) uint8 sRGB pictures of at least 8 px a side: 100 if equal.

    90 cannot be told apart by flicker, 80 not side by side, 70 is high quality, 50 medium, 30 low; below 0 it means
    little. Which picture is the original matters.
    """
    a, b = linear_pair(original, decoded)
    errors = [_errors(a, b)]
    while len(errors) < SCALES and min(a.shape[:2]) >= MIN_SIDE_PX:
        a, b = half(a), half(b)
        errors.append(_errors(a, b))
    # as in the reference, weights are not moved where a small picture has fewer scales
    found = np.stack(errors, axis=1).ravel()  # component, scale, norm, map
    return _score(float(found @ _WEIGHTS[: found.size]))


def _score(error: float) -> float:
    error *= 0.9562382616834844
    error = 2.326765642916932 * error - 0.020884521182843837 * error**2 + 6.248496625763138e-05 * error**3
    return 100 - 10 * max(error, 0) ** 0.6276336467831387


def _xyb(linear: F32) -> F32:
    cones = cv2.transform(linear.astype(np.float64), _TO_CONES)
    long, medium, short = cv2.split((np.cbrt(cones) - _BIAS ** (1 / 3)).astype(np.float32))
    luma = (long + medium) / 2
    return cv2.merge([7 * (long - medium) + np.float32(0.42), luma + np.float32(0.01), short - luma + np.float32(0.55)])


class _Blur:
    """Blurs a picture that comes in strips of rows, each row given out when `DELAY_PX` more have come; beyond the
    picture's sides all is 0.

    The reference blurs by recursions in single precision, and their rounding is most of what it sees in pictures that
    differ by a level: without it scores above 90 are up to 1.2 higher. So columns are blurred in its way, row by row.
    """

    DELAY_PX = _RADIUS_PX - 1

    def __init__(self, width: int) -> None:
        self._rows = np.zeros((2 * _RADIUS_PX, width), np.float32)
        self._last = self._before = np.zeros((len(_ANGLES), width), np.float32)

    def __call__(self, across: F32) -> F32:
        """Return as many blurred rows as are given, which are blurred along themselves: (rows, width)."""
        rows = np.concatenate([self._rows, across])
        last, before, blurred = self._last, self._before, np.empty_like(across)
        for row in range(len(across)):
            both = rows[row] + rows[row + 2 * _RADIUS_PX]
            kept = (_TURN * last - before).astype(np.float32)
            last, before = (_GAIN * both + kept).astype(np.float32), last  # float64 inside, as fused operations are
            blurred[row] = last[0] + (last[1] + last[2])
        self._rows, self._last, self._before = rows[-2 * _RADIUS_PX :], last, before
        return blurred


def _across(rows: F32) -> F32:
    """Return rows (n, W, channels) blurred along themselves, as (n, W * channels)."""
    blurred = cv2.sepFilter2D(rows, cv2.CV_64F, _KERNEL, np.ones(1), borderType=cv2.BORDER_CONSTANT)
    return blurred.astype(np.float32).reshape(len(rows), -1)


def _errors(a: F32, b: F32) -> F64:
    """Return the norms of the three maps of one scale, of two pictures in linear light: (components, norms, maps)."""
    height, width = a.shape[:2]
    blur, delay = _Blur(5 * a[0].size), _Blur.DELAY_PX
    late_a = late_b = np.zeros((delay, width, 3), np.float32)
    sums = np.zeros((2, 3, 3))  # norm, map, component
    strip = max(1, _STRIP_PX // width)
    for top in range(0, height + delay, strip):
        bottom = min(top + strip, height + delay)
        rows_a, rows_b = (_rows(picture, top, bottom) for picture in (a, b))
        products = (rows_a, rows_b, rows_a * rows_b, rows_a * rows_a, rows_b * rows_b)
        blurred = blur(np.concatenate([_across(each) for each in products], 1))
        late_a, late_b = np.concatenate([late_a, rows_a]), np.concatenate([late_b, rows_b])
        there = slice(max(delay - top, 0), None)  # rows above the picture come out first
        means = blurred.reshape(-1, 5, width, 3).swapaxes(0, 1)[:, there]
        sums += _sums(late_a[:-delay][there], late_b[:-delay][there], *means)
        late_a, late_b = late_a[-delay:], late_b[-delay:]
    means, fourths = sums / (height * width)
    return np.stack([means, fourths**0.25]).transpose(2, 0, 1)


def _rows(linear: F32, top: int, bottom: int) -> F32:
    """Return rows of a picture in XYB, and zeros for those below it."""
    xyb = np.zeros((bottom - top, *linear.shape[1:]), np.float32)
    there = linear[top:bottom]
    if len(there):
        xyb[: len(there)] = _xyb(there)
    return xyb


def _sums(a: F32, b: F32, mean_a: F32, mean_b: F32, ab: F32, aa: F32, bb: F32) -> F64:
    """Return the sums of the three maps, and of their fourth powers, of some rows: (2, maps, components)."""
    covariance, variances = ab - mean_a * mean_b, (aa - mean_a**2) + (bb - mean_b**2)
    similarity = (1 - (mean_a - mean_b) ** 2) * (2 * covariance + _SSIM_C2) / (variances + _SSIM_C2)
    edges = (1 + np.abs(b - mean_b)) / (1 + np.abs(a - mean_a)) - 1
    maps = np.maximum([1 - similarity, edges, -edges], 0)
    return np.stack([each.sum((1, 2), dtype=np.float64) for each in (maps, np.square(np.square(maps)))])
