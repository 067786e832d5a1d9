"""Pictures as light: sRGB samples to linear intensities, and half the size, as both metrics for the eye take them."""

import cv2
import numpy as np

from runtime.arrays import F32, U8

MIN_SIDE_PX = 8
"""Under it neither metric means anything."""
_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)


def linear_pair(original: U8, decoded: U8) -> tuple[F32, F32]:
    """Return two (H, W, 3) uint8 sRGB pictures in linear light, 0..1; ValueError if they cannot be compared."""
    if original.shape != decoded.shape:
        raise ValueError(f"shapes differ: {original.shape} and {decoded.shape}")
    height, width = original.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise ValueError(f"{width}x{height} is too small: need {MIN_SIDE_PX} px a side")
    return np.asarray(cv2.LUT(original, _LINEAR)), np.asarray(cv2.LUT(decoded, _LINEAR))


def half(linear: F32) -> F32:
    """Return a picture at half the size, each pixel the mean of four; a last odd row or column counts twice."""
    height, width = linear.shape[:2]
    even = cv2.copyMakeBorder(linear, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
