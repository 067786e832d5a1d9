"""Pictures of which no sample is off by more than a bound: a stream and, in its RESIDUAL section, what it lacks.

The stream alone is a picture for decoders that skip the section. How fine it is hardly changes the sum: what is not in
the one is in the other. So a few qualities are tried on a part of the picture. Drawings take less as they are; then the
stream is a mere sketch.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from runtime import channels
from runtime.areas import Area, Region
from runtime.arrays import U8, contiguous
from runtime.codec import AUTO, Codec, Pixels, encoder, picture, wanted_area
from runtime.container import RESIDUAL, Header, with_section
from runtime.errors import ResidualError, StreamError
from runtime.exact import section
from runtime.quantities import whole
from runtime.spec import MOST_ERROR

QUALITIES = (10, 40, 70, 90)
"""Of the stream, which are tried."""

_PART_PX = 256
"""Side of the part of a picture on which they are tried."""
_DRAWN_SHARE = 1 / 8
"""Where so few pixels equal the one to the left, a picture is not coded as it is."""
_SMALL_PX = 1 << 14
"""But for so small ones, which the parameters of a residual would cost more."""
_SKETCH_QUALITY = 1
_SKETCH_SHARE = 1 / 16
"""Of a drawing's bytes, which its sketch may take; else it shows one colour."""


def encode(
    codec: Codec,
    pixels: Pixels,
    max_error: int,
    quality: float | None = None,
    metadata: Mapping[int, bytes] | None = None,
    subsampling: str = AUTO,
    **options: Any,
) -> bytes:
    """Return the stream of a picture with what makes sure that no sample is off by more than the bound.

    `quality` is that of the stream alone; by default it is chosen. Raises InputError.
    """
    channels.split(pixels)  # InputError for what is no picture
    bound = whole(max_error, "max_error", 0, MOST_ERROR)

    def stream(pixels: Pixels, quality: float) -> bytes:
        return encoder(codec, pixels, metadata, subsampling, **options)(codec.bundle.level(quality))

    def coded(pixels: Pixels, quality: float) -> bytes:
        alone = stream(pixels, quality)
        base = codec.exact.decode(alone)
        return with_section(alone, RESIDUAL, section.code(_colours(pixels), _colours(base), bound))

    def drawn() -> bytes:
        residual = section.draw(_colours(pixels), bound)
        alone = stream(pixels, _SKETCH_QUALITY if quality is None else quality)
        if quality is None and len(alone) > _SKETCH_SHARE * len(residual):
            alone = stream(_even(pixels), _SKETCH_QUALITY)
        return with_section(alone, RESIDUAL, residual)

    if quality is None:
        part = _middle(pixels)
        best = min(QUALITIES, key=lambda quality: len(coded(part, quality)))
        found = coded(pixels, best)
    else:
        found = coded(pixels, quality)
    return min(found, drawn(), key=len) if _may_be_drawn(pixels) else found


def decode(
    codec: Codec,
    header: Header,
    tiles: Callable[[Area], Any],
    opacity: U8 | None,
    residual: bytes,
    region: Region | None = None,
) -> Pixels:
    """Return the picture, or a region of it, that `codec.picture` returns, within the bound of its residual.

    The codec must be an exact one. Raises ResidualError where the residual is damaged, or the picture that it is for.
    """
    wanted, _ = wanted_area(header, region)
    top = wanted.top // section.STRIP_ROWS * section.STRIP_ROWS
    bottom = min(-(-wanted.bottom // section.STRIP_ROWS) * section.STRIP_ROWS, header.height)
    try:
        opened = section.unpack(residual, header.height, header.width, 1 if header.gray else 3)
    except StreamError as error:
        raise ResidualError(str(error)) from error
    if isinstance(opened, section.Drawn):  # whatever else there is
        colours = contiguous(opened.samples[wanted.on(1)])
        alpha = np.full(wanted.shape(1), 255, np.uint8) if opacity is None else opacity[wanted.on(1)]
        return np.dstack([colours, alpha]) if header.alpha else colours[:, :, 0] if header.gray else colours
    pixels = picture(codec, header, tiles, opacity, (0, top, header.width, bottom - top))
    colours = _colours(pixels)
    try:
        colours[:] = opened.restore(colours, top)
    except StreamError as error:
        raise ResidualError(str(error)) from error
    return contiguous(pixels[wanted.within(Area(top, 0, bottom, header.width), 1)])


def _colours(pixels: Pixels) -> U8:
    """Return a view of the samples (H, W, 1 or 3) of all but alpha."""
    return pixels[:, :, None] if pixels.ndim == 2 else pixels[:, :, :3]


def _middle(pixels: Pixels) -> Pixels:
    """Return the part of a picture on which qualities are tried."""
    top, left = (max(0, side - _PART_PX) // 2 for side in pixels.shape[:2])
    return contiguous(pixels[top : top + _PART_PX, left : left + _PART_PX])


def _even(pixels: Pixels) -> Pixels:
    """Return a picture of one colour, as it is on the average, with the alpha that it has."""
    even = pixels.copy()
    _colours(even)[:] = np.rint(_colours(pixels).mean(axis=(0, 1)))
    return even


def _may_be_drawn(pixels: Pixels) -> bool:
    """Return whether a picture is so small, or so flat, that its samples themselves may take fewer bytes."""
    colours = _colours(pixels)
    same = np.all(colours[:, 1:] == colours[:, :-1], axis=2).mean() if pixels.shape[1] > 1 else 1
    return bool(pixels.shape[0] * pixels.shape[1] < _SMALL_PX or same > _DRAWN_SHARE)
