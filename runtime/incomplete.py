"""Pictures from streams that are not whole: previews from the first layers, and what is left of a damaged file.

A stream of several tiles holds layer 0 of all of them, then layer 1, and so on, each chunk with its checksum
(FORMAT.md, section 3): the beginning of such a file is a preview, and damage stays in its tile. A stream of one tile
has a checksum over all layers alone, so a preview of a file that is still being received is not checked.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime import alpha, container
from runtime.areas import Area, Region
from runtime.arrays import U8
from runtime.codec import Codec, Pixels, parts_in, picture, read_parts, read_tile, suited, tiles_of
from runtime.container import ALPHA, EXIF, FILE, ICC, LATENTS, MAX_PIXELS, RESIDUAL, XMP, CutChunkError, Header
from runtime.errors import InputError, ResidualError, StreamError, TruncatedError
from runtime.exact.section import is_drawn

_SURE = 16
"""Damage somewhere in a stream is rarely in so small a share of its beginning."""

Chunks = dict[Area, list[bytes | StreamError]]
"""The layers of each tile, or what is wrong with one."""


@dataclass(frozen=True)
class Saved:
    """A picture as far as it could be saved."""

    pixels: Pixels
    metadata: dict[int, bytes]
    """The payloads of the other sections that are intact, by kind."""
    damage: list[str]
    """Sentences on what was lost; empty for a stream that is whole."""
    parts: int
    """How many parts of all tiles the picture shows."""


def preview(
    codec: Codec, data: bytes, layers: int, region: Region | None = None, max_pixels: float = MAX_PIXELS
) -> Pixels:
    """Return the picture that the first layers of a stream give, 1 or more; the stream may end behind them.

    Alpha that has not come yet is 255. Raises TruncatedError where more of the stream is needed, StreamError for
    damage; but what has come of a stream of one tile cannot be checked before the end: it may then be damaged unseen.
    """
    header, sections, faults = container.unpack_damaged(data, max_pixels)
    codec = suited(codec, header)
    most = len(codec.family.layer_ends(header))
    if not 1 <= layers <= most:
        raise InputError(f"layers={layers} is out of range; the stream has 1 to {most}")
    chunks = _chunks(codec, header, sections)
    for kind in (LATENTS, ALPHA) if len(chunks) == 1 else (ALPHA,):
        if kind in faults and not isinstance(faults[kind], TruncatedError):
            raise faults[kind]
    opacity = None if ALPHA in faults else _opacity(header, sections)

    def read(tile: Area) -> Any:
        return _read(codec, header, tile, chunks[tile], layers)

    return picture(codec, header, read, opacity, region)


def salvage(codec: Codec, data: bytes, region: Region | None = None, max_pixels: float = MAX_PIXELS) -> Saved:
    """Return the picture as far as it can be had from a damaged or cut stream, and what was lost of it.

    Each tile is decoded from as many of its layers as are intact, or of its parts if any of them make a picture; one
    without any is filled from what its neighbours look like. Of a damaged stream of one tile, which has no checksums
    inside, all is taken where it decodes to its end, else the first layer alone, or the parts in its
    first bytes. Raises StreamError where there is nothing to be had: a damaged header, or no tile.
    """
    header, sections, faults = container.unpack_damaged(data, max_pixels)
    codec = suited(codec, header).exact if RESIDUAL in sections else suited(codec, header)
    chunks, ends = _chunks(codec, header, sections), codec.family.layer_ends(header)
    unchecked = len(chunks) == 1 and LATENTS in faults
    all_or_first = unchecked and not isinstance(faults[LATENTS], TruncatedError)
    left = {tile: _parts_left(codec, header, tile, layers, all_or_first) for tile, layers in chunks.items()}
    if not any(left.values()) and not _holds_samples(sections, faults):
        kind = TruncatedError if isinstance(faults.get(LATENTS), TruncatedError) else StreamError
        raise kind("no tile has its first layer: there is nothing to be saved")
    try:
        opacity = None if ALPHA in faults else _opacity(header, sections)
    except StreamError as error:
        opacity, faults[ALPHA] = None, error
    first = ends[0] if not codec.family.traits.any_part else ends[-1]
    known = (
        (tile, read_parts(codec, header, tile, _intact(chunks[tile]), min(parts, first)))
        for tile, parts in left.items()
        if parts
    )
    guess = codec.family.guess(header, known) if any(left.values()) and not all(left.values()) else None

    def read(tile: Area) -> Any:
        if left[tile] == 0 and guess is not None:
            return guess(tile)
        return read_parts(codec, header, tile, _intact(chunks[tile]), left[tile])

    metadata = {kind: body for kind, body in sections.items() if kind in (EXIF, ICC, XMP) and kind not in faults}
    damage = _told(header, faults, left, ends, unchecked)
    if RESIDUAL in sections:
        pixels = _exact(codec, header, read, opacity, sections[RESIDUAL], region) if RESIDUAL not in faults else None
        if pixels is not None:
            return Saved(pixels, metadata, damage, sum(left.values()))
        sketch = ", and the picture is a mere sketch" if is_drawn(sections[RESIDUAL]) else ""
        damage.append(f"what bounds its errors is lost: samples may be off by more than was promised{sketch}")
    return Saved(picture(codec, header, read, opacity, region), metadata, damage, sum(left.values()))


def shown(
    codec: Codec, data: bytes, region: Region | None = None, max_pixels: float = MAX_PIXELS
) -> tuple[Pixels, list[str]]:
    """Return what Codec.decode returns, and no sentence; or, where what bounds its errors is damaged, the picture
    without that, and sentences on what was lost.

    Raises as Codec.decode does, but no ResidualError.
    """
    try:
        return codec.decode(data, region, max_pixels), []
    except ResidualError:
        saved = salvage(codec, data, region, max_pixels)
        return saved.pixels, saved.damage


def _exact(
    codec: Codec,
    header: Header,
    read: Callable[[Area], Any],
    opacity: U8 | None,
    residual: bytes,
    region: Region | None,
) -> Pixels | None:
    """Return the picture within the bound of its residual, or None where that or what it is for is damaged."""
    from runtime.exact.picture import decode

    try:
        return decode(codec, header, read, opacity, residual, region)
    except ResidualError:
        return None


def _holds_samples(sections: Mapping[int, bytes], faults: Mapping[int, StreamError]) -> bool:
    """Return whether there is an intact RESIDUAL section that needs no other."""
    return RESIDUAL in sections and RESIDUAL not in faults and is_drawn(sections[RESIDUAL])


def _told(
    header: Header, faults: Mapping[int, StreamError], left: Mapping[Area, int], ends: Sequence[int], unchecked: bool
) -> list[str]:
    """Return a sentence on each thing that was lost; `left` tells how many parts are left of each tile."""
    layers = len(ends)
    damage = [str(faults[FILE])] if FILE in faults else []
    others = [kind for kind in faults if ALPHA < kind < container.ANCILLARY]
    damage += [f"section {container.SECTION_NAMES[kind]} is lost" for kind in others]
    words = dict.fromkeys(range(1, layers), "a blurred picture of it is left") | {
        layers - 1: "all but its finest details are left",
        0: "lost, and filled from its neighbours",
        layers: "it may be wrong in places",
    }
    for number, (tile, parts) in enumerate(left.items()):
        if parts < ends[-1] or unchecked:
            right, bottom = min(tile.right, header.width), min(tile.bottom, header.height)
            size = f"{right - tile.left}x{bottom - tile.top} pixels at {tile.left},{tile.top}"
            word = words[bisect_right(ends, parts)] if parts in (0, *ends) else f"{parts} of {ends[-1]} parts are left"
            damage.append(f"tile {number} of {size}: {word}")
    if ALPHA in faults:
        damage.append("the alpha plane is lost: the picture is opaque")
    return damage


def _chunks(codec: Codec, header: Header, sections: Mapping[int, bytes]) -> Chunks:
    tiles, layers = tiles_of(codec, header), len(codec.family.layer_ends(header))
    chunks = container.unpack_damaged_tiles(sections.get(LATENTS, b""), len(tiles), layers)
    return dict(zip(tiles, chunks, strict=True))


def _opacity(header: Header, sections: Mapping[int, bytes]) -> U8 | None:
    return alpha.unpack(sections[ALPHA], header.height, header.width) if header.alpha else None


def _read(codec: Codec, header: Header, tile: Area, chunks: list[bytes | StreamError], layers: int) -> Any:
    """Return what the family reads of the first layers of a tile, or StreamError."""
    data = []
    for chunk in chunks[:layers]:
        if isinstance(chunk, StreamError):
            raise chunk
        data.append(chunk)
    return read_tile(codec, header, tile, b"".join(data), layers)


def _intact(chunks: list[bytes | StreamError]) -> bytes:
    """Return what there is of a tile's stream before the first fault."""
    data = []
    for chunk in chunks:
        if isinstance(chunk, CutChunkError):
            data.append(chunk.left)
        if isinstance(chunk, StreamError):
            break
        data.append(chunk)
    return b"".join(data)


def _parts_left(codec: Codec, header: Header, tile: Area, chunks: list[bytes | StreamError], all_or_first: bool) -> int:
    """Return how many parts of a tile can be decoded, from the first on, so that they make a picture."""
    if codec.family.traits.any_part:
        data, most = _intact(chunks), codec.family.layer_ends(header)[-1]
        parts = parts_in(codec, header, tile, data)
        return parts if parts == most or not all_or_first else parts_in(codec, header, tile, data[: len(data) // _SURE])
    layers = _layers_left(codec, header, tile, chunks, all_or_first)
    return (0, *codec.family.layer_ends(header))[layers]


def _layers_left(
    codec: Codec, header: Header, tile: Area, chunks: list[bytes | StreamError], all_or_first: bool
) -> int:
    """Return how many layers of a tile can be decoded, from the first on."""
    most = len(codec.family.layer_ends(header))

    def fails(layers: int) -> bool:
        try:
            _read(codec, header, tile, chunks, layers)
        except StreamError:
            return True
        return False

    if not fails(most):
        return most
    if all_or_first:
        return 0 if fails(1) else 1
    return bisect_left(range(1, most), True, key=fails)
