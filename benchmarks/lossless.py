"""Bytes of lossless files, and of files with a bound on the error of each sample, beside other codecs.

    python -m benchmarks.lossless --images DIR

Every file of ours is decoded and compared with the original before it counts. Peers: WebP (lossless, method 4), PNG
(optimised), both through Pillow, and JPEG-LS (imagecodecs; interleaved RGB without a colour transform).
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.rate_distortion import load, pictures
from benchmarks.summary import pipe_table
from runtime import machine
from runtime.codec import Codec, Pixels
from runtime.errors import CodecError

OURS = "gargalo"
BOUNDS = (0, 1, 2, 4)


def ours(codec: Codec, pixels: Pixels, bound: int) -> int:
    """Return the bytes of our file; raise AssertionError where a decoded sample is off by more than the bound."""
    data = codec.encode(pixels, max_error=bound)
    assert np.abs(codec.decode(data).astype(int) - pixels).max() <= bound
    return len(data)


def peers(pixels: Pixels, bound: int) -> dict[str, int]:
    """Return the bytes of each peer's file that keeps the bound, by name."""
    import imagecodecs

    found = {"jpeg-ls": len(imagecodecs.jpegls_encode(pixels, level=bound))}
    if bound == 0:
        image = Image.fromarray(pixels)
        found |= {"webp": _saved(image, "WEBP", lossless=True, method=4), "png": _saved(image, "PNG", optimize=True)}
    return found


def _saved(image: Image.Image, form: str, **options: object) -> int:
    """Return the bytes of a file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return len(file.getvalue())


def measure(codec: Codec, paths: Sequence[Path], bounds: Sequence[int]) -> dict[tuple[int, str], int]:
    """Return bytes of all pictures by bound and codec."""
    total: dict[tuple[int, str], int] = {}
    for path in tqdm(paths, unit="picture", disable=None):
        pixels = load(path)
        for bound in bounds:
            for name, size in ({OURS: ours(codec, pixels, bound)} | peers(pixels, bound)).items():
                total[bound, name] = total.get((bound, name), 0) + size
    return total


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table and return an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lossless", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of lossless pictures")
    parser.add_argument("--bundle", metavar="DIR", help="our weights, a folder or a shipped name")
    parser.add_argument("--bounds", default=BOUNDS, type=_bounds, metavar="N,...", help="default: 0,1,2,4")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N pictures")
    options = parser.parse_args(argv)
    try:
        codec = Codec(options.bundle, threads=1)
        total = measure(codec, pictures(options.images, options.limit), options.bounds)
    except (CodecError, OSError) as error:
        print(f"lossless: {error}", file=sys.stderr)
        return 1
    lines = [
        [str(bound), name, f"{size:,}", f"{total[bound, OURS] / size:.3f}"] for (bound, name), size in total.items()
    ]
    print(f"bundle {codec.bundle.id.hex()}, {machine.processor()}\n")
    print(pipe_table(["largest error", "codec", "bytes", "gargalo / it"], lines))
    return 0


def _bounds(text: str) -> list[int]:
    """Return the whole numbers of a list such as 0,1,2."""
    return [int(item) for item in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
