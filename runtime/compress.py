"""python -m runtime.compress cam.jpg: pictures in, .gar files out. decompress.py is its mirror.

What both do with many files is in `batch.py`, the search for a wanted size or PSNR in `search.py`.
"""

import argparse
import functools
import os
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from runtime.batch import Done, Job, Work, plan, run
from runtime.commands import (
    add_arguments,
    deliver,
    exit_status,
    number,
    open_codec,
    parse_max_pixels,
    parser,
    take,
)
from runtime.console import STREAM, complain, shown, size
from runtime.errors import InputError
from runtime.spec import SUBSAMPLING

if TYPE_CHECKING:
    from runtime.search import Target

_EXAMPLES = """\
examples:
  python -m runtime.compress cam.jpg                    writes cam.gar beside it
  python -m runtime.compress photos/ -r -q 50 -o small/ -j 4
"""


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for each bad input; argparse exits with 2."""
    arguments = parser("compress", "Compress pictures.", _EXAMPLES)
    add_arguments(
        arguments, "a PNG, JPEG, WebP, TIFF, AVIF, HEIC, GIF, JPEG 2000, PNM or BMP", "IN with the suffix .gar"
    )
    aim = arguments.add_mutually_exclusive_group()
    aim.add_argument("-q", "--quality", default="75", help="1 (smallest) to 100 (best), default 75")
    aim.add_argument("--target-size", metavar="SIZE", help="the best quality in at most 12345, 40KB, 0.5MB")
    aim.add_argument("--target-bpp", metavar="BPP", help="the best quality in at most so many bits a pixel")
    aim.add_argument("--target-psnr", metavar="DB", help="the quality that comes nearest to this PSNR")
    arguments.add_argument(
        "--subsampling",
        choices=SUBSAMPLING,
        default=SUBSAMPLING[0],
        help="all of chroma (4:4:4), without its finest details (4:2:0, faster), or auto: 4:2:0 where it hardly shows",
    )
    arguments.add_argument("--strip", action="store_true", help="leave out EXIF and XMP; the colour profile stays")
    arguments.add_argument("--sdr", action="store_true", help="map HDR pictures (PQ, HLG) to SDR; without it they fail")
    arguments.add_argument("--no-gps", action="store_true", help="leave out the position where the picture was taken")
    args = arguments.parse_args(argv)
    return exit_status(lambda: compress(args))


def compress(args: argparse.Namespace) -> int:
    """Compress the files as the arguments of the command say and return the exit status."""
    quality, target = number(args.quality, "-q", 1, 100), None
    if any(text is not None for text in (args.target_size, args.target_bpp, args.target_psnr)):
        from runtime import search as targets

        target = targets.parse(args.target_size, args.target_bpp, args.target_psnr)
    max_pixels = parse_max_pixels(args)
    _check_output(args.output)
    from runtime.pictures.suffixes import READABLE

    jobs, left_out = plan(args, ".gar", READABLE)
    suffixes = Counter(path.suffix.lower() for path in left_out if path.suffix.lower() != ".gar")
    if suffixes and not args.quiet:  # in a folder of pictures somebody may believe that these are compressed too
        told = (f"{count} {suffix or 'without a suffix'}" for suffix, count in suffixes.most_common())
        complain(f"warning: left out with -r: {', '.join(told)}")
    status, _ = run(jobs, functools.partial(prepare, args, quality, target, max_pixels), line, args)
    return status


def prepare(args: argparse.Namespace, quality: float, target: "Target | None", max_pixels: int) -> Work:
    """Return what compresses one file."""
    # The heavy modules load only now, so that --help and simple mistakes answer at once.
    from runtime.pictures import metadata, read

    codec = open_codec(args)

    def work(job: Job) -> Done:
        given = take(job.source)
        name = "stdin" if job.source == STREAM else str(job.source)
        picture = read.decode(given, name, max_pixels, args.sdr)
        notes = list(picture.notes)
        kept = metadata.reduced(picture.metadata, args.strip, args.no_gps, notes)
        start = time.perf_counter()
        try:
            if target is None:
                data = codec.encode(picture.pixels, quality, kept, args.subsampling)
            else:
                from runtime import search as targets

                data = targets.encode(codec, picture.pixels, target, kept, args.subsampling)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        ms = 1e3 * (time.perf_counter() - start)
        deliver(job.target, data, job.overwrite)
        height, width = picture.pixels.shape[:2]
        return Done(len(given), len(data), ms, 8 * len(data) / (height * width), (height, width), notes)

    return work


def _check_output(output: str | None) -> None:
    """Raise InputError for a .gar file under a picture's name, which nothing that goes by the name could open."""
    if output is None or output.endswith(".gar") or os.path.isdir(output):
        return
    from mimetypes import guess_type

    from runtime.pictures.suffixes import RAW, READABLE

    stem, suffix = os.path.splitext(output)
    if suffix.lower() in {*READABLE, *RAW} or (guess_type(output)[0] or "").startswith("image/"):
        raise InputError(f"{output} would be a .gar file under the name of a {suffix} file; give -o {stem}.gar")


def line(job: Job, done: Done) -> str:
    """Return what is printed of a file."""
    before, after = f"{shown(job.source)} {size(done.bytes_in)}", f"{shown(job.target)} {size(done.bytes_out)}"
    return f"{before} -> {after}, {done.bpp:.2f} bpp, {done.ms:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
