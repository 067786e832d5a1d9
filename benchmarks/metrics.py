"""How far a decoded picture is from its original.

PSNR, SSIM and MS-SSIM over RGB are here; SSIMULACRA 2 and Butteraugli, which follow the eye, have modules of their own.
"""

import importlib.util
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.butteraugli import butteraugli as butteraugli
from runtime.metrics.light import MIN_SIDE_PX as EYE_MIN_SIDE_PX
from runtime.metrics.psnr import PEAK, psnr
from runtime.metrics.ssimulacra2 import ssimulacra2 as ssimulacra2

Pixels = npt.NDArray[np.uint8]

MS_SSIM_MIN_SIDE_PX = 161
"""Four halvings must leave more than the 11-pixel window: (11 - 1) * 2**4 + 1."""


def psnr_db(original: Pixels, decoded: Pixels) -> float:
    """Return the PSNR in dB over all samples but alpha of two uint8 pictures of one shape, inf if equal."""
    if original.shape != decoded.shape:
        raise ValueError(f"shapes differ: {original.shape} and {decoded.shape}")
    return psnr(original, decoded)


def why_no_ms_ssim(pixels: Pixels) -> str | None:
    """Return why MS-SSIM cannot be had for this picture, None if it can."""
    side_px = min(pixels.shape[:2])
    if side_px < MS_SSIM_MIN_SIDE_PX:
        return f"no MS-SSIM for pictures under {MS_SSIM_MIN_SIDE_PX} px a side"
    if importlib.util.find_spec("pytorch_msssim") is None:
        return "no MS-SSIM: install pytorch-msssim"
    return None


def why_no_ssim() -> str | None:
    """Return why SSIM cannot be had, None if it can."""
    return None if importlib.util.find_spec("pytorch_msssim") else "no SSIM: install pytorch-msssim"


def ssim(original: Pixels, decoded: Pixels) -> float:
    """Return the SSIM, 0..1, mean over the channels of two (H, W, 3) uint8 pictures with sides of 11 px or more.

    Wang, Bovik, Sheikh and Simoncelli 2004, as computed by pytorch-msssim, over whole windows of 11 x 11 px.
    """
    import pytorch_msssim
    import torch

    with torch.inference_mode():
        return float(pytorch_msssim.ssim(_planes(original), _planes(decoded), data_range=PEAK))


def ms_ssim(original: Pixels, decoded: Pixels) -> float:
    """Return the multi-scale SSIM, 0..1, mean over the channels of two (H, W, 3) uint8 pictures.

    Wang, Simoncelli and Bovik 2003, as computed by pytorch-msssim. See why_no_ms_ssim.
    """
    import pytorch_msssim
    import torch

    with torch.inference_mode():
        return float(pytorch_msssim.ms_ssim(_planes(original), _planes(decoded), data_range=PEAK))


def why_not_for_the_eye(pixels: Pixels) -> str | None:
    """Return why SSIMULACRA 2 and Butteraugli cannot be had for this picture, None if they can."""
    enough = min(pixels.shape[:2]) >= EYE_MIN_SIDE_PX
    return None if enough else f"no SSIMULACRA 2 or Butteraugli for pictures under {EYE_MIN_SIDE_PX} px a side"


def ms_ssim_db(value: float) -> float:
    """Return an SSIM or MS-SSIM on a scale like PSNR's, -10 log10(1 - value): 0.99 is 20 dB."""
    return -10 * math.log10(1 - value) if value < 1 else math.inf


def butteraugli_db(value: float) -> float:
    """Return a Butteraugli norm on a scale like PSNR's, -20 log10(value): 1 is 0 dB, half of it 6 dB."""
    return -20 * math.log10(value) if value else math.inf


def _planes(pixels: Pixels) -> Any:
    """Return a picture as a tensor (1, 3, H, W) float32, 0..255."""
    import torch

    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]
