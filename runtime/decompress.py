"""python -m runtime.decompress cam.gar: .gar files in, pictures out. Mirror of compress.py."""

import argparse
import functools
import sys
import time
from typing import TYPE_CHECKING

from runtime.batch import Done, Job, Work, plan, run
from runtime.commands import (
    add_arguments,
    deliver,
    exit_status,
    open_codec,
    parse_max_pixels,
    parser,
    take,
)
from runtime.console import STREAM, shown, size
from runtime.errors import InputError, StreamError

if TYPE_CHECKING:
    from runtime.areas import Region

_EXAMPLES = """\
examples:
  python -m runtime.decompress cam.gar                  writes cam.png beside it
  python -m runtime.decompress small/ -r -s jpg -o photos/
  python -m runtime.decompress half.gar --layer 0       a preview of a file that is still being received
"""

DAMAGED = 3
"""The exit status when --salvage found damage."""


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for each bad input, 3 for salvage; argparse exits with 2."""
    arguments = parser("decompress", "Decompress .gar files. The suffix of OUT names the picture format.", _EXAMPLES)
    add_arguments(arguments, "a .gar file", "IN with the suffix .png")
    add = arguments.add_argument
    add("-s", "--suffix", metavar="FORMAT", help="png (default), jpg, webp, tif, avif, ppm or bmp")
    add("--region", metavar="X,Y,W,H", help="decode only this part, given in pixels from the top left")
    add(
        "--enhance",
        action="store_true",
        default=None,
        help="correct pixels with the synthesis net of a bundle that has one; the default with any other --provider",
    )
    part = arguments.add_mutually_exclusive_group()
    part.add_argument(
        "--layer",
        choices=("0", "1", "2"),
        help="a preview from the beginning of a file, which may be all there is of it yet: 0 with "
        "details of 4 pixels, 1 of 2 pixels, 2 all; until the file is complete, damage in it may go unnoticed",
    )
    part.add_argument(
        "--salvage",
        action="store_true",
        help="decode what is intact of a damaged file; says on stderr what is not, and exits with 3 then",
    )
    args = arguments.parse_args(argv)
    return exit_status(lambda: decompress(args))


def decompress(args: argparse.Namespace) -> int:
    """Decompress the files as the arguments of the command say and return the exit status."""
    max_pixels = parse_max_pixels(args)
    region = _region(args.region)
    from runtime.pictures.suffixes import SUFFIXES

    wanted = "." + (args.suffix or "png").lower().removeprefix(".")
    if wanted not in SUFFIXES:
        raise InputError(f"-s {args.suffix} names no picture format; use {', '.join(s[1:] for s in SUFFIXES)}")
    jobs, _ = plan(args, wanted, (".gar",))
    status, done = run(jobs, functools.partial(prepare, args, wanted, region, max_pixels), line, args)
    return status or (DAMAGED if any(each.damaged for each in done) else 0)


def prepare(args: argparse.Namespace, wanted: str, region: "Region | None", max_pixels: int) -> Work:
    """Return what decompresses one file, to a suffix."""
    # The heavy modules load only now, so that --help and simple mistakes answer at once.
    from runtime import container
    from runtime import incomplete as partial
    from runtime.codec import suited
    from runtime.pictures import metadata, write

    codec = open_codec(args)

    def work(job: Job) -> Done:
        suffix = wanted if job.target == STREAM else write.suffix_of(job.target)
        if args.suffix and suffix != wanted:
            raise InputError(f"-s {args.suffix} and -o {job.target} name two formats; leave out one")
        data = take(job.source)
        notes: list[str] = []
        faults: dict[int, StreamError] = {}
        try:
            header, found, faults = container.unpack_damaged(data, max_pixels)
            sections = {kind: body for kind, body in found.items() if kind not in faults}
            start = time.perf_counter()
            if args.salvage:
                saved = partial.salvage(codec, data, region, max_pixels)
                picture, sections = saved.pixels, saved.metadata
                notes += saved.damage
                del saved
            elif args.layer is not None:
                picture = partial.preview(codec, data, int(args.layer) + 1, region, max_pixels)
            else:
                picture = codec.decode(data, region, max_pixels)
            ms = 1e3 * (time.perf_counter() - start)
            damaged = bool(notes)
            bundle = suited(codec, header).bundle if codec.enhance else None
            if bundle and not bundle.has_synthesis:
                notes.append(f"not enhanced: bundle {bundle.name} has no synthesis net")
        except StreamError as error:
            hint = "; --salvage decodes what is intact" if faults and not args.salvage else ""
            raise StreamError(f"{job.source}: {error}{hint}") from error
        (height, width), given = picture.shape[:2], [picture]
        del picture
        if (width, height) != (header.width, header.height):
            sections = metadata.of_region(sections, notes)
        made = write.encode(given.pop(), suffix, sections, notes)  # the last reference: encode can free it
        deliver(job.target, made, job.overwrite)
        bpp = 8 * len(data) / (header.width * header.height)
        return Done(len(data), len(made), ms, bpp, (height, width), notes, damaged)

    return work


def line(job: Job, done: Done) -> str:
    """Return what is printed of a file."""
    before, after = f"{shown(job.source)} {size(done.bytes_in)}", f"{shown(job.target)} {size(done.bytes_out)}"
    height, width = done.shape
    return f"{before} -> {after}, {width}x{height} px, {done.ms:.0f} ms"


def _region(text: str | None) -> tuple[int, int, int, int] | None:
    """Return the numbers of --region; InputError unless they are four."""
    if text is None:
        return None
    words = text.split(",")
    if len(words) != 4 or not all(word.strip().isdecimal() and len(word) <= 9 for word in words):
        raise InputError(f"--region {text} is no X,Y,W,H; give four whole numbers such as 0,0,640,480")
    x, y, width, height = map(int, words)
    return x, y, width, height


if __name__ == "__main__":
    sys.exit(main())
