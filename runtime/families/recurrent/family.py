"""The progressive codec behind the seam: an embedded bit-plane coder whose codes one recurrent network predicts.

encode   RGB ─ colours, wavelet ─ coefficients ─ for each plane, level and half: network ─ log-odds ─ codes ─ parts
decode   the same line from right to left

A tile goes through planes, with thresholds T = 8192, 4096, ..., in each through z and the levels from coarse to fine,
in each through the halves of its checkerboard: an iteration. `codes.py` says what an iteration tells; its log-odds come
from the network, which sees what is known of the level and of the one before, and carries a state on for each. The
encoder runs the decoder's network: there is no other. docs/format/recurrent.md tells what every byte of a stream means.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from runtime.areas import Area, padded
from runtime.arrays import F32, I16, I32, U8
from runtime.bundle import Bundle
from runtime.container import Header
from runtime.entropy.plain import PlainTables
from runtime.entropy.tile_stream import CodedPart, PartReader
from runtime.errors import BundleError, StreamError
from runtime.families.base import Coded, Continuous, Family, Traits
from runtime.families.recurrent import codes, spec
from runtime.families.recurrent.codes import Prior, Visit
from runtime.families.recurrent.transform import forward, in_steps, inverse, strides
from runtime.latents.spec import GRID_ZERO
from runtime.latents.spread import spread
from runtime.networks.sessions import Networks

THRIFTY_FLAG = 1
"""The encoder left out in the last plane what is not worth its bits."""
MOST_WORTH = 4.0
"""How much more an error may be worth than it usually is."""
NEVER = 15
"""The first plane of a level that takes part in none."""


@dataclass(frozen=True)
class Rate:
    """What a level of the header says: thresholds are 2^(13 - plane - offset / 16)."""

    planes: int
    offset: int

    @classmethod
    def of(cls, level: int) -> "Rate":
        """Return what a level says; each is a 16th of an octave more than the one before."""
        return cls(level // spec.OFFSETS + 1, level % spec.OFFSETS)

    @property
    def scale(self) -> np.float32:
        """The threshold of the last plane in those of the first one."""
        return np.float32(2.0 ** (1 - self.planes))


class Recurrent(Family):
    """The encoder and decoder with the weights of one bundle."""

    traits = Traits(
        spec.NETWORKS, stride_px=2 << spec.MOST_LEVELS, tile_flags=THRIFTY_FLAG, continuous=True, any_part=True
    )

    def __init__(self, bundle: Bundle, networks: Networks, window_px: int) -> None:
        self.bundle, self.networks, self.window_px = bundle, networks, window_px
        self.traits = self.traits._replace(stride_px=2 << self.prior.levels)

    @cached_property
    def prior(self) -> Prior:
        """The integers that the loop works with."""
        return Prior.of(self.bundle)

    @cached_property
    def state_channels(self) -> int:
        """How many channels the state of the network has."""
        channels = self.networks.session("iteration").get_inputs()[0].shape[-1]
        if not isinstance(channels, int):
            raise BundleError(f"{self.bundle.folder}: iteration.onnx has no size of its state; export the bundle anew")
        return channels

    @property
    def tables(self) -> PlainTables:
        """The entropy coder's tables."""
        return self.prior.tables

    @property
    def top_level(self) -> int:
        """The highest level: all planes."""
        return spec.OFFSETS * self.prior.planes - 1

    def layer_ends(self, header: Header) -> tuple[int, ...]:
        """Return the number of parts up to the end of each layer, a plane."""
        each = 1 + 2 * self.prior.levels
        return tuple(each * (1 + plane) for plane in range(Rate.of(header.level).planes))

    # -- encoder -------------------------------------------------------------------------------------------------------

    def analyse(self, rgb: U8, options: Mapping[str, Any]) -> "RecurrentAnalysis":
        """Return the analysis of a picture (H, W, 3), which serves every level."""
        return RecurrentAnalysis(self, forward(rgb, self.prior.levels, self.window_px))

    # -- decoder -------------------------------------------------------------------------------------------------------

    def read(self, header: Header, tile: Area, reader: PartReader) -> list[I32]:
        """Return the grids of a tile, in 1/256 of the last thresholds; raise StreamError where they cannot be read."""
        rate, prior = Rate.of(header.level), self.prior
        starts = unpack_starts(reader.side((prior.levels + 2) // 2), prior.levels + 1)
        last: dict[tuple[int, int], Visit] = {}
        for visit in self.unroll(rate, tile, starts, bool(reader.flags & THRIFTY_FLAG)):
            codes.read(prior, visit, reader)
            last[visit.index, visit.channels.start] = visit
            if not reader.more:
                break
        return self.placed(rate, tile, last.values())

    def placed(self, rate: Rate, tile: Area, visits: Iterable[Visit]) -> list[I32]:
        """Return the grids of a tile, in 1/256 of the last thresholds, from the last visits of all coefficients."""
        grids = [
            np.zeros((spec.PACKED if index else spec.Z, *tile.shape(stride)), np.int32)
            for index, stride in enumerate(strides(self.prior.levels))
        ]
        for visit in visits:
            if visit.k.size:
                grids[visit.index][visit.channels] = codes.placed(self.prior, visit) << (rate.planes - 1 - visit.plane)
        return grids

    def guess(self, header: Header, known: Iterable[tuple[Area, list[I32]]]) -> Callable[[Area], list[I32]]:
        """Return a function that guesses a lost tile's grids: z from around it, no details."""
        stride = self.traits.stride_px
        shape = padded(header.height, header.width, stride).shape(stride)
        z = spread(((tile.on(stride), grids[0]) for tile, grids in known), (spec.Z, *shape))

        def guessed(tile: Area) -> list[I32]:
            _, *details = self.placed(Rate.of(header.level), tile, ())
            return [z[:, *tile.on(stride)], *details]

        return guessed

    def render(
        self, header: Header, tiles: Callable[[Area], list[I32]], wanted: Area, enhance: bool
    ) -> Iterator[tuple[Area, U8]]:
        """Yield areas that make up the wanted one, in pixels, and the RGB (h, w, 3) of each."""
        rate, whole = Rate.of(header.level), padded(header.height, header.width, self.traits.stride_px)
        unit = rate.scale / np.float32(1 << spec.PLACE_BITS)
        steps = self.prior.steps[rate.offset] * unit
        at_a_time = self.networks.at_a_time
        yield from inverse(steps, tiles, whole, header.tile_px, wanted, self.window_px, at_a_time)

    # -- both sides ----------------------------------------------------------------------------------------------------

    def unroll(self, rate: Rate, tile: Area, starts: Sequence[int], thrifty: bool) -> Iterator[Visit]:
        """Yield all iterations of a tile in order; codes must be known before the next one is asked for.

        Levels take part from the planes `starts` on; what they do before has no coefficients.
        """
        levels = self.prior.levels
        shapes = [tile.shape(stride) for stride in strides(levels)]
        known = [np.zeros((spec.PACKED, *shape), np.int16) for shape in shapes]
        shown = [np.full((spec.SEEN, *shape), GRID_ZERO, np.uint8) for shape in shapes]
        states = [np.full((*shape, self.state_channels), GRID_ZERO, np.uint8) for shape in shapes]
        nothing = [
            np.full(shape, GRID_ZERO, np.uint8)
            for shape in ((*half(shapes[0]), self.state_channels), (spec.SEEN, *half(shapes[0])))
        ]
        none = np.zeros((0, 0, 0), np.int16)
        for plane in range(rate.planes):
            for index in range(levels + 1):
                takes_part, own = plane >= starts[index], max(index, 1)
                above = [states[index - 1], shown[index - 1]] if index > 1 else nothing
                if takes_part:
                    self.show(shown[index], known[index], slice(0, spec.PACKED), 1)
                for number in range(2 if index else 1):
                    channels = slice(number * spec.HALF, (number + 1) * spec.HALF) if index else slice(0, spec.Z)
                    if not takes_part:
                        yield Visit(plane, index, channels, False, none, none, none)
                    else:
                        self.place(shown[index], index, number, plane, rate.offset)
                        states[own], said = self.networks.run("iteration", states[own], shown[index], *above)
                        yield self.visit(rate, plane, index, channels, known[index], said, thrifty)
                        self.show(shown[index], known[index], channels, 0)
                self.place(shown[index], index, 1, plane, rate.offset)

    def visit(self, rate: Rate, plane: int, index: int, channels: slice, known: I16, said: U8, thrifty: bool) -> Visit:
        """Return an iteration of some channels, as the network says it (72, h, w)."""
        prior, k = self.prior, known[channels]
        a, b = (log_odds[channels].astype(np.int16) for log_odds in np.split(said, 2))
        base = prior.base(prior.base_a, plane, rate.offset, index)[channels] - np.int16(GRID_ZERO)
        a += base[:, None, None]
        b -= np.int16(GRID_ZERO)
        b += prior.base(prior.base_b, plane, rate.offset, index)[channels, None, None] * (k != 0)
        for log_odds in (a, b):
            np.clip(log_odds, -spec.LOGIT_MOST, spec.LOGIT_MOST, out=log_odds)
        return Visit(plane, index, channels, thrifty and plane == rate.planes - 1, k, a, b)

    def show(self, shown: U8, known: I16, channels: slice, coarser: int) -> None:
        """Let the network see what is known of some channels, in units of the coming threshold or of twice that."""
        magnitudes = self.prior.magnitudes[coarser]
        k = known[channels]
        size, zero = magnitudes.take(np.abs(k), mode="clip"), np.uint8(GRID_ZERO)
        signed = slice(spec.PACKED + channels.start, spec.PACKED + channels.stop)
        shown[channels] = zero + size
        shown[signed] = np.where(k < 0, zero - size, zero + size)

    def place(self, shown: U8, index: int, number: int, plane: int, offset: int) -> None:
        """Tell the network where in the loop it is: which level, which half, which threshold."""
        constants = np.zeros(spec.CONSTANTS, np.int16)
        constants[index] = spec.GRID
        constants[-2:] = number * spec.GRID, octaves(plane, offset)
        shown[2 * spec.PACKED :] = (constants + GRID_ZERO).astype(np.uint8)[:, None, None]


FAMILY = Recurrent


class RecurrentAnalysis(Continuous):
    """The coefficients of a picture."""

    def __init__(self, family: Recurrent, coefficients: list[Any]):
        self._family, self._coefficients = family, coefficients

    def flag(self, level: int) -> bool:
        """Return False: the family has no flag."""
        return False

    def code(self, level: int, tile: Area) -> Coded:
        """Return the coded parts of a tile at a level."""
        return self.code_more(level, tile, 0)

    def code_more(self, level: int, tile: Area, more: float) -> Coded:
        """Return the coded parts of a tile at a level, with more significance in the last plane if `more` is above 0.

        At 1 there are about as many bits as at the next level; below 0 there is less of it.
        """
        family, rate = self._family, Rate.of(level)
        steps, grids = family.prior.steps[rate.offset], list[F32]()
        for index, stride in enumerate(strides(family.prior.levels)):
            grids.append(in_steps(self._coefficients[index][:, *tile.on(stride)], steps[index]))
        starts = [start(grid) for grid in grids]
        worth, parts = codes.BITS_PER_SQUARED_THRESHOLD * MOST_WORTH**more, list[CodedPart]()
        for visit in family.unroll(rate, tile, starts, thrifty=True):
            u = grids[visit.index][visit.channels] if visit.k.size else np.zeros(0, np.float32)
            parts.append(codes.write(family.prior, visit, u * np.float32(2.0**visit.plane), worth))
        return Coded(parts, THRIFTY_FLAG, pack_starts(starts))


def half(shape: tuple[int, int]) -> tuple[int, int]:
    """Return half of a height and a width, rounded up."""
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def octaves(plane: int, offset: int) -> int:
    """Return log2 of a threshold as the network sees it: a quarter of that, on its grid, rounded up."""
    total = (spec.TOP_OCTAVE - plane) * spec.OFFSETS - offset
    return -(-total * spec.GRID // (4 * spec.OFFSETS))


def start(grid: F32) -> int:
    """Return the first plane where a coefficient (n, h, w), in first thresholds, is significant."""
    largest = float(np.abs(grid).max())
    return next((plane for plane in range(NEVER) if largest * 2.0**plane >= 1), NEVER)


def pack_starts(starts: Sequence[int]) -> bytes:
    """Return the first planes of z and of all levels, 4 bits each, the first ones high; a last half is 0."""
    even = [*starts, *([0] if len(starts) % 2 else [])]
    return bytes(16 * high + low for high, low in zip(even[::2], even[1::2], strict=True))


def unpack_starts(side: bytes, count: int) -> list[int]:
    """Return the first planes of z and of all levels: the inverse of pack_starts. Raises StreamError."""
    halves = [half for byte in side for half in divmod(byte, 16)]
    if any(halves[count:]):
        raise StreamError("bits behind the first planes of levels are not 0: the tile stream is damaged")
    return halves[:count]
