"""A picture in a few pixels: its middle, as .gat files hold it, or all of it."""

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
    return _on_white(square.resize((side_px, side_px), Image.Resampling.BOX))


def within(pixels: U8, side_px: int) -> U8:
    """Return a picture of any number of channels, resampled so that no side is longer than side_px."""
    image = Image.fromarray(pixels)
    image.thumbnail((side_px, side_px))
    return np.asarray(image)


def on_white(pixels: U8) -> U8:
    """Return a picture uint8 (H, W, 4) with what is transparent on white, RGB (H, W, 3)."""
    return _on_white(Image.fromarray(pixels))


def _on_white(image: Image.Image) -> U8:
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return np.asarray(white.convert("RGB"))
