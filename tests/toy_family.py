"""A family of another shape than the pyramid, to prove the seam: means of squares of 8, 4, 2 and 1 pixels, no networks.

Each of four layers has one part: what the means of its squares differ from those of the layer before, in steps. The
scale index of a difference follows the one before. Steps of the last level are 1, so that it loses nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from runtime.areas import Area, cut, padded
from runtime.bundle import Bundle
from runtime.container import Header
from runtime.entropy.tables import Tables
from runtime.entropy.tile_stream import PartReader, Scales
from runtime.errors import InputError, StreamError
from runtime.families.base import Coded, Family, Traits
from runtime.networks.sessions import Networks

LAYERS = 4
STRIDE_PX = 1 << (LAYERS - 1)
TOP_LEVEL = 60
OFFSET_FLAG = 1
"""A tile begins with the level that its samples are around, which else is 128."""


def step(level: int) -> int:
    return 1 + (TOP_LEVEL - level) // 4


def means(samples: np.ndarray, side: int) -> np.ndarray:
    """Return rounded means (n, h, w) of squares of samples (n, h side, w side)."""
    n, h, w = samples.shape
    sums = samples.reshape(n, h // side, side, w // side, side).sum(axis=(2, 4))
    return (sums + side**2 // 2) // side**2


def twice(grid: np.ndarray) -> np.ndarray:
    return grid.repeat(2, axis=-2).repeat(2, axis=-1)


def scales_of(tables: Tables, shape: tuple[int, ...], before: np.ndarray | None) -> Scales:
    """Return the scales of a part (n, h, w), from the differences (n, h/2, w/2) before it."""
    index = np.full(shape, 20) if before is None else twice(10 + 3 * np.abs(before).clip(max=5))
    return Scales(tables, index.astype(np.uint8).ravel())


class Toy(Family):
    traits = Traits((), STRIDE_PX, tile_flags=OFFSET_FLAG, header_flag=True, options=frozenset({"colours"}))

    def __init__(self, bundle: Bundle, networks: Networks, window_px: int) -> None:
        self.bundle = bundle

    @property
    def tables(self) -> Tables:
        return self.bundle.tables

    @property
    def top_level(self) -> int:
        return TOP_LEVEL

    def layer_ends(self, header: Header) -> tuple[int, ...]:
        return tuple(range(1, LAYERS + 1))

    def analyse(self, rgb: np.ndarray, options: Mapping[str, Any]) -> "ToyAnalysis":
        if not isinstance(options.get("colours", True), bool):
            raise InputError(f"colours={options['colours']!r} is neither True nor False")
        return ToyAnalysis(self, rgb, options.get("colours", True))

    def read(self, header: Header, tile: Area, reader: PartReader) -> np.ndarray:
        """Return samples (3, h, w), or (1, h, w) without colours."""
        offset = reader.side(1)[0] if reader.flags else 128
        if offset == 255:
            raise StreamError("an offset of 255: the tile stream is damaged")
        channels = 1 if header.flag else 3
        found = np.full((channels, *tile.shape(STRIDE_PX)), offset)
        before, side = None, STRIDE_PX
        while side:
            if before is not None:
                found = twice(found)
            if reader.more:
                before = reader.read(scales_of(self.tables, found.shape, before)).reshape(found.shape)
                found = found + step(header.level) * before
            else:
                before = np.zeros(found.shape, int)
            side //= 2
        return found.clip(0, 255).astype(np.uint8)

    def guess(self, header: Header, known: Iterable[tuple[Area, np.ndarray]]) -> Callable[[Area], np.ndarray]:
        """Return the mean colour of the other tiles."""
        colour = np.mean([samples.mean(axis=(1, 2)) for _, samples in known], axis=0)
        return lambda tile: np.broadcast_to(colour.astype(np.uint8)[:, None, None], (len(colour), *tile.shape(1)))

    def render(
        self, header: Header, tiles: Callable[[Area], np.ndarray], wanted: Area, enhance: bool
    ) -> Iterator[tuple[Area, np.ndarray]]:
        whole = padded(header.height, header.width, STRIDE_PX)
        for tile in cut(whole, (header.tile_px, header.tile_px), wanted):
            part = tile.common(wanted)
            samples = tiles(tile)[:, *part.within(tile, 1)]
            yield part, np.broadcast_to(samples, (3, *samples.shape[1:])).transpose(1, 2, 0)


class ToyAnalysis:
    def __init__(self, family: Toy, rgb: np.ndarray, colours: bool):
        self.tables = family.tables
        self.gray = not colours or bool((rgb == rgb[:, :, :1]).all())
        height, width = (-side % STRIDE_PX for side in rgb.shape[:2])
        samples = np.pad(rgb, ((0, height), (0, width), (0, 0)), "edge").transpose(2, 0, 1).astype(int)
        self.samples = samples[1:2] if self.gray else samples

    def flag(self, level: int) -> bool:
        return self.gray

    def code(self, level: int, tile: Area) -> Coded:
        samples = self.samples[:, *tile.on(1)]
        offset = min(int(samples.mean()), 254)
        found = np.full((len(samples), *tile.shape(STRIDE_PX)), offset)
        parts, before, side = [], None, STRIDE_PX
        while side:
            if before is not None:
                found = twice(found)
            scales = scales_of(self.tables, found.shape, before)
            before = np.rint((means(samples, side) - found) / step(level)).astype(np.int32)
            parts.append((scales, before.ravel()))
            found, side = found + step(level) * before, side // 2
        return Coded(parts, *((0, b"") if offset == 128 else (OFFSET_FLAG, bytes([offset]))))


FAMILY = Toy
