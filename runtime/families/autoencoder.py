"""The convolutional autoencoder behind the seam: a picture becomes 192 latents a block of 8 x 8 pixels, and back.

encode   RGB ─ encoder ─ latents ─┬─ AC (189, H/8) ────────────────────────────┬─ means, scales ─ symbols ─ parts
                                  └─ DC (3, H/8) ─ wavelet ─ details, z (H/64) ┘
decode   the same line from right to left, ending in decoder ─ RGB

The networks of the prior tell means and scales of one part of a tile after the other, from all that is known by then:
18 parts, coarse to fine, of luma each in two halves of a checkerboard. A tile's symbols are coded without knowledge of
other tiles; encoder, wavelet and decoder see the whole picture, in windows that are grown by what they see beyond.
docs/format/autoencoder.md tells all of it in whole numbers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from runtime.areas import Area, Blocks, Reach, cropped, cut, even_sides, padded
from runtime.arrays import F32, I16, U8, Bool
from runtime.bundle import Bundle
from runtime.container import Header
from runtime.entropy.costs import Costs
from runtime.entropy.tile_stream import PartReader
from runtime.families.base import Coded, Family, Stacks, Traits
from runtime.latents import corrections, rates, spec, values, wavelet
from runtime.latents.corrections import Corrections
from runtime.latents.parts import Part, guess_part, quantise_part, read_part
from runtime.latents.rates import Rates
from runtime.latents.spread import spread
from runtime.networks import Network, strips
from runtime.networks.providers import CPU
from runtime.networks.sessions import Networks

BLOCK_PX, BANDS = 8, 64
"""Side of the blocks that latents are of, and latents of each colour in a block, by frequency from low to high."""
AC = spec.COLOUR_COUNT * (BANDS - 1)
"""Latents of a block but the lowest of each colour, the DC: ordered (colour, frequency)."""
DC_LEVELS = 3
"""Wavelet levels of the DC: details at H/64, H/32 and H/16, and z at H/64."""
STRIDE_PX = BLOCK_PX << DC_LEVELS
"""Pixels per position of z."""
DETAILS = spec.COLOUR_COUNT * spec.BANDS
"""Channels of a wavelet level's details: ordered (colour, band)."""
GRIDS = ((spec.COLOUR_COUNT, 64), *((DETAILS, side_px) for side_px in (64, 32, 16)), (AC, BLOCK_PX))
"""Channels of z, of the details from coarse to fine, of the AC, and pixels per position of each."""
FIRST_COLUMN = (AC + DC_LEVELS * DETAILS, *(AC + level * DETAILS for level in range(DC_LEVELS)), 0)
"""Column of each grid's first channel in the arrays of the bundle."""
LUMA_GROUPS, CHROMA_GROUPS = ((1, 9), (9, 25), (25, 64)), ((1, 13), (13, 64))
"""The frequencies of the AC that are coded at a time."""
LAYER_ENDS = (10, 14, 18)
"""Parts up to the end of each layer: the DC, low frequencies of luma, all others."""
REACH = Reach(48, 48)
"""What encoder and decoder may see beyond a window: 6 blocks."""
DC_REACH = Reach(256, 256)
"""What the wavelet of the DC sees beyond a window (28 blocks)."""
MUCH = 2.5
"""How many times as much leaving out must cost as coding does: a net may leave in latents what no pixel shows."""
RATE_PLANES = 16
"""Values that tell the decoder the level: the level planes, then zero points."""


@dataclass(frozen=True)
class Coding:
    """How a part is coded."""

    network: str
    """what tells its means and scales, from the state and the part before; none for z"""
    seen: int
    """channels of the part before, as the network sees them"""
    grid: int
    """which of GRIDS it is of"""
    channels: tuple[int, ...]
    bands: int
    """into how many bands its channels are divided where scale indexes are corrected"""
    half: int | None = None
    """which half of the checkerboard alone is coded, the other values being 0: the remainder of row + column by 2"""

    @property
    def columns(self) -> list[int]:
        """The columns of its channels in the arrays of the bundle."""
        return [FIRST_COLUMN[self.grid] + channel for channel in self.channels]

    def positions(self, shape: tuple[int, ...]) -> Bool:
        """Return where it is coded of a grid of a shape (h, w)."""
        row, column = np.ogrid[: shape[0], : shape[1]]
        return (row + column) % 2 == self.half if self.half is not None else np.ones(shape, np.bool_)


def _coding_order() -> Iterator[Coding]:
    luma, chroma = (tuple(range(spec.BANDS)), tuple(range(spec.BANDS, DETAILS)))
    yield Coding("", 0, 0, tuple(range(spec.COLOUR_COUNT)), spec.COLOUR_COUNT)
    for grid in (1, 2, 3):
        yield Coding("start" if grid == 1 else "first", 16, grid, luma, len(luma), 0)
        yield Coding("second", 16, grid, luma, len(luma), 1)
        yield Coding("third", 16, grid, chroma, len(chroma))
    fine: list[tuple[tuple[int, ...], int | None]]
    fine = [(tuple(range(low - 1, high - 1)), half) for low, high in LUMA_GROUPS for half in (0, 1)]
    chroma_rows = (range(BANDS - 1, 2 * (BANDS - 1)), range(2 * (BANDS - 1), AC))
    fine += [(tuple(c for rows in chroma_rows for c in rows[low - 1 : high - 1]), None) for low, high in CHROMA_GROUPS]
    seen = 16
    for number, (channels, half) in enumerate(fine):
        bands = next(count for count in (4, 3, 2, 1) if len(channels) % count == 0)
        yield Coding(f"fine_{number}", seen, len(GRIDS) - 1, channels, bands, half)
        seen = -(-len(channels) // 8) * 8


CODING_ORDER = tuple(_coding_order())
PART_BANDS = tuple(part.bands for part in CODING_ORDER)
NO_CORRECTIONS = Corrections.none(PART_BANDS)


class Prior(rates.Prior):
    """The integers of an autoencoder's bundle. Columns are the AC, details of the DC from coarse to fine, z."""

    columns = AC + DC_LEVELS * DETAILS + spec.COLOUR_COUNT

    def at_level(self, level: int) -> Rates:
        """Return what holds at one level 0 .. top_level."""
        return Rates(self, *self.rates(level))


@dataclass(frozen=True, eq=False)
class Latents:
    """What is coded of a tile."""

    parts: tuple[Part, ...]
    """in coding order"""
    grids: tuple[I16, ...]
    """values (n, h, w) of each of GRIDS"""
    corrections: Corrections = NO_CORRECTIONS
    """what is corrected of the scale indexes that networks tell"""


class PartCoder(Protocol):
    """Codes the next part: quantises it, reads it, or guesses it."""

    def __call__(self, number: int, mean: U8, index: U8, where: Bool) -> Part:
        """Return a part, of its number in coding order, means (n, h, w) as a network says them, scale indexes
        (n, h, w), which it may correct, and positions (h, w) where it is coded: elsewhere its scale indexes are 0.
        """
        ...


class Autoencoder(Family, Stacks):
    """Encodes and decodes with the weights of one bundle."""

    traits = Traits(
        networks=(
            Network("encoder", "encode"),
            *(Network(name, "both") for name in dict.fromkeys(part.network for part in CODING_ORDER[1:])),
            Network("decoder", "decode"),
        ),
        stride_px=STRIDE_PX,
        tile_flags=corrections.LEAST_FLAG | corrections.SHIFTS_FLAG,
    )

    def __init__(self, bundle: Bundle, networks: Networks, window_px: int) -> None:
        self.bundle, self.networks, self.window_px = bundle, networks, window_px

    @cached_property
    def prior(self) -> Prior:
        """The integers that turn symbols into latents, and what networks say into scale indexes."""
        return Prior.of(self.bundle)

    @cached_property
    def costs(self) -> Costs:
        """What symbols cost the encoder."""
        return Costs(self.bundle.tables, spec.SHIFTS)

    @property
    def top_level(self) -> int:
        """The highest level of the rate scale."""
        return self.prior.top_level

    def layer_ends(self, header: Header) -> tuple[int, ...]:
        """Return the number of parts up to the end of each layer."""
        return LAYER_ENDS

    # -- encoder ---------------------------------------------------------------------------------------------------

    def analyse(self, rgb: U8, options: Mapping[str, Any]) -> "AutoencoderAnalysis":
        """Return what no level changes of a picture (H, W, 3)."""
        (analysis,) = self.analyse_stack(rgb[None], options)
        return analysis

    def analyse_stack(self, rgb: U8, options: Mapping[str, Any]) -> list["AutoencoderAnalysis"]:
        """Return what no level changes of pictures (N, H, W, 3)."""
        return [AutoencoderAnalysis(self, latents) for latents in self.transform(rgb)]

    def transform(self, rgb: U8) -> list[list[F32]]:
        """Return the latents of each of pictures (N, H, W, 3) in 1/16 pixel level: z, details of the DC, AC, as GRIDS
        tells.
        """
        whole = padded(rgb.shape[1], rgb.shape[2], STRIDE_PX)
        ac = np.empty((len(rgb), spec.COLOUR_COUNT, BANDS - 1, *whole.shape(BLOCK_PX)), np.float32)
        low = np.empty((len(rgb), spec.COLOUR_COUNT, *whole.shape(BLOCK_PX)), np.float32)
        for part in cut(whole, even_sides(whole, self.window_px, STRIDE_PX)):
            seen = part.grown(REACH, BLOCK_PX, whole)
            pixels = np.stack([cropped(picture, seen) for picture in rgb]).transpose(0, 3, 1, 2)
            latents = self.encoded(pixels)
            blocks = latents.reshape(len(rgb), spec.COLOUR_COUNT, BANDS, *latents.shape[2:])
            blocks = blocks[..., *part.within(seen, BLOCK_PX)]
            np.multiply(blocks[:, :, 0], 1 << spec.COEFFICIENT_BITS, out=low[..., *part.on(BLOCK_PX)])
            np.multiply(blocks[:, :, 1:], 1 << spec.COEFFICIENT_BITS, out=ac[..., *part.on(BLOCK_PX)])
        return [_grids(*each) for each in zip(low, ac, strict=True)]

    def encoded(self, pixels: U8) -> F32:
        """Return what encoder.onnx makes of pixels (N, 3, H, W): latents (N, 192, H/8, W/8)."""
        n, _, height, width = pixels.shape
        rows = pixels.reshape(n, spec.COLOUR_COUNT, height // BLOCK_PX, BLOCK_PX, width)

        def run(inputs: Sequence[U8]) -> list[F32]:
            (strip,) = inputs
            return self.networks.run_stack("encoder", strip.reshape(n, spec.COLOUR_COUNT, -1, width))

        return self._in_strips(run, rows)

    def _in_strips(self, run: Callable[[Sequence[Any]], list[Any]], grid: Any) -> Any:
        """Return what `run` gives of a grid with rows of blocks along axis 2, in a thread for each of some strips."""
        count = 1
        if self.networks.provider is CPU:
            count = strips.worth(self.networks.threads, grid.shape[2], grid.shape[-1])
        return strips.run(run, [grid], [2], [2], max(REACH) // BLOCK_PX, count)[0]

    def quantise(self, latents: list[F32], level: Rates, tile: Area) -> Latents:
        """Return what is coded of a tile of a picture, of its latents as `transform` has them."""

        least, shifts = list(NO_CORRECTIONS.least), list(NO_CORRECTIONS.shifts)

        def code(number: int, mean: U8, index: U8, where: Bool) -> Part:
            part = CODING_ORDER[number]
            rows, columns = tile.on(GRIDS[part.grid][1])
            found = latents[part.grid][part.channels, rows, columns]
            exact = values.residuals(found, level.steps.take(part.columns), mean, values.GAIN)
            some, (n, h, w) = np.flatnonzero(where), mean.shape
            coded, told = exact.reshape(n, h * w).take(some, axis=1), index.reshape(n, h * w, 1).take(some, axis=1)
            least[number], shifts[number] = corrections.best(coded, told, part.bands, self.costs, MUCH)
            index = corrections.corrected(index, least[number], shifts[number], self.prior.top_index)
            return quantise_part(self.costs, exact, index * where)

        found = self.predict(level, tile.shape(STRIDE_PX), code)
        return replace(found, corrections=Corrections(tuple(least), tuple(shifts)))

    # -- decoder ---------------------------------------------------------------------------------------------------

    def read(self, header: Header, tile: Area, reader: PartReader) -> Latents:
        """Return the latents of a tile; raises StreamError."""
        top = self.prior.top_index
        corrected = corrections.unpack(reader.flags, reader.side, len(CODING_ORDER), top, PART_BANDS)

        def code(number: int, mean: U8, index: U8, where: Bool) -> Part:
            return read_part(self.bundle.tables, reader, corrected.of(number, index, top) * where)

        found = self.predict(self.prior.at_level(header.level), tile.shape(STRIDE_PX), code)
        return replace(found, corrections=corrected)

    def guess(self, header: Header, known: Iterable[tuple[Area, Latents]]) -> Callable[[Area], Latents]:
        """Return what guesses the latents of a lost tile: z from around it, and of the rest what networks expect."""
        shape = padded(header.height, header.width, STRIDE_PX).shape(STRIDE_PX)
        there = ((tile.on(STRIDE_PX), latents.parts[0].symbols) for tile, latents in known)
        z = spread(there, (spec.COLOUR_COUNT, *shape))

        def guessed(tile: Area) -> Latents:
            def code(number: int, mean: U8, index: U8, where: Bool) -> Part:
                return guess_part(self.bundle.tables, index * where, None if number else z[:, *tile.on(STRIDE_PX)])

            return self.predict(self.prior.at_level(header.level), tile.shape(STRIDE_PX), code)

        return guessed

    def render(
        self, header: Header, tiles: Callable[[Area], Latents], wanted: Area, enhance: bool
    ) -> Iterator[tuple[Area, U8]]:
        """Yield areas that make up the wanted one, in pixels, and the RGB (h, w, 3) of each."""
        for part, (rgb,) in self.render_stack([header], [tiles], wanted, enhance):
            yield part, rgb

    def render_stack(
        self, headers: Sequence[Header], tiles: Sequence[Callable[[Area], Latents]], wanted: Area, enhance: bool
    ) -> Iterator[tuple[Area, U8]]:
        """Yield areas that make up the wanted one, in pixels, and the RGB (N, h, w, 3) of each."""
        levels = [self.prior.at_level(header.level) for header in headers]
        whole, sides = padded(headers[0].height, headers[0].width, STRIDE_PX), (headers[0].tile_px,) * 2

        def blocks_of(tiles: Callable[[Area], Latents]) -> Blocks:
            return Blocks(lambda tile: tiles(tile).grids, whole, sides, *(side_px for _, side_px in GRIDS))

        stack = [blocks_of(each) for each in tiles]
        rates = np.full((len(levels), RATE_PLANES, 1, 1), spec.GRID_ZERO, np.uint8)
        rates[:, : spec.LEVEL_PLANES, 0, 0] = [level.planes for level in levels]
        height, width = even_sides(wanted, self.window_px, STRIDE_PX)
        for strip in cut(wanted, (height, wanted.right)):
            for blocks in stack:
                blocks.forget(strip.grown(REACH, BLOCK_PX, whole).grown(DC_REACH, STRIDE_PX, whole))
            for part in cut(strip, (height, width)):
                seen = part.grown(REACH, BLOCK_PX, whole)
                latents = [self.latents(*each, seen, whole) for each in zip(levels, stack, strict=True)]
                pixels = self.decoded(np.stack(latents), rates)
                yield part, pixels[..., *part.within(seen, 1)].transpose(0, 2, 3, 1)

    def decoded(self, latents: F32, rates: U8) -> U8:
        """Return what decoder.onnx makes of latents (N, 192, h, w) at rates (N, 16, 1, 1): RGB (N, 3, 8 h, 8 w)."""
        pixels: U8 = self._in_strips(lambda inputs: self.networks.run_stack("decoder", *inputs, rates), latents)
        return pixels

    def latents(self, level: Rates, blocks: Blocks, seen: Area, whole: Area) -> F32:
        """Return the latents (192, h, w) in pixel levels of an area of the whole."""
        wide = seen.grown(DC_REACH, STRIDE_PX, whole)
        low, *details = (self.dequantise(level, blocks.take(wide, grid), grid) for grid in range(1 + DC_LEVELS))
        for detail in details:
            low = wavelet.join(low, detail)
        latents = np.empty((spec.COLOUR_COUNT, BANDS, *seen.shape(BLOCK_PX)), np.float32)
        latents[:, 0] = low[:, *seen.within(wide, BLOCK_PX)]
        ac = self.dequantise(level, blocks.take(seen, len(GRIDS) - 1), len(GRIDS) - 1)
        latents[:, 1:] = ac.reshape(spec.COLOUR_COUNT, BANDS - 1, *ac.shape[1:])
        return latents.reshape(-1, *latents.shape[2:])

    def dequantise(self, level: Rates, found: I16, grid: int) -> F32:
        """Return the latents (n, h, w) in pixel levels of values of one of GRIDS."""
        first = FIRST_COLUMN[grid]
        return values.dequantise(found, level.steps[first : first + GRIDS[grid][0]])

    # -- both sides ------------------------------------------------------------------------------------------------

    def predict(self, level: Rates, shape: tuple[int, int], code: PartCoder) -> Latents:
        """Return what is coded of a tile with z of a shape (hz, wz), coarse to fine, where `code` codes each part."""
        parts: list[Part] = []
        sides = ((channels, *(side * STRIDE_PX // side_px for side in shape)) for channels, side_px in GRIDS)
        grids = [np.zeros(side, np.int16) for side in sides]
        state: list[U8] = []
        found: I16 = grids[0]
        for number, part in enumerate(CODING_ORDER):
            bases = level.bases.take(part.columns)
            if number:
                *state, said = self.networks.run(part.network, *state, level.see(found, part.seen))
                mean, scale = said.reshape(2, -1, *said.shape[1:])
                index = level.index_said(bases, scale)
            else:
                mean, index = np.full(found.shape, spec.GRID_ZERO, np.uint8), level.index_unsaid(bases, shape)
            where = part.positions(mean.shape[1:])
            mean = np.where(where, mean, np.uint8(spec.GRID_ZERO))
            parts.append(code(number, mean, index, where))
            found = values.values(mean, parts[-1].order.places, parts[-1].coded, values.GAIN)
            grids[part.grid][part.channels, :, :] += found
        return Latents(tuple(parts), tuple(grids))


FAMILY = Autoencoder


class AutoencoderAnalysis:
    """The latents of a picture."""

    def __init__(self, family: Autoencoder, latents: list[F32]):
        self._family, self._latents = family, latents

    def flag(self, level: int) -> bool:
        """Return False: the family has no flag."""
        return False

    def code(self, level: int, tile: Area) -> Coded:
        """Return what is coded of a tile at a level."""
        latents = self._family.quantise(self._latents, self._family.prior.at_level(level), tile)
        return Coded([(part.order, part.coded) for part in latents.parts], *corrections.pack(latents.corrections))


def _grids(low: F32, ac: F32) -> list[F32]:
    """Return z, details of the DC and AC of the DC (3, h, w) and the AC (3, 63, h, w) of a picture."""
    grids = [ac.reshape(-1, *ac.shape[2:])]
    for _ in range(DC_LEVELS):
        low, details = wavelet.split(low)
        grids.insert(0, details)
    return [low, *grids]
