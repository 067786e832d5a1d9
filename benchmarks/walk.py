"""What comes out of each step of an autoencoder, as pictures: the input, its latents, and what is decoded of them.

    python -m benchmarks.walk docs/cam.jpg --bundle autoencoder -o docs/autoencoder/

OUT gets latents.webp, with some of the 192 channels before and behind the bottleneck, and decoded.webp, with the
picture at three qualities. docs/autoencoder.md explains them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines import Pixels
from benchmarks.crops import Cell, busiest, save, sheet
from benchmarks.metrics import psnr_db
from benchmarks.rate_distortion import load
from runtime.areas import Area, Blocks, cropped, padded
from runtime.codec import Codec
from runtime.errors import CodecError, InputError
from runtime.families.autoencoder.family import Autoencoder
from runtime.families.autoencoder.spec import BLOCK_PX, GRIDS, STRIDE_PX

LUMA, CHROMA = (0, 1, 2, 4, 12, 40), (64, 65, 66, 128, 129, 130)
"""Channels that are shown: of luma from the lowest frequency to a high one, and the lowest ones of both colours."""
QUALITIES = (15, 45, 75)
SHOWN = 45
"""The quality whose latents are shown."""

Array = NDArray[Any]


def behind_the_bottleneck(family: Autoencoder, rgb: Pixels, level: int) -> Array:
    """Return the latents (192, h, w) that a decoder has of a picture coded at a level as one tile."""
    height, width = rgb.shape[:2]
    picture, whole = Area(0, 0, height, width), padded(height, width, STRIDE_PX)
    prior = family.prior.at_level(level)
    (latents,) = family.transform(rgb[None])
    coded = family.quantise(latents, prior, whole, picture)
    blocks = Blocks(lambda _: coded.grids, whole, whole.shape(1), *(side_px for _, side_px in GRIDS))
    return family.latents(prior, blocks, whole, whole)


def before_the_bottleneck(family: Autoencoder, rgb: Pixels) -> Array:
    """Return what encoder.onnx makes of a picture: latents (192, h, w)."""
    height, width = rgb.shape[:2]
    seen = cropped(rgb, padded(height, width, STRIDE_PX))
    return family.encoded(seen.transpose(2, 0, 1)[None])[0]


def as_picture(channel: Array, limit: float, scale: int) -> Pixels:
    """Return a channel (h, w) as gray pixels, 0 in the middle, each latent a square of so many pixels."""
    gray = (127.5 + 127.5 * np.clip(channel / limit, -1, 1)).astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, 2).repeat(scale, 0).repeat(scale, 1)


def latent_rows(family: Autoencoder, rgb: Pixels, level: int, scale: int) -> list[list[Cell]]:
    """Return the cells of the sheet of latents: some channels before the bottleneck, and below them behind it."""
    rows, columns = Area(0, 0, *rgb.shape[:2]).shape(BLOCK_PX)
    before, behind = before_the_bottleneck(family, rgb), behind_the_bottleneck(family, rgb, level)
    found = []
    for channels in (LUMA, CHROMA):
        for where, latents in (("encoder", before), ("bottleneck", behind)):
            row: list[Cell] = []
            for channel in channels:
                limit = max(float(np.quantile(np.abs(before[channel]), 0.99)), 1.0)
                values = latents[channel, :rows, :columns]
                told = f"{where}: {np.mean(np.rint(values) == 0):.0%} zeros"
                row.append((as_picture(values, limit, scale), f"channel {channel}", told))
            found.append(row)
    return found


def decoded_row(codec: Codec, rgb: Pixels, side_px: int) -> list[Cell]:
    """Return the cells of the sheet of decoded pictures: a crop of the original and of each quality."""
    left, top = busiest(rgb, side_px)
    window = np.s_[top : top + side_px, left : left + side_px]
    row: list[Cell] = [(rgb[window], "input", f"{rgb.size} bytes of pixels")]
    for quality in QUALITIES:
        data = codec.encode(rgb, quality)
        decoded = codec.decode(data)
        row.append((decoded[window], f"quality {quality}", f"{len(data)} bytes, {psnr_db(rgb, decoded):.1f} dB"))
    return row


def main(argv: Sequence[str] | None = None) -> int:
    """Make the pictures and return an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.walk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("picture", type=Path, metavar="PICTURE", help="one photograph")
    add("--bundle", default="autoencoder", help="a folder or a shipped name (default: %(default)s)")
    add("-o", "--out", type=Path, required=True, metavar="OUT", help="folder for the pictures")
    options = parser.parse_args(argv)
    try:
        codec, rgb = Codec(options.bundle, threads=1), load(options.picture)
        if not isinstance(codec.family, Autoencoder):
            raise InputError(f"bundle {codec.bundle.name} has no encoder and decoder; give one of an autoencoder")
        options.out.mkdir(parents=True, exist_ok=True)
        rows = latent_rows(codec.family, rgb, codec.bundle.level(SHOWN), scale=2)
        save(sheet(rows), options.out / "latents.webp")
        save(sheet([decoded_row(codec, rgb, side_px=256)]), options.out / "decoded.webp")
    except (CodecError, OSError) as error:
        print(f"walk: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
