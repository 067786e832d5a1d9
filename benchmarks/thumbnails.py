"""Thumbnails of 32 x 32 pixels in 64 to 256 bytes, beside other codecs and hashes.

    python -m benchmarks.thumbnails --images DIR --out OUT

The centre square of every picture, resampled by area, goes through our thumbnail codec at several sizes and through
each peer in all its ways and settings (thumbnail_peers.py). Sizes count with and without headers: of a peer the header
is the file of a flat gray picture in the same setting, of ours its container, and hashes have none. What is made of it
is told in thumbnail_tables.py. OUT receives images.tsv, summary.md, curves.png and .svg, and sheet.png.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks import crops, machine, metrics, plot, summary, thumbnail_peers
from benchmarks.baselines import Contender, Pixels
from benchmarks.rate_distortion import pictures
from benchmarks.thumbnail_tables import COUNTS, METRICS, MOST_BYTES, OURS, Row, markdown, mean_curves
from runtime import __version__, gat
from runtime.bundle import Bundle
from runtime.errors import CodecError
from runtime.pictures import read
from runtime.pictures.square import shrunk

SIZES_BYTES = (56, 64, 80, 104, 128, 160, 208, 256, 272)
"""Of our files."""
BEST_DB = 60.0
"""The PSNR that stands for all above."""
SHEET_BYTES, SHEET_ROWS, SHEET_SCALE = 128, 12, 4
EXAMPLES = """examples:
  python -m benchmarks.thumbnails --images kodak --out results/thumbnails
  python -m benchmarks.thumbnails --images kodak --out quick --limit 3 --peers jpeg,webp
"""

Made = tuple[Row, Pixels]
"""A file of a thumbnail, and what it decodes to."""


def ours(bundle: str | None) -> Contender:
    """Return our thumbnail codec, whose setting is the most bytes of a file."""

    def encode(pixels: Pixels, setting: float) -> bytes:
        return gat.encode(pixels, round(setting), bundle)

    label = f"gargalo {__version__}, bundle {Bundle.open(bundle or gat.MODELS[0]).id.hex()}"
    return Contender(OURS, label, SIZES_BYTES, encode, partial(gat.decode, bundle=bundle))


def every(image: str, pixels: Pixels, contender: Contender) -> Iterator[Made]:
    """Yield the files that a codec makes of a thumbnail, in ascending settings until they are too large."""
    for setting in contender.settings:
        data = contender.encode(pixels, setting)
        bare_bytes = max(len(data) - header_bytes(contender, setting), 1)
        if bare_bytes > MOST_BYTES:
            break
        decoded = contender.decode(data)
        psnr_db = min(metrics.psnr_db(pixels, decoded), BEST_DB)
        ssim = None if metrics.why_no_ssim() else metrics.ssim(pixels, decoded)
        yield Row(image, contender.name, len(data), bare_bytes, psnr_db, ssim), decoded


@cache
def header_bytes(contender: Contender, setting: float) -> int:
    """Return how many bytes of a codec's files count as their header."""
    if contender.name == OURS:
        return gat.HEADER_BYTES
    if contender.name in thumbnail_peers.HASHES:
        return 0
    return len(contender.encode(np.full((gat.SIDE_PX, gat.SIDE_PX, 3), 128, np.uint8), setting))


def cells(name: str, pixels: Pixels, files: Sequence[Made]) -> list[crops.Cell]:
    """Return a row of the sheet: the original, and of each codec the best in SHEET_BYTES; peers without headers."""
    row = [(pixels, name, "original")]
    for codec in dict.fromkeys(each.codec for each, _ in files):
        count = "whole_bytes" if codec == OURS else "bare_bytes"
        small = [file for file in files if file[0].codec == codec and getattr(file[0], count) <= SHEET_BYTES]
        if small:
            best, shown = max(small, key=lambda file: file[0].psnr_db)
            row.append((shown, crops.LABELS[codec], f"{getattr(best, count)} B, {best.psnr_db:.1f} dB"))
        else:
            row.append((np.full_like(pixels, 255), crops.LABELS[codec], "none so small"))
    return row


def measure(paths: Sequence[Path], contenders: Sequence[Contender]) -> tuple[list[Row], list[list[crops.Cell]]]:
    """Return the rows of all files, and the cells of the sheet, for which pictures are taken evenly."""
    rows, page = list[Row](), list[list[crops.Cell]]()
    for number, path in enumerate(tqdm(paths, unit="picture", disable=None)):
        pixels = shrunk(read.read(path).pixels, gat.SIDE_PX)
        files = [file for contender in contenders for file in every(path.name, pixels, contender)]
        rows += [row for row, _ in files]
        if number * min(SHEET_ROWS, len(paths)) // len(paths) == len(page):
            page.append(cells(path.stem, pixels, files))
    return rows, page


def main(argv: Sequence[str] | None = None, own: Contender | None = None) -> int:
    """Measure and return an exit status; `own` stands in for our codec."""
    options = _parser().parse_args(argv)
    try:
        paths = pictures(options.images, options.limit)
        own = own or ours(options.bundle)
        notes = [
            reason for reason in (*map(thumbnail_peers.why_absent, options.peers), metrics.why_no_ssim()) if reason
        ]
        there = [peer for peer in options.peers if not thumbnail_peers.why_absent(peer)]
        contenders = [own, *(way for peer in there for way in thumbnail_peers.PEERS[peer]())]
        options.out.mkdir(parents=True, exist_ok=True)
        rows, page = measure(paths, contenders)
        measured = [metric for metric in METRICS if getattr(rows[0], metric) is not None]
        curves = {count: {metric: mean_curves(rows, count, metric) for metric in measured} for count in COUNTS}
        title = f"{options.images.resolve().name}, {len(paths)} thumbnails of {gat.SIDE_PX} x {gat.SIDE_PX}"
        facts = {**machine.facts(), **{each.name: each.label for each in contenders}}
        text = markdown(title, curves, facts, notes)
        summary.write_table(options.out / "images.tsv", Row, rows)
        (options.out / "summary.md").write_text(text, encoding="utf-8")
        panels = {
            f"{METRICS[metric]}, {COUNTS[count]}": curves[count][metric] for metric in measured for count in COUNTS
        }
        plot.draw_thumbnails(panels, title, options.out / "curves")
        crops.save(crops.sheet(page, SHEET_SCALE), options.out / "sheet.png")
        print(text, end="")
    except (CodecError, OSError) as error:
        print(f"thumbnails: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.thumbnails",
        description="Measure thumbnails in a hundred bytes: ours, classical codecs, BlurHash and ThumbHash.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--images", type=Path, required=True, metavar="DIR", help="folder of pictures")
    add("--out", type=Path, required=True, metavar="OUT", help="folder for tables, plot and sheet")
    add("--bundle", metavar="DIR", help="our weights, a folder or a shipped name (default: thumbnail)")
    add(
        "--peers",
        type=_peers,
        default=",".join(thumbnail_peers.PEERS),
        metavar="NAME,...",
        help="peers to run beside (default: %(default)s)",
    )
    add("--limit", type=int, metavar="N", help="only the first N pictures")
    return parser


def _peers(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if unknown := [name for name in names if name not in thumbnail_peers.PEERS]:
        raise argparse.ArgumentTypeError(f"unknown peer {unknown[0]!r}; there are {', '.join(thumbnail_peers.PEERS)}")
    return list(dict.fromkeys(names))


if __name__ == "__main__":
    sys.exit(main())
