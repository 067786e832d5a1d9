"""Smaller pictures, by the mean of the area that each new pixel covers: --resize, and imread's resize."""

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from runtime.arrays import U8
from runtime.errors import InputError
from runtime.pictures import metadata
from runtime.pictures.read import Picture
from runtime.pictures.scaling import Samples

_WHAT = "give WxH such as 640x480, N% up to 100%, or max N for the longer side, in pixels"
_MOST_DIGITS = 7


@dataclass(frozen=True)
class Size:
    """The size that pictures shall have; one of the three."""

    sides: tuple[int, int] | None = None
    """Width and height in pixels."""
    share: Fraction | None = None
    """Of each side, more than 0 and at most 1."""
    longer: int | None = None
    """The most pixels of the longer side."""

    def of(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height for a picture of such sides; InputError where it would become larger."""
        if self.sides:
            if self.sides[0] > width or self.sides[1] > height:
                wanted = "x".join(map(str, self.sides))
                raise InputError(f"it has {width}x{height} px, a resize to {wanted} would make it larger; give max N")
            return self.sides
        share = self.share or min(Fraction(1), Fraction(self.longer or 1, max(width, height)))
        return max(1, round(width * share)), max(1, round(height * share))


def parse(text: str, called: str = "resize") -> Size:
    """Return the size that a text says: 640x480, 50%, max 1024; raise InputError, which calls it so, for any other."""
    number = rf"\d{{1,{_MOST_DIGITS}}}"
    patterns = rf"\s*(?:({number})\s*x\s*({number})|({number}(?:\.\d{{1,4}})?)\s*%|max\s*({number}))\s*"
    match = re.fullmatch(patterns, text, re.IGNORECASE) if isinstance(text, str) else None
    if match is None:
        raise InputError(f"{called} {text} is not a size; {_WHAT}")
    width, height, percent, longer = match.groups()
    if any(part is not None and not Fraction(part) for part in match.groups()):
        raise InputError(f"{called} {text} leaves nothing of a picture; {_WHAT}")
    if percent is not None and Fraction(percent) > 100:
        raise InputError(f"{called} {text} would make pictures larger; {_WHAT}")
    return Size(
        (int(width), int(height)) if width else None,
        Fraction(percent) / 100 if percent else None,
        int(longer) if longer else None,
    )


def resized(picture: Picture, size: Size) -> Picture:
    """Return a picture, with metadata that fit it, in another size; raise InputError where that would be larger."""
    height, width = picture.pixels.shape[:2]
    wanted = size.of(width, height)
    if wanted == (width, height):
        return picture
    notes = list(picture.notes)
    kept = metadata.resized(picture.metadata, picture.pixels.ndim == 2, notes, wanted)
    return picture._replace(pixels=shrunk(picture.pixels, *wanted), notes=tuple(notes), metadata=kept)


def shrunk(pixels: U8, width: int, height: int) -> U8:
    """Return a picture (H, W), (H, W, 3) or (H, W, 4) in a smaller size; clear pixels do not colour others."""
    if pixels.shape[2:] != (4,):
        return _areas(pixels, width, height)
    alpha = pixels[:, :, 3:].astype(np.float32)
    weighed = _areas(np.concatenate([pixels[:, :, :3] * alpha, alpha], 2), width, height)
    mean_alpha = weighed[:, :, 3:]
    colours = np.where(mean_alpha > 0, weighed[:, :, :3] / np.maximum(mean_alpha, 1e-9), 0)
    found: U8 = np.rint(np.concatenate([colours, mean_alpha], 2)).clip(0, 255).astype(np.uint8)
    return found


def _areas(samples: Samples, width: int, height: int) -> Samples:
    import cv2  # which compress does not load otherwise

    found: Samples = np.asarray(cv2.resize(samples, (width, height), interpolation=cv2.INTER_AREA))
    return found
