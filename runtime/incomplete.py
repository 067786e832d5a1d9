"""Pictures from streams that are not whole: previews from the first layers, and what is left of a damaged file.

A stream of several tiles holds layer 0 of all of them, then layer 1, then layer 2, each chunk with its checksum
(FORMAT.md, section 3): the beginning of such a file is a preview, and damage stays in its tile. A stream of one tile
has a checksum over all three layers alone, so a preview of a file that is still being received is not checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime import alpha, container
from runtime.areas import Area, squares
from runtime.codec import Codec, Part, Pixels, Region, Symbols
from runtime.container import ALPHA, FILE, LATENTS, LAYERS, MAX_PIXELS, Header
from runtime.entropy.residuals import Order
from runtime.errors import InputError, StreamError, TruncatedError
from runtime.families.pyramid import spec
from runtime.families.pyramid.transform import padded
from runtime.families.pyramid.values import I32, U8

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


def preview(
    codec: Codec, data: bytes, layers: int, region: Region | None = None, max_pixels: float = MAX_PIXELS
) -> Pixels:
    """The picture that the first 1, 2 or 3 layers of a stream give; the stream may end behind them.

    Alpha that has not come yet is 255. Raises TruncatedError where more of the stream is needed, StreamError for
    damage; but what has come of a stream of one tile cannot be checked before the end: it may then be damaged unseen.
    """
    if not 1 <= layers <= LAYERS:
        raise InputError(f"layers={layers}, a stream has 1 to {LAYERS}")
    header, sections, faults = container.unpack_damaged(data, max_pixels)
    codec = codec.suited(header)
    chunks = _chunks(header, sections)
    for kind in (LATENTS, ALPHA) if len(chunks) == 1 else (ALPHA,):
        if kind in faults and not isinstance(faults[kind], TruncatedError):
            raise faults[kind]
    opacity = None if ALPHA in faults else _opacity(header, sections)

    def symbols(tile: Area) -> Symbols:
        return _symbols(codec, header, chunks[tile], tile, layers)

    return codec.picture(header, symbols, opacity, region)


def salvage(codec: Codec, data: bytes, region: Region | None = None, max_pixels: float = MAX_PIXELS) -> Saved:
    """The picture as far as it can be had from a damaged or cut stream, and what was lost of it.

    Each tile is decoded from as many of its layers as are intact; one without any is filled from what its neighbours
    look like. Of a damaged stream of one tile, which has no checksums inside, all is taken where it decodes to its end,
    else the first layer alone. Raises StreamError where there is nothing to be had: a damaged header, or no tile.
    """
    header, sections, faults = container.unpack_damaged(data, max_pixels)
    codec = codec.suited(header)
    chunks = _chunks(header, sections)
    damage = [str(faults[FILE])] if FILE in faults else []
    others = [kind for kind in faults if ALPHA < kind < container.ANCILLARY]
    damage += [f"section {container.SECTION_NAMES[kind]} is lost" for kind in others]
    unchecked = len(chunks) == 1 and LATENTS in faults
    whole_or_z = unchecked and not isinstance(faults[LATENTS], TruncatedError)
    left = {tile: _layers_left(codec, header, found, tile, whole_or_z) for tile, found in chunks.items()}
    if not any(left.values()):
        raise StreamError("no tile has its first layer: there is nothing to be saved")
    for number, (tile, layers) in enumerate(left.items()):
        if layers < LAYERS or unchecked:
            size = f"{tile.right - tile.left}x{tile.bottom - tile.top} pixels at {tile.left},{tile.top}"
            damage.append(f"tile {number} of {size}: {_WORDS[layers]}")
    try:
        opacity = None if ALPHA in faults else _opacity(header, sections)
    except StreamError as error:
        opacity, faults[ALPHA] = None, error
    if ALPHA in faults:
        damage.append("the alpha plane is lost: the picture is opaque")
    z = _filled_z(codec, header, chunks, left) if not all(left.values()) else None

    def symbols(tile: Area) -> Symbols:
        if left[tile] == 0 and z is not None:
            return _blank(codec, header, z[:, *tile.on(spec.STRIDE_PX)])
        return _symbols(codec, header, chunks[tile], tile, left[tile])

    metadata = {kind: body for kind, body in sections.items() if kind > ALPHA and kind not in faults}
    return Saved(codec.picture(header, symbols, opacity, region), metadata, damage)


_WORDS = (
    "lost, and filled from its neighbours",
    "a blurred picture of it is left",
    "all but its finest details are left",
    "it may be wrong in places",
)
"""What a tile comes to that has so many layers left; the last is for a tile that is damaged nevertheless."""


def _chunks(header: Header, sections: Mapping[int, bytes]) -> Chunks:
    tiles = squares(padded(header.height, header.width), header.tile_px)
    found = container.unpack_damaged_tiles(sections.get(LATENTS, b""), len(tiles), LAYERS)
    return dict(zip(tiles, found, strict=True))


def _opacity(header: Header, sections: Mapping[int, bytes]) -> U8 | None:
    return alpha.unpack(sections[ALPHA], header.height, header.width) if header.alpha else None


def _symbols(codec: Codec, header: Header, chunks: list[bytes | StreamError], tile: Area, layers: int) -> Symbols:
    """The symbols in the first layers of a tile, or StreamError."""
    data = []
    for chunk in chunks[:layers]:
        if isinstance(chunk, StreamError):
            raise chunk
        data.append(chunk)
    return codec.unpack_symbols(b"".join(data), codec.level(header), tile.shape(spec.STRIDE_PX), layers)


def _layers_left(codec: Codec, header: Header, chunks: list[bytes | StreamError], tile: Area, whole_or_z: bool) -> int:
    """How many layers of a tile can be decoded."""
    for layers in (LAYERS, 1) if whole_or_z else range(LAYERS, 0, -1):
        try:
            _symbols(codec, header, chunks, tile, layers)
        except StreamError:
            continue
        return layers
    return 0


def _blank(codec: Codec, header: Header, z: I32) -> Symbols:
    """The symbols of a tile of which only z is known, or guessed."""

    def code(place: int, _mean: U8, _worth: I32, index: U8) -> Part:
        order = Order(codec.bundle.tables, index.ravel())
        return Part(index, order, np.zeros(len(order.places), np.int32) if place else z.ravel().take(order.places))

    return codec.predict(codec.level(header), z.shape[1:], code)


def _filled_z(codec: Codec, header: Header, chunks: Chunks, left: Mapping[Area, int]) -> I32:
    """z symbols of the whole picture, those of lost tiles guessed from their surroundings."""
    z = np.zeros((spec.Z, *padded(header.height, header.width).shape(spec.STRIDE_PX)), np.int32)
    known = np.zeros(z.shape[1:], np.bool_)
    for tile, layers in left.items():
        if layers:
            z[:, *tile.on(spec.STRIDE_PX)] = _symbols(codec, header, chunks[tile], tile, 1).parts[0].symbols
            known[tile.on(spec.STRIDE_PX)] = True
    while not known.all():  # each round reaches the rows and columns that have anything known
        z, known = _spread(z, known)
    return z


def _spread(z: I32, known: NDArray[np.bool_]) -> tuple[I32, NDArray[np.bool_]]:
    """Fills cells from the nearest known ones in their row and column, nearer ones counting more."""
    total, weight = np.zeros(z.shape), np.zeros(known.shape)
    for turns in range(4):
        seen, values = np.rot90(known, turns), np.rot90(z, turns, (1, 2))
        column = np.arange(seen.shape[1])
        nearest = np.maximum.accumulate(np.where(seen, column, -1), axis=1)
        share = (nearest >= 0) / np.maximum(column - nearest, 1)
        found = np.take_along_axis(values, np.maximum(nearest, 0)[None], axis=2) * share
        total += np.rot90(found, -turns, (1, 2))
        weight += np.rot90(share, -turns)
    filled = np.rint(total / np.maximum(weight, 1e-9)).astype(z.dtype)
    return np.where(known, z, filled), known | (weight > 0)
