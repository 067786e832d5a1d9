"""A small picture as one message of the range coder, which tells a coarse picture first and may end anywhere.

The iterations are those of `family.py`. What differs is how their codes become bytes: coefficient by coefficient, all
that is told of one at a time and what shows most first, so that a message of any length shows what it can. In front
stand, in few bits where they are as usual, the number of planes, the offset of the thresholds, and the first planes of
z and of the levels.
"""

from bisect import bisect
from collections.abc import Sequence
from functools import cache

import numpy as np

from runtime.areas import Area
from runtime.arrays import I16, U8, Intp
from runtime.container import MIN_TILE_BITS, Header
from runtime.entropy import ranges
from runtime.entropy.tables import SYMBOLS
from runtime.errors import StreamError
from runtime.families.recurrent import codes, spec
from runtime.families.recurrent.codes import Prior, Visit
from runtime.families.recurrent.family import NEVER, Rate, Recurrent, start
from runtime.families.recurrent.transform import forward, in_steps

SIDE_PX = 32
WHOLE = Area(0, 0, SIDE_PX, SIDE_PX)

Odds = tuple[int, ...]
"""Log-odds, in quarters of a nat, that a number is above 0, 1, 2, ...; the last one holds on."""
PLANES: Odds = (32, 32, 32, 32, 20, 12, 6, 1, -3)
"""Of the number of planes less 1."""
EVEN: Odds = (0,)
FALL = 2
"""A level begins at most so many planes before the one before it."""
STARTS: tuple[Odds, ...] = ((32, 12, 0, -10), (20, 20, 12, 3, -4, -6), (20, 14, 4, -6, -12))
"""Of the first plane of z; of those of the coarsest level and of others, from FALL planes before the one before on."""
TRIED = (0, 1, 2, 14, 15, 16)
"""The encoder takes the best of these levels, counted from the highest that is told to its end: soon after that and a
plane later most of what is told is whole.
"""


def encode(family: Recurrent, rgb: U8, most_bytes: int) -> bytes:
    """Return the message of a picture (32, 32, 3), of at most so many bytes, that shows it best."""
    prior, grids = family.prior, forward(rgb, family.prior.levels, family.window_px)

    @cache
    def message(level: int) -> Intp:
        rate = Rate.of(level)
        scaled = [in_steps(grid, steps) for grid, steps in zip(grids, prior.steps[rate.offset], strict=True)]
        starts = rising([start(grid) for grid in scaled])
        parts = [head(rate, prior.planes, starts)]
        for visit in family.unroll(rate, WHOLE, starts, thrifty=True):
            if visit.k.size:
                before, u = visit.k.copy(), scaled[visit.index][visit.channels] * np.float32(2.0**visit.plane)
                codes.write(prior, visit, u, codes.BITS_PER_SQUARED_THRESHOLD)
                parts.append(told(prior, visit, before))
        return np.concatenate(parts)

    def error(data: bytes) -> float:
        return float(np.square(decode(family, data).astype(np.int32) - rgb).sum())

    levels = range(family.top_level + 1)
    last = bisect(levels, most_bytes, key=lambda level: len(ranges.encode(prior.tables, message(level)))) - 1
    tried = {min(max(last, 0) + more, family.top_level) for more in TRIED}
    return min((ranges.encode(prior.tables, message(level), most_bytes) for level in tried), key=error)


def decode(family: Recurrent, data: bytes) -> U8:
    """Return what a message shows, RGB (32, 32, 3); raise StreamError where it does not make sense."""
    prior, reader = family.prior, ranges.Reader(family.prior.tables, data)
    rate, starts = read_head(reader, prior.planes, prior.levels + 1)
    visits: dict[tuple[int, int], Visit] = {}
    for visit in family.unroll(rate, WHOLE, starts, thrifty=True):
        untold = listen(prior, visit, reader)
        if len(untold):
            break
        visits[visit.index, visit.channels.start] = visit
    grids = family.placed(rate, WHOLE, visits.values())
    if len(untold):
        grid = grids[visit.index][visit.channels].reshape(-1)
        before = grid[untold]
        grid[:] = codes.placed(prior, visit).reshape(-1) << (rate.planes - 1 - visit.plane)
        grid[untold] = before
    level = spec.OFFSETS * (rate.planes - 1) + rate.offset
    header = Header(SIDE_PX, SIDE_PX, level, family.bundle.id, 1 << MIN_TILE_BITS, False, False)
    rgb = np.empty((SIDE_PX, SIDE_PX, 3), np.uint8)
    for part, pixels in family.render(header, lambda _: grids, WHOLE, False):
        rgb[part.on(1)] = pixels
    return rgb


# -- iterations --------------------------------------------------------------------------------------------------------


def told(prior: Prior, visit: Visit, before: I16) -> Intp:
    """Return the codes (s,) of a visit, coefficient by coefficient, from what was known before and is known now."""
    was, k = before.reshape(-1), visit.k.reshape(-1)
    rank = np.full(len(k), -1)
    places = order(visit, was)
    rank[places] = np.arange(len(places))
    fresh, old, some = (np.flatnonzero((rank >= 0) & each) for each in (was == 0, was != 0, (was == 0) & (k != 0)))
    significance, bits, sizes = tables_of(prior, visit)
    kinds = [
        (4 * rank[fresh], significance[fresh], k[fresh] != 0),
        (4 * rank[old], bits[old], np.abs(k[old]) - 2 * np.abs(was[old])),
        (4 * rank[some] + 1, bits[some], k[some] > 0),
        (4 * rank[some] + 2, sizes[some], np.abs(k[some]) - 1),
    ]
    keys, tables, symbols = (np.concatenate(each).astype(np.intp) for each in zip(*kinds, strict=True))
    in_order: Intp = (tables * SYMBOLS + symbols)[keys.argsort()]
    return in_order


def listen(prior: Prior, visit: Visit, reader: ranges.Reader) -> Intp:
    """Read the codes of a visit for as long as they are told, and know what they tell.

    Return the places of the coefficients that were to follow: none where all is told.
    """
    k = visit.k.reshape(-1)
    places = order(visit, k)
    significance, bits, sizes = (each.tolist() for each in tables_of(prior, visit))
    for number, place in enumerate(places.tolist()):
        was = int(k[place])
        if was:
            upper = reader.read(bits[place])
            if upper is None:
                return places[number:]
            k[place] = 2 * was + (upper if was > 0 else -upper)
            continue
        size: int | None = 0
        if significant := reader.read(significance[place]):
            positive = reader.read(bits[place])
            size = None if positive is None else reader.read(sizes[place])
            if size is not None:
                k[place] = 1 + size if positive else -1 - size
        if significant is None or size is None:
            return places[number:]
    return places[:0]


def order(visit: Visit, k: I16) -> Intp:
    """Return the places of the coefficients that something is told of, from what is known of all (n,).

    First come those most likely to become significant, last those that are; of equal ones the first.
    """
    a = visit.a.reshape(-1)
    places = np.where(k == 0, -a, -spec.LOGIT_SKIP).argsort(kind="stable")
    coded: Intp = places[((k != 0) | (a > spec.LOGIT_SKIP))[places]]
    return coded


def tables_of(prior: Prior, visit: Visit) -> tuple[U8, U8, U8]:
    """Return the tables (n,) of what may be told of each coefficient: significance; sign or half; size."""
    a, b = (each.reshape(-1) + spec.LOGIT_MOST for each in (visit.a, visit.b))
    thrifty = int(visit.sparing)
    return prior.significance[thrifty].take(a), prior.bits.take(b), prior.sizes[thrifty].take(a)


# -- what stands in front ----------------------------------------------------------------------------------------------


def head(rate: Rate, planes: int, starts: Sequence[int]) -> Intp:
    """Return the codes of the number of planes, of the offset, and of the first planes, which are `rising`."""
    in_front = count(rate.planes - 1, planes - 1, PLANES)
    for bit in (8, 4, 2, 1):
        in_front += count(int(rate.offset & bit > 0), 1, EVEN)
    least = 0
    for number, first in enumerate(starts):
        in_front += count(first - least, NEVER - least, STARTS[min(number, 2)])
        least = max(first - FALL, 0)
    return np.array(in_front, np.intp)


def read_head(reader: ranges.Reader, planes: int, grids: int) -> tuple[Rate, list[int]]:
    """Return the rate and the first planes of so many grids: the inverse of head. Raise StreamError."""
    coded = 1 + read_count(reader, planes - 1, PLANES)
    offset = sum(bit * read_count(reader, 1, EVEN) for bit in (8, 4, 2, 1))
    starts, least = list[int](), 0
    for number in range(grids):
        starts.append(least + read_count(reader, NEVER - least, STARTS[min(number, 2)]))
        least = max(starts[-1] - FALL, 0)
    return Rate(coded, offset), starts


def count(number: int, most: int, odds: Odds) -> list[int]:
    """Return the codes of a number from 0 to `most`: whether it is above 0, 1, 2, ..."""
    return [
        (spec.CODED_MOST + odds[min(n, len(odds) - 1)]) * SYMBOLS + (n < number) for n in range(min(number + 1, most))
    ]


def read_count(reader: ranges.Reader, most: int, odds: Odds) -> int:
    """Return a number from 0 to `most`: the inverse of count."""
    for n in range(most):
        more = reader.read(spec.CODED_MOST + odds[min(n, len(odds) - 1)])
        if more is None:
            raise StreamError("the thumbnail ends before anything of it is told")
        if not more:
            return n
    return most


def rising(starts: Sequence[int]) -> list[int]:
    """Return first planes, lowered so that none is more than FALL above the one behind it."""
    lowered = list(starts)
    for number in range(len(lowered) - 1, 0, -1):
        lowered[number - 1] = min(lowered[number - 1], lowered[number] + FALL)
    return lowered
