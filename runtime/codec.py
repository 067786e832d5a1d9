"""Pixels to bytes and back: the whole codec, one line a stage. Read this first.

encode   pixels ─ analysis ─ latents ─ hyper-analysis ─ z ─┬─ scale index ─────────────────┐
                                │                          └─ means ─ context ─ residuals ─┴─ rANS ─ container
decode   the same line from right to left, ending in synthesis ─ pixels

Only pixels are ever in memory as a whole: `Blocks` make all other grids part by part, and `windows.py` says why there
are no seams. The stages know nothing of it; what they are given may be a part or a whole picture.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from runtime import alpha, container, spec, streams
from runtime.bundle import Bundle
from runtime.container import LAYERS, MAX_PIXELS, Header
from runtime.errors import InputError, StreamError
from runtime.latents import F32, I32, U8, Level
from runtime.networks import Networks
from runtime.tiling import depth_to_space, pad_to, space_to_depth
from runtime.windows import HERE, Area, Blocks, Frame, cut, even_sides, squares

TILE_PX = 1024
"""Side of the squares whose symbols are coded independently."""

WINDOW_PX = 1024
"""About the side of the squares that the networks see at a time: smaller ones take less memory, larger less time."""

Pixels = NDArray[np.uint8]
Region = tuple[int, int, int, int]
"""x, y, width and height of a part of a picture, in pixels from its top left."""


@dataclass(frozen=True)
class Symbols:
    """All that the entropy coder writes of a tile, or of a whole picture taken for one."""

    z: I32
    """(K, hz, wz) hyper-latent symbols"""
    halves: tuple[tuple[NDArray[Any], U8], ...]
    """residuals (M, n), whole numbers, and their scale indexes (M, n), of each half of the checkerboard"""
    frame: Frame
    """where they lie"""

    @property
    def residual(self) -> NDArray[Any]:
        """(M, h, w) residuals; zero where the index is zero."""
        return self.frame.joined(*(residual for residual, _ in self.halves))

    @property
    def index(self) -> U8:
        """(M, h, w) scale index of each residual."""
        return self.frame.joined(*(index for _, index in self.halves))


class Codec:
    """Encodes and decodes pictures with one bundle of weights.

    `bundle` is a folder or the name of a shipped bundle, `provider` where the networks run, `threads` how many threads
    each may use (default: all cores), `tile_px` about the side of the squares that they see at a time: it changes
    memory and time, but no decoded pixel. A Codec may be shared by threads. Raises BundleError for unusable weights.
    """

    def __init__(
        self,
        bundle: str | Path | None = None,
        provider: str = "auto",
        threads: int | None = None,
        tile_px: int = WINDOW_PX,
    ):
        if tile_px < spec.HYPER_STRIDE_PX or tile_px % spec.HYPER_STRIDE_PX:
            raise InputError(f"tile_px={tile_px} is not a multiple of {spec.HYPER_STRIDE_PX}; use 512 or {WINDOW_PX}")
        self.bundle = Bundle.open(bundle)
        self.networks = Networks(self.bundle.folder, provider, threads)
        self.window_px = tile_px
        self._settings = provider, threads, tile_px
        self._others: dict[bytes, Codec] = {}

    def encode(self, pixels: Pixels, quality: float = 75, metadata: Mapping[int, bytes] | None = None) -> bytes:
        """The .gar stream of a picture: uint8 gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4).

        `quality` runs from 1 to 100 and gives about the PSNR of a JPEG of that quality. `metadata` holds the payloads
        of further sections by kind (container.EXIF, ICC, XMP). Raises InputError.
        """
        level = self.bundle.level(quality)
        return self.encoder(pixels, metadata, once=True)(level)

    def encoder(
        self, pixels: Pixels, metadata: Mapping[int, bytes] | None = None, once: bool = False
    ) -> Callable[[int], bytes]:
        """A function of the level byte that gives the picture's stream; what no level changes is done once.

        It keeps all latents in memory, twice as much as the pixels, unless it will be called only `once`.
        """
        rgb, opacity = _split(pixels)
        others = [(container.ALPHA, alpha.pack(opacity))] if opacity is not None else []
        others += sorted((metadata or {}).items())
        picture, gray = Area(0, 0, *rgb.shape[:2]), pixels.ndim == 2
        sides, reach = even_sides(picture, self.window_px), self.bundle.reach

        def analysed(part: Area) -> list[F32]:
            seen = part.grown(reach["analysis"], spec.LATENT_STRIDE_PX, picture)
            return [part.of(self.analyse(rgb[seen.on(1)]), seen, spec.LATENT_STRIDE_PX)]

        def hyper_analysed(part: Area) -> list[F32]:
            seen = part.grown(reach["hyper_analysis"], spec.HYPER_STRIDE_PX, picture)
            return [part.of(self.hyper_analyse(latents.take(seen)), seen, spec.HYPER_STRIDE_PX)]

        latents = Blocks(analysed, picture, sides, spec.LATENT_STRIDE_PX)
        z = Blocks(hyper_analysed, picture, sides, spec.HYPER_STRIDE_PX)

        def at_level(level: int) -> bytes:
            chunks = []
            for tile in squares(picture, TILE_PX):
                frame = self.frame(tile, picture)
                if once:
                    latents.forget(frame.known)
                symbols = self.quantise(latents.take(frame.known), level, z.take(frame.hyper), frame)
                chunks.append(self.pack_symbols(symbols, level))
            header = Header(picture.right, picture.bottom, level, self.bundle.id, TILE_PX, gray, opacity is not None)
            return container.pack(header, [(container.LATENTS, container.pack_tiles(chunks)), *others])

        return at_level

    def decode(self, data: bytes, region: Region | None = None, max_pixels: float = MAX_PIXELS) -> Pixels:
        """The picture of a .gar stream, in the shape it was encoded from; or a region of it, which is all then decoded.

        The stream may be of any bundle that is shipped: its header says which. Raises StreamError, also for a picture
        of more than `max_pixels`, BundleError, and InputError for a region that is not in the picture. `partial.py`
        decodes streams that are not whole.
        """
        header, sections = container.unpack(data, max_pixels)
        codec = self.suited(header)
        tiles = squares(Area(0, 0, header.height, header.width), header.tile_px)
        chunks = dict(zip(tiles, container.unpack_tiles(sections[container.LATENTS], len(tiles), LAYERS), strict=True))
        opacity = alpha.unpack(sections[container.ALPHA], header.height, header.width) if header.alpha else None

        def symbols(tile: Area) -> Symbols:
            return codec.unpack_symbols(b"".join(chunks[tile]), header.level, Frame.alone(tile))

        return codec.picture(header, symbols, opacity, region)

    def picture(
        self,
        header: Header,
        symbols: Callable[[Area], Symbols],
        opacity: U8 | None = None,
        region: Region | None = None,
    ) -> Pixels:
        """The picture, or a region of it, that the symbols of its tiles stand for. Without opacity alpha is 255."""
        picture, level = Area(0, 0, header.height, header.width), self.bundle.prior.at_level(header.level)
        wanted = picture if region is None else _area(region, picture)
        sides, reach, stride = even_sides(wanted, self.window_px), self.bundle.reach, spec.LATENT_STRIDE_PX

        def unpacked(tile: Area) -> tuple[F32, NDArray[Any]]:
            found = symbols(tile)
            return level.dequantise_z(found.z), found.residual

        def reconstructed(part: Area) -> list[NDArray[Any]]:
            frame = self.frame(part, picture)
            latents = self.reconstruct(level, tiles.take(frame.hyper), tiles.take(frame.known, grid=1), frame)
            return [latents.astype(level.prior.whole, copy=False)]

        tiles = Blocks(unpacked, picture, (header.tile_px, header.tile_px), spec.HYPER_STRIDE_PX, stride)
        latents = Blocks(reconstructed, wanted.grown(reach["synthesis"], stride, picture), sides, stride)
        pixels = np.empty((*wanted.shape(1), *(() if header.gray else (3 + header.alpha,))), np.uint8)
        for part in cut(wanted, sides):
            seen = part.grown(reach["synthesis"], stride, picture)
            latents.forget(seen)
            tiles.forget(self.frame(seen, picture).hyper)
            rgb = self.synthesise(latents.take(seen), level)[part.within(seen, 1)]
            _paint(pixels[part.within(wanted, 1)], rgb)
        if header.alpha:
            pixels[:, :, 3] = 255 if opacity is None else opacity[wanted.on(1)]
        return pixels

    # -- encoder's stages ------------------------------------------------------------------------------------------

    def analyse(self, rgb: U8) -> F32:
        """Latents (M, h, w) in their own units, not yet rounded: everything before the choice of a quality."""
        depth = space_to_depth(pad_to(rgb, spec.LATENT_STRIDE_PX))
        return cast(F32, self.networks.run("analysis", depth))

    def hyper_analyse(self, latents: F32) -> F32:
        """Hyper-latents (K, hz, wz) of latents, not yet rounded."""
        _, h, w = latents.shape
        s = spec.HYPER_STRIDE
        padded = np.pad(latents, ((0, 0), (0, -h % s), (0, -w % s)), mode="edge") if h % s or w % s else latents
        return cast(F32, self.networks.run("hyper_analysis", padded))

    def quantise(self, latents: F32, level_byte: int, z: F32 | None = None, frame: Frame | None = None) -> Symbols:
        """The symbols of the core of a frame, from latents and z over all of it; without these, of all the latents."""
        level, savings = self.bundle.prior.at_level(level_byte), self.bundle.tables.savings
        frame = frame or Frame.whole(*latents.shape[1:])
        symbols_z = level.quantise_z(self.hyper_analyse(latents) if z is None else z)
        z_hat = level.dequantise_z(symbols_z)
        index, grid = self.scale_index(level, z_hat, frame), self.hyper_means(z_hat, frame)

        index_1, mean = frame.first_of(index), level.mean(frame.first_of(grid))
        residual_1 = level.quantise(frame.first_of(latents), mean, index_1, savings)
        known = level.grid(level.dequantise(residual_1, mean))

        index_2, mean = frame.second_of(index), level.mean(self.second_means(level, grid, known, frame))
        residual_2 = level.quantise(frame.second_of(latents), mean, index_2, savings)
        halves = (frame.first_of_core(residual_1), frame.first_of_core(index_1)), (residual_2, index_2)
        return Symbols(frame.core.of(symbols_z, frame.hyper, spec.HYPER_STRIDE_PX), halves, frame)

    def pack_symbols(self, symbols: Symbols, level_byte: int) -> list[bytes]:
        """The three layers of a tile's stream: z, the first half, the second half."""
        index_z = self.bundle.prior.at_level(level_byte).index_z
        layers = [(symbols.z.ravel(), np.repeat(index_z, symbols.z[0].size))]
        layers += [(residual.ravel(), index.ravel()) for residual, index in symbols.halves]
        return streams.encode_layers(self.bundle.tables, layers)

    # -- decoder's stages ------------------------------------------------------------------------------------------

    def unpack_symbols(self, data: bytes, level_byte: int, frame: Frame, layers: int = LAYERS) -> Symbols:
        """The symbols of a tile's stream; zeros in layers that are not asked for. Raises StreamError."""
        level = self.bundle.prior.at_level(level_byte)
        reader = streams.LayerReader(self.bundle.tables, data)
        shape = frame.core.shape(spec.HYPER_STRIDE_PX)
        z = reader.read(np.repeat(level.index_z, shape[0] * shape[1])).reshape(-1, *shape)
        index = self.scale_index(level, level.dequantise_z(z), frame)
        halves = []
        for layer, half in enumerate(frame.halves_of(index), start=2):
            values = reader.read(half.ravel()) if layer <= layers else np.zeros(half.size, np.int16)
            halves.append((values.reshape(half.shape), half))
        if layers == LAYERS:
            reader.close()
        return Symbols(z, tuple(halves), frame)

    def reconstruct(self, level: Level, z_hat: F32, residual: NDArray[Any], frame: Frame | None = None) -> F32:
        """Latents (M, h, w) of the core of a frame, whole numbers, from z and the residuals over all of it."""
        frame = frame or Frame.whole(*residual.shape[1:])
        grid = self.hyper_means(z_hat, frame)
        first = level.dequantise(frame.first_of(residual), level.mean(frame.first_of(grid)))
        mean = level.mean(self.second_means(level, grid, level.grid(first), frame))
        return frame.joined(frame.first_of_core(first), level.dequantise(frame.second_of(residual), mean))

    def synthesise(self, latents: NDArray[Any], level: Level) -> U8:
        """Pixels (16 h, 16 w, 3) of whole-number latents."""
        latents = latents.astype(np.float32, copy=False)
        grid = [level.with_planes(level.grid(latents))] if "grid" in self.networks.inputs("synthesis") else []
        depth = self.networks.run("synthesis", *grid, latents)
        return depth_to_space(cast(U8, depth))

    # -- shared by both ------------------------------------------------------------------------------------------------

    def frame(self, core: Area, picture: Area) -> Frame:
        """What must be known around a part of a picture to predict its latents."""
        known = core.grown(self.bundle.reach["context"], spec.LATENT_STRIDE_PX, picture)
        hyper = known.grown(self.bundle.reach["hyper_synthesis"], spec.HYPER_STRIDE_PX, picture)
        return Frame(core, known, hyper)

    def scale_index(self, level: Level, z_hat: F32, frame: Frame) -> U8:
        """Scale indexes (M, h, w) of all that is known in a frame."""
        cells = frame.known.grown(HERE, spec.HYPER_STRIDE_PX, frame.hyper)
        index = level.scale_index(cells.of(z_hat, frame.hyper, spec.HYPER_STRIDE_PX))
        return frame.known.of(index, cells, spec.LATENT_STRIDE_PX)

    def hyper_means(self, z_hat: F32, frame: Frame) -> U8:
        """Means from z as grid values (M, h, w) of all that is known in a frame."""
        means = cast(U8, self.networks.run("hyper_synthesis", (z_hat + spec.GRID_ZERO).astype(np.uint8)))
        return frame.known.of(means, frame.hyper, spec.LATENT_STRIDE_PX)

    def second_means(self, level: Level, grid: U8, first: U8, frame: Frame) -> U8:
        """Means (M, n) of the second half as grid values: those from z, corrected by what the first half turned out."""
        known = level.with_planes(grid)
        frame.with_first(known[: len(grid)], first)
        correction = frame.second_of(cast(U8, self.networks.run("context", known)))
        total = frame.second_of(grid).astype(np.int16)
        total += correction
        total -= spec.GRID_ZERO
        return np.clip(total, 0, 255, out=total).astype(np.uint8)

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


def _paint(pixels: Pixels, rgb: U8) -> None:
    """Puts colours (H, W, 3) into pixels, which may be gray or have alpha: the inverse of _split."""
    if pixels.ndim == 2:
        pixels[:] = (rgb.sum(axis=2, dtype=np.uint16) + 1) // 3
    else:
        pixels[:, :, :3] = rgb


def _area(region: Region, picture: Area) -> Area:
    """A region as an area; InputError unless all of it is in the picture."""
    x, y, width, height = region
    if not (0 <= x < x + width <= picture.right and 0 <= y < y + height <= picture.bottom):
        raise InputError(
            f"region {x},{y},{width},{height} is not within the picture, "
            f"which has {picture.right}x{picture.bottom} pixels"
        )
    return Area(y, x, y + height, x + width)
