"""python -m runtime.thumbnail cam.jpg: pictures to thumbnails in a hundred bytes, and thumbnails to pictures.

The bytes of an input say which of the two it is. What those of a .gat file mean is told in `gat.py`.
"""

import functools
import time
from pathlib import Path
from typing import Any, NamedTuple

from runtime.cli.jobs import Done, Job, Work
from runtime.cli.options import Batch, Parser, add_files, parser, read_batch
from runtime.cli.places import Place
from runtime.cli.plan import plan
from runtime.cli.process import deliver, exit_status, take
from runtime.cli.run import run
from runtime.console import STREAM, complain, leave, shown, size
from runtime.errors import InputError, StreamError
from runtime.quantities import whole
from runtime.spec import THUMBNAIL_BYTES, THUMBNAIL_SUFFIX

_EXAMPLES = """\
examples:
  python -m runtime.thumbnail cam.jpg                   writes cam.gat beside it
  python -m runtime.thumbnail cam.gat -o cam.png
  python -m runtime.thumbnail cam.jpg --bytes 64 --base64
"""

_PICTURE_SUFFIX = ".png"
_LEAST_BYTES, _USUAL_BYTES, _MOST_BYTES = THUMBNAIL_BYTES


class Settings(NamedTuple):
    """What the command was asked for."""

    batch: Batch
    most_bytes: int | None
    """Of a .gat file that is made; None: as usual."""
    base64: bool
    """Text is printed, and no file made."""


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("thumbnail", "Make thumbnails in a hundred bytes, and pictures of them.", _EXAMPLES)
    add_files(
        arguments, "a picture, of which .gat is made, or a .gat file", "IN with the suffix .gat or .png", "thumbnail"
    )
    limits = f"at most so many, {_LEAST_BYTES} to {_MOST_BYTES}, default {_USUAL_BYTES}"
    arguments.add_argument("--bytes", metavar="N", help=limits)
    arguments.add_argument("--base64", action="store_true", help="print a line of Base64 for each, and make no file")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done, 1 after one line on stderr for each bad input; argparse exits with 2."""
    args = arguments().parse_args(argv)
    return exit_status(lambda: make(read_settings(**vars(args))))


def read_settings(*, bytes: str | None, base64: bool, **shared: Any) -> Settings:
    """Return the settings of the command's arguments; raise InputError for those that make no sense."""
    batch = read_batch(**shared)
    if base64 and batch.output:
        raise InputError(f"--base64 prints and makes no file; leave out -o {batch.output}, or --base64")
    if base64 and batch.is_fleet:
        raise InputError("--base64 prints here; leave out --engine ray and addresses, or --base64")
    if base64 and batch.json:
        raise InputError("--base64 prints lines of its own; leave out --json, or --base64")
    most = None if bytes is None else whole(bytes, "--bytes", _LEAST_BYTES, _MOST_BYTES)
    return Settings(batch, most, base64)


def make(settings: Settings) -> int:
    """Make thumbnails or pictures of them, and return the exit status."""
    batch = settings.batch
    if batch.is_fleet:
        from runtime.cli.fleet import run_fleet
        from runtime.pictures.suffixes import READABLE

        work = functools.partial(prepare, settings)
        return run_fleet(batch, THUMBNAIL_SUFFIX, READABLE, work, settings._replace(batch=batch.coding))[0]
    if settings.base64:
        each = [job for text in batch.inputs for job in _planned(batch._replace(inputs=(text,)))]
        jobs = [job._replace(target=STREAM, make_folder=False) for job in each]
        batch = batch._replace(at_a_time=1, quiet=True)
    else:
        jobs = _planned(batch)
    status, _ = run(jobs, functools.partial(prepare, settings), line, batch)
    return status


def _planned(batch: Batch) -> list[Job]:
    """Return the jobs of a call, which makes pictures of .gat files or .gat files of pictures.

    Folders that hold both are taken for pictures whose thumbnails are beside them.
    """
    from runtime.pictures.suffixes import READABLE

    first, *others = [Path(text).suffix.lower() == THUMBNAIL_SUFFIX for text in batch.inputs]
    if (not first) in others:
        raise InputError("pictures and .gat files are given at once; give .gat files to a call of their own")
    if not first:
        jobs, skipped = plan(batch, THUMBNAIL_SUFFIX, READABLE, _check_thumbnail)
        thumbnails = sum(path.suffix.lower() == THUMBNAIL_SUFFIX for path in skipped)
        if not thumbnails or any(job.error is None for job in jobs):
            if thumbnails and not batch.quiet:
                complain(f"warning: skipped .gat files beside pictures: {thumbnails}; name them to get their pictures")
            return jobs
    return plan(batch, _PICTURE_SUFFIX, (THUMBNAIL_SUFFIX,), lambda _, target: _suffix_of(target))[0]


def prepare(settings: Settings) -> Work:
    """Return what makes one file of another."""
    # The heavy modules load only now, so that --help and simple mistakes answer at once.
    from base64 import b64encode

    from runtime import gat
    from runtime.files import pixels_of
    from runtime.pictures import write
    from runtime.pictures.square import shrunk

    batch = settings.batch
    if batch.bundle:
        gat.family_of(batch.bundle)  # fails at once, where it fails

    def work(job: Job) -> Done:
        given = take(job.source)
        name = "stdin" if job.source == STREAM else str(job.source)
        back = gat.is_thumbnail(given) or job.source.suffix.lower() == THUMBNAIL_SUFFIX
        start = time.perf_counter()
        try:
            if back:
                if settings.most_bytes is not None:
                    raise InputError(f"--bytes is for making thumbnails, and {name} is one; leave it out")
                thumbnail, made = given, write.encode(gat.decode(given, batch.bundle), _suffix_of(job.target))
            else:
                _check_target(Path(str(job.target)))
                square = shrunk(pixels_of(given, name, batch.max_pixels), gat.SIDE_PX)
                thumbnail = made = gat.encode(square, settings.most_bytes or _USUAL_BYTES, batch.bundle)
        except StreamError as error:
            raise StreamError(f"{name}: {error}") from error
        ms = 1e3 * (time.perf_counter() - start)
        deliver(job.target, b64encode(thumbnail) + b"\n" if settings.base64 else made, job.overwrite, job.equal_is_done)
        bpp = 8 * len(thumbnail) / gat.SIDE_PX**2
        return Done(len(given), len(made), ms, bpp, (gat.SIDE_PX, gat.SIDE_PX), [])

    return work


def _check_target(target: Path) -> None:
    """Raise InputError for a thumbnail's bytes under a picture's name, which nothing that goes by it could open."""
    from runtime.pictures.suffixes import READABLE

    if target.suffix.lower() in READABLE:
        better = target.with_suffix(THUMBNAIL_SUFFIX)
        raise InputError(f"{target} would be a .gat file under the name of a {target.suffix} file; give -o {better}")


def _check_thumbnail(source: Path, target: Path) -> None:
    """Raise InputError as `_check_target` does for a source that is a picture by its name."""
    from runtime.pictures.suffixes import READABLE

    if source.suffix.lower() in READABLE:
        _check_target(target)


def _suffix_of(target: Place) -> str:
    """Return the suffix of the format to write; raise InputError for one that we do not write."""
    from runtime.pictures.suffixes import suffix_of

    return _PICTURE_SUFFIX if target == STREAM else suffix_of(Path(str(target)))


def line(job: Job, done: Done) -> str:
    """Return what is printed of a file."""
    before, after = f"{shown(job.source)} {size(done.bytes_in)}", f"{shown(job.target)} {size(done.bytes_out)}"
    return f"{before} -> {after}, {done.ms:.0f} ms"


if __name__ == "__main__":
    leave(main())
