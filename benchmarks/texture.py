"""Kept texture: how much of a picture's faint texture is left after coding, where it is dark, middle and bright.

It looks at blocks of 16 x 16 pixels whose luma deviates by 1.5 to 6 levels: walls, cloth, far trees, noisy skies. A
codec that smooths them away saves bytes, and no score of the whole picture tells; the eye does.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

BLOCK_PX = 16
FAINT_LEVELS = 1.5, 6.0
"""Standard deviation of the original's luma within a block that counts."""
MIDDLE_LEVELS = 64, 160
"""Mean luma of the original's blocks between dark and bright."""
LEAST_BLOCKS = 16
"""A picture with fewer of a kind has no value for it."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class KeptTexture(NamedTuple):
    """Deviation of decoded blocks over that of the original's, the mean over blocks: 1 is all, more is made up."""

    dark: float | None
    middle: float | None
    bright: float | None


def kept_texture(original: Pixels, decoded: Pixels) -> KeptTexture:
    """Return what is left of faint texture in two (H, W, 3) uint8 pictures, None where there is too little of it."""
    blocks = _blocks(original)
    deviation, mean = blocks.std(1), blocks.mean(1)
    faint = (deviation >= FAINT_LEVELS[0]) & (deviation <= FAINT_LEVELS[1])
    ratio = _blocks(decoded).std(1)[faint] / deviation[faint]
    kind = np.digitize(mean[faint], MIDDLE_LEVELS)
    return KeptTexture(
        *(float(ratio[kind == k].mean()) if (kind == k).sum() >= LEAST_BLOCKS else None for k in range(3))
    )


def _blocks(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return the luma of the whole blocks of a picture: (blocks, pixels)."""
    rows, columns = (side // BLOCK_PX for side in pixels.shape[:2])
    luma = pixels[: rows * BLOCK_PX, : columns * BLOCK_PX] @ _LUMA
    return luma.reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2).reshape(rows * columns, BLOCK_PX**2)
