"""Parts of a picture: what a network must see to compute one of them, and grids made block by block.

Networks see a window of the picture at a time. What they yield near the edge of a window is wrong, since they take it
for the edge of the picture; so a window is grown by the reach of the network first, and what is wrong is cut off.
The rest is bit for bit what they would yield for the whole picture.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runtime import spec

Places = NDArray[np.intp]
Slices = tuple[slice, slice]


class Reach(NamedTuple):
    """How far beyond a part of the picture the input of a network must go, in pixels."""

    before: int
    """above and to the left"""
    after: int
    """below and to the right"""


HERE = Reach(0, 0)
"""Nothing beyond."""


class Area(NamedTuple):
    """A part of the picture, in pixels."""

    top: int
    left: int
    bottom: int
    right: int

    def grown(self, reach: Reach, stride_px: int, picture: "Area") -> "Area":
        """The area and what lies within reach of it, in whole positions of a grid, cut at the edges of the picture."""

        def low(edge: int, end: int) -> int:
            return max((edge - reach.before) // stride_px * stride_px, end)

        def high(edge: int, end: int) -> int:
            return min(-(-(edge + reach.after) // stride_px) * stride_px, end)

        return Area(
            low(self.top, picture.top),
            low(self.left, picture.left),
            high(self.bottom, picture.bottom),
            high(self.right, picture.right),
        )

    def on(self, stride_px: int) -> Slices:
        """The area as rows and columns of a grid."""
        return (
            slice(self.top // stride_px, -(-self.bottom // stride_px)),
            slice(self.left // stride_px, -(-self.right // stride_px)),
        )

    def within(self, outer: "Area", stride_px: int) -> Slices:
        """The area as rows and columns of the part of a grid that belongs to an outer area."""
        rows, columns = self.on(stride_px)
        top, left = outer.top // stride_px, outer.left // stride_px
        return slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)

    def of(self, array: NDArray[Any], outer: "Area", stride_px: int) -> NDArray[Any]:
        """The area's part of a grid (channels, rows, columns) of an outer area, as an array of its own."""
        if self == outer and array.shape[1:] == self.shape(stride_px):
            return array
        return np.ascontiguousarray(array[:, *self.within(outer, stride_px)])

    def common(self, other: "Area") -> "Area":
        """What two areas have in common."""
        low, high = zip(self[:2], other[:2], strict=True), zip(self[2:], other[2:], strict=True)
        return Area(*map(max, low), *map(min, high))

    def shape(self, stride_px: int) -> tuple[int, int]:
        """Rows and columns of a grid that the area has."""
        rows, columns = self.on(stride_px)
        return rows.stop - rows.start, columns.stop - columns.start


def even_sides(area: Area, side_px: int) -> tuple[int, int]:
    """Height and width of windows of about side_px, multiples of 64, that cut an area into nearly equal parts."""

    def side(length: int) -> int:
        count = max(1, round(length / side_px))
        return -(-length // (count * spec.HYPER_STRIDE_PX)) * spec.HYPER_STRIDE_PX

    return side(area.bottom - area.top), side(area.right - area.left)


def cut(whole: Area, sides_px: tuple[int, int], met: Area | None = None) -> Iterator[Area]:
    """The blocks that a whole is cut into from its top left, row by row; with `met` only those that this area meets."""
    met = met or whole
    height, width = sides_px
    top, left = (met.top - whole.top) // height * height, (met.left - whole.left) // width * width
    for y in range(whole.top + top, met.bottom, height):
        for x in range(whole.left + left, met.right, width):
            yield Area(y, x, min(y + height, whole.bottom), min(x + width, whole.right))


def squares(picture: Area, side_px: int) -> list[Area]:
    """The tiles of a picture, row by row."""
    return list(cut(picture, (side_px, side_px)))


class Blocks:
    """Grids of an area that are made block by block, when they are asked for.

    `make` gives the arrays (channels, rows, columns) of a block, one for each of `strides_px`.
    """

    def __init__(
        self,
        make: Callable[[Area], Sequence[NDArray[Any]]],
        whole: Area,
        sides_px: tuple[int, int],
        *strides_px: int,
    ):
        self._make, self._whole, self._sides, self._strides = make, whole, sides_px, strides_px
        self._made: dict[Area, Sequence[NDArray[Any]]] = {}

    def take(self, area: Area, grid: int = 0) -> NDArray[Any]:
        """The array over an area of one of the grids; it may be a block's own, so it must not be written to."""
        stride, taken = self._strides[grid], None
        for block in cut(self._whole, self._sides, area):
            if block not in self._made:
                self._made[block] = self._make(block)
            array = self._made[block][grid]
            if block == area:
                return array
            if taken is None:
                taken = np.empty((len(array), *area.shape(stride)), array.dtype)
            elif not np.can_cast(array.dtype, taken.dtype):
                taken = taken.astype(array.dtype)
            both = area.common(block)
            taken[:, *both.within(area, stride)] = array[:, *both.within(block, stride)]
        assert taken is not None
        return taken

    def forget(self, area: Area) -> None:
        """Drops the blocks before the first one of an area, row by row: nobody will ask for them any more."""
        first = next(cut(self._whole, self._sides, area))
        self._made = {block: arrays for block, arrays in self._made.items() if block >= first}


@dataclass(frozen=True)
class Frame:
    """A part of a picture, and what must be known around it to predict its latents."""

    core: Area
    known: Area
    """where the context network sees latents"""
    hyper: Area
    """where z tells the means of these"""

    @classmethod
    def alone(cls, area: Area) -> "Frame":
        """The frame with nothing around an area."""
        return cls(area, area, area)

    @classmethod
    def whole(cls, height: int, width: int) -> "Frame":
        """The frame of so many rows and columns of latents with nothing around them."""
        return cls.alone(Area(0, 0, height * spec.LATENT_STRIDE_PX, width * spec.LATENT_STRIDE_PX))

    def first_of(self, latents: NDArray[Any]) -> NDArray[Any]:
        """The first half (M, n) of latents (M, h, w) over what is known."""
        return half(latents, self._odd)

    def second_of(self, latents: NDArray[Any]) -> NDArray[Any]:
        """The second half (M, n) in the core of latents (M, h, w) over what is known."""
        core = latents[:, *self.core.within(self.known, spec.LATENT_STRIDE_PX)]
        return half(core, 1 - self._odd_core)

    def first_of_core(self, first: NDArray[Any]) -> NDArray[Any]:
        """What lies in the core of the first half (M, n) of what is known."""
        return first if self.core == self.known else first.take(self._first_of_core, axis=1)

    def halves_of(self, latents: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Both halves (M, n) in the core of latents (M, h, w) over what is known."""
        return self.first_of_core(self.first_of(latents)), self.second_of(latents)

    def with_first(self, latents: NDArray[Any], first: NDArray[Any]) -> None:
        """Puts the first half (M, n) into latents (M, h, w) over what is known."""
        put_half(latents, first, self._odd)

    def joined(self, first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
        """Latents (M, h, w) over the core from their halves (M, n) there."""
        joined = np.empty((len(first), *self.core.shape(spec.LATENT_STRIDE_PX)), np.result_type(first, second))
        put_half(joined, first, self._odd_core)
        put_half(joined, second, 1 - self._odd_core)
        return joined

    @property
    def _odd(self) -> int:
        return _odd(self.known)

    @property
    def _odd_core(self) -> int:
        return _odd(self.core)

    @cached_property
    def _first_of_core(self) -> Places:
        """Places of the core's latents among the first half of what is known."""
        inside = np.zeros((1, *self.known.shape(spec.LATENT_STRIDE_PX)), np.bool_)
        inside[:, *self.core.within(self.known, spec.LATENT_STRIDE_PX)] = True
        return np.flatnonzero(half(inside, self._odd)[0])


def half(grid: NDArray[Any], odd: int) -> NDArray[Any]:
    """Half (M, n) of the checkerboard over a grid (M, h, w), row by row: that where row + column + odd is even."""
    m, h, w = grid.shape
    taken = np.empty((m, (h * w + 1 - odd) // 2), grid.dtype)
    for part, packed in zip(_rows(grid, odd), _packed_rows(taken, h, w, odd), strict=True):
        packed[:] = part
    return taken


def put_half(grid: NDArray[Any], packed: NDArray[Any], odd: int) -> None:
    """Puts a half (M, n) back into its grid: the inverse of half."""
    _, h, w = grid.shape
    for part, values in zip(_rows(grid, odd), _packed_rows(packed, h, w, odd), strict=True):
        part[:] = values


def _rows(grid: NDArray[Any], odd: int) -> list[NDArray[Any]]:
    """A half's places in the even rows of a grid, in the odd rows, and in the last if it has no partner."""
    even = grid.shape[1] // 2 * 2
    pairs = [grid[:, 0:even:2, odd::2], grid[:, 1:even:2, 1 - odd :: 2]]
    return [*pairs, grid[:, even, odd::2]] if grid.shape[1] > even else pairs


def _packed_rows(packed: NDArray[Any], h: int, w: int, odd: int) -> list[NDArray[Any]]:
    """The same places in a half (M, n): two rows of a grid give w of them together."""
    paired, first = h // 2 * w, (w + 1 - odd) // 2
    pairs = packed[:, :paired].reshape(len(packed), h // 2, w)
    return [pairs[:, :, :first], pairs[:, :, first:], *([packed[:, paired:]] if h % 2 else [])]


def _odd(area: Area) -> int:
    """Whether row + column of an area's first latent is odd."""
    rows, columns = area.on(spec.LATENT_STRIDE_PX)
    return (rows.start + columns.start) % 2
