"""Random crops from a folder of pictures, held in memory as uint8."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".ppm"}


def pictures(folder: str | Path, smallest_px: int = 0, limit: int | None = None) -> list[np.ndarray]:
    """Every picture below a folder as uint8 RGB (H, W, 3), sorted by name; those too small are left out.

    Raises FileNotFoundError where there is none.
    """
    from PIL import Image

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
    """Random flipped crops, each picture as likely as its number of pixels."""

    def __init__(self, images: list[np.ndarray], crop_px: int, batch: int, seed: int, device: str = "cpu"):
        self.images = [i for i in images if min(i.shape[:2]) >= crop_px]
        self.crop_px, self.batch, self.device = crop_px, batch, device
        self.random = np.random.default_rng(seed)
        area = np.array([i.shape[0] * i.shape[1] for i in self.images], float)
        self.chance = area / area.sum()

    def __next__(self) -> Tensor:
        """uint8 (B, 3, crop, crop)."""
        n, out = self.crop_px, []
        for index in self.random.choice(len(self.images), self.batch, p=self.chance):
            image = self.images[index]
            top = self.random.integers(image.shape[0] - n + 1)
            left = self.random.integers(image.shape[1] - n + 1)
            crop = image[top : top + n, left : left + n]
            if self.random.random() < 0.5:
                crop = crop[:, ::-1]
            if self.random.random() < 0.25:
                crop = crop.swapaxes(0, 1)
            out.append(crop.transpose(2, 0, 1))
        return torch.from_numpy(np.stack(out)).to(self.device, non_blocking=True)


def klt(images: list[np.ndarray], components: int, patches: int = 150_000, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The leading KLT of 16 x 16 x 3 patches minus 128: basis (M, 768) and deviations (M,), float32.

    Patch entries are ordered (2, 2, 8, 8, 3): 8 x 8 blocks as space_to_depth has them, then the 2 x 2 of those.
    """
    random = np.random.default_rng(seed)
    each, rows = max(1, patches // len(images)), []
    for image in images:
        h, w = image.shape[0] // 16, image.shape[1] // 16
        blocks = image[: 16 * h, : 16 * w].reshape(h, 2, 8, w, 2, 8, 3).transpose(0, 3, 1, 4, 2, 5, 6)
        blocks = blocks.reshape(h * w, 768)
        rows.append(blocks[random.choice(h * w, min(each, h * w), replace=False)].astype(np.float32) - 128)
    x = np.concatenate(rows)
    values, vectors = np.linalg.eigh((x.T @ x / len(x)).astype(np.float64))
    order = np.argsort(values)[::-1][:components]
    basis = np.ascontiguousarray(vectors[:, order].T)
    return torch.from_numpy(basis).float(), torch.from_numpy(np.sqrt(values[order])).float()
