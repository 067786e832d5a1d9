"""A strip's planes to bytes and back: `strips.py` plane after plane, then the coder of `entropy/rans.py`."""

from collections.abc import Sequence

import numpy as np

from runtime.arrays import I16, I32, U8, U16, U32, contiguous
from runtime.entropy.rans import LOWEST_STATE, push
from runtime.errors import StreamError, TruncatedError
from runtime.exact import strips
from runtime.exact.parameters import Parameters
from runtime.exact.strips import SIZED
from runtime.exact.tables import FRACTIONS, ErrorTables
from runtime.native import compiled

_STATE, _WORD = np.dtype("<u4"), np.dtype("<u2")


class Coder:
    """Codes the errors of strips with the parameters of each plane."""

    def __init__(self, parameters: Sequence[Parameters], step: int, lanes: int):
        self._parameters, self._step, self._lanes = parameters, step, lanes
        numbers, places = np.unique(np.stack([each.numbers for each in parameters]), return_inverse=True)
        self._tables = ErrorTables(numbers)
        self._first: list[I32] = [*(places.reshape(len(parameters), -1) * FRACTIONS).astype(np.int32)]

    def encode(self, base: Sequence[U8], errors: Sequence[I16]) -> bytes:
        """Return the bytes of the errors (h, w) of all planes of a strip."""
        strip = Strip(base, self._step)
        each = zip(errors, self._parameters, self._first, strict=True)
        codes = [strip.encode(plane, parameters, first) for plane, parameters, first in each]
        start, freq = self._tables.intervals
        states, words = np.full(self._lanes, LOWEST_STATE, np.uint32), list[bytes]()
        for run in reversed(codes):
            states, emitted = push(states, start.take(run), freq.take(run))
            words.insert(0, emitted.astype(_WORD).tobytes())
        return b"".join([states.astype(_STATE).tobytes(), *words])

    def decode(self, base: Sequence[U8], data: bytes) -> list[I16]:
        """Return the errors (h, w) of all planes of a strip; raise TruncatedError, StreamError."""
        end = self._lanes * _STATE.itemsize
        if len(data) < end or (len(data) - end) % _WORD.itemsize:
            raise TruncatedError("a strip of the residual ends early: the file is damaged")
        states = np.frombuffer(data[:end], _STATE).astype(np.uint32)
        words = np.frombuffer(data[end:], _WORD).astype(np.uint16)
        if np.any(states < LOWEST_STATE):
            raise StreamError("a strip of the residual begins with an illegal state: the file is damaged")
        strip = Strip(base, self._step)
        for parameters, first in zip(self._parameters, self._first, strict=True):
            words = words[strip.decode(parameters, first, states, words, self._tables) :]
        if len(words) or np.any(states != LOWEST_STATE):
            raise StreamError("a strip of the residual does not end where it should: the file is damaged")
        return [strips.shifted(plane, (0, 0)) for plane in strip.errors]


class Strip:
    """The decoded planes (h, w) of a strip, and what is known of the errors of those that were coded."""

    def __init__(self, base: Sequence[U8], step: int):
        self.base, self.step = [contiguous(plane) for plane in base], step
        self.errors: list[I16] = []
        """Of the planes that were coded, with a frame of one pixel."""
        self.sizes: list[U16] = []
        """How far these were from what was expected, with a frame of one pixel."""

    def copy(self) -> "Strip":
        """Return a strip of which as much was coded."""
        other = Strip(self.base, self.step)
        other.errors, other.sizes = [*self.errors], [*self.sizes]
        return other

    def encode(self, errors: I16, parameters: Parameters, first: I32) -> I32:
        """Return the codes (h * w,) of the next plane's errors; first (40,) is the first table of each context."""
        framed, sizes = self._framed(errors, parameters)
        codes = np.empty(errors.size, np.int32)
        strips.encode_strip(framed, sizes, *self._surroundings(parameters), first, self.step, codes)
        self._keep(framed, sizes)
        return codes

    def decode(self, parameters: Parameters, first: I32, states: U32, words: U16, tables: ErrorTables) -> int:
        """Decode the next plane's errors and return the words used, or raise TruncatedError; states change in place."""
        framed, sizes = self._framed(np.zeros(self.base[0].shape, np.int16), parameters)
        looked_up = tables.looked_up(compiled(strips.decode_strip))
        arguments = *self._surroundings(parameters), first, self.step, states, words, *tables.intervals, *looked_up
        used = strips.decode_strip(framed, sizes, *arguments)
        if used < 0:
            raise TruncatedError("a strip of the residual ends early: the file is damaged")
        self._keep(framed, sizes)
        return used

    def _surroundings(self, parameters: Parameters) -> tuple[I32, I16, I16, I32, I32, U8]:
        """Return what the functions of a strip are given of the next plane."""
        base = np.pad(self.base[len(self.errors)].astype(np.int16), 1, "edge")
        before = np.stack(self.errors) if self.errors else np.empty((0, *base.shape), np.int16)
        sizes = np.stack(self.sizes) if self.sizes else np.empty((0, *base.shape), np.uint16)
        sized, known = (contiguous(half) for half in np.split(parameters.energies, [len(SIZED)]))
        energy = np.empty(self.base[0].shape, np.int32)
        strips.known_energy(base, sizes, known, energy)
        return energy, base, before, parameters.weights, sized, parameters.classes

    def _framed(self, errors: I16, parameters: Parameters) -> tuple[I16, U16]:
        """Return errors, and room for their sizes, with what surrounds them."""
        sizes = np.full(errors.shape, parameters.outside, np.uint16)
        return strips.framed(errors, 0), strips.framed(sizes, parameters.outside)

    def _keep(self, errors: I16, sizes: U16) -> None:
        self.errors.append(np.pad(strips.inside(errors), 1, "edge"))
        self.sizes.append(np.pad(strips.inside(sizes), 1, "edge"))
