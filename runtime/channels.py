"""Gray, RGB and RGBA pictures to RGB and alpha, and back."""

import numpy as np

from runtime.arrays import U8
from runtime.container import MAX_SIDE_PX
from runtime.errors import InputError


def split(pixels: U8) -> tuple[U8, U8 | None]:
    """Return RGB (H, W, 3) and the alpha plane of a picture, or InputError."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise InputError(f"pixels are {getattr(pixels, 'dtype', type(pixels).__name__)}; give a uint8 array")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise InputError(f"pixels have shape {pixels.shape}; give (H, W), (H, W, 3) or (H, W, 4)")
    if not all(1 <= side <= MAX_SIDE_PX for side in pixels.shape[:2]):
        raise InputError(f"pixels have shape {pixels.shape}; sides must be 1 to {MAX_SIDE_PX}")
    if pixels.ndim == 2:
        return np.broadcast_to(pixels[:, :, None], (*pixels.shape, 3)), None
    return pixels[:, :, :3], pixels[:, :, 3] if pixels.shape[2] == 4 else None


def paint(pixels: U8, rgb: U8) -> None:
    """Put colours (H, W, 3) into pixels, which may be gray or have alpha: the inverse of split."""
    if pixels.ndim == 2:
        pixels[:] = (rgb.sum(axis=2, dtype=np.uint16) + 1) // 3
    else:
        pixels[:, :, :3] = rgb
