"""The convolutional autoencoder behind the seam: a picture becomes 192 latents a block of 8 x 8 pixels, and back.

encode   RGB ─ encoder ─ latents ─┬─ AC (189, H/8) ────────────────────────────┬─ means, scales ─ symbols ─ parts
                                  └─ DC (3, H/8) ─ wavelet ─ details, z (H/64) ┘
decode   the same line from right to left, ending in decoder ─ RGB

The networks of the prior tell means and scales of one part of a tile after the other, from all that is known by then:
18 parts, coarse to fine, of luma each in two halves of a checkerboard. A tile's symbols are coded without knowledge of
other tiles; encoder, wavelet and decoder see the whole picture, in windows that are grown by what they see beyond.
What luma lets one guess of chroma (`chroma.py`) is added to means as far as a network says. docs/format/autoencoder.md
tells what every byte of a stream means.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.areas import Area, Blocks, cropped, cut, even_sides, padded
from runtime.arrays import F32, I16, U8, Bool
from runtime.bundle import Bundle
from runtime.container import Header
from runtime.entropy.costs import BITS_PER_SQUARED_STEP, Costs
from runtime.entropy.tables import Tables
from runtime.entropy.tile_stream import PartReader
from runtime.families.autoencoder.chroma import guessed_means, slopes_of_ac, slopes_of_dc
from runtime.families.autoencoder.spec import (
    AC,
    BANDS,
    BLOCK_PX,
    CODING_ORDER,
    DC_LEVELS,
    DC_REACH,
    DETAILS,
    FIRST_COLUMN,
    GRIDS,
    LAYER_ENDS,
    NETWORKS,
    PART_BANDS,
    RATE_PLANES,
    REACH,
    RIDGE,
    STRIDE_PX,
)
from runtime.families.base import Coded, Family, Stacks, Traits
from runtime.latents import corrections, rates, spec, values, wavelet
from runtime.latents.corrections import Corrections
from runtime.latents.parts import Part, guess_part, quantise_part, read_part
from runtime.latents.rates import Rates
from runtime.latents.spread import spread
from runtime.networks import strips
from runtime.networks.providers import CPU
from runtime.networks.sessions import Networks
from runtime.threads import spare

NO_CORRECTIONS = Corrections.none(PART_BANDS)


@dataclass(frozen=True, eq=False, kw_only=True)
class Prior(rates.Prior):
    """The integers of an autoencoder's bundle. Columns are the AC, details of the DC from coarse to fine, z."""

    columns = AC + DC_LEVELS * DETAILS + spec.COLOUR_COUNT

    log2_plain_step: I16
    """(levels,) steps that slopes are reckoned with, log2 in 1/64 octave of 1/64 pixel level"""

    def __post_init__(self) -> None:
        super().__post_init__()
        plain = self.log2_plain_step
        if plain.shape != self.log2_step.shape[:1] or plain.min() < 0 or plain.max() >= rates.MOST_LOG2_STEP:
            raise rates.unusable(f"log2_plain_step of shape {plain.shape}, from {plain.min()} to {plain.max()}")

    def at_level(self, level: int) -> "Level":
        """Return the prior at one level 0 .. top_level."""
        plain_px = np.float32(rates.exp2(self.between(self.log2_plain_step, level)) / (1 << spec.STEP_BITS))
        return Level(self, *self.rates(level), np.float32(RIDGE) * (plain_px * plain_px))


@dataclass(frozen=True)
class Level(Rates):
    """The prior at one level of the rate scale."""

    ridge: np.float32
    """what keeps slopes of chroma small, in squared pixel levels"""

    def dequantise(self, grid_values: I16, grid: int) -> F32:
        """Return the latents (n, h, w), in pixel levels, of the values of one of GRIDS."""
        first = FIRST_COLUMN[grid]
        return values.dequantise(grid_values, self.steps[first : first + GRIDS[grid][0]])

    def dc(self, grids: Sequence[I16]) -> F32:
        """Return the DC (3, h, w), in pixel levels, of the values of z and of the DC's details."""
        low, *details = (self.dequantise(grid_values, grid) for grid, grid_values in enumerate(grids))
        for detail in details:
            low = wavelet.join(low, detail)
        return low


class Latents(NamedTuple):
    """The coded latents of a tile."""

    parts: tuple[Part, ...]
    """in coding order"""
    grids: tuple[I16, ...]
    """values (n, h, w) of each of GRIDS"""
    corrections: Corrections = NO_CORRECTIONS
    """what is corrected of the scale indexes that networks tell"""


class PartCoder(Protocol):
    """A function that codes the next part: it quantises it, reads it, or guesses it."""

    def __call__(self, number: int, mean: U8 | I16, index: U8, where: Bool) -> Part:
        """Return the part of a number in coding order.

        mean    (n, h, w) in 1/8 step plus 128
        index   scale indexes (n, h, w), which the function may correct
        where   positions (h, w) at which the part is coded; elsewhere its scale indexes are 0
        """
        ...


class Autoencoder(Family, Stacks):
    """The encoder and decoder with the weights of one bundle."""

    traits = Traits(
        networks=NETWORKS,
        stride_px=STRIDE_PX,
        tile_flags=corrections.LEAST_FLAG | corrections.SHIFTS_FLAG,
    )

    def __init__(self, bundle: Bundle, networks: Networks, window_px: int) -> None:
        self.bundle, self.networks = bundle, networks
        # half a side, as encoder and decoder take several times the room of other transforms
        self.window_px = max(STRIDE_PX, window_px // 2 // STRIDE_PX * STRIDE_PX)

    @cached_property
    def prior(self) -> Prior:
        """The integers that turn symbols into latents, and what networks say into scale indexes."""
        return Prior.of(self.bundle)

    @property
    def tables(self) -> Tables:
        """The entropy coder's tables."""
        return self.bundle.tables

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
        """Return the analysis of a picture (H, W, 3), which serves every level."""
        (analysis,) = self.analyse_stack(rgb[None], options)
        return analysis

    def analyse_stack(self, rgb: U8, options: Mapping[str, Any]) -> list["AutoencoderAnalysis"]:
        """Return the analyses of pictures (N, H, W, 3), which serve every level."""
        each = zip(rgb, self.transform(rgb), strict=True)
        return [AutoencoderAnalysis(self, picture, latents) for picture, latents in each]

    def transform(self, rgb: U8) -> list[list[NDArray[Any]]]:
        """Return the latents of each picture (N, H, W, 3), in 1/16 pixel level: z, the DC's details, AC, as GRIDS.

        The AC is rounded to int16, to take half the room.
        """
        whole = padded(rgb.shape[1], rgb.shape[2], STRIDE_PX)
        ac = np.empty((len(rgb), spec.COLOUR_COUNT, BANDS - 1, *whole.shape(BLOCK_PX)), np.int16)
        low = np.empty((len(rgb), spec.COLOUR_COUNT, *whole.shape(BLOCK_PX)), np.float32)
        for window in cut(whole, even_sides(whole, self.window_px, STRIDE_PX)):
            seen = window.grown(REACH, BLOCK_PX, whole)
            pixels = np.stack([cropped(picture, seen) for picture in rgb]).transpose(0, 3, 1, 2)
            latents = self.encoded(pixels)
            blocks = latents.reshape(len(rgb), spec.COLOUR_COUNT, BANDS, *latents.shape[2:])
            blocks = blocks[..., *window.within(seen, BLOCK_PX)]
            np.multiply(blocks[:, :, 0], 1 << spec.COEFFICIENT_BITS, out=low[..., *window.on(BLOCK_PX)])
            fine = blocks[:, :, 1:] * np.float32(1 << spec.COEFFICIENT_BITS)
            np.clip(np.rint(fine, out=fine), -spec.LARGEST_VALUE, spec.LARGEST_VALUE, out=fine)
            ac[..., *window.on(BLOCK_PX)] = fine
        return [_grids(*each) for each in zip(low, ac, strict=True)]

    def encoded(self, pixels: U8) -> F32:
        """Return the output of encoder.onnx for pixels (N, 3, H, W): latents (N, 192, H/8, W/8)."""
        n, _, height, width = pixels.shape
        rows = pixels.reshape(n, spec.COLOUR_COUNT, height // BLOCK_PX, BLOCK_PX, width)

        def run(inputs: Sequence[U8]) -> list[F32]:
            (strip,) = inputs
            return self.networks.run_stack("encoder", strip.reshape(n, spec.COLOUR_COUNT, -1, width))

        return self._in_strips(run, rows, width)

    def _in_strips(self, run: Callable[[Sequence[Any]], list[Any]], grid: Any, width_px: int) -> Any:
        """Return the output of `run` for a grid with rows of blocks along axis 2, cut into strips, one a thread."""
        count = 1
        if self.networks.provider is CPU:
            count = strips.worth(spare(self.networks.threads), grid.shape[2], width_px)
        return strips.run(run, [grid], [2], [2], max(REACH) // BLOCK_PX, count)[0]

    def quantise(
        self, latents: list[NDArray[Any]], level: Level, tile: Area, picture: Area, raising: bool = True
    ) -> Latents:
        """Return the coded latents of a tile, from a picture's latents as `transform` returns them.

        What lies more than a position beyond the picture is not coded: no pixel shows it. `raising` says whether parts
        may get a least scale index.
        """
        much = 1.5 if raising else math.inf
        least, shifts = list(NO_CORRECTIONS.least), list(NO_CORRECTIONS.shifts)

        def code(number: int, mean: U8 | I16, index: U8, where: Bool) -> Part:
            part = CODING_ORDER[number]
            rows, columns = tile.on(GRIDS[part.grid][1])
            selected = latents[part.grid][part.channels, rows, columns]
            last_row, last_column = (count + 1 for count in picture.shape(GRIDS[part.grid][1]))
            shown = max(0, last_row - rows.start), max(0, last_column - columns.start)
            factors = values.factors(level.steps.take(part.columns))
            exact = values.residuals(selected, factors, mean, values.INVERSE_GAIN, shown=shown)
            some, (n, h, w) = np.flatnonzero(where), mean.shape
            coded, told = exact.reshape(n, h * w).take(some, axis=1), index.reshape(n, h * w, 1).take(some, axis=1)
            least[number], shifts[number] = corrections.best(coded, told, part.bands, self.costs, much)
            index = corrections.corrected(index, least[number], shifts[number], self.prior.top_index)
            return quantise_part(self.costs, exact, index * where)

        tile_latents = self.predict(level, tile.shape(STRIDE_PX), code)
        return tile_latents._replace(corrections=Corrections(tuple(least), tuple(shifts)))

    # -- decoder ---------------------------------------------------------------------------------------------------

    def read(self, header: Header, tile: Area, reader: PartReader) -> Latents:
        """Return the latents of a tile; raise StreamError where they cannot be read."""
        top = self.prior.top_index
        corrected = corrections.unpack(reader.flags, reader.side, len(CODING_ORDER), top, PART_BANDS)

        def code(number: int, mean: U8 | I16, index: U8, where: Bool) -> Part:
            return read_part(self.bundle.tables, reader, corrected.of(number, index, top) * where)

        latents = self.predict(self.prior.at_level(header.level), tile.shape(STRIDE_PX), code)
        return latents._replace(corrections=corrected)

    def guess(self, header: Header, known: Iterable[tuple[Area, Latents]]) -> Callable[[Area], Latents]:
        """Return a function that guesses a lost tile's latents: z from around it, the rest as networks predict it."""
        shape = padded(header.height, header.width, STRIDE_PX).shape(STRIDE_PX)
        there = ((tile.on(STRIDE_PX), latents.parts[0].symbols) for tile, latents in known)
        z = spread(there, (spec.COLOUR_COUNT, *shape))

        def guessed(tile: Area) -> Latents:
            def code(number: int, mean: U8 | I16, index: U8, where: Bool) -> Part:
                return guess_part(self.bundle.tables, index * where, None if number else z[:, *tile.on(STRIDE_PX)])

            return self.predict(self.prior.at_level(header.level), tile.shape(STRIDE_PX), code)

        return guessed

    def render(
        self, header: Header, tiles: Callable[[Area], Latents], wanted: Area, enhance: bool
    ) -> Iterator[tuple[Area, U8]]:
        """Yield areas that make up the wanted one, in pixels, and the RGB (h, w, 3) of each."""
        for area, (rgb,) in self.render_stack([header], [tiles], wanted, enhance):
            yield area, rgb

    def render_stack(
        self, headers: Sequence[Header], tiles: Sequence[Callable[[Area], Latents]], wanted: Area, enhance: bool
    ) -> Iterator[tuple[Area, U8]]:
        """Yield areas that make up the wanted one, in pixels, and the RGB (N, h, w, 3) of each."""
        levels = [self.prior.at_level(header.level) for header in headers]
        whole, sides = padded(headers[0].height, headers[0].width, STRIDE_PX), (headers[0].tile_px,) * 2

        def blocks_of(tiles: Callable[[Area], Latents]) -> Blocks:
            strides = (side_px for _, side_px in GRIDS)
            return Blocks(lambda tile: tiles(tile).grids, whole, sides, *strides, threads=self.networks.at_a_time)

        stack = [blocks_of(each) for each in tiles]
        rates = np.full((len(levels), RATE_PLANES, 1, 1), spec.GRID_ZERO, np.uint8)
        rates[:, : spec.LEVEL_PLANES, 0, 0] = [level.planes for level in levels]
        height, width = even_sides(wanted, self.window_px, STRIDE_PX)
        for strip in cut(wanted, (height, wanted.right)):
            wide = strip.grown(REACH, BLOCK_PX, whole).grown(DC_REACH, STRIDE_PX, whole)
            for blocks in stack:
                blocks.forget(wide)
                blocks.prepare(wide)
            for window in cut(strip, (height, width)):
                seen = window.grown(REACH, BLOCK_PX, whole)
                latents = [self.latents(*each, seen, whole) for each in zip(levels, stack, strict=True)]
                pixels = self.decoded(np.stack(latents), rates)
                yield window, pixels[..., *window.within(seen, 1)].transpose(0, 2, 3, 1)

    def decoded(self, latents: F32, rates: U8) -> U8:
        """Return the output of decoder.onnx for latents (N, 192, h, w) at rates (N, 16, 1, 1): RGB (N, 3, 8 h, 8 w)."""

        def run(inputs: Sequence[F32]) -> list[U8]:
            return self.networks.run_stack("decoder", *inputs, rates)

        return self._in_strips(run, latents, BLOCK_PX * latents.shape[-1])

    def latents(self, level: Level, blocks: Blocks, seen: Area, whole: Area) -> F32:
        """Return the latents (192, h, w) in pixel levels of an area of the whole."""
        wide = seen.grown(DC_REACH, STRIDE_PX, whole)
        low = level.dc([blocks.take(wide, grid) for grid in range(1 + DC_LEVELS)])
        latents = np.empty((spec.COLOUR_COUNT, BANDS, *seen.shape(BLOCK_PX)), np.float32)
        latents[:, 0] = low[:, *seen.within(wide, BLOCK_PX)]
        ac = level.dequantise(blocks.take(seen, 1 + DC_LEVELS), 1 + DC_LEVELS)
        latents[:, 1:] = ac.reshape(spec.COLOUR_COUNT, BANDS - 1, *ac.shape[1:])
        return latents.reshape(-1, *latents.shape[2:])

    # -- both sides ------------------------------------------------------------------------------------------------

    def predict(self, level: Level, shape: tuple[int, int], code: PartCoder) -> Latents:
        """Return the latents of a tile with z of a shape (hz, wz), predicted coarse to fine; `code` codes each part."""
        parts: list[Part] = []
        sides = ((channels, *(side * STRIDE_PX // side_px for side in shape)) for channels, side_px in GRIDS)
        grids = [np.zeros(side, np.int16) for side in sides]
        state: list[U8] = []
        last: I16 = grids[0]
        dc = np.zeros(0, np.float32)
        mean: U8 | I16
        for number, part in enumerate(CODING_ORDER):
            bases, n = level.bases.take(part.columns), len(part.channels)
            if number:
                *state, said = self.networks.run(part.network, *state, level.see(last, part.seen))
                mean, index = said[:n], level.index_said(rates.halves_of(bases), said[n : 2 * n])
                if len(said) > 2 * n:
                    mean = with_guess(level, number, said, grids[part.grid], dc)
            else:
                mean, index = np.full(last.shape, spec.GRID_ZERO, np.uint8), level.index_unsaid(bases, shape)
            where = part.positions(mean.shape[1:])
            mean = np.where(where, mean, mean.dtype.type(spec.GRID_ZERO))
            parts.append(code(number, mean, index, where))
            last = values.values(mean, parts[-1].symbols, values.GAIN)
            grids[part.grid][part.channels, :, :] += last
            if number == 0:
                dc = level.dequantise(last, 0)
            elif part.luma and part.grid <= DC_LEVELS:
                dc = wavelet.join(dc, level.dequantise(grids[part.grid], part.grid))
        return Latents(tuple(parts), tuple(grids))


FAMILY = Autoencoder


def with_guess(level: Level, number: int, said: U8, grid: I16, dc: F32) -> I16:
    """Return the means (n, h, w) of a part of chroma, by its number: a network's, with the prediction from luma added.

    Luma is that of the same grid; dc (3, h, w) is the low band there.
    """
    part, before, n = CODING_ORDER[number], CODING_ORDER[number - 1], len(CODING_ORDER[number].channels)
    if before.luma:  # lower frequencies of chroma
        luma, chroma = (grid[list(channels)] for channels in (before.luma, before.channels))
        luma_px = values.dequantise(luma, level.steps.take(before.luma_columns))
        chroma_px = values.dequantise(chroma, level.steps.take(before.columns))
        slopes = slopes_of_ac(luma_px, chroma_px.reshape(2, *luma_px.shape), level.ridge)
    else:
        slopes = slopes_of_dc(dc, level.ridge)
    steps = level.steps.take(part.luma_columns), level.steps.take(part.columns)
    return guessed_means(said[:n], said[2 * n :], slopes, grid[list(part.luma)], *steps)


class AutoencoderAnalysis:
    """A picture (H, W, 3) and its latents."""

    def __init__(self, family: Autoencoder, rgb: U8, latents: list[NDArray[Any]]):
        self._family, self._rgb, self._latents = family, rgb, latents

    def flag(self, level: int) -> bool:
        """Return False: the family has no flag."""
        return False

    def code(self, level: int, tile: Area) -> Coded:
        """Return the coded parts of a tile at a level, and its corrections."""
        at_level, picture = self._family.prior.at_level(level), Area(0, 0, *self._rgb.shape[:2])
        latents = self._family.quantise(self._latents, at_level, tile, picture)
        if any(latents.corrections.least):  # nets may make latents of what no pixel shows: then they are not worth it
            plain = self._family.quantise(self._latents, at_level, tile, picture, raising=False)
            latents = min(latents, plain, key=lambda each: self._cost(each, level, tile))
        return coded(latents)

    def _cost(self, latents: Latents, level: int, tile: Area) -> float:
        """Return the cost of a tile in bits: its rate, plus its squared error in pixels at the encoder's price."""
        family, shown = self._family, self._rgb[tile.on(1)].astype(np.int32)
        height, width = shown.shape[:2]
        header = Header(width, height, level, family.bundle.id, 1 << 20, False, False)
        squares = 0
        for area, rgb in family.render(header, lambda _: latents, Area(0, 0, height, width), False):
            squares += int(np.square(rgb - shown[area.on(1)]).sum(dtype=np.int64))
        price = BITS_PER_SQUARED_STEP * RIDGE / float(family.prior.at_level(level).ridge)
        bits = sum(family.costs.bits(part.coded, part.scales.coded) for part in latents.parts)
        return bits + price * squares


def coded(latents: Latents) -> Coded:
    """Return the parts of a tile, and its corrections as flags and side bytes."""
    return Coded([part.to_code for part in latents.parts], *corrections.pack(latents.corrections))


def _grids(low: F32, ac: I16) -> list[NDArray[Any]]:
    """Return z, the DC's details and the AC, from the DC (3, h, w) and the AC (3, 63, h, w) of a picture."""
    grids: list[NDArray[Any]] = [ac.reshape(-1, *ac.shape[2:])]
    for _ in range(DC_LEVELS):
        low, details = wavelet.split(low)
        grids.insert(0, details)
    return [low, *grids]
