"""Bjontegaard's delta rate: how many bytes more or fewer a codec needs for the same picture.

Log rate is interpolated over the quality measure (PCHIP, by the package bjontegaard) and averaged
over the range of quality that both curves cover, or that part of it which is asked for.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Curve = list[tuple[float, float]]
"""Points (rate, quality measure), both strictly increasing."""


@dataclass(frozen=True)
class BdRate:
    """The mean difference in rate of a codec against an anchor."""

    percent: float
    """-30 means 30 % fewer bytes than the anchor."""
    low: float
    """Lower end of the range of quality that it is over, in the measure's unit."""
    high: float
    """Upper end of that range."""


def curve(points: Iterable[tuple[float, float]]) -> Curve:
    """Return the points (rate, quality) by rate, without those no better than a cheaper one.

    Interpolation needs quality to grow with rate. Points that are not finite
    (lossless) are left out.
    """
    rising: Curve = []
    for rate, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if not (math.isfinite(rate) and math.isfinite(quality)):
            continue
        if not rising or (rate > rising[-1][0] and quality > rising[-1][1]):
            rising.append((rate, quality))
    return rising


def bd_rate(anchor: Curve, test: Curve, within: tuple[float, float] = (-math.inf, math.inf)) -> BdRate | None:
    """Return the BD-rate of `test` against `anchor` within a range of quality, None where they share none of it."""
    if len(anchor) < 2 or len(test) < 2:
        return None
    low = max(anchor[0][1], test[0][1], within[0])
    high = min(anchor[-1][1], test[-1][1], within[1])
    if low >= high:
        return None
    from bjontegaard import bd_rate as interpolated

    _, anchor_log10, test_log10 = interpolated(
        *np.array(anchor).T,
        *np.array(test).T,
        method="pchip",
        require_matching_points=False,
        min_overlap=0,  # the range is reported instead of a warning
        interpolators=True,
    )
    difference = (test_log10.integrate(low, high) - anchor_log10.integrate(low, high)) / (high - low)
    return BdRate(100 * (10 ** float(difference) - 1), low, high)
