"""What a generated picture file must become, and the sample pictures that the files are made of.

Nothing here knows the code under test. What a file must become is worked out from the samples that were put into it,
as the format's specification says; where coding loses something, within a tolerance that the case states.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

NEAREST = 0.5 + 0.5 * 255 / 65535 + 1e-6
"""A level from the exact value: the nearest of 256, or one rounded by way of 65536."""


@dataclass(frozen=True)
class Case:
    """One file and what must become of it: pixels, a refusal, or either of both, but never other pixels."""

    id: str
    make: Callable[[], bytes]
    want: Array | tuple[Array, ...] = ()
    """Samples, 0 to 255, not rounded; several where the format leaves a choice; none where it must be refused."""
    within: float = NEAREST
    """The largest difference of a sample."""
    reason: str | None = None
    """Must be found in the refusal; None where a refusal is wrong, unless there is nothing else."""
    note: str = ""
    """Must be found in one of the notes."""
    profile: bool | None = None
    """Whether an ICC profile must come with the pixels; None where it does not matter."""

    @property
    def name(self) -> str:
        """The file's name in messages."""
        return f"some.{self.id.partition('/')[0]}"

    @property
    def wanted(self) -> tuple[Array, ...]:
        return self.want if isinstance(self.want, tuple) else (self.want,)


def difference(pixels: Array, want: Array) -> float:
    """Return the largest difference of a visible sample; infinite where the shapes differ.

    Gray as RGB is the same only where the file tells no gray of its own: a palette's want has three channels.
    """
    if pixels.ndim == 2 and want.ndim == 3 and want.shape[2] == 3 and (want == want[:, :, :1]).all():
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.shape != want.shape:
        return float("inf")
    apart = np.abs(pixels.astype(float) - want)
    if want.ndim == 3 and want.shape[2] == 4:
        apart[:, :, :3] *= want[:, :, 3:] > 0  # nobody sees a colour that is wholly transparent
    return float(apart.max())


def made(encode: Callable[..., bytes | bytearray], *given: Any, **options: Any) -> bytes:
    """Return as bytes what an encoder makes, which may be a bytearray."""
    return bytes(encode(*given, **options))


# --- samples, 0 to 255: no turn, mirroring or exchange of channels leaves them as they are ---------------------------


def rgb(height: int = 27, width: int = 38) -> NDArray[np.int64]:
    """Return gradients, a fine texture, hard edges, and a colour of its own in each corner."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x * 71 + y * 29) % 256], -1)
    picture[:5, :7], picture[:4, -6:] = (255, 0, 0), (0, 255, 0)
    picture[-3:, :4], picture[-6:, -5:] = (0, 0, 255), (255, 255, 255)
    picture[12:15, 10:20] = 0
    return picture


def gray(height: int = 27, width: int = 38) -> NDArray[np.int64]:
    y, x = np.mgrid[0:height, 0:width]
    picture = (x * 5 + y * 3) % 256
    picture[:5, :7], picture[:4, -6:], picture[-3:, :4] = 0, 255, 128
    return picture


def alpha(height: int = 27, width: int = 38) -> NDArray[np.int64]:
    """Return alpha: clear at the left, opaque at the right, all steps between."""
    y, x = np.mgrid[0:height, 0:width]
    return np.clip(x * 9 + y * 2 - 20, 0, 255)


def rgba(height: int = 27, width: int = 38) -> NDArray[np.int64]:
    return np.dstack([rgb(height, width), alpha(height, width)])


def smooth(height: int = 45, width: int = 61) -> NDArray[np.int64]:
    """Return RGB without what lossy coding rounds off, yet with four different corners."""
    y, x = np.mgrid[0:height, 0:width] / [[[height - 1]], [[width - 1]]]
    picture = np.stack([40 + 170 * x, 60 + 150 * y * x, 210 - 60 * x - 110 * y], -1)
    return picture.round().astype(np.int64)


def smooth_gray(height: int = 45, width: int = 61) -> NDArray[np.int64]:
    return smooth(height, width)[:, :, 2]


# --- arithmetic -------------------------------------------------------------------------------------------------------


def levels(picture: Array, top: int) -> NDArray[np.int64]:
    """Return samples of 0 to 255 as integers of 0 to top."""
    return (picture.astype(np.int64) * top + 127) // 255


def fine(values: Array, top: int) -> NDArray[np.int64]:
    """Return integers of 0 to top with low bits of their own where there are more than 8, so that cutting off shows."""
    if top <= 255:
        return values.astype(np.int64)
    bits = np.arange(values[0].size).reshape(values.shape[1:]) * 41 % (top // 255)
    return np.clip(values + bits - top // 510, 0, top)


def scaled(values: Array, top: int) -> NDArray[np.float64]:
    """Return integers of 0 to top as samples of 0 to 255, not rounded."""
    return values.astype(np.float64) * 255 / top


def packed(values: Array, bits: int) -> bytes:
    """Return rows of (H, W) or (H, W, N) integers, the high bit first; each row begins with a new byte."""
    rows = values.astype(np.int64).reshape(len(values), -1, 1)
    return np.packbits((rows >> np.arange(bits - 1, -1, -1) & 1).astype(np.uint8).reshape(len(rows), -1), 1).tobytes()


def seen_gray(picture: Array, opacity: Array) -> Array:
    """Return gray with alpha as RGBA."""
    return np.dstack([picture, picture, picture, opacity])


def turned(picture: Array, orientation: int) -> Array:
    """Return a stored picture as it is to be seen (EXIF 2.32 4.6.4.A and TIFF 6.0 page 36, tag 274).

    2 lies mirrored left to right, 3 turned by half, 4 mirrored top to bottom, 6 must be turned right, 8 left;
    5 and 7 are mirrored at the diagonals.
    """
    return {
        1: picture,
        2: picture[:, ::-1],
        3: np.rot90(picture, 2),
        4: picture[::-1],
        5: picture.swapaxes(0, 1),
        6: np.rot90(picture, -1),
        7: np.rot90(picture, 2).swapaxes(0, 1),
        8: np.rot90(picture, 1),
    }[orientation]
