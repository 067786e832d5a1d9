"""Bjontegaard's delta rate: how many bytes more or fewer a codec needs for the same picture.

Log rate is interpolated over the quality measure (PCHIP, by the package bjontegaard) and averaged
over the range of quality that both curves cover.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Curve = list[tuple[float, float]]
"""Points (rate, quality measure in dB), both strictly increasing."""


@dataclass(frozen=True)
class BdRate:
    """The mean difference in rate of a codec against an anchor."""

    percent: float
    """-30 means 30 % fewer bytes than the anchor."""
    low_db: float
    """Lower end of the range of quality that both curves cover."""
    high_db: float
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


def bd_rate(anchor: Curve, test: Curve) -> BdRate | None:
    """Return the BD-rate of `test` against `anchor`, None where they share no range of quality."""
    if len(anchor) < 2 or len(test) < 2:
        return None
    low_db = max(anchor[0][1], test[0][1])
    high_db = min(anchor[-1][1], test[-1][1])
    if low_db >= high_db:
        return None
    from bjontegaard import bd_rate as delta_percent

    percent = delta_percent(
        *np.array(anchor).T,
        *np.array(test).T,
        method="pchip",
        require_matching_points=False,
        min_overlap=0,  # the range is reported instead of a warning
    )
    return BdRate(float(percent), low_db, high_db)
