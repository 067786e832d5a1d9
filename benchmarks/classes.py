"""Bundles and classes of CPUs: the time of each bundle beside WebP's, on the kind of CPU that is at hand.

    python -m benchmarks.classes --images kodak --out docs/benchmarks

OUT receives classes.tsv, in which this machine's class gets new rows and the others keep theirs, and classes.md with
the table of all classes, and of instructions as scripts/instructions counts them. Times are CPU times of one thread at
quality 75, as ratios to WebP, method 4, at the setting of nearest PSNR; medians over pictures of medians of interleaved
runs.
"""

import argparse
import csv
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from tqdm import tqdm

from benchmarks import baselines, metrics, rate_distortion, summary, timing
from benchmarks.baselines import Pixels
from runtime import machine, native
from runtime.cli.options import picture_bundles
from runtime.codec import Codec
from runtime.errors import CodecError
from runtime.machine import load
from runtime.spec import DEFAULT_BUNDLE

Record = TypeVar("Record")

CLASSES = (
    "x86-64 with VNNI",
    "x86-64 with AVX2, without VNNI",
    "64-bit ARM with dot products",
    "64-bit ARM without dot products",
)
"""The order of columns; other classes come behind."""
_RATIOS = """\
CPU time of one thread at quality 75 where WebP (method 4) of nearest PSNR takes 1: encode / decode, and in brackets
decoding where WebP's *encoding* takes 1. `python -m benchmarks.classes --images kodak --out docs/benchmarks` measures
the class of the machine that it runs on and keeps the rows of the others."""
_COUNTS = """\
Thousand instructions a pixel at quality 75, one thread, encode / decode, counted under emulation by
`scripts/instructions`. They are no times: cores differ in how many instructions they do at once, and in how long memory
keeps them waiting."""
EXAMPLES = """examples:
  python -m benchmarks.classes --images kodak --out docs/benchmarks
  scripts/without-vnni python -m benchmarks.classes --images kodak --out docs/benchmarks \\
      --cpu-class "x86-64 with AVX2, without VNNI"
"""


@dataclass(frozen=True)
class Ratio:
    """A bundle on a class of CPUs; the columns of classes.tsv."""

    bundle: str
    id: str
    encode_ratio: float
    """To WebP's encoding."""
    decode_ratio: float
    """To WebP's decoding."""
    decode_to_encode_ratio: float
    """To WebP's encoding."""
    pictures: int
    cpu_class: str
    processor: str
    arrays: str
    """Which array functions ran: the compiled core, or numpy."""
    load: float
    """Of the machine when it began: from about 1 on caches were shared."""
    date: str


@dataclass(frozen=True)
class Count:
    """Thousand instructions a pixel of a bundle on a CPU; the columns of instructions.tsv."""

    bundle: str
    id: str
    cpu: str
    encode: float
    decode: float
    date: str


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the page and return an exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classes",
        description="Time each bundle beside WebP on this class of CPUs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=Path, required=True, metavar="DIR", help="folder of lossless pictures")
    add("--out", type=Path, required=True, metavar="OUT", help="folder of classes.tsv and classes.md")
    add("--bundles", metavar="A,B", help=f"shipped names or folders; default: {','.join(picture_bundles())}")
    add("--limit", type=int, default=6, metavar="N", help="only the first N pictures, default 6")
    add("--rounds", type=int, default=5, metavar="N", help="runs of each, default 5")
    add("--cpu-class", metavar="NAME", help="the class, where the CPU hides what it is (scripts/without-vnni)")
    options = parser.parse_args(argv)
    bundles = options.bundles.split(",") if options.bundles else picture_bundles()
    try:
        pictures = [rate_distortion.load(path) for path in rate_distortion.pictures(options.images, options.limit)]
        codecs = [Codec(bundle, threads=1) for bundle in bundles]
        cpu = machine.cpu_class(), machine.processor()
        if options.cpu_class:
            cpu = options.cpu_class, f"{cpu[1]}, which hid that it is {cpu[0]}"
        with tqdm(total=2 * len(pictures) * (len(codecs) + 1) * options.rounds, disable=None) as progress:
            found = measure(codecs, pictures, options.rounds, cpu, progress.update)
        options.out.mkdir(parents=True, exist_ok=True)
        keep(options.out / "classes.tsv", found, lambda ratio: (ratio.cpu_class, ratio.bundle))
        print(write_page(options.out), end="")
    except (CodecError, OSError) as error:
        print(f"classes: {error}", file=sys.stderr)
        return 1
    return 0


def measure(
    codecs: Sequence[Codec],
    pictures: Sequence[Pixels],
    rounds: int,
    cpu: tuple[str, str],
    tick: Callable[[], object] = lambda: None,
) -> list[Ratio]:
    """Return the ratios of codecs to WebP, which is set to come near to the first of them in PSNR.

    `cpu` is the class and the name of the CPU.
    """
    webp, busy = baselines.PEERS["webp"](), round(load(), 1)
    times: dict[Codec, list[tuple[float, float, float]]] = {codec: [] for codec in codecs}
    for pixels in pictures:
        streams = {codec: codec.encode(pixels) for codec in codecs}
        setting = _nearest(webp, pixels, codecs[0].decode(streams[codecs[0]]))
        file = webp.encode(pixels, setting)
        encode: dict[Codec | None, timing.Call] = {None: partial(webp.encode, pixels, setting)}
        decode: dict[Codec | None, timing.Call] = {None: partial(webp.decode, file)}
        encode |= {codec: partial(codec.encode, pixels) for codec in codecs}
        decode |= {codec: partial(codec.decode, streams[codec]) for codec in codecs}
        encode_ms, decode_ms = (
            timing.interleaved_ms(each, rounds, tick, time.process_time) for each in (encode, decode)
        )
        for codec, kept in times.items():
            ratios = encode_ms[codec] / encode_ms[None], decode_ms[codec] / decode_ms[None]
            kept.append((*ratios, decode_ms[codec] / encode_ms[None]))
    where: dict[str, Any] = {
        "cpu_class": cpu[0],
        "processor": cpu[1],
        "arrays": native.name,
        "load": busy,
        "date": today(),
    }
    found = []
    for codec, kept in times.items():
        encode_ratio, decode_ratio, across = (median(each) for each in zip(*kept, strict=True))
        name, bundle_id = codec.bundle.name, codec.bundle.id.hex()
        found.append(Ratio(name, bundle_id, encode_ratio, decode_ratio, across, len(pictures), **where))
    return found


def _nearest(peer: baselines.Contender, pixels: Pixels, decoded: Pixels) -> float:
    """Return the setting at which a peer's PSNR comes nearest to that of a decoded picture."""
    wanted_db = metrics.psnr_db(pixels, decoded)

    def apart_db(setting: float) -> float:
        return abs(metrics.psnr_db(pixels, peer.decode(peer.encode(pixels, setting))) - wanted_db)

    return min(peer.settings, key=apart_db)


def today() -> str:
    """Return the date, as tables have it."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


# -- tables and the page -----------------------------------------------------------------------------------------------


def keep(path: Path, records: Sequence[Record], key: Callable[[Record], object]) -> None:
    """Write records into a TSV file, in place of those with their keys."""
    kept = {str(key(record)): record for record in [*read(path, type(records[0])), *records]}
    summary.write_table(path, type(records[0]), [kept[name] for name in sorted(kept)])


def read(path: Path, kind: type[Record]) -> list[Record]:
    """Return the records of a TSV file, [] where there is none."""
    if not path.exists():
        return []
    columns: Sequence[Any] = fields(kind)  # type: ignore[arg-type]
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [kind(**{f.name: f.type(row[f.name]) for f in columns}) for row in rows]


def write_page(out: Path) -> str:
    """Write classes.md of the tables in a folder, and return it."""
    ratios, counts = read(out / "classes.tsv", Ratio), read(out / "instructions.tsv", Count)
    page = ["# Bundles and classes of CPUs"]
    if ratios:
        page += [_RATIOS, table(ratios, lambda each: each.cpu_class, _times)]
        page += ["Measured on:", "\n".join(f"- {line}" for line in dict.fromkeys(map(_measured_on, ratios)))]
    if counts:
        page += [_COUNTS, count_table(counts)]
        page += [f"Counted {', '.join(sorted({count.date for count in counts}))}."]
    text = "\n\n".join(page) + "\n"
    (out / "classes.md").write_text(text, encoding="utf-8")
    return text


def count_table(counts: Iterable[Count]) -> str:
    """Return the Markdown table of instructions."""
    return table(counts, lambda each: each.cpu, lambda each: f"{each.encode:.2f} / {each.decode:.2f}")


def _times(ratio: Ratio) -> str:
    return f"{ratio.encode_ratio:.2f} / {ratio.decode_ratio:.1f} ({ratio.decode_to_encode_ratio:.2f})"


def _measured_on(ratio: Ratio) -> str:
    return (
        f"{ratio.cpu_class}: {ratio.processor}, {ratio.date}, medians over {ratio.pictures} pictures, "
        f"array functions {ratio.arrays}, load {ratio.load:g}"
    )


def table(records: Iterable[Any], column: Callable[[Any], str], cell: Callable[[Any], str]) -> str:
    """Return a Markdown table with a row for each bundle, by name and id, and a column for each CPU."""
    rows: dict[str, dict[str, str]] = {}
    for record in records:
        rows.setdefault(f"{record.bundle} `{record.id}`", {})[column(record)] = cell(record)
    known = [*CLASSES, *sorted({name for row in rows.values() for name in row} - {*CLASSES})]
    columns = [name for name in known if any(name in row for row in rows.values())]
    ordered = sorted(rows, key=lambda row: (not row.startswith(DEFAULT_BUNDLE), row))
    return summary.pipe_table(
        ["bundle", *columns], [[row, *(rows[row].get(name, "-") for name in columns)] for row in ordered]
    )


if __name__ == "__main__":
    sys.exit(main())
