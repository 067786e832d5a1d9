"""Pictures made of numbers alone and what may befall them, for the metrics that follow the eye."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def scene(height: int = 133, width: int = 200) -> Pixels:
    """Return waves, edges, a dark and a bright part, and faint texture: (H, W, 3) uint8."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / (7 + 3 * c) + y / 13) + np.cos(y / (9 + 2 * c)) for c in range(3)], -1)
    disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
    texture = np.random.default_rng(7).integers(-3, 4, (height, width, 1))
    lit = 60 + 120 * x[..., None] / width
    return (lit + 30 * waves + 40 * disc[..., None] + texture).clip(0, 255).astype(np.uint8)


def blurred(pixels: Pixels) -> Pixels:
    padded = np.pad(pixels.astype(np.int32), ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = pixels.shape[:2]
    shifted = [padded[row : row + height, column : column + width] for row in range(3) for column in range(3)]
    return (np.sum(shifted, axis=0) // 9).astype(np.uint8)


def noisy(pixels: Pixels, levels: int = 4) -> Pixels:
    noise = np.random.default_rng(3).integers(-levels, levels + 1, pixels.shape)
    return (pixels + noise).clip(0, 255).astype(np.uint8)


def blocky(pixels: Pixels) -> Pixels:
    """Move each block of 8 x 8 nearer to its mean."""
    mean = pixels[::8, ::8].repeat(8, 0).repeat(8, 1)[: pixels.shape[0], : pixels.shape[1]]
    return ((3 * pixels.astype(np.int32) + mean) // 4).astype(np.uint8)


def brighter(pixels: Pixels) -> Pixels:
    return np.minimum(pixels, 254) + np.uint8(1)


def bluer(pixels: Pixels) -> Pixels:
    return np.stack([pixels[..., 0], pixels[..., 1], np.minimum(pixels[..., 2], 239) + np.uint8(16)], -1)


DISTORTIONS: dict[str, Callable[[Pixels], Pixels]] = {
    "blurred": blurred,
    "noisy": noisy,
    "blocky": blocky,
    "brighter": brighter,
    "bluer": bluer,
}
