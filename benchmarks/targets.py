"""How near --target-size and --target-psnr come.

    python -m benchmarks.targets --images DIR

A size is aimed at as bits a pixel, so that it asks the same of pictures of any size. A miss is how far below it a file
ends, in percent, never above; of a PSNR it is the distance in dB. Prints tables in Markdown, and keeps a row for each
picture and target with --out.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from tqdm import tqdm

from benchmarks.baselines import Pixels
from benchmarks.rate_distortion import load, pictures
from runtime import container, search
from runtime.codec import Codec
from runtime.errors import CodecError, InputError
from runtime.search import Target

DEFAULT_BPP, DEFAULT_PSNR = "0.15,0.3,0.6,1.0,1.5", "28,31,34,37,40"
EXAMPLES = """examples:
  python -m benchmarks.targets --images kodak
  python -m benchmarks.targets --images kodak --bpp 0.2,0.4 --psnr 35 --out targets.tsv
"""


@dataclass(frozen=True)
class Row:
    """One picture and one target."""

    image: str
    kind: str
    """bpp or psnr"""
    wanted: float
    found: float | None
    """In the target's unit; None where the picture cannot meet it: too small, too good, or so easy that quality 100
    takes less."""

    @property
    def miss(self) -> float | None:
        """Percent of a rate that is left unused, below zero where it is exceeded; dB of a PSNR, without its sign."""
        if self.found is None:
            return None
        return 100 * (1 - self.found / self.wanted) if self.kind == "bpp" else abs(self.found - self.wanted)


def measure(codec: Codec, image: str, pixels: Pixels, kind: str, wanted: float) -> Row:
    """Return how near one picture comes to one target."""
    height, width = pixels.shape[:2]
    target = Target(bpp=wanted) if kind == "bpp" else Target(psnr_db=wanted)
    try:
        found = search.find(codec, pixels, target)
    except InputError:  # says what is possible instead
        return Row(image, kind, wanted, None)
    data = found.stream
    if kind == "bpp":
        best = container.unpack(data)[0].level == codec.bundle.level(100)
        return Row(image, kind, wanted, None if best else 8 * len(data) / (height * width))
    return Row(image, kind, wanted, None if found.note else search.psnr(pixels, codec.decode(data)))


def measure_all(codec: Codec, paths: Sequence[Path], wanted: Sequence[tuple[str, float]]) -> Iterator[Row]:
    """Yield a row for each picture and target, under a progress bar."""
    with tqdm(total=len(paths) * len(wanted), unit="target", disable=None) as progress:
        for path in paths:
            pixels = load(path)
            for kind, value in wanted:
                yield measure(codec, path.name, pixels, kind, value)
                progress.update()


def markdown(rows: Sequence[Row]) -> str:
    """Return a table line for each target: pictures, how many cannot meet it, median and worst miss."""
    lines = [
        "| target | pictures | out of reach | median miss | worst miss | above |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for kind, wanted in dict.fromkeys((row.kind, row.wanted) for row in rows):
        own = [row for row in rows if (row.kind, row.wanted) == (kind, wanted)]
        misses = [row.miss for row in own if row.miss is not None]
        unit, name = ("%", f"{wanted:g} bpp") if kind == "bpp" else ("dB", f"{wanted:g} dB")
        told = [f"{value:.2f} {unit}" for value in (statistics.median(misses), max(misses, key=abs))] if misses else []
        median, worst = told or ("", "")
        above = str(sum(miss < 0 for miss in misses)) if kind == "bpp" else ""
        lines.append(f"| {name} | {len(own)} | {len(own) - len(misses)} | {median} | {worst} | {above} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and return an exit status."""
    options = _parser().parse_args(argv)
    try:
        codec = Codec(options.bundle, threads=options.threads)
        paths = pictures(options.images, options.limit)
        wanted = [("bpp", value) for value in options.bpp] + [("psnr", value) for value in options.psnr]
        rows = list(measure_all(codec, paths, wanted))
        print(markdown(rows))
        if options.out is not None:
            table = [[field.name for field in fields(Row)], *(astuple(row) for row in rows)]
            told = ("\t".join("" if value is None else str(value) for value in line) for line in table)
            options.out.write_text("\n".join(told) + "\n", encoding="utf-8")
    except (CodecError, OSError) as error:
        print(f"targets: {error}", file=sys.stderr)
        return 1
    return 0


def _numbers(text: str) -> list[float]:
    try:
        return [float(item) for item in text.split(",") if item]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list such as 0.3,0.6") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.targets",
        description="Measure how near wanted sizes and PSNRs are met.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=Path, required=True, metavar="DIR", help="folder of pictures")
    add("--bpp", type=_numbers, default=DEFAULT_BPP, metavar="BPP,...", help="sizes, default %(default)s; '' for none")
    add("--psnr", type=_numbers, default=DEFAULT_PSNR, metavar="DB,...", help="default %(default)s; '' for none")
    add("--out", type=Path, metavar="TSV", help="file for a row a picture and target")
    add("--limit", type=int, metavar="N", help="only the first N pictures")
    add("--bundle", metavar="DIR", help="our weights, a folder or a shipped name")
    add("--threads", type=int, default=1, metavar="N", help="default: 1")
    return parser


if __name__ == "__main__":
    sys.exit(main())
