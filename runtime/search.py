"""A stream of a wanted size, PSNR or SSIMULACRA 2: the picture is analysed once, then the level is searched by halves.

Size and measures of photographs grow with the level but for small dents, so the neighbours of what the halving finds
are tried too. Those of drawings may jump up and down; then what is found keeps to a size but may not be the best.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any

import numpy as np

from runtime import container
from runtime.codec import AUTO, Codec, Encoder, Pixels, encoder
from runtime.errors import InputError
from runtime.metrics.psnr import psnr as psnr
from runtime.metrics.psnr import without_alpha
from runtime.quantities import number, size_bytes
from runtime.spec import SUBSAMPLING

PSNR_TOLERANCE_DB = 0.2
SCORE_TOLERANCE = 1.0
"""What a stream may be off by and be near; levels of photographs are nearer to each other."""
_NEIGHBOURS = 2
"""Levels beyond the found one that are tried, since the size may dip there."""
_HALVINGS, _NEAR_BYTES = 10, 1
"""So often what is between two levels is halved, unless a stream comes so near before: words have two bytes."""
_MOST_BPP, _MOST_DB, _MOST_SCORE = 64, 100, 100
_ARGUMENTS = ("target_size", "target_bpp", "target_psnr", "target_ssimulacra2")


@dataclass(frozen=True)
class Target:
    """What the stream of each picture should come to; one of the four."""

    size_bytes: int | None = None
    """At most, with all metadata."""
    bpp: float | None = None
    """At most, in bits a pixel of the whole file."""
    psnr_db: float | None = None
    """As near as levels allow, over all colour samples."""
    ssimulacra2: float | None = None
    """As near as levels allow, 0 to 100."""


@dataclass(frozen=True)
class Found:
    """The stream that comes nearest to a target."""

    stream: bytes
    reached: dict[str, float]
    """The measure that was asked for and its value, under the target's name; empty for sizes."""
    note: str = ""
    """That a measure cannot be reached, where that is so."""


def parse(
    size: int | str | None,
    bpp: float | str | None,
    psnr: float | str | None,
    quality: float | None = None,
    ssimulacra2: float | str | None = None,
    called: Callable[[str], str] = str,
) -> Target | None:
    """Return the target that one of the options names, numbers or texts; None without one.

    Raises InputError for what is no number of its kind, and where more than one is given, quality among them; `called`
    gives what users call an argument.
    """
    if sum(option is not None for option in (size, bpp, psnr, ssimulacra2, quality)) > 1:
        raise InputError(f"{', '.join(map(called, ('quality', *_ARGUMENTS)))} exclude each other; give one of them")
    size_name, bpp_name, psnr_name, score_name = map(called, _ARGUMENTS)
    if size is not None:
        limit = size_bytes(str(size))
        if limit is None:
            raise InputError(f"{size_name} {size} is not a size; give bytes, or a number with KB, KiB, MB or MiB")
        return Target(size_bytes=limit)
    if bpp is not None:
        return Target(bpp=number(bpp, bpp_name, 0.001, _MOST_BPP))
    if psnr is not None:
        return Target(psnr_db=number(psnr, psnr_name, 1, _MOST_DB))
    if ssimulacra2 is not None:
        return Target(ssimulacra2=number(ssimulacra2, score_name, 0, _MOST_SCORE))
    return None


def find(
    codec: Codec,
    pixels: Pixels,
    target: Target,
    metadata: Mapping[int, bytes] | None = None,
    subsampling: str = AUTO,
    **options: Any,
) -> Found:
    """Return the stream of a picture that comes nearest to the target, as Codec.encode makes it at that level.

    Of a size it is the largest that fits; InputError, which says what is possible, where none does. Of a measure it is
    the nearest there is, with a note where that is not near: where levels choose other subsamplings, and none comes
    near, each of these is tried for all of them.
    """
    at_level = cache(encoder(codec, pixels, metadata, subsampling, **options))
    if aim := _aim(target):
        found = _of_measure(codec, pixels, at_level, aim)
        within = 0 < container.unpack(found.stream, inf)[0].level < codec.bundle.level(100)
        if found.note and within and subsampling == AUTO and "subsampling" in codec.family.traits.options:
            encoders = [encoder(codec, pixels, metadata, each, **options) for each in SUBSAMPLING if each != AUTO]
            fixed = (_of_measure(codec, pixels, cache(each), aim) for each in encoders)
            found = min((each for each in fixed if not each.note), key=lambda each: len(each.stream), default=found)
        return found
    height, width = pixels.shape[:2]
    limit = target.size_bytes if target.size_bytes is not None else int((target.bpp or 0) * height * width / 8)
    smallest = len(at_level(0))
    if smallest > limit:
        kept = sum(map(len, (metadata or {}).values()))
        possible = f"{smallest} bytes, {8 * smallest / (height * width):.3f} bpp"
        possible += f", with {kept} bytes of metadata" if kept else ""
        raise InputError(f"it cannot be made as small as {limit} bytes; the smallest possible is {possible}")
    return Found(_of_size(codec, at_level, limit), {})


def encode(
    codec: Codec,
    pixels: Pixels,
    target: Target,
    metadata: Mapping[int, bytes] | None = None,
    subsampling: str = AUTO,
    **options: Any,
) -> bytes:
    """Return the stream that `find` finds."""
    return find(codec, pixels, target, metadata, subsampling, **options).stream


def score(original: Pixels, decoded: Pixels) -> float:
    """Return the SSIMULACRA 2 of two pictures of any kind, taken as sRGB without their alpha.

    Raise InputError for pictures that are too small.
    """
    from runtime.metrics.light import MIN_SIDE_PX
    from runtime.metrics.ssimulacra2 import ssimulacra2

    height, width = original.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(f"{width}x{height} px are too few for SSIMULACRA 2, which needs {MIN_SIDE_PX} px a side")
    return ssimulacra2(*(np.broadcast_to(_colours(each), (height, width, 3)) for each in (original, decoded)))


def _colours(pixels: Pixels) -> Pixels:
    """Return a picture's one or three colours, (H, W, 1) or (H, W, 3)."""
    return pixels[:, :, None] if pixels.ndim == 2 else without_alpha(pixels)


@dataclass(frozen=True)
class _Aim:
    """A measure, and its value that is wanted."""

    name: str
    measure: Callable[[Pixels, Pixels], float]
    wanted: float
    tolerance: float
    """What it may be off by and be near."""


def _aim(target: Target) -> _Aim | None:
    """Return the measure that a target names, None for that of a size."""
    if target.psnr_db is not None:
        return _Aim("psnr_db", psnr, target.psnr_db, PSNR_TOLERANCE_DB)
    if target.ssimulacra2 is not None:
        return _Aim("ssimulacra2", score, target.ssimulacra2, SCORE_TOLERANCE)
    return None


def _of_measure(codec: Codec, pixels: Pixels, at_level: Encoder, aim: _Aim) -> Found:
    """Return the stream whose measure is nearest to what is wanted."""
    value = cache(lambda level: aim.measure(pixels, codec.exact.decode(at_level(level))))
    level = _nearest(value, aim.wanted, 0, codec.bundle.level(100))
    note = ""
    if abs(value(level) - aim.wanted) > aim.tolerance:
        words = {"psnr_db": "{:.2f} dB", "ssimulacra2": "SSIMULACRA 2 of {:.2f}"}[aim.name]
        note = (
            f"{words.format(aim.wanted)} cannot be reached; what comes nearest is taken, {words.format(value(level))}"
        )
    return Found(at_level(level), {aim.name: value(level)}, note)


def _of_size(codec: Codec, at_level: Encoder, limit: int) -> bytes:
    """Return the largest stream that fits; that of the lowest level must."""
    highest = codec.bundle.level(100)
    largest = _last(lambda level: len(at_level(level)) <= limit, 0, highest)
    nearby = range(largest, min(largest + _NEIGHBOURS, highest) + 1)
    best = max((at_level(level) for level in nearby if len(at_level(level)) <= limit), key=len)
    if not codec.family.traits.continuous:
        return best
    filled = _filled(lambda more: at_level(largest, more), 0, 1, limit)
    if largest < highest and len(filled) < limit - _NEAR_BYTES:
        filled = max(filled, _filled(lambda more: at_level(largest + 1, more), -1, 0, limit), key=len)
    return max(best, filled, key=len)


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


def _nearest(value: Callable[[int], float], wanted: float, lowest: int, highest: int) -> int:
    """Return the level whose value is nearest to what is wanted, the higher of two."""
    below = lowest if value(lowest) > wanted else _last(lambda level: value(level) <= wanted, lowest, highest)
    nearby = range(max(below - 1, lowest), min(below + _NEIGHBOURS, highest) + 1)
    return min(nearby, key=lambda level: (abs(value(level) - wanted), -level))
