"""Writes area-resampled pictures, 32 to 64 px on their short side, to train the thumbnail codec on.

    python -m models.thumbnails photos/ thumbnails/

Each comes from a random part of a photograph, larger parts for smaller pictures, so that crops of 32 px look like
thumbnails of whole pictures and of parts of them.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models.data import pictures

SIDES_PX = {32: 8, 40: 5, 48: 3, 64: 2}
"""Short sides, and how many pictures of each to make of a photograph."""
LEAST_SHARE = 0.8
"""At least so much of a photograph's sides is in a picture."""


def parts(image: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    """Return pictures uint8 (h, w, 3) of random parts of a photograph, area-resampled."""
    from PIL import Image

    found, whole = [], Image.fromarray(image)
    for side, count in SIDES_PX.items():
        for _ in range(count):
            share = random.uniform(LEAST_SHARE, 1)
            width, height = (max(1, round(n * share)) for n in whole.size)
            left = int(random.integers(whole.width - width + 1))
            top = int(random.integers(whole.height - height + 1))
            scale = side / min(width, height)
            size = (max(side, round(width * scale)), max(side, round(height * scale)))
            box = (left, top, left + width, top + height)
            found.append(np.asarray(whole.resize(size, Image.Resampling.BOX, box=box)))
    return found


def main(argv: list[str] | None = None) -> int:
    from PIL import Image

    parser = argparse.ArgumentParser(prog="python -m models.thumbnails", description=__doc__.split("\n")[0])
    parser.add_argument("photographs", help="folder of photographs")
    parser.add_argument("out", help="folder for PNG files")
    args = parser.parse_args(argv)
    out, random = Path(args.out), np.random.default_rng(0)
    out.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(tqdm(pictures(args.photographs, smallest_px=max(SIDES_PX)))):
        for n, part in enumerate(parts(image, random)):
            Image.fromarray(part).save(out / f"{number:05}-{n:02}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
