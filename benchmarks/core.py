"""The compiled core beside its numpy twins: CPU time of encode and decode outside the networks, in one process.

    python -m benchmarks.core docs/cam.jpg [--bundle lite] [--runs 15]

Runs take turns, and the table tells medians in ms of one thread, so that whatever slows the machine slows both.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from runtime import native
from runtime.codec import Codec
from runtime.pictures.read import read


def main(argv: list[str] | None = None) -> int:
    """Print the table; return 1 where there is no compiled core to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args(argv)
    if native.core is None:
        print(f"no compiled core: {native.name}", file=sys.stderr)
        return 1
    codec = Codec(options.bundle, threads=1)
    print(f"{'':<24}{'numpy':>10}{'compiled':>10}{'ratio':>8}")
    for path in options.pictures:
        pixels = read(path).pixels
        stream = codec.encode(pixels)
        work: dict[str, Callable[[], Any]] = {
            "encode": partial(codec.encode, pixels),
            "decode": partial(codec.decode, stream),
        }
        for what, run in work.items():
            numpy_ms, compiled_ms = both(codec, run, options.runs)
            ratio = compiled_ms / numpy_ms
            print(f"{path.stem[:15]:<16}{what:<8}{numpy_ms:>10.2f}{compiled_ms:>10.2f}{ratio:>8.3f}", flush=True)
    return 0


def both(codec: Codec, run: Callable[[], Any], count: int) -> tuple[float, float]:
    """Return the medians of a run's CPU time outside the networks in ms, in numpy and compiled."""
    found: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(count):
        for compiled in found:
            with native.using(compiled):
                found[compiled].append(outside_ms(codec, run))
    return median(found[False]), median(found[True])


def outside_ms(codec: Any, run: Callable[[], Any]) -> float:
    """Return the CPU time of a run in ms without that of the codec's networks."""
    inside, networks = 0.0, codec.networks.run

    def timed(*arguments: Any) -> Any:
        nonlocal inside
        start = time.process_time()
        outputs = networks(*arguments)
        inside += time.process_time() - start
        return outputs

    codec.networks.run = timed
    try:
        start = time.process_time()
        run()
        return 1e3 * (time.process_time() - start - inside)
    finally:
        del codec.networks.run


if __name__ == "__main__":
    sys.exit(main())
