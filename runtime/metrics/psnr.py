"""PSNR: how far samples are from those of the original, alpha aside."""

import math

import numpy as np

from runtime.arrays import U8

PEAK = 255


def psnr(original: U8, decoded: U8) -> float:
    """Return the peak signal-to-noise ratio in dB over all samples but alpha, inf where there is no difference."""
    original, decoded = without_alpha(original), without_alpha(decoded)
    error = float(np.mean(np.square(original.astype(np.float32) - decoded), dtype=np.float64))
    return 10 * math.log10(PEAK**2 / error) if error else math.inf


def without_alpha(pixels: U8) -> U8:
    """Return a picture (H, W), (H, W, 3) or (H, W, 4) without its alpha plane."""
    return pixels[:, :, :3] if pixels.ndim == 3 else pixels
