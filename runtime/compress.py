"""python -m runtime.compress cam.jpg: pictures in, .gar files out. decompress.py is its mirror.

What both do with many files is in `cli/`, the search for a wanted size or PSNR in `search.py`.
"""

import functools
import math
import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from runtime.cli.jobs import Done, Job, Skipped, Work
from runtime.cli.options import Batch, Parser, add_arguments, open_codec, option, parser, picture_bundle, read_batch
from runtime.cli.plan import plan
from runtime.cli.process import deliver, exit_status, take
from runtime.cli.run import run
from runtime.console import STREAM, complain, leave, shown, size
from runtime.errors import InputError
from runtime.quantities import number, whole
from runtime.spec import MOST_ERROR, SUBSAMPLING

if TYPE_CHECKING:
    from runtime.codec import Codec, Pixels
    from runtime.pictures.read import Picture
    from runtime.pictures.resize import Size
    from runtime.search import Target

_EXAMPLES = """\
examples:
  python -m runtime.compress cam.jpg                    writes cam.gar beside it
  python -m runtime.compress photos/ -r -q 50 -o small/ -j 4
"""


class Settings(NamedTuple):
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
    size: "Size | None"
    """Which pictures are made before they are encoded."""
    verbose: bool


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("compress", "Compress pictures.", _EXAMPLES)
    add_arguments(
        arguments, "a PNG, JPEG, WebP, TIFF, AVIF, HEIC, GIF, JPEG 2000, PNM or BMP", "IN with the suffix .gar"
    )
    aim = arguments.add_mutually_exclusive_group()
    aim.add_argument("-q", "--quality", help="1 (smallest) to 100 (best), default 75")
    aim.add_argument("--target-size", metavar="SIZE", help="the best quality in at most 12345 bytes, 40KB, 0.5MB")
    aim.add_argument("--target-bpp", metavar="BPP", help="the best quality in at most this many bits a pixel")
    aim.add_argument("--target-psnr", metavar="DB", help="the quality that comes nearest to this PSNR, in dB")
    aim.add_argument(
        "--target-ssimulacra2",
        metavar="SCORE",
        help="the quality that comes nearest to this SSIMULACRA 2: 90 cannot be told apart, 70 is high, 50 medium",
    )
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
    arguments.add_argument(
        "--resize", metavar="SIZE", help="make pictures smaller first, to 640x480, to 50%%, or to 'max 1024' px a side"
    )
    arguments.add_argument(
        "--skip-larger",
        action="store_true",
        help="make no file that would be larger than IN: that is kept, and copied where OUT is a folder",
    )
    arguments.add_argument("--strip", action="store_true", help="leave out EXIF and XMP; the colour profile stays")
    arguments.add_argument("--sdr", action="store_true", help="map HDR pictures (PQ, HLG) to SDR; without it they fail")
    arguments.add_argument("--no-gps", action="store_true", help="leave out the position where the picture was taken")
    arguments.add_argument(
        "-v", "--verbose", action="store_true", help="tell the bits of each section, the quality, PSNR and SSIM"
    )
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for each bad input; argparse exits with 2."""
    args = arguments().parse_args(argv)
    return exit_status(lambda: compress(read_settings(**vars(args))))


def read_settings(
    *,
    quality: str | None,
    target_size: str | None,
    target_bpp: str | None,
    target_psnr: str | None,
    max_error: str | None,
    target_ssimulacra2: str | None,
    subsampling: str,
    strip: bool,
    no_gps: bool,
    sdr: bool,
    resize: str | None,
    verbose: bool,
    **shared: Any,
) -> Settings:
    """Return the settings of the command's arguments; raise InputError for numbers out of range."""
    target = None
    if any(text is not None for text in (target_size, target_bpp, target_psnr, target_ssimulacra2)):
        from runtime import search  # loads numpy

        target = search.parse(target_size, target_bpp, target_psnr, None, target_ssimulacra2, called=option)
        if max_error is not None:
            raise InputError("--max-error and --target-... exclude each other: the bound says how large the file is")
    bound = None if max_error is None else whole(max_error, "--max-error", 0, MOST_ERROR)
    size = None
    if resize is not None:
        from runtime.pictures.resize import parse  # loads numpy

        size = parse(resize, "--resize")
    batch = read_batch(**shared)
    picture_bundle(batch.bundle)
    if batch.skip_larger and (size or strip or no_gps):
        raise InputError("--skip-larger may keep an input as it is; leave out --resize, --strip and --no-gps, or that")
    if batch.skip_larger and "-" in (*batch.inputs, batch.output):
        raise InputError("--skip-larger may make no output, and what comes from stdin would be lost; give files, not -")
    quality_1_to_100 = None if quality is None else number(quality, "-q", 1, 100)
    return Settings(batch, quality_1_to_100, target, bound, subsampling, strip, no_gps, sdr, size, verbose)


def compress(settings: Settings) -> int:
    """Compress files and return the exit status."""
    batch = settings.batch
    _check_output(batch.output)
    from runtime.pictures.suffixes import READABLE

    work = functools.partial(prepare, settings)
    if batch.is_fleet:
        from runtime.cli.fleet import run_fleet

        return run_fleet(batch, ".gar", READABLE, work, settings._replace(batch=batch.coding, verbose=False))[0]
    jobs, skipped = plan(batch, ".gar", READABLE)
    suffixes = Counter(path.suffix.lower() for path in skipped if path.suffix.lower() != ".gar")
    if suffixes and not batch.quiet:  # in a folder of pictures somebody may believe that these are compressed too
        counts = (f"{count} {suffix or 'without one'}" for suffix, count in suffixes.most_common())
        complain(f"warning: skipped files that do not have a picture's suffix: {', '.join(counts)}")
    return run(jobs, work, line, batch)[0]


def prepare(settings: Settings) -> Work:
    """Return what compresses one file."""
    # The heavy modules load only now, so that --help and simple mistakes answer at once.
    from runtime.pictures import metadata, read
    from runtime.threads import ahead

    codec = open_codec(settings.batch, enhance=False)
    if codec.networks.at_a_time > 1:
        ahead(lambda: codec.networks.load("encode"))  # while the first picture is read

    def work(job: Job) -> Done | Skipped:
        given = take(job.source)
        name = "stdin" if job.source == STREAM else str(job.source)
        picture = read.decode(given, name, settings.batch.max_pixels, settings.sdr)
        if settings.size:
            picture = smaller(picture, settings.size, name)
        bytes_in, notes = len(given), list(picture.notes)
        del given
        kept = metadata.reduced(picture.metadata, settings.strip, settings.no_gps, notes)
        start = time.perf_counter()
        reached: dict[str, float] = {}
        try:
            if settings.target is None:
                quality, subsampling, bound = settings.quality, settings.subsampling, settings.max_error
                data = codec.encode(picture.pixels, quality, kept, subsampling, max_error=bound)
            else:
                from runtime import search

                found = search.find(codec, picture.pixels, settings.target, kept, settings.subsampling)
                data, reached = found.stream, found.reached
                notes += [found.note] if found.note else []
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        ms = 1e3 * (time.perf_counter() - start)
        if settings.batch.skip_larger and len(data) >= bytes_in:
            return keep(job, bytes_in, len(data))
        deliver(job.target, data, job.overwrite, job.equal_is_done)
        height, width = picture.pixels.shape[:2]
        details = facts(codec, data) | reached
        if settings.verbose:
            details |= measures(codec, picture.pixels, data)
        bpp = 8 * len(data) / (height * width)
        shape, bound = (height, width), settings.max_error
        return Done(bytes_in, len(data), ms, bpp, shape, notes, details=details, max_error=bound)

    return work


def smaller(picture: "Picture", wanted: "Size", name: str) -> "Picture":
    """Return a picture in the size that is wanted; raise InputError, which names it, where that is larger."""
    from runtime.pictures.resize import resized

    try:
        return resized(picture, wanted)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def keep(job: Job, bytes_in: int, bytes_out: int) -> Skipped:
    """Leave an input as it is, or copy it to where outputs go, since what was made of it has no fewer bytes."""
    if job.copy:
        deliver(job.copy, take(job.source), job.overwrite, equal_is_done=True)
    kept = f"copied to {shown(job.copy)}" if job.copy else "kept as it is"
    return Skipped(f"it would have {size(bytes_out)}, not less than {size(bytes_in)}; {kept}", job.copy)


def facts(codec: "Codec", data: bytes) -> dict[str, Any]:
    """Return what a stream tells of itself: quality, level, and the bytes of each section."""
    from runtime.container import section_bytes, unpack

    header, _ = unpack(data, math.inf)
    quality = round(codec.bundle.quality(header.level), 2)
    return {"quality": quality, "level": header.level, "sections": section_bytes(data)}


def measures(codec: "Codec", pixels: "Pixels", data: bytes) -> dict[str, float | None]:
    """Return how near the decoded picture is: PSNR in dB and SSIM, None for pictures that are too small for that."""
    from runtime.metrics.psnr import psnr
    from runtime.metrics.ssim import MIN_SIDE_PX, ssim

    decoded = codec.decode(data, max_pixels=math.inf)
    near = ssim(pixels, decoded) if min(pixels.shape[:2]) >= MIN_SIDE_PX else None
    return {"psnr_db": psnr(pixels, decoded), "ssim": near}


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
    details = done.details
    reached = [f"{details['psnr_db']:.2f} dB"] if "psnr_db" in details and "ssim" not in details else []
    reached += [f"SSIMULACRA 2 {details['ssimulacra2']:.2f}"] if "ssimulacra2" in details else []
    if done.max_error is not None:
        reached.append(f"max error {done.max_error}" if done.max_error else "lossless")
    first = ", ".join([f"{before} -> {after}", f"{done.bpp:.2f} bpp", *reached, f"{done.ms:.0f} ms"])
    return "\n".join([first, *_rows(done)]) if "ssim" in details else first


def _rows(done: Done) -> Iterator[str]:
    """Yield what --verbose tells of a file."""
    details, pixels = done.details, done.shape[0] * done.shape[1]
    yield f"  quality    {details['quality']:g}, level {details['level']}"
    for name, length in details["sections"].items():
        yield f"  {name:<10} {8 * length:,} bits, {8 * length / pixels:.3f} bpp"
    psnr_db, ssim = details["psnr_db"], details["ssim"]
    yield f"  PSNR       {psnr_db:.2f} dB"
    yield "  SSIM       " + ("the picture is too small for it" if ssim is None else f"{ssim:.5f}")


if __name__ == "__main__":
    leave(main())
