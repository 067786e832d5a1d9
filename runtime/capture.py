"""python -m runtime.capture --source 0 --every 10s -o DIR: a time-lapse of .gar files from a camera or a video.

A picture shows the moment it is named after, however long the one before took to encode. How that is done is told in
`source.py`, which kinds of source there are in `feeds.py`, what --budget means in `budget.py`.
"""

import argparse
import atexit
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

from runtime.atomic import write_whole
from runtime.budget import Budget, seconds
from runtime.commands import exit_status, number, parser, thread_count
from runtime.console import complain, reason, shown, size
from runtime.errors import CodecError, InputError
from runtime.source import Source, end_at_once, hangs
from runtime.web import public, without_secrets

_EXAMPLES = """\
examples:
  python -m runtime.capture --source 0 --every 10s -o lapse/
  python -m runtime.capture --source rtsp://cam/stream --every 1min --budget 50MB/day -o lapse/
"""


def main(argv: list[str] | None = None) -> int:
    """Return 0 when done or told to stop, 1 after one line on stderr for what went wrong; argparse exits with 2."""
    arguments = parser("capture", "Take a picture every so often and keep it as a .gar file.", _EXAMPLES)
    add = arguments.add_argument
    add("--source", required=True, metavar="CAM", help="number of a camera, URL of a stream or snapshot, or a video")
    add("--every", required=True, metavar="TIME", help="500ms, 10s, 5min, 1h; in a video, of its own time")
    add("-o", "--output", required=True, type=Path, metavar="DIR", help="folder; made if it is not there")
    add("--count", metavar="N", help="stop after so many pictures; default: go on")
    add("--warm-up", default="1s", metavar="TIME", help="leave out what a camera gives at first; default 1s")
    aim = arguments.add_mutually_exclusive_group()
    aim.add_argument("-q", "--quality", default="75", help="1 (smallest) to 100 (best), default 75")
    aim.add_argument("--budget", metavar="SIZE/TIME", help="the best quality in at most 50MB/day, 2GB/week, 1MB/h")
    add("-f", "--force", action="store_true", help="overwrite pictures that exist")
    add("--threads", metavar="N", help="CPU threads, default: all cores")
    add("--bundle", type=Path, metavar="DIR", help="weights, default: those that ship with gargalo")
    add("--json", action="store_true", help="print one JSON object a picture")
    add("--quiet", action="store_true", help="print nothing but errors and drops")
    args, unknown = arguments.parse_known_args(argv)
    if unknown:
        arguments.error(without_secrets(f"unrecognized arguments: {' '.join(unknown)}", args.source))
    status = exit_status(lambda: _safely(args))
    if hangs():
        atexit.register(end_at_once, status)
    return status


def _safely(args: argparse.Namespace) -> int:
    """Take pictures, and let no error tell a URL: its user and password would end in a log."""
    try:
        return capture(args)
    except BrokenPipeError:
        raise
    except (CodecError, OSError) as error:
        raise InputError(without_secrets(reason(error), args.source)) from None


def capture(args: argparse.Namespace) -> int:
    """Take pictures as the arguments of the command say and return the exit status."""
    every_s = seconds(args.every, "--every")
    count = int(number(args.count, "--count", 1, 1e12)) if args.count is not None else None
    quality = number(args.quality, "-q", 1, 100)
    budget = Budget.parse(args.budget, every_s) if args.budget is not None else None
    warm_up_s = seconds(args.warm_up, "--warm-up", or_zero=True)
    threads = thread_count(args.threads)
    if str(args.output) == "-" or args.output.is_file():
        raise InputError(f"-o {args.output} is no folder; give one, as each picture is a file of its own")
    from runtime.codec import Codec, encoder

    codec = Codec(args.bundle, threads=threads)
    taken = written = 0
    told: set[str] = set()
    with _stopping() as stop, closing(Source(args.source, stop, warm_up_s)) as source:
        for name, shot in source.frames(every_s):
            args.output.mkdir(parents=True, exist_ok=True)
            path = args.output / f"{name}.gar"
            if path.exists() and not args.force:
                raise InputError(f"{path} exists; use -f to overwrite it or -o to name another folder")
            for note in set(shot.notes) - told:
                complain(f"{name}: {note}; later ones will not be told of")
            told |= set(shot.notes)
            at_level = encoder(codec, shot.pixels, shot.metadata)
            if budget is None:
                data: bytes | None = at_level(codec.bundle.level(quality))
            else:
                data = budget.encode(at_level, 0, codec.bundle.level(100))
            if data is None:
                complain(f"{name}: left out, since even its smallest stream is above what the budget has left")
            else:
                write_whole(path, data, args.force)
                written += 1
                if not args.quiet:
                    print(_line(path, data, shot.pixels.shape, args.json), flush=True)
            taken += 1
            if written == count:
                break
        if not taken and not stop.is_set():
            raise InputError(f"source {public(args.source)} has no picture")
    return 0 if written or not taken else 1


def _line(path: Path, data: bytes, shape: tuple[int, ...], as_json: bool) -> str:
    """Return what is printed of a picture."""
    bpp = 8 * len(data) / (shape[0] * shape[1])
    if as_json:
        return json.dumps({"output": str(path), "bytes_out": len(data), "bpp": round(bpp, 4)})
    return f"{shown(path)} {size(len(data))}, {bpp:.2f} bpp"


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM or SIGINT sets so that the picture at hand is still finished; a second ends it."""
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()
        restore()

    def restore() -> None:
        for which, handler in before.items():
            signal.signal(which, handler)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield stop
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        restore()


if __name__ == "__main__":
    sys.exit(main())
