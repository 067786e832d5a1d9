"""SSIM: how much the structure of small windows is that of the original, alpha aside."""

import cv2
import numpy as np

from runtime.arrays import F64, U8
from runtime.metrics.psnr import PEAK, without_alpha

MIN_SIDE_PX = 11
"""Of a window, and so of a picture."""
_SIGMA_PX = 1.5
_C1, _C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
_STRIP_PX = 1 << 16
"""About so many pixels are compared at a time, which bounds memory."""


def ssim(original: U8, decoded: U8) -> float:
    """Return the SSIM, up to 1, the mean over all colours of two pictures of 11 px a side or more.

    Wang, Bovik, Sheikh and Simoncelli 2004, over whole Gaussian windows of 11 x 11 px. ValueError for smaller pictures.
    """
    original, decoded = without_alpha(original), without_alpha(decoded)
    height, width = original.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise ValueError(f"{width}x{height} is too small: need {MIN_SIDE_PX} px a side")
    rows = height - MIN_SIDE_PX + 1
    strip = max(1, _STRIP_PX // width)
    total = 0.0
    for top in range(0, rows, strip):
        part = slice(top, min(top + strip, rows) + MIN_SIDE_PX - 1)
        total += float(_similarity(original[part].astype(np.float64), decoded[part].astype(np.float64)).sum())
    return total / (rows * (width - MIN_SIDE_PX + 1) * original[0, 0].size)


def _similarity(a: F64, b: F64) -> F64:
    """Return SSIM's map of two pictures, one value and colour for each whole window."""
    mean_a, mean_b = _windows(a), _windows(b)
    covariance = _windows(a * b) - mean_a * mean_b
    variances = (_windows(a * a) - mean_a**2) + (_windows(b * b) - mean_b**2)
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    return luminance * (2 * covariance + _C2) / (variances + _C2)


def _windows(picture: F64) -> F64:
    """Return the Gaussian mean of each window that is whole."""
    edge = MIN_SIDE_PX // 2
    blurred = cv2.GaussianBlur(picture, (MIN_SIDE_PX, MIN_SIDE_PX), _SIGMA_PX)
    return np.asarray(blurred, np.float64)[edge:-edge, edge:-edge]
