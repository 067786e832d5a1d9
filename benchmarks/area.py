"""Area under a rate-distortion curve, as papers on progressive codecs report it: one number for all low rates."""

import math
from collections.abc import Iterable

import numpy as np

from benchmarks.bd_rate import curve

MOST_BPP = 2.0


def area(points: Iterable[tuple[float, float]], most_bpp: float = MOST_BPP) -> float | None:
    """Return the area under points (bits a pixel, quality) from 0 to `most_bpp`; None where there are none.

    Between points it is linear, from (0, 0) to the first one too, and behind the last one quality stays as it is.
    """
    rising = curve(points)
    if not rising:
        return None
    rates, qualities = np.array([(0.0, 0.0), *rising]).T
    within = rates < most_bpp
    ends = np.append(rates[within], most_bpp)
    heights = np.append(qualities[within], np.interp(most_bpp, rates, qualities))
    total = float(np.trapezoid(heights, ends))
    assert math.isfinite(total)
    return total
