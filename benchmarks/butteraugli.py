"""Butteraugli's 3-norm: how far a decoded picture seems from its original, 0 if equal.

Both pictures become what the eye makes of them: X (red less green), Y (luma) and B (blue) in four bands of frequencies.
Differences within a band, the finer ones summed along lines in 16 directions, count less where the original is busy; a
second map is taken at half the size. Written after the program of libjxl 0.8 to 0.12, https://github.com/libjxl/libjxl
(lib/jxl/butteraugli, BSD-3-Clause), whose constants these are, and proved against that of 0.7, which has five others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from runtime.arrays import F32, U8
from runtime.metrics.light import MIN_SIDE_PX, half, linear_pair

WHITE_NITS = 80
ASYMMETRY = 1.0
"""How much more new detail counts than lost detail; 0.8 in libjxl 0.7."""
LOW_SCALES = (33.832837186260, 14.458268100570, 49.87984651440)
"""Of X, Y and B in the low band; (32.2217497012, 13.7697791434, 47.504615728) in libjxl 0.7."""
VISIBLE = 17.83
"""The difference that becomes 1, but for the screen; 17.8 in libjxl 0.7."""

_ABSORBANCE = np.array(
    [
        [0.29956550340058319, 0.63373087833825936, 0.077705617820981968, 1.7557483643287353],
        [0.22158691104574774, 0.69391388044116142, 0.0987313588422, 1.7557483643287353],
        [0.02, 0.02, 0.20480129041026129, 12.226454707163354],
    ]
)
"""Linear RGB in nits to what long, medium and short cones absorb; the last column is added."""
_LINES = (
    [(0, 1), (0, 2), (0, 3), (0, 4)],
    [(1, 0), (2, 0), (3, 0), (4, 0)],
    [(1, 1), (2, 2), (3, 3)],
    [(1, -1), (2, -2), (3, -3)],
    [(1, 1), (2, 1), (3, 2)],
    [(1, -1), (2, -1), (3, -2)],
    [(1, 1), (1, 2), (2, 3)],
    [(1, -1), (1, -2), (2, -3)],
    *2 * [[(1, 0), (2, -1), (3, -1), (4, -1)]],
    *2 * [[(1, 0), (2, 1), (3, 1), (4, 1)]],
    *2 * [[(0, 1), (1, 2), (1, 3), (1, 4)]],
    *2 * [[(0, 1), (-1, 2), (-1, 3), (-1, 4)]],
)
"""Rows and columns of one half of each line through a pixel; the other half mirrors it."""
_DOTTED_LINES = (
    [(0, 2), (0, 4)],
    [(2, 0), (4, 0)],
    [(2, 2), (3, 3)],
    [(2, -2), (3, -3)],
    [(2, -1), (4, -1)],
    [(2, 1), (4, 1)],
    [(1, 2), (1, 4)],
    [(-1, 2), (-1, 4)],
    [(2, 1), (3, 2)],
    [(2, -1), (3, -2)],
    [(1, 2), (2, 3)],
    [(1, -2), (2, -3)],
    [(1, 2), (2, 4)],
    [(1, -2), (2, -4)],
    [(2, 1), (4, 2)],
    [(2, -1), (4, -2)],
)
Lines = Sequence[Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class _Bands:
    """A picture as the eye has it: planes (H, W) of X, Y and, in the two coarser bands, B."""

    low: list[F32]
    middle: list[F32]
    high: list[F32]
    highest: list[F32]


def butteraugli(original: U8, decoded: U8) -> float:
    """Return the 3-norm of two (H, W, 3) uint8 sRGB pictures of at least 8 px a side; under 1 little is seen.

    As in libjxl it is the mean of the 3-, 6- and 12-norm of the map of differences, for a screen of 80 nits. Which
    picture is the original matters.
    """
    a, b = linear_pair(original, decoded)
    height, width = a.shape[:2]
    seen = _map(a, b)
    if min(height, width) >= 2 * MIN_SIDE_PX - 1:
        coarse = _map(half(a), half(b)).repeat(2, 0).repeat(2, 1)
        seen = 0.85 * seen + 0.5 * coarse[:height, :width]
    cubes = seen.astype(np.float64) ** 3
    return float(np.mean([np.mean(cubes**power) ** (1 / (3 * power)) for power in (1, 2, 4)]))


def _map(a: F32, b: F32) -> F32:
    """Return the map of differences between two pictures in linear light."""
    a_bands, b_bands = _bands(a), _bands(b)
    low = _squares(a_bands.low, b_bands.low, (29.2353797994, 0.844626970982, 0.703646627719))
    fine = _squares(a_bands.middle, b_bands.middle, (2150.0, 10.6195433239, 16.2176043152))
    for c, weight, norm in ((0, 173.5, 5.0), (1, 1.10039032555, 71.7800275169)):
        fine += _along(_LINES, a_bands.highest[c], b_bands.highest[c], 0.39905817637, weight, norm, ASYMMETRY)
    for c, weight, norm in ((0, 6923.99476109, 8051.15833247), (1, 18.7237414387, 4498534.45232)):
        fine += _along(_DOTTED_LINES, a_bands.high[c], b_bands.high[c], 0.611612573796, weight, norm, ASYMMETRY**0.5)
    for c, weight, norm in ((0, 8246.75321353, 1009002.70582), (1, 37.0819870399, 130262059.556)):
        fine += _along(_DOTTED_LINES, a_bands.middle[c], b_bands.middle[c], 0.611612573796, weight, norm, 1)
    for c, weight in ((0, 400.0), (1, 1.50815703118)):
        fine += _lopsided_squares(a_bands.high[c], b_bands.high[c], 0.8 * weight)
    a_activity, b_activity = _activity(a_bands), _activity(b_bands)
    fine += 10 * np.square(a_activity - b_activity)
    mask = _eroded(a_activity)
    low *= _sensitivity(mask, 0.505054525019, 3.87449418804, 0.20025578522)
    fine *= _sensitivity(mask, 2.5485944793, 0.451936922203, 0.829591754942)
    return np.sqrt(low + fine)


# --- the eye ----------------------------------------------------------------------------------------------------------


def _bands(linear: F32) -> _Bands:
    xyb = _opsin(linear)
    low = [_blur(plane, 7.15593339443) for plane in xyb]
    rest = [plane - coarse for plane, coarse in zip(xyb, low, strict=True)]
    middle = [_blur(plane, 3.22489901262) for plane in rest]
    fine_y = rest[1] - middle[1]
    fine_x = (rest[0] - middle[0]) * (0.653020556257 + (1 - 0.653020556257) * 46 / (46 + np.square(fine_y)))
    high_x = _blur(fine_x, 1.56416327805)
    high_y = _softened(_blur(fine_y, 1.56416327805), 28.4691806922)
    low[2] = low[2] - np.float32(0.362267051518) * low[1]
    return _Bands(
        low=[np.float32(scale) * plane for scale, plane in zip(LOW_SCALES, low, strict=True)],
        middle=[_without_core(middle[0], 0.29), _with_core(middle[1], 0.1), middle[2]],
        high=[_without_core(high_x, 1.5), _with_core(2.155 * high_y, 0.132)],
        highest=[_without_core(fine_x - high_x, 0.04), 2.69313763794 * _softened(fine_y - high_y, 5.19175294647)],
    )


def _opsin(linear: F32) -> list[F32]:
    """Return X, Y and B: what cones answer, adapted to the light around."""
    nits = linear * np.float32(WHITE_NITS)
    blurred = np.stack([_blur(nits[..., channel], 1.2) for channel in range(3)], axis=-1)
    around = cv2.transform(blurred, _ABSORBANCE)
    gain = (19.245013259874995 * np.log(around + 9.9710635769299145) - 23.16046239805755) / around
    dark = _ABSORBANCE[:, 3].astype(np.float32)
    long, medium, short = cv2.split(np.maximum(cv2.transform(nits, _ABSORBANCE) * gain, dark))
    return [long - medium, long + medium, short]


def _blur(plane: F32, sigma_px: float) -> F32:
    """Return the plane after a Gaussian cut at 2.25 sigma; what lies outside has no weight."""
    radius = int(2.25 * sigma_px)
    kernel = np.exp(-np.square(np.arange(-radius, radius + 1)) / (2 * sigma_px**2))
    kernel /= kernel.sum()
    if radius == 2:  # but here the picture is mirrored
        return np.asarray(cv2.sepFilter2D(plane, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT), np.float32)
    rows, columns = (np.convolve(np.ones(side), kernel)[radius : radius + side] for side in plane.shape)
    blurred = cv2.sepFilter2D(plane, -1, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred / np.outer(rows, columns), np.float32)


def _without_core(plane: F32, width: float) -> F32:
    return plane - np.clip(plane, -width, width)


def _with_core(plane: F32, width: float) -> F32:
    return plane + np.clip(plane, -width, width)


def _softened(plane: F32, limit: float) -> F32:
    core = np.clip(plane, -limit, limit)
    return core + 0.724216145665 * (plane - core)


# --- differences ------------------------------------------------------------------------------------------------------


def _squares(a: Sequence[F32], b: Sequence[F32], weights: Sequence[float]) -> F32:
    return np.asarray(sum(w * np.square(p - q) for w, p, q in zip(weights, a, b, strict=True)), np.float32)


def _beyond(a: F32, b: F32, least: float, most: float) -> F32:
    """Return by how much the decoded b is under `least` times the original a, or, negative, over `most` times."""
    size, toward = np.abs(a), np.where(a < 0, -b, b)
    return np.maximum(least * size - toward, 0) - np.maximum(toward - most * size, 0)


def _along(lines: Lines, a: F32, b: F32, scale: float, weight: float, norm: float, asymmetry: float) -> F32:
    """Return the sum over lines of the squared sums of differences along them ("Malta")."""
    both = scale / 8.5 * norm * (0.5 * weight * asymmetry) ** 0.5 * (a - b)
    one = scale / 8.5 * norm * (0.33 * weight / asymmetry) ** 0.5 * np.where(a < 0, -1, 1) * _beyond(a, b, 0.55, 1.05)
    difference = ((both + one) / (norm + (np.abs(a) + np.abs(b)) / 2)).astype(np.float32)
    found = np.zeros_like(difference)
    for line in lines:
        kernel = np.zeros((9, 9), np.float32)
        for row, column in [(0, 0), *line]:
            kernel[4 + row, 4 + column] = kernel[4 - row, 4 - column] = 1
        found += np.square(cv2.filter2D(difference, -1, kernel, borderType=cv2.BORDER_CONSTANT))
    return found


def _lopsided_squares(a: F32, b: F32, weight: float) -> F32:
    return weight * (ASYMMETRY * np.square(a - b) + np.square(_beyond(a, b, 0.4, 1)) / ASYMMETRY)


# --- masking ----------------------------------------------------------------------------------------------------------


def _activity(bands: _Bands) -> F32:
    """Return how busy the picture is around each pixel."""
    x = 2.5 * (bands.high[0] + bands.highest[0])
    y = 0.4 * (bands.high[1] + bands.highest[1])
    scale, bias = 6.19424080439, 12.61050594197
    return _blur((scale * (np.hypot(x, y) + bias)) ** 0.5 - (scale * bias) ** 0.5, 2.7)


def _eroded(activity: F32) -> F32:
    """Return for each pixel a mean of the three least values among it and its neighbours at 3 px."""
    step, (height, width) = 3, activity.shape
    padded = np.pad(activity, step, constant_values=np.inf)
    least = [activity, 2 * activity, 2 * activity]
    for top, left in ((0, 0), (0, 3), (0, 6), (3, 0), (3, 6), (6, 0), (6, 3), (6, 6)):
        value = padded[top : top + height, left : left + width]
        for rank in range(3):
            least[rank], value = np.minimum(least[rank], value), np.maximum(least[rank], value)
    return 0.45 * least[0] + 0.3 * least[1] + 0.25 * least[2]


def _sensitivity(mask: F32, scale: float, slope: float, offset: float) -> F32:
    """Return how much a squared difference counts under such a mask."""
    visible = VISIBLE * np.log(WHITE_NITS) / np.log(255)
    return np.square((1 + scale / (slope * mask + offset)) / visible)
