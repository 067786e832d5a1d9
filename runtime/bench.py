"""python -m runtime.bench: how many pictures a second each bundle codes on this machine, in half a minute.

It codes a picture that it makes up, in the sizes of three cameras, on one thread and on all, and reads no file.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING

from runtime.cli.options import Parser, parser, picture_bundles
from runtime.cli.process import exit_status
from runtime.console import complain, leave, naming
from runtime.quantities import number

if TYPE_CHECKING:
    from runtime.arrays import U8
    from runtime.codec import Codec

_EXAMPLES = """\
examples:
  python -m runtime.bench
  python -m runtime.bench --bundles standard,lite --seconds 10 --json
"""

SIZES = ((640, 480), (1920, 1080), (4000, 3000))
"""Widths and heights, the smallest first: it tells what the others will take."""
RATES = (120, 60, 30, 25, 15, 10, 5, 2, 1, 1 / 2, 1 / 5, 1 / 10, 1 / 30, 1 / 60)
"""Pictures a second that cameras and time-lapses have."""
_RUNS, _ENOUGH_S = 5, 0.3
"""Of a measurement: the most runs, and after how long none follows."""
_TEXTURE_PX, _FADING, _LUMA, _CHROMA = 1024, 1.2, 45, 12
"""Of the picture: its period, how fast finer details become fainter, and the deviations of its colours; chosen so that
it has about the bits and takes about the time of photographs."""
_BUSY_LOAD = 0.5
"""From which on times are those of the other processes, too."""


@dataclass(frozen=True)
class Speed:
    """How fast a bundle codes pictures of a size on some threads."""

    bundle: str
    id: str
    threads: int
    width: int
    height: int
    encode_per_s: float
    decode_per_s: float
    measured: bool
    """Or reckoned from a smaller size, as there was no time or memory left."""


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("bench", "Tell how many pictures a second each bundle codes on this machine.", _EXAMPLES)
    add = arguments.add_argument
    default = ",".join(picture_bundles())
    add("--bundles", metavar="A,B", default=default, help=f"shipped names, or folders of your own; default: {default}")
    add("--seconds", default="30", metavar="N", help="about how long it may take, default 30")
    add("--json", action="store_true", help="print one JSON object")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr; argparse exits with 2."""
    args = arguments().parse_args(argv)
    return exit_status(lambda: bench(args.bundles.split(","), number(args.seconds, "--seconds", 1, 3600), args.json))


def bench(bundles: Sequence[str], seconds: float, as_json: bool) -> None:
    """Measure bundles, shipped names or folders, for about so many seconds, and print what is found."""
    from runtime import __version__, machine, native
    from runtime.codec import QUALITY, Codec
    from runtime.errors import InputError
    from runtime.networks.sessions import version
    from runtime.threads import most_threads

    end = time.perf_counter() + seconds
    if not all(bundles):
        raise InputError(
            f"--bundles {','.join(bundles)} has no name between two commas, or none at all; give each a name"
        )
    if machine.load() > _BUSY_LOAD:
        complain(f"warning: the machine is busy (load {machine.load():.1f}); left alone it is faster than this")
    threads = dict.fromkeys((1, most_threads(None)))
    codecs = [Codec(bundle, threads=count) for bundle in dict.fromkeys(bundles) for count in threads]
    speeds = measure(list({(codec.bundle.id, codec.networks.threads): codec for codec in codecs}.values()), end)
    facts = {"processor": machine.processor(), "class": machine.cpu_class(), "cores": machine.cores()}
    facts |= {"arrays": native.name, "gargalo": __version__, "onnxruntime": version(), "quality": QUALITY}
    if as_json:
        _print(json.dumps(facts | {"speeds": [asdict(speed) for speed in speeds]}))
        return
    _print("{processor}, {cores} cores, {class}; array functions: {arrays}".format(**facts))
    _print(f"pictures a second at quality {QUALITY}, encode / decode; ~ is reckoned from a smaller size")
    for line in lines(speeds):
        _print(line)


def _print(line: str) -> None:
    with naming("stdout"):
        print(line, flush=True)


def measure(codecs: Sequence["Codec"], end: float) -> Iterator[Speed]:
    """Yield the speeds of codecs at all sizes; but at the first, what would go on beyond a time is reckoned.

    `end` is of time.perf_counter.
    """
    smaller: dict[Codec, Speed] = {}
    pixels = lru_cache(1)(picture)  # none that is not coded is made
    for width, height in SIZES:
        for codec in codecs:
            if codec not in smaller:
                codec.decode(codec.encode(pixels(width, height)))  # loads the networks
                speed = _measured(codec, pixels(width, height))
            else:
                speed = _reckoned(smaller[codec], width, height)
                if time.perf_counter() + 2 / speed.encode_per_s + 1 / speed.decode_per_s < end:
                    with suppress(MemoryError):
                        speed = _measured(codec, pixels(width, height))
            smaller[codec] = speed
            yield speed


def _measured(codec: "Codec", pixels: "U8") -> Speed:
    height, width = pixels.shape[:2]
    bundle, data = codec.bundle, codec.encode(pixels)
    rates = _per_s(partial(codec.encode, pixels)), _per_s(partial(codec.decode, data))
    return Speed(bundle.name, bundle.id.hex(), codec.networks.threads, width, height, *rates, measured=True)


def _per_s(call: Callable[[], object]) -> float:
    """Return how many calls a second there can be, by the median of a few."""
    times: list[float] = []
    while len(times) < _RUNS and sum(times) < _ENOUGH_S:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return 1 / median(times)


def _reckoned(smaller: Speed, width: int, height: int) -> Speed:
    """Return the speed at another size if pixels take as long there."""
    share = smaller.width * smaller.height / (width * height)
    encode_per_s, decode_per_s = share * smaller.encode_per_s, share * smaller.decode_per_s
    return Speed(smaller.bundle, smaller.id, smaller.threads, width, height, encode_per_s, decode_per_s, False)


def picture(width: int, height: int) -> "U8":
    """Return a made-up picture (height, width, 3): noise that is the fainter the finer, as in photographs."""
    import numpy as np

    random, side = np.random.default_rng(1), _TEXTURE_PX
    frequency = np.hypot(np.fft.fftfreq(side, 1 / side)[:, None], np.fft.rfftfreq(side, 1 / side))
    size = frequency.clip(min=1) ** -_FADING
    luma, *chroma = (np.fft.irfft2(size * np.exp(2j * np.pi * random.random(size.shape))) for _ in range(3))
    colours = [_LUMA * luma / luma.std() + _CHROMA * each / each.std() for each in (*chroma, luma)]
    texture = (128 + np.stack(colours, 2)).clip(0, 255).astype(np.uint8)
    return np.tile(texture, (-(-height // side), -(-width // side), 1))[:height, :width]


# -- what is printed ---------------------------------------------------------------------------------------------------


def lines(speeds: Iterable[Speed]) -> Iterator[str]:
    """Yield what people are told of speeds, each line as soon as its speeds are there."""
    best: dict[str, dict[float, list[str]]] = {}
    ids: dict[str, str] = {}

    def named(speed: Speed) -> str:
        known = ids.setdefault(speed.bundle, speed.id)
        return speed.bundle if known == speed.id else f"{speed.bundle} {speed.id[:6]}"

    for size, of_size in groupby(speeds, key=lambda speed: f"{speed.width} x {speed.height}"):
        for row, (bundle, found) in enumerate(groupby(of_size, key=named)):
            each = list(found)
            if row == 0:
                yield _columns("\n" + size, (f"{s.threads} thread{'s' * (s.threads > 1)}" for s in each))
            yield _columns(
                bundle, (f"{'~' * (not s.measured)}{_short(s.encode_per_s)} / {_short(s.decode_per_s)}" for s in each)
            )
            rate = next((rate for rate in RATES if rate <= max(s.encode_per_s for s in each)), 0)
            best.setdefault(size, {}).setdefault(rate, []).append(bundle)
    yield "\nencoding keeps up with a camera of"
    for size, bundles in best.items():
        rates = sorted(bundles, reverse=True)
        yield _columns(size, ["; ".join(f"{_rate(rate)}: {', '.join(bundles[rate])}" for rate in rates)])


def _short(per_s: float) -> str:
    return f"{per_s:.0f}" if per_s >= 10 else f"{per_s:.2g}"


def _rate(per_s: float) -> str:
    if not per_s:
        return "less"
    return f"{per_s:g} a second" if per_s >= 1 else f"one in {1 / per_s:.0f} s"


def _columns(first: str, others: Iterable[str]) -> str:
    return f"{first:<14}" + "".join(f"{other:>18}" for other in others)


if __name__ == "__main__":
    leave(main())
