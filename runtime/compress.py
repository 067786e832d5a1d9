"""python -m runtime.compress cam.jpg: pictures in, .gar files out. decompress.py is its mirror.

What both do with many files is in `cli/`, the search for a wanted size or PSNR in `search.py`.
"""

import functools
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime.cli.jobs import Done, Job, Work
from runtime.cli.options import Batch, add_arguments, open_codec, parser, read_batch
from runtime.cli.plan import plan
from runtime.cli.process import deliver, exit_status, take
from runtime.cli.run import run
from runtime.console import STREAM, complain, shown, size
from runtime.errors import InputError
from runtime.quantities import number, whole
from runtime.spec import MOST_ERROR, SUBSAMPLING

if TYPE_CHECKING:
    from runtime.search import Target

_EXAMPLES = """\
examples:
  python -m runtime.compress cam.jpg                    writes cam.gar beside it
  python -m runtime.compress photos/ -r -q 50 -o small/ -j 4
"""


@dataclass(frozen=True)
class Settings:
    """What the command was asked for."""

    batch: Batch
    quality: float | None
    """1 to 100; None for the usual one."""
    target: "Target | None"
    """Which stands in the place of a quality."""
    max_error: int | None
    subsampling: str
    strip: bool
    """EXIF and XMP are not kept."""
    no_gps: bool
    sdr: bool
    """HDR pictures are mapped to SDR."""


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for each bad input; argparse exits with 2."""
    arguments = parser("compress", "Compress pictures.", _EXAMPLES)
    add_arguments(
        arguments, "a PNG, JPEG, WebP, TIFF, AVIF, HEIC, GIF, JPEG 2000, PNM or BMP", "IN with the suffix .gar"
    )
    aim = arguments.add_mutually_exclusive_group()
    aim.add_argument("-q", "--quality", help="1 (smallest) to 100 (best), default 75")
    aim.add_argument("--target-size", metavar="SIZE", help="the best quality in at most 12345 bytes, 40KB, 0.5MB")
    aim.add_argument("--target-bpp", metavar="BPP", help="the best quality in at most this many bits a pixel")
    aim.add_argument("--target-psnr", metavar="DB", help="the quality that comes nearest to this PSNR, in dB")
    arguments.add_argument(
        "--max-error",
        metavar="N",
        help="store too what makes sure that no sample is off by more than N, 0 to 127: 0 is lossless; -q is then that "
        "of the picture for decoders that skip this, by default what takes least bytes",
    )
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
    return exit_status(lambda: compress(read_settings(**vars(args))))


def read_settings(
    *,
    quality: str | None,
    target_size: str | None,
    target_bpp: str | None,
    target_psnr: str | None,
    max_error: str | None,
    subsampling: str,
    strip: bool,
    no_gps: bool,
    sdr: bool,
    **shared: Any,
) -> Settings:
    """Return the settings of the command's arguments; raise InputError for numbers out of range."""
    target = None
    if any(text is not None for text in (target_size, target_bpp, target_psnr)):
        from runtime import search  # loads numpy

        target = search.parse(target_size, target_bpp, target_psnr)
    if max_error is not None and target is not None:
        raise InputError("--max-error and --target-... exclude each other: the bound says how large the file is")
    bound = None if max_error is None else whole(max_error, "--max-error", 0, MOST_ERROR)
    wanted = None if quality is None else number(quality, "-q", 1, 100)
    return Settings(read_batch(**shared), wanted, target, bound, subsampling, strip, no_gps, sdr)


def compress(settings: Settings) -> int:
    """Compress files and return the exit status."""
    batch = settings.batch
    _check_output(batch.output)
    from runtime.pictures.suffixes import READABLE

    jobs, skipped = plan(batch, ".gar", READABLE)
    suffixes = Counter(path.suffix.lower() for path in skipped if path.suffix.lower() != ".gar")
    if suffixes and not batch.quiet:  # in a folder of pictures somebody may believe that these are compressed too
        counts = (f"{count} {suffix or 'without one'}" for suffix, count in suffixes.most_common())
        complain(f"warning: skipped files that do not have a picture's suffix: {', '.join(counts)}")
    status, _ = run(jobs, functools.partial(prepare, settings), line, batch)
    return status


def prepare(settings: Settings) -> Work:
    """Return what compresses one file."""
    # The heavy modules load only now, so that --help and simple mistakes answer at once.
    from runtime.pictures import metadata, read

    codec = open_codec(settings.batch, enhance=False)

    def work(job: Job) -> Done:
        given = take(job.source)
        name = "stdin" if job.source == STREAM else str(job.source)
        picture = read.decode(given, name, settings.batch.max_pixels, settings.sdr)
        notes = list(picture.notes)
        kept = metadata.reduced(picture.metadata, settings.strip, settings.no_gps, notes)
        start = time.perf_counter()
        try:
            if settings.target is None:
                options = {"subsampling": settings.subsampling, "max_error": settings.max_error}
                data = codec.encode(picture.pixels, settings.quality, kept, **options)
            else:
                from runtime import search

                data = search.encode(codec, picture.pixels, settings.target, kept, settings.subsampling)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        ms = 1e3 * (time.perf_counter() - start)
        deliver(job.target, data, job.overwrite)
        height, width = picture.pixels.shape[:2]
        bpp = 8 * len(data) / (height * width)
        return Done(len(given), len(data), ms, bpp, (height, width), notes, max_error=settings.max_error)

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
    bound = "" if done.max_error is None else f", max error {done.max_error}" if done.max_error else ", lossless"
    return f"{before} -> {after}, {done.bpp:.2f} bpp{bound}, {done.ms:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
