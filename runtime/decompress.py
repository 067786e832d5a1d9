"""python -m runtime.decompress cam.gar: .gar files in, pictures out. Mirror of compress.py."""

import functools
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runtime.cli.follow import growth
from runtime.cli.jobs import Done, Job, Work
from runtime.cli.options import Batch, Parser, add_arguments, open_codec, parser, read_batch
from runtime.cli.places import Place
from runtime.cli.plan import plan
from runtime.cli.process import DAMAGED, deliver, exit_status, take
from runtime.cli.run import run
from runtime.console import STREAM, leave, shown, size
from runtime.errors import InputError, ResidualError, StreamError, TruncatedError
from runtime.quantities import whole
from runtime.threads import most_threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.areas import Region
    from runtime.codec import Codec, Pixels
    from runtime.container import Header
    from runtime.incomplete import Saved

_EXAMPLES = """\
examples:
  python -m runtime.decompress cam.gar                  writes cam.png beside it
  python -m runtime.decompress small/ -r -s jpg -o photos/
  python -m runtime.decompress half.gar --layer 0       a preview of a file that is still being received
  python -m runtime.decompress cam.gar --follow         cam.png gets better as cam.gar grows
"""

_DEFAULT_SUFFIX = ".png"
MOST_LAYER = 254


class Settings(NamedTuple):
    """What the command was asked for."""

    batch: Batch
    suffix: str | None
    """Of the format that -s names, with its dot."""
    region: "Region | None"
    enhance: bool | None
    layers: int | None
    """How many of the first layers make a preview; None for the whole picture."""
    salvage: bool
    follow: bool
    """Whether the picture is written anew each time that there is more of a file, until it is whole."""


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("decompress", "Decompress .gar files. The suffix of OUT names the picture format.", _EXAMPLES)
    add_arguments(arguments, "a .gar file", "IN with the suffix .png")
    add = arguments.add_argument
    add("-s", "--suffix", metavar="FORMAT", help="png (default), jpg, webp, tif, avif, ppm or bmp")
    add("--region", metavar="X,Y,W,H", help="decode only this part, given in pixels from the top left")
    add(
        "--enhance",
        action="store_true",
        default=None,
        help="correct decoded pixels with the network that bundles may have for it; the default but with the CPU",
    )
    exclusive = arguments.add_mutually_exclusive_group()
    exclusive.add_argument(
        "--layer",
        metavar="N",
        help="a preview from the beginning of a file, which may be all there is of it yet: 0 with details of 4 pixels, "
        "1 of 2 pixels, 2 all, and of the progressive bundle one of many; until the file is complete, damage in it may "
        "go unnoticed",
    )
    exclusive.add_argument(
        "--salvage",
        action="store_true",
        help="decode what is intact of a damaged file; says on stderr what is not, and exits with 3 then",
    )
    exclusive.add_argument(
        "--follow",
        action="store_true",
        help="of a file that is still being received write the best picture, and write it anew when more has come, "
        "until the file is complete; Ctrl-C ends it and leaves the last picture",
    )
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for each bad input, 3 for salvage; argparse exits with 2."""
    args = arguments().parse_args(argv)
    return exit_status(lambda: decompress(read_settings(**vars(args))))


def read_settings(
    *,
    suffix: str | None,
    region: str | None,
    enhance: bool | None,
    layer: str | None,
    salvage: bool,
    follow: bool,
    **shared: Any,
) -> Settings:
    """Return the settings of the command's arguments; raise InputError for those that make no sense."""
    layers = None if layer is None else whole(layer, "--layer", 0, MOST_LAYER) + 1
    batch = read_batch(**shared)
    if follow and "-" in (*batch.inputs, batch.output):
        raise InputError("--follow reads a file again and again and writes one anew; give names in place of -")
    if follow and batch.is_fleet:
        raise InputError("--follow watches files of this machine; leave out --engine ray and addresses")
    return Settings(batch, _suffix(suffix), _region(region), enhance, layers, salvage, follow)


def decompress(settings: Settings) -> int:
    """Decompress files and return the exit status."""
    batch, work, suffix = settings.batch, functools.partial(prepare, settings), settings.suffix or _DEFAULT_SUFFIX
    if batch.is_fleet:
        from runtime.cli.fleet import run_fleet

        status, damaged = run_fleet(batch, suffix, (".gar",), work, settings._replace(batch=batch.coding))
    else:
        jobs, _ = plan(batch, suffix, (".gar",), lambda _, target: _suffix_of(settings, target))
        status, done = run(jobs, work, line, batch)
        damaged = any(each.damaged for each in done)
    return status or (DAMAGED if damaged else 0)


class Decoded(NamedTuple):
    """What becomes of a stream before it is written."""

    shape: tuple[int, ...]
    strips: Iterator["Pixels"]
    """The rows of the picture, from top to bottom, each decoded when it is asked for."""
    sections: dict[int, bytes]
    """The payloads of its metadata."""
    done: Done
    """But for the time and the bytes that are written."""
    spent_ms: list[float]
    """The times of decoding, as far as it has come."""
    parts: int
    """How many parts of a stream that is not whole it shows."""


def prepare(settings: Settings) -> Work:
    """Return what decompresses one file."""
    codec = open_codec(settings.batch, settings.enhance)

    def work(job: Job) -> Done:
        _suffix_of(settings, job.target)
        if settings.follow and isinstance(job.source, Path):
            return follow(settings, codec, job, job.source)
        decoded = decode(settings, codec, job.source, take(job.source), settings.salvage)
        return write_picture(settings, job, decoded, job.overwrite)

    return work


# The heavy modules load only in the functions below, so that --help and simple mistakes answer at once.


def follow(settings: Settings, codec: "Codec", job: Job, source: Path) -> Done:
    """Write the picture of a growing file each time that it shows more, until the file is whole."""
    from runtime import container

    parts, shown, overwrite = 0, b"", job.overwrite
    for data in growth(source):
        both = min(len(data), len(shown))
        if data[:both] != shown[:both]:  # another file has taken its place
            parts = 0
        try:
            _, _, faults = container.unpack_damaged(data, settings.batch.max_pixels)
        except TruncatedError:
            continue  # there is nothing to be seen yet
        except StreamError:
            break  # which is told below
        if not any(isinstance(fault, TruncatedError) for fault in faults.values()):
            break
        with suppress(TruncatedError):  # there is nothing to be seen yet
            decoded = decode(settings, codec, source, data, salvage=True)
            if decoded.parts > parts:
                write_picture(settings, job, decoded, overwrite)
                parts, shown, overwrite = decoded.parts, data, True
    return write_picture(settings, job, decode(settings, codec, source, data, salvage=False), overwrite)


def decode(settings: Settings, codec: "Codec", source: Place, data: bytes, salvage: bool) -> Decoded:
    """Return what becomes of a stream; raise StreamError, which names the source, as each strip may."""
    from runtime import container
    from runtime.codec import suited
    from runtime.pictures import metadata

    faults: dict[int, StreamError] = {}
    try:
        header, sections, faults = container.unpack_damaged(data, settings.batch.max_pixels)
        start = time.perf_counter()
        try:
            shape, strips, saved = _opened(settings, codec, source, data, header, salvage)
        except ResidualError:  # there is a picture
            shape, strips, saved = _opened(settings, codec, source, data, header, salvage=True)
        spent_ms = [1e3 * (time.perf_counter() - start)]
        bundle = suited(codec, header).bundle if codec.enhance else None
    except StreamError as error:
        raise _named(error, source, bool(faults) and not salvage) from error
    bound = _bound(sections, saved, settings)
    sections = saved.metadata if saved else {kind: body for kind, body in sections.items() if kind not in faults}
    notes = list(saved.damage) if saved else []
    if bundle and not bundle.has("synthesis"):
        notes.append(f"not enhanced: bundle {bundle.name} has no synthesis net")
    if shape[:2] != (header.height, header.width):
        sections = metadata.of_region(sections, notes)
    bpp = 8 * len(data) / (header.width * header.height)
    damaged = bool(saved and saved.damage)
    done = Done(len(data), 0, 0, bpp, (shape[0], shape[1]), notes, damaged=damaged, max_error=bound)
    timed = _timed(strips, spent_ms, source)
    return Decoded(shape, timed, sections, done, spent_ms, saved.parts if saved else 0)


def _bound(sections: "Mapping[int, bytes]", saved: "Saved | None", settings: Settings) -> int | None:
    """Return the bound on the errors of a picture, None where it has none."""
    from runtime.container import RESIDUAL

    if RESIDUAL not in sections or settings.layers is not None or saved and saved.damage:
        return None
    from runtime.exact.section import bound_of

    return bound_of(sections[RESIDUAL])


def _opened(
    settings: Settings, codec: "Codec", source: Place, data: bytes, header: "Header", salvage: bool
) -> "tuple[tuple[int, ...], Iterator[Pixels], Saved | None]":
    """Return the shape and the rows of the picture that is asked for, and what else was saved."""
    from runtime.codec import suited

    region, max_pixels, layers = settings.region, settings.batch.max_pixels, settings.layers
    if layers is None and not salvage:
        return *codec.decode_strips(data, region, max_pixels), None
    from runtime import incomplete

    if salvage:
        saved = incomplete.salvage(codec, data, region, max_pixels)
        return saved.pixels.shape, iter([saved.pixels]), saved
    assert layers is not None
    most = len(suited(codec, header).family.layer_ends(header))
    if layers > most:
        raise InputError(f"--layer {layers - 1}: {source} has layers 0 to {most - 1}")
    pixels = incomplete.preview(codec, data, layers, region, max_pixels)
    return pixels.shape, iter([pixels]), None


def _timed(strips: Iterator["Pixels"], spent_ms: list[float], source: Place) -> Iterator["Pixels"]:
    """Yield strips, and note how long each takes; raise StreamError, which names the source."""
    while True:
        start = time.perf_counter()
        try:
            strip = next(strips, None)
        except StreamError as error:
            raise _named(error, source) from error
        spent_ms.append(1e3 * (time.perf_counter() - start))
        if strip is None:
            return
        yield strip


def _named(error: StreamError, source: Place, salvageable: bool = False) -> StreamError:
    """Return an error that names the source, with a hint where something can be saved."""
    hint = "; --salvage decodes what is intact" if salvageable else ""
    return (TruncatedError if isinstance(error, TruncatedError) else StreamError)(f"{source}: {error}{hint}")


def write_picture(settings: Settings, job: Job, decoded: Decoded, overwrite: bool) -> Done:
    """Write a picture and its metadata, and return what the job came to."""
    from runtime.pictures import write

    suffix, notes, threads = _suffix_of(settings, job.target), decoded.done.notes, most_threads(settings.batch.threads)
    made = write.encode_strips(decoded.strips, decoded.shape, suffix, decoded.sections, notes, threads)
    size = deliver(job.target, made, overwrite, job.equal_is_done)
    return decoded.done._replace(ms=sum(decoded.spent_ms), bytes_out=size)


def _suffix_of(settings: Settings, target: Place) -> str:
    """Return the suffix of the format to write; raise InputError where -s and the target name two."""
    from runtime.pictures.suffixes import same_format, suffix_of

    wanted = settings.suffix or _DEFAULT_SUFFIX
    named = target != STREAM and not (settings.suffix and not target.suffix)
    suffix = suffix_of(Path(str(target))) if named else wanted
    if settings.suffix and not same_format(suffix, wanted):
        raise InputError(f"-s {wanted[1:]} and -o {target} name two formats; give one of them")
    return suffix


def line(job: Job, done: Done) -> str:
    """Return what is printed of a file."""
    before, after = f"{shown(job.source)} {size(done.bytes_in)}", f"{shown(job.target)} {size(done.bytes_out)}"
    height, width = done.shape
    return f"{before} -> {after}, {width}x{height} px, {done.ms:.0f} ms"


def _suffix(text: str | None) -> str | None:
    """Return the suffix that -s names, None without one; raise InputError unless we write that format."""
    if text is None:
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
    leave(main())
