"""What a bundle learns from pictures after training: symbol counts for its entropy tables, and its quality scale."""

from io import BytesIO

import numpy as np
from tqdm import tqdm

from export import tables
from export.verify import bits_and_psnr, coded_whole, psnr
from runtime.codec import Codec
from runtime.entropy.tile_stream import Scales

JPEG_QUALITIES = (10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95)
"""Qualities at which our scale follows JPEG's PSNR; above, it runs on to the end of the rate scale."""
LEAST_BPP = 0.1
"""Mean rate at quality 1; lower levels are left to targets of size."""
PICTURE_PX = 512
"""Calibration uses the middle of each picture, at most this many pixels a side."""


def middle(rgb: np.ndarray) -> np.ndarray:
    """Return the central crop of a picture, at most PICTURE_PX a side."""
    h, w = rgb.shape[:2]
    top, left = max(0, (h - PICTURE_PX) // 2), max(0, (w - PICTURE_PX) // 2)
    return np.ascontiguousarray(rgb[top : top + PICTURE_PX, left : left + PICTURE_PX])


def residual_counts(codec: Codec, pictures: list[np.ndarray], levels: list[int]) -> list[np.ndarray]:
    """Return how often each symbol of each table occurs in all parts of the pictures at the levels."""
    counts = None
    for rgb in tqdm(pictures, desc="counting residuals", leave=False):
        for _, coded in coded_whole(codec, rgb, levels):
            for scales, values in coded.parts:
                assert isinstance(scales, Scales)
                counts = tables.count(values, scales.index, counts)
    assert counts is not None
    return counts


def jpeg_psnr(pictures: list[np.ndarray], quality: int) -> float:
    """Return the mean PSNR in dB of libjpeg-turbo at a quality, with its default 4:2:0 subsampling."""
    from PIL import Image

    found = []
    for rgb in pictures:
        stream = BytesIO()
        Image.fromarray(rgb).save(stream, "JPEG", quality=quality)
        found.append(psnr(np.asarray(Image.open(stream)), rgb))
    return float(np.mean(found))


def quality_levels(codec: Codec, pictures: list[np.ndarray], apart: int = 1, step: int = 16) -> list[int]:
    """Return the level byte of each quality 1 .. 100, at which the mean PSNR is JPEG's at that quality.

    Levels of neighbours are at least so many `apart`. Quality 1 is at LEAST_BPP, or lower where this needs it.
    """
    top = codec.family.top_level
    levels = list(range(0, top + 1, step))
    found = [bits_and_psnr(codec, rgb, levels) for rgb in tqdm(pictures, desc="quality scale", leave=False)]
    ours = np.mean([[db for _, db in at_levels] for at_levels in found], 0)
    sizes_px = [rgb.shape[0] * rgb.shape[1] for rgb in pictures]
    bpp = np.mean([[bits / px for bits, _ in at_levels] for at_levels, px in zip(found, sizes_px, strict=True)], 0)
    at = np.interp([jpeg_psnr(pictures, q) for q in JPEG_QUALITIES], ours, levels)
    first = max(0, min(np.interp(LEAST_BPP, bpp, levels), at[0] - JPEG_QUALITIES[0] + 1))
    scale = np.interp(np.arange(1, 101), [1, *JPEG_QUALITIES, 100], [first, *at, top]).round().astype(int)
    for i in range(1, 100):
        scale[i] = max(scale[i], scale[i - 1] + apart)
    scale = np.minimum(scale, top - apart * np.arange(100)[::-1])
    return [int(v) for v in scale]
