"""python -m runtime.decompress cam.gar: .gar files in, pictures out. Mirror of compress.py."""

import functools
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime.cli.jobs import Done, Job, Work
from runtime.cli.options import Batch, add_arguments, open_codec, parser, read_batch
from runtime.cli.plan import plan
from runtime.cli.process import deliver, exit_status, take
from runtime.cli.run import run
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

_DEFAULT_SUFFIX = ".png"
DAMAGED = 3
"""The exit status when --salvage found damage."""


@dataclass(frozen=True)
class Settings:
    """What the command was asked for."""

    batch: Batch
    suffix: str | None
    """Of the format that -s names, with its dot."""
    region: "Region | None"
    enhance: bool | None
    layers: int | None
    """How many of the first layers make a preview; None for the whole picture."""
    salvage: bool


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
    exclusive = arguments.add_mutually_exclusive_group()
    exclusive.add_argument(
        "--layer",
        choices=("0", "1", "2"),
        help="a preview from the beginning of a file, which may be all there is of it yet: 0 with "
        "details of 4 pixels, 1 of 2 pixels, 2 all; until the file is complete, damage in it may go unnoticed",
    )
    exclusive.add_argument(
        "--salvage",
        action="store_true",
        help="decode what is intact of a damaged file; says on stderr what is not, and exits with 3 then",
    )
    args = arguments.parse_args(argv)
    return exit_status(lambda: decompress(read_settings(**vars(args))))


def read_settings(
    *,
    suffix: str | None,
    region: str | None,
    enhance: bool | None,
    layer: str | None,
    salvage: bool,
    **shared: Any,
) -> Settings:
    """Return the settings of the command's arguments; raise InputError for those that make no sense."""
    layers = None if layer is None else int(layer) + 1
    return Settings(read_batch(**shared), _suffix(suffix), _region(region), enhance, layers, salvage)


def decompress(settings: Settings) -> int:
    """Decompress files and return the exit status."""
    jobs, _ = plan(settings.batch, settings.suffix or _DEFAULT_SUFFIX, (".gar",))
    status, done = run(jobs, functools.partial(prepare, settings), line, settings.batch)
    return status or (DAMAGED if any(each.damaged for each in done) else 0)


def prepare(settings: Settings) -> Work:
    """Return what decompresses one file."""
    # The heavy modules load only now, so that --help and simple mistakes answer at once.
    from runtime import container, incomplete
    from runtime.codec import suited
    from runtime.pictures import metadata, write

    codec = open_codec(settings.batch, settings.enhance)
    region, max_pixels = settings.region, settings.batch.max_pixels
    wanted = settings.suffix or _DEFAULT_SUFFIX

    def work(job: Job) -> Done:
        suffix = wanted if job.target == STREAM else write.suffix_of(job.target)
        if settings.suffix and suffix != wanted:
            raise InputError(f"-s {wanted[1:]} and -o {job.target} name two formats; give one of them")
        data = take(job.source)
        notes: list[str] = []
        faults: dict[int, StreamError] = {}
        try:
            header, sections, faults = container.unpack_damaged(data, max_pixels)
            sections = {kind: body for kind, body in sections.items() if kind not in faults}
            start = time.perf_counter()
            if settings.salvage:
                saved = incomplete.salvage(codec, data, region, max_pixels)
                picture, sections = saved.pixels, saved.metadata
                notes += saved.damage
                del saved
            elif settings.layers is not None:
                picture = incomplete.preview(codec, data, settings.layers, region, max_pixels)
            else:
                picture = codec.decode(data, region, max_pixels)
            ms = 1e3 * (time.perf_counter() - start)
            damaged = bool(notes)
            bundle = suited(codec, header).bundle if codec.enhance else None
            if bundle and not bundle.has_synthesis:
                notes.append(f"not enhanced: bundle {bundle.name} has no synthesis net")
        except StreamError as error:
            hint = "; --salvage decodes what is intact" if faults and not settings.salvage else ""
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


def _suffix(text: str | None) -> str | None:
    """Return the suffix that -s names, None without one; raise InputError unless we write that format."""
    if not text:
        return None
    from runtime.pictures.suffixes import SUFFIXES

    suffix = "." + text.lower().removeprefix(".")
    if suffix not in SUFFIXES:
        raise InputError(f"-s {text} names no picture format; use {', '.join(s[1:] for s in SUFFIXES)}")
    return suffix


def _region(text: str | None) -> tuple[int, int, int, int] | None:
    """Return the numbers of --region, None without one; raise InputError unless they are four."""
    if text is None:
        return None
    words = text.split(",")
    if len(words) != 4 or not all(word.strip().isdecimal() and len(word) <= 9 for word in words):
        raise InputError(f"--region {text} is not X,Y,W,H; give four whole numbers such as 0,0,640,480")
    x, y, width, height = map(int, words)
    return x, y, width, height


if __name__ == "__main__":
    sys.exit(main())
