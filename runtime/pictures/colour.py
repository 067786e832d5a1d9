"""Colours: an ICC profile for those that a file tells by numbers, CMYK and CIELab to sRGB; `hdr.py` maps HDR to SDR.

The numbers are those of H.273 (PNG cICP, AVIF and HEIC nclx) or PNG's cHRM and gAMA. sRGB needs no profile: it is what
pixels without one are.
"""

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from runtime.errors import InputError

F64 = NDArray[np.float64]
Chromaticities = tuple[float, ...]
"""x and y of white, red, green and blue."""

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
SRGB, _UNTOLD = 13, 2
PQ, HLG = 16, 18
_PRIMARIES: dict[int, Chromaticities] = {
    1: (*_D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060),  # BT.709, sRGB
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),  # BT.470 M
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),  # BT.470 BG, BT.601 of 625 lines
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),  # SMPTE 170M, BT.601 of 525 lines
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),  # SMPTE 240M
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),  # film
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020, BT.2100
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # DCI-P3
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),  # EBU 3213
}
_BT709 = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: dict[int, tuple[float, ...]] = {
    **dict.fromkeys((1, 6, 14, 15), _BT709),
    4: (2.2,),
    5: (2.8,),
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),  # SMPTE 240M
    8: (1.0,),
    SRGB: (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
}
"""From a sample to light: an exponent g, or g, a, b, c, d of (a x + b)**g from x = d on, c x below."""

_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


class ColourSpace(NamedTuple):
    """What a file tells of its colours without a profile."""

    primaries: int = _UNTOLD
    transfer: int = _UNTOLD
    chromaticities: Chromaticities = ()
    """Of PNG's cHRM, where primaries are untold."""
    gamma: float = 0
    """PNG's gAMA: the exponent from light to a sample, where the transfer is untold; 0 for none."""
    narrow: bool = False
    """Samples are 16 to 235 of 255."""

    @property
    def hdr(self) -> bool:
        return self.transfer in (PQ, HLG)


# --- profiles ---------------------------------------------------------------------------------------------------------


def profile(space: ColourSpace, gray: bool) -> bytes:
    """Return an ICC profile of about 500 bytes, for gray or RGB pixels; empty for sRGB and where nothing is told.

    Raises InputError for numbers that we do not know.
    """
    points, curve = chromaticities(space), _curve(space)
    usual = np.allclose(points, _PRIMARIES[1], atol=2e-3)
    if curve == _CURVES[SRGB] and (usual or gray):
        return b""
    xyz = to_xyz(points)
    white = xyz.sum(axis=1)
    cone = _BRADFORD @ np.stack([white, _D50], 1)
    adaption = np.linalg.inv(_BRADFORD) @ np.diag(cone[:, 1] / cone[:, 0]) @ _BRADFORD
    kind = 3 if len(curve) > 1 else 0
    parametric = b"para" + bytes(4) + struct.pack(">Hxx", kind) + _fixed(curve)
    tags = {
        b"desc": _text("gray" if gray else "RGB, told by numbers"),
        b"cprt": _text("none"),
        b"wtpt": _xyz(_D50),
        b"chad": b"sf32" + bytes(4) + _fixed(adaption.ravel()),
    }
    if gray:
        tags[b"kTRC"] = parametric
    else:
        tags |= {
            name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), (adaption @ xyz).T, strict=True)
        }
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), parametric)
    return _packed(tags, b"GRAY" if gray else b"RGB ")


def chromaticities(space: ColourSpace) -> Chromaticities:
    if space.primaries == _UNTOLD:
        return space.chromaticities or _PRIMARIES[1]
    if space.primaries not in _PRIMARIES:
        raise InputError(
            f"tells its colours as primaries {space.primaries} of H.273, which we do not know; save it as PNG"
        )
    return _PRIMARIES[space.primaries]


def _curve(space: ColourSpace) -> tuple[float, ...]:
    """Return the parameters from samples to light; sRGB's for an exponent near 2.2, by which PNG files mean it."""
    if space.transfer == _UNTOLD:
        exponent = 1 / space.gamma if space.gamma else 2.2
        usual = abs(exponent - 2.2) < 0.02 and np.allclose(chromaticities(space), _PRIMARIES[1], atol=2e-3)
        return _CURVES[SRGB] if not space.gamma or usual else (exponent,)
    if space.transfer not in _CURVES:
        raise InputError(
            f"tells its colours as transfer {space.transfer} of H.273, which we do not know; save it as PNG"
        )
    return _CURVES[space.transfer]


def to_xyz(chromaticities: Chromaticities) -> F64:
    """Return the matrix (3, 3) from linear RGB to XYZ; InputError where the colours span no gamut."""
    points = np.array(chromaticities).reshape(4, 2)
    try:
        if not (points[:, 1] > 0).all():
            raise ValueError
        white, *primaries = np.column_stack([points, 1 - points.sum(axis=1)]) / points[:, 1:]
        columns = np.stack(primaries, axis=1)
        matrix: F64 = columns * np.linalg.solve(columns, white)
    except (ValueError, np.linalg.LinAlgError):
        raise InputError("tells colours that make no sense; convert it to sRGB") from None
    return matrix


def _packed(tags: dict[bytes, bytes], colours: bytes) -> bytes:
    """Return a profile of version 4.3 for a display; equal values are stored once."""
    table_bytes = 128 + 4 + 12 * len(tags)
    offsets: dict[bytes, int] = {}
    values = b""
    for value in tags.values():
        if value not in offsets:
            offsets[value] = table_bytes + len(values)
            values += value + bytes(-len(value) % 4)
    table = b"".join(name + struct.pack(">II", offsets[value], len(value)) for name, value in tags.items())
    head = struct.pack(">I4sI4s4s4s", table_bytes + len(values), b"", 0x04300000, b"mntr", colours, b"XYZ ")
    date = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    head = (head + date + b"acsp").ljust(68, b"\0") + _fixed(_D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + values


def _text(text: str) -> bytes:
    words = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(words), 28) + words


def _xyz(values: Any) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: Any) -> bytes:
    """Return numbers as s15Fixed16."""
    return b"".join(struct.pack(">i", round(65536 * float(value))) for value in values)


# --- CMYK and CIELab --------------------------------------------------------------------------------------------------


def to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Callable[[Image.Image], Image.Image]:
    """Return what converts strips of a CMYK or LAB picture to sRGB: through a profile, relative colorimetric with black
    point compensation; CMYK without one by (1 - colour)(1 - black).
    """
    from PIL import ImageCms  # a library of its own, which hardly any picture needs

    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    try:
        if image.mode == "LAB":  # D50, as TIFF and ICC have it
            given: Any = ImageCms.createProfile("LAB")
        elif profile:
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
        else:
            notes.append("CMYK without a profile: colours are approximate")
            return lambda strip: strip.convert("RGB")
        srgb, intent = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
        made = ImageCms.buildTransform(given, srgb, image.mode, "RGB", intent, flags)
    except (ImageCms.PyCMSError, OSError) as error:
        notes.append(f"its CMYK profile cannot be used ({error}): colours are approximate")
        return lambda strip: strip.convert("RGB")
    notes.append(f"{'CIELab' if image.mode == 'LAB' else 'CMYK'} colours become sRGB")
    return made.apply
