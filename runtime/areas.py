"""Areas of a picture: what must be seen to compute one of them, and grids made block by block.

Transforms and networks see a window of the picture at a time. What they yield near the edge of a window is wrong, since
they take it for the edge of the picture; so a window is grown by their reach first, and what is wrong is cut off. The
rest is bit for bit what they would yield for the whole picture.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runtime.arrays import U8
from runtime.errors import InputError
from runtime.threads import each

Slices = tuple[slice, slice]
Region = tuple[int, int, int, int]
"""x, y, width and height of an area of a picture, in pixels from its top left."""


class Reach(NamedTuple):
    """How far beyond an area one must see, in pixels."""

    before: int
    """above and to the left"""
    after: int
    """below and to the right"""


class Area(NamedTuple):
    """A rectangle of the picture, in pixels."""

    top: int
    left: int
    bottom: int
    right: int

    def grown(self, reach: Reach, stride_px: int, picture: "Area") -> "Area":
        """Return the area and what lies within reach of it, in whole positions of a grid, cut at picture edges."""

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
        """Return the area as rows and columns of a grid."""
        return (
            slice(self.top // stride_px, -(-self.bottom // stride_px)),
            slice(self.left // stride_px, -(-self.right // stride_px)),
        )

    def within(self, outer: "Area", stride_px: int) -> Slices:
        """Return the area as rows and columns of a grid that holds an outer area alone."""
        rows, columns = self.on(stride_px)
        top, left = outer.top // stride_px, outer.left // stride_px
        return slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)

    def of(self, array: NDArray[Any], outer: "Area", stride_px: int) -> NDArray[Any]:
        """Return the area of a grid (channels, rows, columns) that holds an outer area, as an array of its own."""
        if self == outer and array.shape[1:] == self.shape(stride_px):
            return array
        return np.ascontiguousarray(array[:, *self.within(outer, stride_px)])

    def common(self, other: "Area") -> "Area":
        """Return what two areas have in common."""
        low, high = zip(self[:2], other[:2], strict=True), zip(self[2:], other[2:], strict=True)
        return Area(*map(max, low), *map(min, high))

    def shape(self, stride_px: int) -> tuple[int, int]:
        """Return how many rows and columns of a grid the area has."""
        rows, columns = self.on(stride_px)
        return rows.stop - rows.start, columns.stop - columns.start


def region_in(whole: Area, region: Region) -> Area:
    """Return a region of a picture as an area; raises InputError unless all of it is in the picture."""
    try:
        x, y, width, height = map(operator.index, region)
    except (TypeError, ValueError):
        raise InputError(f"region {region!r} must be four whole numbers: x, y, width and height") from None
    if not (0 <= x < x + width <= whole.right and 0 <= y < y + height <= whole.bottom):
        raise InputError(
            f"region {x},{y},{width},{height} is not within the picture, which has {whole.right}x{whole.bottom} pixels"
        )
    return Area(y, x, y + height, x + width)


def padded(height: int, width: int, stride_px: int) -> Area:
    """Return what is coded of a picture: its sides rounded up to multiples of the stride."""
    return Area(0, 0, *(-(-side // stride_px) * stride_px for side in (height, width)))


def even_sides(area: Area, side_px: int, stride_px: int) -> tuple[int, int]:
    """Return height and width of windows of about side_px, multiples of the stride, that cut an area into nearly equal
    ones.
    """

    def side(length: int) -> int:
        count = max(1, round(length / side_px))
        return -(-length // (count * stride_px)) * stride_px

    return side(area.bottom - area.top), side(area.right - area.left)


def cut(whole: Area, sides_px: tuple[int, int], met: Area | None = None) -> Iterator[Area]:
    """Yield the blocks that a whole is cut into from its top left, row by row; with `met` those that it meets."""
    met = met or whole
    height, width = sides_px
    top, left = (met.top - whole.top) // height * height, (met.left - whole.left) // width * width
    for y in range(whole.top + top, met.bottom, height):
        for x in range(whole.left + left, met.right, width):
            yield Area(y, x, min(y + height, whole.bottom), min(x + width, whole.right))


def cropped(rgb: U8, area: Area) -> U8:
    """Return an area of a picture (H, W, 3), which goes on beyond its right and lower edges as it is there."""
    inside = rgb[area.on(1)]
    below, right = (side - there for side, there in zip(area.shape(1), inside.shape[:2], strict=True))
    return np.pad(inside, ((0, below), (0, right), (0, 0)), "edge") if below or right else inside


def strips(length: int, across: int, samples: int) -> Iterator[slice]:
    """Yield slices of a length, each of about so many samples where it is so many samples across."""
    step = max(1, samples // across)
    return (slice(start, start + step) for start in range(0, length, step))


def squares(picture: Area, side_px: int) -> list[Area]:
    """Return the squares that a picture is cut into from its top left, row by row."""
    return list(cut(picture, (side_px, side_px)))


def bands(whole: Area, tile_px: int, wanted: Area, window_px: int, lag_px: int) -> Iterator[Area]:
    """Yield what a wanted area is cut into from top to bottom, rows of about window_px or of one or more whole tiles.

    A row ends so much above the lower end of its tiles that what lies so far beyond it is in them too: then no tile is
    needed before its turn. The last one goes on to the end.
    """
    step = max(1, window_px // tile_px) * tile_px
    ends = [end - lag_px for end in range(whole.top + step, whole.bottom, step)]
    edges = [wanted.top, *(end for end in ends if wanted.top < end < wanted.bottom), wanted.bottom]
    return (Area(top, wanted.left, bottom, wanted.right) for top, bottom in pairwise(edges))


class Blocks:
    """Grids of an area that are made block by block, when they are asked for.

    `make` gives the arrays (channels, rows, columns) of a block, one for each of `strides_px`; so many `threads` do.
    """

    def __init__(
        self,
        make: Callable[[Area], Sequence[NDArray[Any]]],
        whole: Area,
        sides_px: tuple[int, int],
        *strides_px: int,
        threads: int = 1,
    ):
        self._make, self._whole, self._sides, self._strides, self._threads = make, whole, sides_px, strides_px, threads
        self._made: dict[Area, tuple[Area, Sequence[NDArray[Any]]]] = {}
        """Of each block what is kept, which is all of it or its lower rows."""

    def prepare(self, area: Area) -> None:
        """Make the blocks that an area meets: then several threads may take what is in it."""
        missing = [block for block in cut(self._whole, self._sides, area) if block not in self._made]
        made = each(self._make, missing, self._threads)
        self._made.update((block, (block, arrays)) for block, arrays in zip(missing, made, strict=True))

    def take(self, area: Area, grid: int = 0) -> NDArray[Any]:
        """Return the array over an area of one of the grids; it may be a block's own, so it must not be written to."""
        self.prepare(area)
        stride, taken = self._strides[grid], None
        for block in cut(self._whole, self._sides, area):
            kept, arrays = self._made[block]
            array = arrays[grid]
            if kept == area:
                return array
            if taken is None:
                taken = np.empty((len(array), *area.shape(stride)), array.dtype)
            both = area.common(block)
            assert both.top >= kept.top
            taken[:, *both.within(area, stride)] = array[:, *both.within(kept, stride)]
        assert taken is not None
        return taken

    def forget(self, area: Area) -> None:
        """Drop the rows above an area, and the blocks before its first one: nobody will ask for them any more.

        The area is of whole positions of all grids.
        """
        first, made = next(cut(self._whole, self._sides, area)), self._made
        self._made = {}
        for block, (kept, arrays) in made.items():
            if block >= first:
                lower = kept._replace(top=max(kept.top, area.top))
                below = (lower.of(array, kept, stride) for array, stride in zip(arrays, self._strides, strict=True))
                self._made[block] = (lower, tuple(below))
