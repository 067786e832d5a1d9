"""Random crops from a folder of pictures, held in memory as uint8."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".ppm"}


def pictures(folder: str | Path, smallest_px: int = 0, limit: int | None = None) -> list[np.ndarray]:
    """Return every picture below a folder as uint8 RGB (H, W, 3), sorted by name; those too small are left out.

    Raises FileNotFoundError where there is none.
    """
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)[:limit]
    found = []
    for path in tqdm(paths, desc=f"reading {folder}", leave=False):
        with Image.open(path) as image:
            array = np.asarray(image.convert("RGB"))
        if min(array.shape[:2]) >= smallest_px:
            found.append(array)
    if not found:
        raise FileNotFoundError(f"{folder}: no picture of at least {smallest_px} px; give a folder of photographs")
    return found


class Crops:
    """Random flipped crops, each picture as likely as its number of pixels.

    Half of them are of pictures made smaller, down to `least_scale` of their sides: sharper ones, without the losses
    of the files that they are kept in.
    """

    def __init__(
        self,
        images: list[np.ndarray],
        crop_px: int,
        batch: int,
        seed: int,
        device: str = "cpu",
        least_scale: float = 1.0,
    ):
        if not 0 < least_scale <= 1:
            raise ValueError(f"least_scale {least_scale} must be above 0 and at most 1")
        self.images = [i for i in images if min(i.shape[:2]) >= crop_px]
        self.crop_px, self.batch, self.device, self.least_scale = crop_px, batch, device, least_scale
        self.random = np.random.default_rng(seed)
        area = np.array([i.shape[0] * i.shape[1] for i in self.images], float)
        self.chance = area / area.sum()

    def __next__(self) -> Tensor:
        """Return the next crops, uint8 (B, 3, crop, crop)."""
        out = []
        for index in self.random.choice(len(self.images), self.batch, p=self.chance):
            image, n = self.images[index], self.crop_px
            if self.least_scale < 1 and self.random.random() < 0.5:
                n = min(round(n / self.random.uniform(self.least_scale, 1)), *image.shape[:2])
            top = self.random.integers(image.shape[0] - n + 1)
            left = self.random.integers(image.shape[1] - n + 1)
            crop = image[top : top + n, left : left + n]
            if n > self.crop_px:
                smaller = Image.fromarray(crop).resize((self.crop_px, self.crop_px), Image.Resampling.LANCZOS)
                crop = np.asarray(smaller)
            if self.random.random() < 0.5:
                crop = crop[:, ::-1]
            if self.random.random() < 0.25:
                crop = crop.swapaxes(0, 1)
            out.append(crop.transpose(2, 0, 1))
        return torch.from_numpy(np.stack(out)).to(self.device, non_blocking=True)

    def take(self, count: int) -> Iterator[Tensor]:
        """Yield the next batches."""
        return (next(self) for _ in range(count))
