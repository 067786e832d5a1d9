"""Colour models by their own arithmetic: CIELab, CMYK by a small profile of ours and without one."""

import itertools
import struct

import numpy as np
from numpy.typing import NDArray
from pictures.files.case import Array

D50 = np.array([0.9642, 1.0, 0.8249])
_XYZ_D50_TO_SRGB = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)
"""Bradford-adapted from D50 to the D65 of sRGB."""


def lab_to_srgb(lab: Array) -> NDArray[np.float64]:
    """Return sRGB samples of 0 to 255 for L 0..100, a and b (CIE 15, white D50; IEC 61966-2-1)."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    linear = np.clip(xyz @ _XYZ_D50_TO_SRGB.T, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def ycbcr(picture: Array, red: float = 0.299, blue: float = 0.114) -> NDArray[np.float64]:
    """Return Y, Cb, Cr of full range, 0 to 255, not rounded; red and blue are their parts of Y (T.871)."""
    r, g, b = np.moveaxis(picture.astype(float), -1, 0)
    y = red * r + (1 - red - blue) * g + blue * b
    chroma = [np.clip((c - y) / (2 - 2 * part) + 128, 0, 255) for c, part in ((b, blue), (r, red))]
    return np.stack([y, *chroma], -1)


def from_ycbcr(samples: Array, red: float = 0.299, blue: float = 0.114) -> NDArray[np.float64]:
    """Return the RGB of full-range samples."""
    y, cb, cr = np.moveaxis(samples.astype(float), -1, 0)
    r, b = y + (2 - 2 * red) * (cr - 128), y + (2 - 2 * blue) * (cb - 128)
    return np.clip(np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], -1), 0, 255)


def lab(height: int = 27, width: int = 38) -> NDArray[np.int64]:
    """Return integers L 0..100, a, b that all lie inside of sRGB."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([40 + x, y - 13, (x - 18) // 2], -1)
    picture[:5, :7], picture[:4, -6:] = (50, 25, 15), (85, 0, 0)
    picture[-3:, :4], picture[-6:, -5:] = (30, 0, 0), (60, -20, 10)
    return picture


def inks(height: int = 48, width: int = 64) -> NDArray[np.int64]:
    """Return CMYK, 0 for no ink: colours at the left, black alone at the right, so that all formulas agree."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 6, y * 5, 200 - y * 3 - x, np.zeros_like(x)], -1)
    picture[:, width // 2 :] = 0
    picture[:, width // 2 :, 3] = (y * 3 + x)[:, width // 2 :]
    return np.clip(picture, 0, 255)


def inks_to_rgb(cmyk: Array) -> Array:
    """Return RGB of inks as PostScript and as all picture readers without a profile have it."""
    return (255 - cmyk[..., :3]) * (255 - cmyk[..., 3:]) / 255


# --- a CMYK profile unlike any printer's: its cyan is a red, its magenta a green, its yellow a blue ------------------

_CORNERS = {(0, 0, 0): (100, 0, 0), (1, 0, 0): (50, 40, 20), (0, 1, 0): (60, -30, 30), (0, 0, 1): (40, 10, -40)}


def _corner(c: int, m: int, y: int, k: int) -> tuple[int, int, int]:
    return (0, 0, 0) if k else _CORNERS.get((c, m, y), (30, 5, 5))


def printer() -> bytes:
    """Return an ICC profile of CMYK with a table of 2 steps an ink (ICC.1:2001-04, lut8Type)."""
    grid = [_corner(*point) for point in itertools.product((0, 1), repeat=4)]
    table = bytes(value for L, a, b in grid for value in (round(L * 2.55), a + 128, b + 128))
    line = bytes(range(256))
    one = struct.pack(">9i", *(65536 if n % 4 == 0 else 0 for n in range(9)))
    lut = b"mft1\0\0\0\0\4\3\2\0" + one + line * 4 + table + line * 3
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"inks\0" + bytes(4 + 4 + 2 + 1 + 67)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in D50))
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0free\0", b"wtpt": white, b"A2B0": lut}
    at, index, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        index += name + struct.pack(">II", at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"none", 0x02100000, b"prtr", b"CMYK", b"Lab ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", *(round(v * 65536) for v in D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + index + body


def printed() -> NDArray[np.int64]:
    """Return CMYK of 0 and 255 alone, in fields of 16 pixels, 48 x 64."""
    fields = np.array(
        [
            [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0)],
            [(255, 255, 0, 0), (0, 0, 0, 255), (0, 255, 0, 0), (0, 255, 0, 0)],
            [(0, 0, 255, 0), (255, 0, 0, 0), (255, 0, 0, 0), (0, 0, 0, 0)],
        ]
    )
    return fields.repeat(16, 0).repeat(16, 1)


def printed_to_rgb() -> NDArray[np.float64]:
    """Return what the profile says of them."""
    flat = printed().reshape(-1, 4) // 255
    return lab_to_srgb(np.array([_corner(*ink) for ink in flat.tolist()])).reshape(48, 64, 3)
