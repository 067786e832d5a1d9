"""HDR to SDR: light that PQ or HLG tells (ITU-R BT.2100) to 8 bits with the curve of sRGB.

`colour.py` tells the primaries, which stay.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.pictures.colour import HLG, SRGB, ColourSpace, chromaticities, to_xyz

U8 = NDArray[np.uint8]
F64 = NDArray[np.float64]

_WHITE_NITS = 203
"""Of diffuse white in HDR, which becomes white (ITU-R BT.2408)."""
_HLG_PEAK_NITS = 1000
_ROWS = 64


def to_sdr(pixels: NDArray[Any], space: ColourSpace) -> U8:
    """Return uint8 SDR of samples (H, W[, 3 or 4]) of full range in PQ or HLG: same primaries, the curve of sRGB.

    Light is what PQ tells, or HLG on a display of 1000 cd/m2 (BT.2100). The curve of BT.2390 (5.4.1) brings it below
    the 203 cd/m2 of diffuse white, which become white; its other end is the brightest sample of the picture. It acts
    on the largest of R, G and B, so that hues stay.
    """
    top = np.iinfo(pixels.dtype).max
    decode = _hlg_scene if space.transfer == HLG else _from_pq
    light = decode(np.arange(top + 1) / top).astype(np.float32)
    luma = to_xyz(chromaticities(space))[1].astype(np.float32)
    made = np.empty(pixels.shape, np.uint8)
    gray = pixels.ndim == 2

    def nits(rows: slice) -> NDArray[np.float32]:
        linear = light[pixels[rows] if gray else pixels[rows, :, :3]]
        if space.transfer == HLG:  # the light of a display
            scene = linear if gray else (linear @ luma)[..., None]
            linear = _HLG_PEAK_NITS * linear * np.maximum(scene, 1e-6) ** np.float32(0.2)
        return linear

    strips = [slice(top, top + _ROWS) for top in range(0, len(pixels), _ROWS)]
    peak = max(float(nits(rows).max()) for rows in strips)
    for rows in strips:
        linear = nits(rows)
        largest = linear if gray else linear.max(axis=2, keepdims=True)
        linear = linear * (_compressed(largest, peak) / np.maximum(largest, 1e-6)) / _WHITE_NITS
        samples = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-6) ** (1 / 2.4) - 0.055)
        samples = np.clip(255 * samples + 0.5, 0, 255).astype(np.uint8)
        if gray:
            made[rows] = samples
        else:
            made[rows, :, :3] = samples
            if pixels.shape[2] == 4:
                made[rows, :, 3] = (pixels[rows, :, 3].astype(np.uint32) * 255 + top // 2) // top
    return made


def sdr(space: ColourSpace) -> ColourSpace:
    """Return what is told of the colours that to_sdr makes."""
    return ColourSpace(space.primaries, SRGB, space.chromaticities)


def _compressed(nits: Any, peak: float) -> Any:
    """Return light of at most peak brought below 203 cd/m2: BT.2390, equations 5.4.1, without a black level."""
    if peak <= _WHITE_NITS:
        return nits
    white, brightest = _to_pq(_WHITE_NITS), _to_pq(peak)
    most = white / brightest
    knee = 1.5 * most - 0.5
    e = _to_pq(nits) / brightest
    t = np.clip((e - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return _from_pq(np.where(e < knee, e, spline) * brightest)


_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
"""Of SMPTE ST 2084."""


def _from_pq(samples: Any) -> Any:
    power = np.maximum(samples, 0) ** (1 / _M2)
    return 10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)


def _to_pq(nits: Any) -> Any:
    power = (np.maximum(nits, 0) / 10_000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def _hlg_scene(samples: F64) -> F64:
    """Return the light of the scene, 0 to 1 (BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(samples <= 0.5, samples**2 / 3, (np.exp((samples - c) / a) + b) / 12)
