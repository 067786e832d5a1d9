"""The middle of a picture in a few pixels, as thumbnails show it."""

import numpy as np
from PIL import Image

from runtime import channels
from runtime.arrays import U8


def shrunk(pixels: U8, side_px: int) -> U8:
    """Return the centre square of a picture, resampled by area to RGB uint8 (side_px, side_px, 3).

    The picture is uint8 gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4), which is shown on white. Raise InputError for any
    other array.
    """
    channels.split(pixels)
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = Image.fromarray(pixels[top : top + side, left : left + side])
    small = square.resize((side_px, side_px), Image.Resampling.BOX).convert("RGBA")
    white = Image.new("RGBA", small.size, "white")
    white.alpha_composite(small)
    return np.asarray(white.convert("RGB"))
