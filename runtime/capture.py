"""python -m runtime.capture --source 0 --every 10s -o DIR: a time-lapse of .gar files from a camera or a video.

A picture shows the moment it is named after, however long the one before took to encode. How that is done is told in
`cameras/source.py`, which kinds of source there are in `cameras/feeds.py`, what --budget means in `budget.py`.
"""

import atexit
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from runtime.atomic import write_whole
from runtime.budget import Budget
from runtime.cameras.source import Source, end_at_once, hangs
from runtime.cameras.web import public, without_secrets
from runtime.cli.options import Parser, bundles_help, named, parser, picture_bundle, thread_count
from runtime.cli.process import exit_status, stopping
from runtime.console import complain, leave, reason, say, shown, size
from runtime.errors import CodecError, InputError
from runtime.quantities import bytes_per_second, number, seconds, whole

_EXAMPLES = """\
examples:
  python -m runtime.capture --source 0 --every 10s -o lapse/
  python -m runtime.capture --source rtsp://cam/stream --every 1min --budget 50MB/day -o lapse/
"""
_MOST_PICTURES = 10**12


@dataclass(frozen=True)
class Settings:
    """What the command was asked for."""

    source: str
    """A camera's number or device, a URL or a video."""
    every_s: float
    output: Path
    count: int | None
    """Pictures after which it stops; None for no end."""
    warm_up_s: float
    quality: float
    """1 to 100; does not count where there is a budget."""
    budget_bytes: float | None
    """A picture's share."""
    force: bool
    threads: int | None
    bundle: Path | None
    json: bool
    quiet: bool


def arguments() -> Parser:
    """Return the command's parser."""
    arguments = parser("capture", "Take a picture every so often and keep it as a .gar file.", _EXAMPLES)
    add = arguments.add_argument
    add("--source", required=True, metavar="CAM", help="number of a camera, URL of a stream or snapshot, or a video")
    add("--every", required=True, metavar="TIME", help="500ms, 10s, 5min, 1h; in a video, of its own time")
    add("-o", "--output", required=True, type=named, metavar="DIR", help="folder; made if it is not there")
    add("--count", metavar="N", help="stop after so many pictures; default: go on")
    add("--warm-up", default="1s", metavar="TIME", help="skip what a camera gives at first; default 1s")
    aim = arguments.add_mutually_exclusive_group()
    aim.add_argument("-q", "--quality", default="75", help="1 (smallest) to 100 (best), default 75")
    aim.add_argument("--budget", metavar="SIZE/TIME", help="the best quality in at most 50MB/day, 2GB/week, 1MB/h")
    add("-f", "--force", action="store_true", help="overwrite pictures that exist")
    add("--threads", metavar="N", help="CPU threads, default: all cores")
    add("--bundle", type=named, metavar="DIR", help=f"weights: {bundles_help()}, or a folder of your own")
    add("--json", action="store_true", help="print one JSON object a picture")
    add("--quiet", action="store_true", help="print nothing but errors and drops")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done or told to stop, 1 after one line on stderr for what went wrong; argparse exits with 2."""
    known = arguments()
    args, unknown = known.parse_known_args(argv)
    if unknown:
        known.error(without_secrets(f"unrecognized arguments: {' '.join(unknown)}", args.source))
    status = exit_status(lambda: _safely(args.source, lambda: capture(read_settings(**vars(args)))))
    if hangs():
        atexit.register(end_at_once, status)
    return status


def _safely(source: str, work: Callable[[], int]) -> int:
    """Return what work does, and let no error tell a source's URL: its user and password would end in a log."""
    try:
        return work()
    except BrokenPipeError:
        raise
    except (CodecError, OSError) as error:
        raise InputError(without_secrets(reason(error), source)) from None


def read_settings(
    *,
    source: str,
    every: str,
    output: Path,
    count: str | None,
    warm_up: str,
    quality: str,
    budget: str | None,
    force: bool,
    threads: str | None,
    bundle: Path | None,
    json: bool,
    quiet: bool,
) -> Settings:
    """Return the settings of the command's arguments; raise InputError for those that make no sense."""
    every_s = seconds(every, "--every")
    return Settings(
        source=source,
        every_s=every_s,
        output=output,
        count=None if count is None else whole(count, "--count", 1, _MOST_PICTURES),
        warm_up_s=seconds(warm_up, "--warm-up", or_zero=True),
        quality=number(quality, "-q", 1, 100),
        budget_bytes=None if budget is None else every_s * bytes_per_second(budget, "--budget"),
        force=force,
        threads=thread_count(threads),
        bundle=picture_bundle(bundle),
        json=json,
        quiet=quiet,
    )


def capture(settings: Settings) -> int:
    """Take pictures and return the exit status."""
    output, budget = settings.output, None if settings.budget_bytes is None else Budget(settings.budget_bytes)
    if str(output) == "-" or output.is_file():
        raise InputError(f"-o {output} is not a folder; give one, as each picture is a file of its own")
    from runtime.codec import Codec, encoder

    codec = Codec(settings.bundle, threads=settings.threads)
    taken = written = 0
    reported: set[str] = set()
    with stopping() as stop, closing(Source(settings.source, stop, settings.warm_up_s)) as source:
        for name, shot in source.frames(settings.every_s):
            output.mkdir(parents=True, exist_ok=True)
            path = output / f"{name}.gar"
            if path.exists() and not settings.force:
                raise InputError(f"{path} exists; use -f to overwrite it or -o to name another folder")
            for note in set(shot.notes) - reported:
                complain(f"{name}: {note}; later ones are not reported")
            reported |= set(shot.notes)
            at_level = encoder(codec, shot.pixels, shot.metadata)
            if budget is None:
                data: bytes | None = at_level(codec.bundle.level(settings.quality))
            else:
                data = budget.encode(at_level, 0, codec.bundle.level(100))
            if data is None:
                complain(f"{name}: skipped, as even its smallest stream is larger than what is left of the budget")
            else:
                write_whole(path, data, settings.force)
                written += 1
                if not settings.quiet:
                    say(path, _line(path, data, shot.pixels.shape, settings.json))
            taken += 1
            if written == settings.count:
                break
        if not taken and not stop.is_set():
            raise InputError(f"source {public(settings.source)} gave no picture; is it a video with frames?")
    return 0 if written or not taken else 1


def _line(path: Path, data: bytes, shape: tuple[int, ...], as_json: bool) -> str:
    """Return what is printed of a picture."""
    bpp = 8 * len(data) / (shape[0] * shape[1])
    if as_json:
        from runtime import native

        return json.dumps({"output": str(path), "bytes_out": len(data), "bpp": round(bpp, 4), "arrays": native.name})
    return f"{shown(path)} {size(len(data))}, {bpp:.2f} bpp"


if __name__ == "__main__":
    leave(main())
