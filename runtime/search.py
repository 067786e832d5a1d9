"""A stream of a wanted size or PSNR: the picture is analysed once, then the level is searched by halves.

Size and PSNR of photographs grow with the level but for small dents, so the neighbours of what the halving finds are
tried too. Those of drawings may jump up and down; then what is found keeps to a size but may not be the best.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from runtime.codec import AUTO, Codec, Pixels, encoder
from runtime.errors import InputError
from runtime.quantities import number, size_bytes

PSNR_TOLERANCE_DB = 0.1
_NEIGHBOURS = 2
"""Levels beyond the found one that are tried, since the size may dip there."""
_HALVINGS, _NEAR_BYTES = 10, 1
"""So often what is between two levels is halved, unless a stream comes so near before: words have two bytes."""
_MOST_BPP, _MOST_DB = 64, 100


@dataclass(frozen=True)
class Target:
    """What the stream of each picture should come to; one of the three."""

    size_bytes: int | None = None
    """At most, with all metadata."""
    bpp: float | None = None
    """At most, in bits a pixel of the whole file."""
    psnr_db: float | None = None
    """As near as levels allow, over all colour samples."""


def parse(
    size: int | str | None, bpp: float | str | None, psnr: float | str | None, quality: float | None = None
) -> Target | None:
    """Return the target that one of the options names, numbers or texts; None without one.

    Raises InputError for what is no number of its kind, and where more than one is given, quality among them.
    """
    if sum(option is not None for option in (size, bpp, psnr, quality)) > 1:
        raise InputError("quality, target size, target bpp and target PSNR exclude each other; give one of them")
    if size is not None:
        limit = size_bytes(str(size))
        if limit is None:
            raise InputError(f"target size {size} is not a size; give bytes, or a number with KB, KiB, MB or MiB")
        return Target(size_bytes=limit)
    if bpp is not None:
        return Target(bpp=number(bpp, "target bpp", 0.001, _MOST_BPP))
    if psnr is not None:
        return Target(psnr_db=number(psnr, "target PSNR", 1, _MOST_DB))
    return None


def encode(
    codec: Codec,
    pixels: Pixels,
    target: Target,
    metadata: Mapping[int, bytes] | None = None,
    subsampling: str = AUTO,
    **options: Any,
) -> bytes:
    """Return the stream of a picture that comes nearest to the target, as Codec.encode makes it at that level.

    Never above a size: the largest that fits. Raise InputError, which says what is possible, where none does.
    """
    lowest, highest = 0, codec.bundle.level(100)
    at_level = cache(encoder(codec, pixels, metadata, subsampling, **options))
    height, width = pixels.shape[:2]
    if target.psnr_db is not None:
        psnr_db = cache(lambda level: psnr(pixels, codec.exact.decode(at_level(level))))
        return at_level(_nearest(psnr_db, target.psnr_db, lowest, highest))
    limit = target.size_bytes if target.size_bytes is not None else int((target.bpp or 0) * height * width / 8)
    smallest = len(at_level(lowest))
    if smallest > limit:
        kept = sum(map(len, (metadata or {}).values()))
        possible = f"{smallest} bytes, {8 * smallest / (height * width):.3f} bpp"
        possible += f", with {kept} bytes of metadata" if kept else ""
        raise InputError(f"it cannot be made as small as {limit} bytes; the smallest possible is {possible}")
    largest = _last(lambda level: len(at_level(level)) <= limit, lowest, highest)
    nearby = range(largest, min(largest + _NEIGHBOURS, highest) + 1)
    best = max((at_level(level) for level in nearby if len(at_level(level)) <= limit), key=len)
    if not codec.family.traits.continuous:
        return best
    filled = _filled(lambda more: at_level(largest, more), 0, 1, limit)
    if largest < highest and len(filled) < limit - _NEAR_BYTES:
        filled = max(filled, _filled(lambda more: at_level(largest + 1, more), -1, 0, limit), key=len)
    return max(best, filled, key=len)


def psnr(original: Pixels, decoded: Pixels) -> float:
    """Return the peak signal-to-noise ratio in dB over all samples but alpha, inf where there is no difference."""
    if original.ndim == 3:
        original, decoded = original[:, :, :3], decoded[:, :, :3]
    error = float(np.mean(np.square(original.astype(np.float32) - decoded), dtype=np.float64))
    return 10 * math.log10(255**2 / error) if error else math.inf


def _last(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return a level where it holds, next to one where it does not or the highest; it holds at low."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _filled(at: Callable[[float], bytes], low: float, high: float, limit: int) -> bytes:
    """Return the largest stream between two bounds that fits, b"" where none does."""
    best = b""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        stream = at(middle)
        if len(stream) <= limit:
            best, low = max(best, stream, key=len), middle
        else:
            high = middle
        if limit - len(best) <= _NEAR_BYTES:
            break
    return best


def _nearest(psnr_db: Callable[[int], float], wanted: float, lowest: int, highest: int) -> int:
    """Return the level whose PSNR is nearest to what is wanted, the higher of two."""
    if not psnr_db(lowest) - PSNR_TOLERANCE_DB <= wanted <= psnr_db(highest) + PSNR_TOLERANCE_DB:
        possible = f"{psnr_db(lowest):.2f} to {psnr_db(highest):.2f} dB"
        raise InputError(f"{wanted:g} dB cannot be reached; give {possible}")
    below = lowest if psnr_db(lowest) > wanted else _last(lambda level: psnr_db(level) <= wanted, lowest, highest)
    nearby = range(max(below - 1, lowest), min(below + _NEIGHBOURS, highest) + 1)
    return min(nearby, key=lambda level: (abs(psnr_db(level) - wanted), -level))
