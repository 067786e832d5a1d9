"""SSIMULACRA 2.1: how good a decoded picture looks beside its original, as a score up to 100.

At six scales and in three components of XYB there are three maps of errors: SSIM, edges that are new, edges that are
lost. Their means and 4-norms, 108 numbers, are weighed into the score. Written after the description and program of
Jon Sneyers, https://github.com/cloudinary/ssimulacra2 (2023), whose weights these are (BSD-3-Clause), and proved
against it.
"""

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.light import F32, MIN_SIDE_PX, Pixels, half, linear_pair

SCALES = 6
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


def ssimulacra2(original: Pixels, decoded: Pixels) -> float:
    """Return the score of two (H, W, 3) uint8 sRGB pictures of at least 8 px a side: 100 if equal.

    90 cannot be told apart by flicker, 80 not side by side, 70 is high quality, 50 medium, 30 low; below 0 it means
    little. Which picture is the original matters.
    """
    a, b = linear_pair(original, decoded)
    errors = [_errors(_xyb(a), _xyb(b))]
    while len(errors) < SCALES and min(a.shape[:2]) >= MIN_SIDE_PX:
        a, b = half(a), half(b)
        errors.append(_errors(_xyb(a), _xyb(b)))
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


def _blur(picture: F32) -> F32:
    """Return the blurred picture; beyond its sides all is 0.

    The reference blurs by recursions in single precision, and their rounding is most of what it sees in pictures that
    differ by a level: without it scores above 90 are up to 1.2 higher. So columns are blurred in its way, row by row.
    """
    height, width, channels = picture.shape
    across = cv2.sepFilter2D(picture, cv2.CV_64F, _KERNEL, np.ones(1), borderType=cv2.BORDER_CONSTANT)
    rows = np.zeros((height + 3 * _RADIUS_PX, width * channels), np.float32)
    rows[2 * _RADIUS_PX : -_RADIUS_PX] = across.reshape(height, -1)
    blurred = np.empty((height, width * channels), np.float32)
    last = before = np.zeros((3, width * channels), np.float32)  # of each cosine
    for row in range(height + _RADIUS_PX - 1):
        both = rows[row] + rows[row + 2 * _RADIUS_PX]
        kept = (_TURN * last - before).astype(np.float32)
        last, before = (_GAIN * both + kept).astype(np.float32), last  # float64 inside, as fused operations are
        if row >= _RADIUS_PX - 1:
            blurred[row - _RADIUS_PX + 1] = last[0] + (last[1] + last[2])
    return blurred.reshape(picture.shape)


def _errors(a: F32, b: F32) -> npt.NDArray[np.float64]:
    """Return the norms of the three maps of one scale: (components, norms, maps)."""
    mean_a, mean_b = _blur(a), _blur(b)
    covariance = _blur(a * b) - mean_a * mean_b
    variances = (_blur(a * a) - mean_a**2) + (_blur(b * b) - mean_b**2)
    similarity = (1 - (mean_a - mean_b) ** 2) * (2 * covariance + _SSIM_C2) / (variances + _SSIM_C2)
    edges = (1 + np.abs(b - mean_b)) / (1 + np.abs(a - mean_a)) - 1
    maps = np.maximum([1 - similarity, edges, -edges], 0)
    means = maps.mean((1, 2), dtype=np.float64)
    norms = np.square(np.square(maps)).mean((1, 2), dtype=np.float64) ** 0.25
    return np.stack([means, norms]).transpose(2, 0, 1)
