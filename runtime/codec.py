"""Pixels to bytes and back: the whole codec, one line a stage. Read this first.

encode   pixels ─ wavelet ─ coefficients ─ z ─ networks ─ means, scales ─ symbols ─┬─ rANS ─ container
                                               └───────── values of one part ──────┘   (15 or 16 times, coarse to fine)
decode   the same line from right to left, ending in the inverse wavelet ─ pixels (─ synthesis, to enhance them)

A tile's symbols are coded without knowledge of other tiles; the wavelet and the synthesis net see the whole picture, in
windows that `windows.py` grows by what they see beyond.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime import alpha, container
from runtime.areas import Area, squares
from runtime.bundle import Bundle
from runtime.container import LAYERS, MAX_PIXELS, SUBSAMPLING, Header
from runtime.entropy import tile_stream as streams
from runtime.entropy.residuals import Order
from runtime.errors import InputError, StreamError
from runtime.families.pyramid import corrections, spec, wavelet
from runtime.families.pyramid import values as latents
from runtime.families.pyramid.corrections import Corrections
from runtime.families.pyramid.transform import Coefficients, forward, inverse, packed_stride, padded
from runtime.families.pyramid.values import F32, I16, I32, U8, Level
from runtime.networks.sessions import CPU, Networks

TILE_PX = 1024
"""Side of the squares whose symbols are coded independently."""

WINDOW_PX = 1024
"""About the side of the squares that are transformed at a time: smaller ones take less memory, larger less time."""

PLACES = ((0, 0), *((level, part) for level in range(spec.LEVELS, 0, -1) for part in range(len(spec.PARTS))))
"""Wavelet level and part of what is coded, in this order; (0, 0) is z. The last is left out with 4:2:0."""
LAYERS_END = (1 + 3 * 3, 1 + 4 * 3, 1 + 5 * 3)
"""Parts up to the end of each layer of the container: z and levels 5 to 3, level 2, level 1."""
ROWS: tuple[list[int] | slice, ...] = (
    *([spec.PHASES * band + phase for band in range(spec.BANDS) for phase in half] for half in spec.HALVES),
    slice(spec.BANDS * spec.PHASES, spec.PACKED),
)
"""The channels of packed details that make each part."""

Pixels = NDArray[np.uint8]
Region = tuple[int, int, int, int]
"""x, y, width and height of a part of a picture, in pixels from its top left."""


@dataclass(frozen=True, eq=False)
class Part:
    """What is coded at a time."""

    index: U8
    """(n, h, w) scale indexes"""
    order: Order
    """which symbols are coded, those whose scale index is not 0, and in which order"""
    coded: I32
    """(m,) these symbols in coding order"""

    @property
    def symbols(self) -> I32:
        """(n, h, w) all symbols of the part."""
        return self.order.put(self.coded).reshape(self.index.shape)


@dataclass(frozen=True, eq=False)
class Symbols:
    """What is coded of a tile, or of a whole picture taken for one."""

    parts: tuple[Part, ...]
    """in coding order, z first"""
    values: tuple[I16, ...]
    """values (12, hz, wz) of z, then (36, h, w) of packed details of levels 5, 4, ... 1, of level 1 the first 12 alone
    where chroma is subsampled"""
    corrections: Corrections = corrections.NONE
    """what is corrected of the scale indexes that networks tell"""


class Codec:
    """Encodes and decodes pictures with one bundle of weights.

    `bundle` is a folder or the name of a shipped bundle, `provider` where the networks run, `threads` how many threads
    each may use (default: all cores), `tile_px` about the side of the squares that are transformed at a time: it
    changes memory and time, but no decoded pixel. `enhance` corrects decoded pixels with the synthesis net of a bundle
    that has one (default: where `provider` is not the CPU). A Codec may be shared by threads. Raises BundleError for
    unusable weights.
    """

    def __init__(
        self,
        bundle: str | Path | None = None,
        provider: str = "auto",
        threads: int | None = None,
        tile_px: int = WINDOW_PX,
        enhance: bool | None = None,
    ):
        if tile_px < spec.STRIDE_PX or tile_px % spec.STRIDE_PX:
            raise InputError(f"tile_px={tile_px} is not a multiple of {spec.STRIDE_PX}; use 512 or {WINDOW_PX}")
        _keep_freed_memory()
        self.bundle = Bundle.open(bundle)
        self.networks = Networks(self.bundle.folder, provider, threads)
        self.window_px = tile_px
        self.enhance = self.networks.provider is not CPU if enhance is None else enhance
        self._settings = provider, threads, tile_px, enhance
        self._others: dict[bytes, Codec] = {}

    def encode(
        self,
        pixels: Pixels,
        quality: float = 75,
        metadata: Mapping[int, bytes] | None = None,
        subsampling: str = SUBSAMPLING[0],
    ) -> bytes:
        """The .gar stream of a picture: uint8 gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4).

        `quality` runs from 1 to 100 and gives, up to about 90, the PSNR of a JPEG of that quality. `metadata` holds the
        payloads of further sections by kind (container.EXIF, ICC, XMP). `subsampling` is "4:4:4", "4:2:0", which leaves
        out the finest details of chroma and saves time, or "auto": 4:2:0 where one would hardly see them. Raises
        InputError.
        """
        return self.encoder(pixels, metadata, subsampling)(self.bundle.level(quality))

    def encoder(
        self, pixels: Pixels, metadata: Mapping[int, bytes] | None = None, subsampling: str = SUBSAMPLING[0]
    ) -> Callable[[int], bytes]:
        """A function of the level byte that gives the picture's stream; what no level changes is done once."""
        if subsampling not in SUBSAMPLING:
            raise InputError(f"subsampling={subsampling!r} is not one of {', '.join(SUBSAMPLING)}")
        rgb, opacity = _split(pixels)
        others = [(container.ALPHA, alpha.pack(opacity))] if opacity is not None else []
        possible = {container.EXIF, container.ICC, container.XMP, *range(container.ANCILLARY, 256)}
        if impossible := set(metadata or {}) - possible:
            raise InputError(
                f"metadata of kinds {impossible}; there are EXIF, ICC, XMP and {container.ANCILLARY} to 255"
            )
        others += sorted((metadata or {}).items())
        height, width = pixels.shape[:2]
        chroma = wavelet.chroma_detail(rgb) if subsampling == "auto" else 0.0
        transformed: Coefficients | None = None

        def at_level(level: int) -> bytes:
            nonlocal transformed
            subsampled = subsampling == "4:2:0"
            if subsampling == "auto":
                subsampled = chroma <= self.bundle.prior.at_level(level).chroma_unseen
            found = transformed
            if found is None or (found.subsampled and not subsampled):
                found = transformed = self.transform(rgb, subsampled)
            coefficients = found.with_subsampling() if subsampled else found
            tiles = squares(coefficients.area, TILE_PX)
            chunks = [self.pack_symbols(self.quantise(coefficients, level, tile)) for tile in tiles]
            gray, see_through = pixels.ndim == 2, opacity is not None
            header = Header(width, height, level, self.bundle.id, TILE_PX, gray, see_through, subsampled)
            return container.pack(header, [(container.LATENTS, container.pack_tiles(chunks)), *others])

        return at_level

    def decode(self, data: bytes, region: Region | None = None, max_pixels: float = MAX_PIXELS) -> Pixels:
        """The picture of a .gar stream, in the shape it was encoded from; or a region of it, which is all then decoded.

        The stream may be of any bundle that is shipped: its header says which. Raises StreamError, also for a picture
        of more than `max_pixels`, BundleError, and InputError for a region that is not in the picture. `partial.py`
        decodes streams that are not whole.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InputError(f"decode takes the bytes of a .gar file, not {type(data).__name__}; read the file first")
        header, sections = container.unpack(bytes(data), max_pixels)
        codec = self.suited(header)
        tiles = squares(padded(header.height, header.width), header.tile_px)
        chunks = dict(zip(tiles, container.unpack_tiles(sections[container.LATENTS], len(tiles), LAYERS), strict=True))
        opacity = alpha.unpack(sections[container.ALPHA], header.height, header.width) if header.alpha else None

        def symbols(tile: Area) -> Symbols:
            return codec.unpack_symbols(b"".join(chunks[tile]), codec.level(header), tile.shape(spec.STRIDE_PX))

        return codec.picture(header, symbols, opacity, region)

    def picture(
        self,
        header: Header,
        symbols: Callable[[Area], Symbols],
        opacity: U8 | None = None,
        region: Region | None = None,
    ) -> Pixels:
        """The picture, or a region of it, that the symbols of its tiles stand for. Without opacity alpha is 255."""
        picture, whole = Area(0, 0, header.height, header.width), padded(header.height, header.width)
        level = self.level(header)
        wanted = picture if region is None else _area(region, picture)
        pixels = np.empty((*wanted.shape(1), *(() if header.gray else (3 + header.alpha,))), np.uint8)
        parts = inverse(level, lambda tile: symbols(tile).values, whole, header.tile_px, wanted, self.window_px)
        for part, seen, signals in parts:
            _paint(pixels[part.within(wanted, 1)], self.synthesise(level, signals)[part.within(seen, 1)])
        if header.alpha:
            pixels[:, :, 3] = 255 if opacity is None else opacity[wanted.on(1)]
        return pixels

    # -- encoder's stages ------------------------------------------------------------------------------------------

    def transform(self, rgb: U8, subsampled: bool = False) -> Coefficients:
        """The wavelet coefficients of a picture (H, W, 3): everything before the choice of a quality."""
        return forward(rgb, subsampled, self.window_px)

    def quantise(self, coefficients: Coefficients, level_byte: int, tile: Area | None = None) -> Symbols:
        """The symbols of a tile of a picture; without one, of the whole picture taken for a tile."""
        level, tables = self.bundle.prior.at_level(level_byte, coefficients.subsampled), self.bundle.tables
        tile, top = tile or coefficients.area, self.bundle.prior.top_index
        least, shifts = list(corrections.NONE.least), list(corrections.NONE.shifts)

        def code(place: int, mean: U8, worth: I32, index: U8) -> Part:
            number, part = PLACES[place]
            if number == 0:
                found, steps = coefficients.z[:, *tile.on(spec.STRIDE_PX)], level.step(0)
            else:
                rows, columns = tile.on(packed_stride(number))
                found = coefficients.packed[number - 1][ROWS[part], rows, columns]
                steps = level.part_step(number, part)
            exact = latents.residuals(found, steps, mean, worth)
            if number:
                last_row, last_column = coefficients.needed(number)
                beyond = exact.reshape(mean.shape)
                beyond[:, max(0, last_row - rows.start) :] = 0
                beyond[:, :, max(0, last_column - columns.start) :] = 0
            least[place], shifts[place] = corrections.best(exact, index, corrections.BANDS[place], tables)
            index = corrections.corrected(index, least[place], shifts[place], top)
            order = Order(tables, index.ravel())
            return Part(index, order, latents.quantise(exact.take(order.places), order.index, tables.savings))

        symbols = self.predict(level, tile.shape(spec.STRIDE_PX), code)
        return replace(symbols, corrections=Corrections(tuple(least), tuple(shifts)))

    def pack_symbols(self, symbols: Symbols) -> list[bytes]:
        """The three layers of a tile's stream."""
        coded = [(part.order, part.coded) for part in symbols.parts]
        chunks = streams.encode_parts(self.bundle.tables, coded, symbols.corrections)
        return [b"".join(chunks[start:end]) for start, end in pairwise((0, *LAYERS_END))]

    # -- decoder's stages ------------------------------------------------------------------------------------------

    def level(self, header: Header) -> Level:
        """The prior at the level of a stream."""
        return self.bundle.prior.at_level(header.level, header.subsampled)

    def unpack_symbols(self, data: bytes, level: Level, shape: tuple[int, int], layers: int = LAYERS) -> Symbols:
        """The symbols of a tile's stream with z of a shape (hz, wz); zeros in layers that are not asked for.

        Raises StreamError.
        """
        reader = streams.PartReader(self.bundle.tables, data, len(_places(level)))
        end, top = LAYERS_END[layers - 1], self.bundle.prior.top_index

        def code(place: int, mean: U8, worth: I32, index: U8) -> Part:
            index = reader.corrections.of(place, index, top)
            order = Order(self.bundle.tables, index.ravel())
            return Part(index, order, reader.read(order) if place < end else np.zeros(len(order.places), np.int32))

        symbols = self.predict(level, shape, code)
        if layers == LAYERS:
            reader.close()
        return symbols

    def synthesise(self, level: Level, signals: F32) -> U8:
        """Pixels (H, W, 3) of luma and chroma (3, H, W) in levels, corrected if that is asked for."""
        pixels = wavelet.to_pixels(signals)
        if not (self.enhance and self.bundle.has_synthesis):
            return pixels
        sides = (side // spec.SYNTHESIS_PX for side in pixels.shape[:2])
        seen = np.full((spec.SYNTHESIS_SEEN, *sides), spec.GRID_ZERO, np.uint8)
        channels = spec.COLOUR_COUNT * spec.SYNTHESIS_PX**2
        seen[:channels] = wavelet.pack(pixels.transpose(2, 0, 1), spec.SYNTHESIS_PX)
        seen[channels : channels + spec.LEVEL_PLANES] = level.planes[:, None, None]
        (correction,) = self.networks.run("synthesis", seen)
        change = wavelet.unpack(correction, spec.SYNTHESIS_PX).astype(np.int16)
        change -= np.int16(spec.GRID_ZERO)
        return wavelet.to_pixels(signals, change)

    def reconstruct(self, symbols: Symbols, level_byte: int, shape: tuple[int, int]) -> U8:
        """The picture (H, W, 3) of a shape (H, W) that was quantised as one tile."""
        subsampled = len(symbols.values[-1]) < spec.PACKED
        header = Header(shape[1], shape[0], level_byte, self.bundle.id, 1 << 20, False, False, subsampled)
        return self.picture(header, lambda _: symbols)

    # -- shared by both ------------------------------------------------------------------------------------------------

    def predict(self, level: Level, shape: tuple[int, int], code: Callable[[int, U8, I32, U8], Part]) -> Symbols:
        """What is coded of a tile with z of a shape (hz, wz), coarse to fine, where `code` codes one part.

        It is given the part's place in coding order, means (n, h, w) as a network says them, what a symbol is worth
        (h, w) and scale indexes (n, h, w), which it may correct.
        """
        parts: list[Part] = []
        masking = np.zeros(shape, np.int16)
        worth = latents.worth_of(masking)

        def values_of(mean: U8, index: U8) -> I16:
            parts.append(code(len(parts), mean, worth, index))
            return latents.values(mean, parts[-1].order.places, parts[-1].coded, worth)

        found = values_of(np.full((spec.Z, *shape), spec.GRID_ZERO, np.uint8), level.index_z(shape))
        values = [found]
        state, said = self.networks.run("start", level.see(found, spec.SEEN_START))
        for number, part in _places(level)[1:]:
            where = "fine" if number == 1 else "coarse"
            if part == 0:
                if number < spec.LEVELS:
                    seen = level.see(found, spec.SEEN_FIRST)
                    state, said = self.networks.run(f"{where}_first", state, seen)
                    masking = level.masking(values[-1][: spec.BANDS * spec.PHASES], number)
                    worth = latents.worth_of(masking)
                count = spec.BANDS * spec.PHASES if number == 1 and level.subsampled else spec.PACKED
                values.append(np.empty((count, *said.shape[1:]), np.int16))
            else:
                seen = level.see(found, spec.SEEN_OTHER)
                *states, said = self.networks.run(f"{where}_{spec.PARTS[part]}", state, seen)
                state = states[0] if states else state
            mean, scale = said.reshape(2, -1, *said.shape[1:])
            found = values_of(mean, level.index(scale, number, part, masking))
            values[-1][ROWS[part]] = found
        return Symbols(tuple(parts), tuple(values))

    def suited(self, header: Header) -> "Codec":
        """This codec, or one of the shipped bundle that a stream names; raises StreamError where none can decode it."""
        codec = self
        if header.bundle_id != self.bundle.id:
            codec = self._other(header.bundle_id)
        if header.level > codec.bundle.prior.top_level:
            raise StreamError(
                f"level {header.level} is above the bundle's {codec.bundle.prior.top_level}; the header is corrupt"
            )
        return codec

    def _other(self, bundle_id: bytes) -> "Codec":
        if bundle_id not in self._others:
            folder = Bundle.shipped(bundle_id)
            if folder is None:
                raise StreamError(
                    f"the stream needs bundle {bundle_id.hex()}, this is {self.bundle.name} {self.bundle.id.hex()}; "
                    "decode with the bundle it was made with"
                )
            self._others[bundle_id] = Codec(folder, *self._settings)
        return self._others[bundle_id]


def _keep_freed_memory() -> None:
    """Makes glibc, in the whole process, keep up to 32 MiB that were freed for what comes next.

    Getting them anew, page by page, was a tenth of all time. It keeps twice the largest block that was ever freed; this
    one is never touched.
    """
    np.empty(16 << 20, np.uint8)


def _split(pixels: Pixels) -> tuple[U8, U8 | None]:
    """RGB (H, W, 3) and the alpha plane of a picture, or InputError."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise InputError(f"pixels are {getattr(pixels, 'dtype', type(pixels).__name__)}; give a uint8 array")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise InputError(f"pixels have shape {pixels.shape}; give (H, W), (H, W, 3) or (H, W, 4)")
    if not all(1 <= side <= spec.SIDE_LIMIT_PX for side in pixels.shape[:2]):
        raise InputError(f"pixels have shape {pixels.shape}; sides may be 1 to {spec.SIDE_LIMIT_PX}")
    if pixels.ndim == 2:
        return np.broadcast_to(pixels[:, :, None], (*pixels.shape, 3)), None
    return pixels[:, :, :3], pixels[:, :, 3] if pixels.shape[2] == 4 else None


def _places(level: Level) -> tuple[tuple[int, int], ...]:
    """Wavelet level and part of what is coded."""
    return PLACES[:-1] if level.subsampled else PLACES


def _paint(pixels: Pixels, rgb: U8) -> None:
    """Puts colours (H, W, 3) into pixels, which may be gray or have alpha: the inverse of _split."""
    if pixels.ndim == 2:
        pixels[:] = (rgb.sum(axis=2, dtype=np.uint16) + 1) // 3
    else:
        pixels[:, :, :3] = rgb


def _area(region: Region, picture: Area) -> Area:
    """A region as an area; InputError unless all of it is in the picture."""
    try:
        x, y, width, height = map(operator.index, region)
    except (TypeError, ValueError):
        raise InputError(f"region {region!r} must be four whole numbers: x, y, width and height") from None
    if not (0 <= x < x + width <= picture.right and 0 <= y < y + height <= picture.bottom):
        raise InputError(
            f"region {x},{y},{width},{height} is not within the picture, "
            f"which has {picture.right}x{picture.bottom} pixels"
        )
    return Area(y, x, y + height, x + width)
