"""The wavelet pyramid behind the seam: how a picture is coded and decoded with it. The family's file to read first.

encode   RGB ─ wavelet ─ coefficients ─ z ─ networks ─ means, scales ─ symbols ─┬─ parts
                                            └───────── values of one part ──────┘   (15 or 16 times, coarse to fine)
decode   the same line from right to left, ending in the inverse wavelet ─ RGB (─ synthesis, to enhance it)

A tile's symbols are coded without knowledge of other tiles; the wavelet and the synthesis net see the whole picture, in
windows that are grown by what they see beyond (`runtime/areas.py`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from runtime.areas import Area, padded
from runtime.arrays import F32, I16, I32, U8, Intp
from runtime.bundle import Bundle
from runtime.container import Header
from runtime.entropy.costs import Costs
from runtime.entropy.tables import Tables
from runtime.entropy.tile_stream import PartReader
from runtime.families.base import Coded, Family, Traits
from runtime.families.pyramid import chroma, guesses, spec
from runtime.families.pyramid.levels import Level, Prior, gain_of
from runtime.families.pyramid.transform import (
    ENHANCING_REACH,
    REACH,
    Coefficients,
    Forward,
    Inverse,
    forward,
    luma_bands,
)
from runtime.latents import colours, corrections, values
from runtime.latents.corrections import Corrections
from runtime.latents.parts import Part, guess_part, quantise_part, read_part
from runtime.latents.spread import spread
from runtime.networks.sessions import Networks
from runtime.threads import each

CODING_ORDER = ((0, 0), *((level, part) for level in range(spec.LEVELS, 0, -1) for part in range(len(spec.PARTS))))
"""Wavelet level and part of what is coded; (0, 0) is z. The last is left out with 4:2:0."""
DEAR = {(spec.MIDDLE, 0), (spec.MIDDLE, 1), (spec.MIDDLE, 2), (1, 0)}
"""Those of which errors are worth more bits to the eye; chosen on validation pictures, like how many."""
DEAR_BITS_PER_SQUARED_STEP = 15.0
NO_CORRECTIONS = Corrections.none(spec.PART_BANDS)
CHROMA = 2
"""The part of a wavelet level with its chroma details."""
ROWS: tuple[Intp, ...] = (
    *(np.array([spec.PHASES * band + phase for band in range(spec.BANDS) for phase in half]) for half in spec.HALVES),
    np.arange(spec.BANDS * spec.PHASES, spec.PACKED),
)
"""The channels of packed details that make each part."""


class Latents(NamedTuple):
    """The coded latents of a tile, or of a whole picture taken as one."""

    parts: tuple[Part, ...]
    """in coding order, z first"""
    values: tuple[I16, ...]
    """values (12, hz, wz) of z, then (36, h, w) of packed details of wavelet levels 5, 4, ... 1, of 1 the first 12
    alone where chroma is subsampled"""
    corrections: Corrections = NO_CORRECTIONS
    """what is corrected of the scale indexes that networks tell"""


class PartCoder(Protocol):
    """A function that codes the next part: it quantises it, reads it, or guesses it."""

    def __call__(self, number: int, mean: U8 | I16, gain: I32, index: U8) -> Part:
        """Return the part of a number in coding order.

        mean    (n, h, w) as the network says them, or with what is guessed from luma added
        gain    (h, w)
        index   scale indexes (n, h, w), which the function may correct
        """
        ...


class Pyramid(Family):
    """The encoder and decoder with the weights of one bundle."""

    traits = Traits(
        networks=spec.NETWORKS,
        stride_px=spec.STRIDE_PX,
        tile_flags=corrections.LEAST_FLAG | corrections.SHIFTS_FLAG,
        header_flag=True,
        options=frozenset({"subsampling"}),
    )

    def __init__(self, bundle: Bundle, networks: Networks, window_px: int) -> None:
        self.bundle, self.networks = bundle, networks
        self.window_px = max(spec.STRIDE_PX, window_px // 2)  # a tile takes more memory then than its windows

    @cached_property
    def prior(self) -> Prior:
        """The integers that turn symbols into coefficients, and what networks say into scale indexes."""
        return Prior.of(self.bundle)

    @property
    def tables(self) -> Tables:
        """The entropy coder's tables."""
        return self.bundle.tables

    @cached_property
    def costs(self) -> Costs:
        """What symbols cost the encoder."""
        return Costs(self.bundle.tables, spec.SHIFTS)

    @cached_property
    def dear_costs(self) -> Costs:
        """The same where errors are dear."""
        return Costs(self.bundle.tables, spec.SHIFTS, DEAR_BITS_PER_SQUARED_STEP)

    @property
    def top_level(self) -> int:
        """The highest level of the rate scale."""
        return self.prior.top_level

    def where(self, wavelet_level: int) -> str:
        """Return how the names of the networks of a wavelet level begin."""
        if wavelet_level == spec.MIDDLE and self.bundle.has("middle_first"):
            return "middle"
        return "fine" if wavelet_level == 1 else "coarse"

    def layer_ends(self, header: Header) -> tuple[int, ...]:
        """Return the number of parts up to the end of each layer."""
        *ends, last = spec.LAYER_ENDS
        return (*ends, last - header.flag)

    def level(self, header: Header) -> Level:
        """Return the prior at the level of a stream."""
        return self.prior.at_level(header.level, header.flag)

    # -- encoder ---------------------------------------------------------------------------------------------------

    def analyse(self, rgb: U8, options: Mapping[str, Any]) -> "PyramidAnalysis":
        """Return the analysis of a picture (H, W, 3), which serves every level."""
        return PyramidAnalysis(self, rgb, options.get("subsampling"))

    def transform(self, rgb: U8, subsampled: bool = False) -> Coefficients:
        """Return the wavelet coefficients of a picture (H, W, 3), which no level changes."""
        return forward(rgb, subsampled, self.window_px)

    def quantise(self, coefficients: Coefficients, level_byte: int) -> Latents:
        """Return the coded latents of a tile of a picture, or of the whole picture taken as one."""
        level, top = self.prior.at_level(level_byte, coefficients.subsampled), self.prior.top_index
        least, shifts = list(NO_CORRECTIONS.least), list(NO_CORRECTIONS.shifts)
        inverse_gain: F32
        shown: tuple[int, int] | None = None

        def code(number: int, mean: U8 | I16, gain: I32, index: U8) -> Part:
            nonlocal inverse_gain, shown
            wavelet_level, part = place = CODING_ORDER[number]
            if part == 0:  # others have the same
                inverse_gain = values.inverse(gain)
                shown = coefficients.needed(wavelet_level) if wavelet_level else None
            if wavelet_level == 0:
                selected, rows = coefficients.z, None
            else:
                selected, rows = coefficients.packed[wavelet_level - 1], ROWS[part]
            exact = values.residuals(selected, level.factors[place], mean, inverse_gain, rows, shown)
            least[number], shifts[number] = corrections.best(exact, index, spec.PART_BANDS[number], self.costs)
            index = corrections.corrected(index, least[number], shifts[number], top)
            return quantise_part(self.dear_costs if place in DEAR else self.costs, exact, index)

        latents = self.predict(level, coefficients.z.shape[1:], code)
        return latents._replace(corrections=Corrections(tuple(least), tuple(shifts)))

    # -- decoder ---------------------------------------------------------------------------------------------------

    def read(self, header: Header, tile: Area, reader: PartReader) -> Latents:
        """Return the latents of a tile; raise StreamError where they cannot be read."""
        level, top = self.level(header), self.prior.top_index
        corrected = corrections.unpack(reader.flags, reader.side, self.layer_ends(header)[-1], top, spec.PART_BANDS)

        def code(number: int, mean: U8 | I16, gain: I32, index: U8) -> Part:
            return read_part(self.bundle.tables, reader, corrected.of(number, index, top))

        return self.predict(level, tile.shape(spec.STRIDE_PX), code)._replace(corrections=corrected)

    def guess(self, header: Header, known: Iterable[tuple[Area, Latents]]) -> Callable[[Area], Latents]:
        """Return a function that guesses a lost tile's latents: z from around it, the rest as networks predict it."""
        shape = padded(header.height, header.width, spec.STRIDE_PX).shape(spec.STRIDE_PX)
        z = spread(((tile.on(spec.STRIDE_PX), latents.parts[0].symbols) for tile, latents in known), (spec.Z, *shape))

        def guessed(tile: Area) -> Latents:
            def code(number: int, mean: U8 | I16, gain: I32, index: U8) -> Part:
                return guess_part(self.bundle.tables, index, None if number else z[:, *tile.on(spec.STRIDE_PX)])

            return self.predict(self.level(header), tile.shape(spec.STRIDE_PX), code)

        return guessed

    def render(
        self, header: Header, tiles: Callable[[Area], Latents], wanted: Area, enhance: bool
    ) -> Iterator[tuple[Area, U8]]:
        """Yield areas that make up the wanted one, in pixels, and the RGB (h, w, 3) of each."""
        level, whole = self.level(header), padded(header.height, header.width, spec.STRIDE_PX)
        at_a_time = self.networks.at_a_time
        reach = ENHANCING_REACH if enhance else REACH
        back = Inverse(level, lambda tile: tiles(tile).values, whole, header.tile_px, reach, at_a_time)

        def shown(window: Area) -> tuple[Area, U8]:
            seen, signals = back.signals(window)
            return window, self.synthesise(level, signals, enhance)[window.within(seen, 1)]

        for windows in back.windows(wanted, self.window_px):
            for some in range(0, len(windows), at_a_time):
                yield from each(shown, windows[some : some + at_a_time], at_a_time)

    def synthesise(self, level: Level, signals: F32, enhance: bool = False) -> U8:
        """Return RGB (H, W, 3) of luma and chroma (3, H, W) in pixel levels, enhanced if there is a net for that."""
        pixels = colours.to_pixels(signals)
        if not (enhance and self.bundle.has("synthesis")):
            return pixels
        sides = (side // spec.SYNTHESIS_PX for side in pixels.shape[:2])
        seen = np.full((spec.SYNTHESIS_SEEN, *sides), spec.GRID_ZERO, np.uint8)
        channels = spec.COLOUR_COUNT * spec.SYNTHESIS_PX**2
        seen[:channels] = colours.pack(pixels.transpose(2, 0, 1), spec.SYNTHESIS_PX)
        seen[channels : channels + spec.LEVEL_PLANES] = level.planes[:, None, None]
        (correction,) = self.networks.run("synthesis", seen)
        change = colours.unpack(correction, spec.SYNTHESIS_PX).astype(np.int16)
        change -= np.int16(spec.GRID_ZERO)
        return colours.to_pixels(signals, change)

    def reconstruct(self, latents: Latents, level_byte: int, shape: tuple[int, int], enhance: bool = False) -> U8:
        """Return the picture (H, W, 3) of a shape (H, W) that was quantised as one tile."""
        subsampled = len(latents.values[-1]) < spec.PACKED
        header = Header(shape[1], shape[0], level_byte, self.bundle.id, 1 << 20, False, False, subsampled)
        pixels = np.empty((*shape, spec.COLOUR_COUNT), np.uint8)
        for area, rgb in self.render(header, lambda _: latents, Area(0, 0, *shape), enhance):
            pixels[area.on(1)] = rgb
        return pixels

    # -- both sides ------------------------------------------------------------------------------------------------

    def predict(self, level: Level, shape: tuple[int, int], code: PartCoder) -> Latents:
        """Return the latents of a tile with z of a shape (hz, wz), predicted coarse to fine; `code` codes each part."""
        parts: list[Part] = []
        masking = np.zeros(shape, np.int16)
        gain = gain_of(masking)

        def values_of(mean: U8 | I16, index: U8, rows: Intp, into: I16) -> None:
            parts.append(code(len(parts), mean, gain, index))
            values.put_values(mean, parts[-1].symbols, gain, rows, into)

        grids = [np.empty((spec.Z, *shape), np.int16)]
        rows = values.all_channels(spec.Z)
        values_of(np.full((spec.Z, *shape), spec.GRID_ZERO, np.uint8), level.index_z(shape), rows, grids[0])
        lows = luma_bands(level, grids)
        state, said = self.networks.run("start", level.see(grids[0], spec.SEEN_START))
        for wavelet_level, part in CODING_ORDER[1 : len(CODING_ORDER) - level.subsampled]:
            where = self.where(wavelet_level)
            if part == 0:
                if wavelet_level < spec.LEVELS:
                    seen = level.see(grids[-1], spec.SEEN_FIRST, rows)
                    state, said = self.networks.run(f"{where}_first", state, seen)
                    masking = level.masking(grids[-1][: spec.BANDS * spec.PHASES], next(lows), wavelet_level)
                    gain = gain_of(masking)
                count = spec.BANDS * spec.PHASES if wavelet_level == 1 and level.subsampled else spec.PACKED
                grids.append(np.empty((count, *said.shape[1:]), np.int16))
            else:
                seen = level.see(grids[-1], spec.SEEN_OTHER, rows)
                *states, said = self.networks.run(f"{where}_{spec.PARTS[part]}", state, seen)
                state = states[0] if states else state
            (mean, scale), rows = said.reshape(2, -1, *said.shape[1:]), ROWS[part]
            if part == CHROMA and self.prior.gates is not None:
                slopes = guesses.slopes(*details_before(wavelet_level, level, grids))
                luma, gates = grids[-1][: spec.BANDS * spec.PHASES], self.prior.gates[wavelet_level - 1]
                mean = guesses.guessed(mean, luma, slopes, level.step(wavelet_level), gates)
            values_of(mean, level.index(scale, wavelet_level, part, masking), rows, grids[-1])
        return Latents(tuple(parts), tuple(grids))


def details_before(wavelet_level: int, level: Level, grids: Sequence[I16]) -> tuple[I16, I32]:
    """Return values (9, h, w) of the details of the wavelet level before one, and their steps (9,).

    The grids are values of z and of the packed details of wavelet levels 5, 4, ... down to that one.
    """
    if wavelet_level == spec.LEVELS:
        return grids[0][spec.COLOUR_COUNT :], level.step(0)[spec.COLOUR_COUNT :]
    return colours.unpack(grids[-2]), level.step(wavelet_level + 1)


FAMILY = Pyramid


class PyramidAnalysis:
    """A picture (H, W, 3) and what all levels share; `subsampling` is None where each level may choose."""

    def __init__(self, family: Pyramid, rgb: U8, subsampling: str | None):
        self._family, self._subsampling = family, subsampling
        self._chroma = chroma.chroma_detail(rgb) if subsampling is None else 0.0
        self._forward = Forward(rgb, family.window_px, family.networks.threads)

    def flag(self, level: int) -> bool:
        """Return whether the finest details of chroma are not coded: 4:2:0."""
        if self._subsampling is not None:
            return self._subsampling == "4:2:0"
        return self._chroma <= self._family.prior.at_level(level).chroma_unseen

    def code(self, level: int, tile: Area) -> Coded:
        """Return the coded parts of a tile at a level, and its corrections."""
        return coded(self._family.quantise(self._forward.of(tile, self.flag(level)), level))


def coded(latents: Latents) -> Coded:
    """Return the parts of a tile, and its corrections as flags and side bytes."""
    return Coded([part.to_code for part in latents.parts], *corrections.pack(latents.corrections))
