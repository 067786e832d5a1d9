"""Encodes and decodes pictures of many sizes in one process, and tells whether memory or file descriptors grow.

    python tests/soak.py --count 5000

Every tenth picture is also compared with what a first pass made of it. Exit status 1 if the memory at the end is more
than 5 % above that after the warm-up, if a descriptor more is open, or if any byte differs.
"""

import argparse
import gc
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from runtime.codec import Codec  # noqa: E402

GROWTH = 1.05
SIZES = ((1, 1), (16, 16), (33, 150), (64, 64), (97, 67), (128, 200), (240, 320), (300, 17), (480, 640))
SHAPES = ("gray", "rgb", "rgba")
WARM_UP = 0.1
"""The share of pictures after which memory is first read."""


def resident_mb() -> float:
    """Return the process's memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def picture(random: np.random.Generator, height: int, width: int, shape: str) -> np.ndarray:
    """Return a ramp with noise on it."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramp = (rows * random.uniform(0, 2) + columns * random.uniform(0, 2)) % 200
    channels = {"gray": 1, "rgb": 3, "rgba": 4}[shape]
    pixels = ramp[:, :, None] + random.normal(20, random.uniform(0, 20), (height, width, channels))
    pixels = pixels.clip(0, 255).astype(np.uint8)
    return pixels[:, :, 0] if shape == "gray" else pixels


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    codec, random, start = Codec(threads=1), np.random.default_rng(options.seed), time.monotonic()
    kept: dict[int, tuple[np.ndarray, float, bytes, np.ndarray]] = {}
    memory: list[float] = []
    opened, wrong = 0, 0
    for number in range(options.count):
        if number % 10 == 9 and kept:  # one of those kept, again
            pixels, quality, before, seen = kept[int(random.choice([*kept]))]
        else:
            height, width = SIZES[number % len(SIZES)]
            pixels = picture(random, height, width, SHAPES[number % len(SHAPES)])
            quality, before = float(random.uniform(1, 100)), b""
        stream = codec.encode(pixels, quality)
        decoded = codec.decode(stream)
        if before:
            wrong += stream != before or not np.array_equal(decoded, seen)
        elif len(kept) < 50:
            kept[number] = (pixels, quality, stream, decoded)
        if number >= options.count * WARM_UP:
            opened = opened or descriptors()
            memory.append(resident_mb())
        if number % max(1, options.count // 20) == 0:
            print(f"{number}: {resident_mb():.1f} MB, {descriptors()} descriptors", flush=True)
    gc.collect()
    share = max(1, len(memory) // 20)
    first, last = statistics.median(memory[:share]), statistics.median(memory[-share:])
    more = descriptors() - opened
    print(
        f"{options.count} encodes and decodes, {time.monotonic() - start:.0f} s: {first:.1f} MB after the warm-up, "
        f"{last:.1f} MB at the end ({100 * (last / first - 1):+.1f} %), {more} more descriptors, {wrong} of other bytes"
    )
    return int(last > GROWTH * first or more > 0 or wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
