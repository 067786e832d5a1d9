"""Pixels to bytes and back: the whole codec, one line a stage. Read this first.

encode   pixels ─ analysis ─ latents ─ hyper-analysis ─ z ─┬─ scale index ─────────────────┐
                                │                          └─ means ─ context ─ residuals ─┴─ rANS ─ container
decode   the same line from right to left, ending in synthesis ─ pixels
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from runtime import alpha, container, spec, streams
from runtime.bundle import Bundle
from runtime.container import Header
from runtime.errors import InputError, StreamError
from runtime.latents import F32, I32, U8, Level, first_half
from runtime.networks import Networks
from runtime.tiling import Grids, depth_to_space, pad_to, space_to_depth, tiles

TILE_PX = 1024
"""Side of the squares whose symbols are coded independently."""


@dataclass(frozen=True)
class Symbols:
    """All that the entropy coder writes of a picture."""

    z: I32
    """(K, hz, wz) hyper-latent symbols"""
    residual: F32
    """(M, h, w) whole numbers; zero where the index is zero"""
    index: U8
    """(M, h, w) scale index of each residual"""


class Codec:
    """Encodes and decodes pictures with one bundle of weights.

    `bundle` is a folder or the name of a shipped bundle, `provider` where the networks run, `threads` how many threads
    each may use (default: all cores). A Codec may be shared by threads. Raises BundleError where weights are unusable.
    """

    def __init__(self, bundle: str | Path | None = None, provider: str = "auto", threads: int | None = None):
        self.bundle = Bundle.open(bundle)
        self.networks = Networks(self.bundle.folder, provider, threads)

    def encode(
        self, pixels: NDArray[np.uint8], quality: float = 75, metadata: Mapping[int, bytes] | None = None
    ) -> bytes:
        """The .gar stream of a picture: uint8 gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4).

        `quality` runs from 1 to 100 and gives about the PSNR of a JPEG of that quality. `metadata` holds the payloads
        of further sections by kind (container.EXIF, ICC, XMP). Raises InputError.
        """
        level = self.bundle.level(quality)
        return self.encoder(pixels, metadata)(level)

    def encoder(self, pixels: NDArray[np.uint8], metadata: Mapping[int, bytes] | None = None) -> Callable[[int], bytes]:
        """A function of the level byte that gives the picture's stream; what no level changes is done once, here."""
        rgb, opacity = _split(pixels)
        latents = self.analyse(rgb)
        others = [(container.ALPHA, alpha.pack(opacity))] if opacity is not None else []
        others += sorted((metadata or {}).items())
        height, width = rgb.shape[:2]

        def at_level(level: int) -> bytes:
            header = Header(width, height, level, self.bundle.id, TILE_PX, pixels.ndim == 2, opacity is not None)
            payload = self.pack_symbols(header, self.quantise(latents, level))
            return container.pack(header, [(container.LATENTS, payload), *others])

        return at_level

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """The picture of a .gar stream, in the shape it was encoded from. Raises StreamError and BundleError."""
        header, sections = container.unpack(data)
        self._check(header, sections)
        level = self.bundle.prior.at_level(header.level)
        latents = self.unpack_latents(header, level, sections[container.LATENTS])
        rgb = self.synthesise(latents, level)[: header.height, : header.width]
        opacity = alpha.unpack(sections[container.ALPHA], header.height, header.width) if header.alpha else None
        return _join(rgb, header.gray, opacity)

    # -- encoder's stages ------------------------------------------------------------------------------------------

    def analyse(self, rgb: U8) -> F32:
        """Latents (M, h, w) in their own units, not yet rounded: everything before the choice of a quality."""
        depth = space_to_depth(pad_to(rgb, spec.LATENT_STRIDE_PX))
        return cast(F32, self.networks.run("analysis", depth))

    def quantise(self, latents: F32, level_byte: int) -> Symbols:
        """The symbols of latents at a level."""
        level = self.bundle.prior.at_level(level_byte)
        _, h, w = latents.shape
        s = spec.HYPER_STRIDE
        padded = np.pad(latents, ((0, 0), (0, -h % s), (0, -w % s)), mode="edge") if h % s or w % s else latents
        z = level.quantise_z(cast(F32, self.networks.run("hyper_analysis", padded)))
        z_hat = level.dequantise_z(z)
        index = level.scale_index(z_hat, h, w)
        grid = self.hyper_means(z_hat, h, w)
        mean = level.mean(grid)
        savings = self.bundle.tables.savings
        residual = level.quantise(latents, mean, index, savings)
        second = self.second_means(level, grid, level.dequantise(residual, mean))
        np.copyto(residual, level.quantise(latents, level.mean(second), index, savings), where=~first_half(h, w))
        return Symbols(z, residual, index)

    def pack_symbols(self, header: Header, symbols: Symbols) -> bytes:
        """The latent section: each tile's symbols in three layers (z, first half, second half)."""
        level = self.bundle.prior.at_level(header.level)
        chunks = []
        for tile in tiles(Grids.of(header.height, header.width), header.tile_px):
            z = symbols.z[:, tile.hyper_rows, tile.hyper_columns]
            layers = [(z.ravel(), np.repeat(level.index_z, z[0].size))]
            residual = symbols.residual[:, tile.rows, tile.columns]
            index = symbols.index[:, tile.rows, tile.columns]
            first = first_half(*residual.shape[1:])
            for half in (first, ~first):
                layers.append((residual[:, half].ravel().astype(np.int32), index[:, half].ravel()))
            chunks.append(streams.encode_layers(self.bundle.tables, layers))
        return container.pack_tiles(chunks)

    # -- decoder's stages ------------------------------------------------------------------------------------------

    def unpack_symbols(self, header: Header, level: Level, payload: bytes) -> tuple[F32, Symbols]:
        """z on its grid and all symbols of a latent section: the one entropy-decoding pass."""
        prior, grids = self.bundle.prior, Grids.of(header.height, header.width)
        layout = list(tiles(grids, header.tile_px))
        chunks = container.unpack_tiles(payload, len(layout), 3)
        z = np.zeros((prior.hyper_channels, grids.hyper_height, grids.hyper_width), np.int32)
        z_hat = np.zeros(z.shape, np.float32)
        index = np.zeros((prior.channels, grids.height, grids.width), np.uint8)
        residual = np.zeros(index.shape, np.float32)
        for tile, layers in zip(layout, chunks, strict=True):
            reader = streams.LayerReader(self.bundle.tables, b"".join(layers))
            hyper, latent = (slice(None), tile.hyper_rows, tile.hyper_columns), (slice(None), tile.rows, tile.columns)
            z[hyper] = reader.read(np.repeat(level.index_z, z[hyper][0].size)).reshape(z[hyper].shape)
            z_hat[hyper] = level.dequantise_z(z[hyper])
            index[latent] = level.scale_index(z_hat[hyper], *index[latent].shape[1:])
            first = first_half(*index[latent].shape[1:])
            for half in (first, ~first):
                values = reader.read(index[latent][:, half].ravel())
                residual[latent][:, half] = values.reshape(prior.channels, -1)
            reader.close()
        return z_hat, Symbols(z, residual, index)

    def unpack_latents(self, header: Header, level: Level, payload: bytes) -> F32:
        """Latents (M, h, w) as whole numbers."""
        z_hat, symbols = self.unpack_symbols(header, level, payload)
        return self.reconstruct(level, z_hat, symbols.residual)

    def reconstruct(self, level: Level, z_hat: F32, residual: F32) -> F32:
        """Latents (M, h, w) as whole numbers, from z on its grid and the residual symbols."""
        _, h, w = residual.shape
        grid = self.hyper_means(z_hat, h, w)
        latents = level.dequantise(residual, level.mean(grid))
        second = self.second_means(level, grid, latents)
        np.copyto(latents, level.dequantise(residual, level.mean(second)), where=~first_half(h, w))
        return latents

    def synthesise(self, latents: F32, level: Level) -> U8:
        """Pixels (16 h, 16 w, 3) of whole-number latents."""
        depth = self.networks.run("synthesis", level.with_planes(level.grid(latents)), latents)
        return depth_to_space(cast(U8, depth))

    # -- shared by both ------------------------------------------------------------------------------------------------

    def hyper_means(self, z_hat: F32, height: int, width: int) -> U8:
        """Means from z as grid values (M, height, width)."""
        stored = (z_hat + spec.GRID_ZERO).astype(np.uint8)
        means = self.networks.run("hyper_synthesis", stored)
        return cast(U8, np.ascontiguousarray(means[:, :height, :width]))

    def second_means(self, level: Level, grid: U8, latents: F32) -> U8:
        """Means that the second half takes: those from z, corrected by what the first half turned out to be."""
        _, h, w = grid.shape
        known = np.where(first_half(h, w), level.grid(latents), grid)
        correction = self.networks.run("context", level.with_planes(known))
        total = grid.astype(np.int16) + correction.astype(np.int16) - spec.GRID_ZERO
        return np.clip(total, 0, 255).astype(np.uint8)

    def _check(self, header: Header, sections: dict[int, bytes]) -> None:
        if header.bundle_id != self.bundle.id:
            raise StreamError(
                f"the stream needs bundle {header.bundle_id.hex()}, this is {self.bundle.name} {self.bundle.id.hex()}; "
                "decode with the bundle it was made with"
            )
        if header.level > self.bundle.prior.top_level:
            raise StreamError(
                f"level {header.level} is above the bundle's {self.bundle.prior.top_level}; the header is corrupt"
            )
        if container.LATENTS not in sections or header.alpha != (container.ALPHA in sections):
            raise StreamError("the stream's sections do not match its header; the file is corrupt")


def _split(pixels: NDArray[np.uint8]) -> tuple[U8, U8 | None]:
    """RGB (H, W, 3) and the alpha plane of a picture, or InputError."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise InputError(f"pixels are {getattr(pixels, 'dtype', type(pixels).__name__)}; give a uint8 array")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise InputError(f"pixels have shape {pixels.shape}; give (H, W), (H, W, 3) or (H, W, 4)")
    if not all(1 <= side <= spec.SIDE_LIMIT_PX for side in pixels.shape[:2]):
        raise InputError(f"pixels have shape {pixels.shape}; sides may be 1 to {spec.SIDE_LIMIT_PX}")
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2), None
    return pixels[:, :, :3], pixels[:, :, 3] if pixels.shape[2] == 4 else None


def _join(rgb: U8, gray: bool, opacity: U8 | None) -> NDArray[np.uint8]:
    """The picture that _split was given."""
    if gray:
        return ((rgb.sum(axis=2, dtype=np.uint16) + 1) // 3).astype(np.uint8)
    if opacity is not None:
        return np.dstack([rgb, opacity])
    return np.ascontiguousarray(rgb)
