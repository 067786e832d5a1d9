"""python -m runtime.capture --source 0 --every 10s -o DIR: a time-lapse of .gar files from a camera or a video.

A camera is read without pause, so that a picture shows the moment it is named after; only the frames that are due
are decoded. A camera that drops is opened again, each time after a longer wait. What --budget means is told in
`budget.py`.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.atomic import write_whole
from runtime.budget import Budget, seconds
from runtime.commands import exit_status, number, parser, thread_count
from runtime.console import complain, shown, size
from runtime.errors import InputError

_EXAMPLES = """\
examples:
  python -m runtime.capture --source 0 --every 10s -o lapse/
  python -m runtime.capture --source rtsp://cam/stream --every 1min --budget 50MB/day -o lapse/
"""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
"""Between two attempts to open a camera again; the wait doubles."""
_SILENCE_MS = 10_000
"""A network camera that sends nothing for so long has dropped."""
_MOST_SPOILED = 100
"""A camera that gives more frames than this in a row of which none can be decoded has dropped."""

Pixels = NDArray[np.uint8]


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when done or told to stop, 1 after one line on stderr for what went wrong; argparse exits with 2."""
    arguments = parser("capture", "Take a picture every so often and keep it as a .gar file.", _EXAMPLES)
    add = arguments.add_argument
    add("--source", required=True, metavar="CAM", help="number of a camera, URL, or a video file")
    add("--every", required=True, metavar="TIME", help="500ms, 10s, 5min, 1h; in a video, of its own time")
    add("-o", "--output", required=True, type=Path, metavar="DIR", help="folder; made if it is not there")
    add("--count", metavar="N", help="stop after so many pictures; default: go on")
    aim = arguments.add_mutually_exclusive_group()
    aim.add_argument("-q", "--quality", default="75", help="1 (smallest) to 100 (best), default 75")
    aim.add_argument("--budget", metavar="SIZE/TIME", help="the best quality in at most 50MB/day, 2GB/week, 1MB/h")
    add("-f", "--force", action="store_true", help="overwrite pictures that exist")
    add("--threads", metavar="N", help="CPU threads, default: all cores")
    add("--bundle", type=Path, metavar="DIR", help="weights, default: those that ship with gargalo")
    add("--json", action="store_true", help="print one JSON object a picture")
    add("--quiet", action="store_true", help="print nothing but errors and drops")
    args = arguments.parse_args(argv)
    return exit_status(lambda: capture(args))


def capture(args: argparse.Namespace) -> int:
    """Takes pictures as the arguments of the command say and returns the exit status."""
    every_s = seconds(args.every, "--every")
    count = int(number(args.count, "--count", 1, 1e12)) if args.count is not None else None
    quality = number(args.quality, "-q", 1, 100)
    budget = Budget.parse(args.budget, every_s) if args.budget is not None else None
    threads = thread_count(args.threads)
    if str(args.output) == "-" or args.output.is_file():
        raise InputError(f"-o {args.output} is no folder; give one, as each picture is a file of its own")
    from runtime.codec import Codec

    codec = Codec(args.bundle, threads=threads)
    taken = written = 0
    with _stopping() as stop, closing(Source(args.source, stop)) as source:
        args.output.mkdir(parents=True, exist_ok=True)
        for name, frame in source.frames(every_s):
            path = args.output / f"{name}.gar"
            if path.exists() and not args.force:
                raise InputError(f"{path} exists; use -f to overwrite it or -o to name another folder")
            if budget is None:
                data: bytes | None = codec.encode(frame, quality)
            else:
                data = budget.encode(codec.encoder(frame), 0, codec.bundle.level(100))
            if data is None:
                complain(f"{name}: left out, since even its smallest stream is above what the budget has left")
            else:
                write_whole(path, data, args.force)
                written += 1
                if not args.quiet:
                    print(_line(path, data, frame.shape, args.json), flush=True)
            taken += 1
            if written == count:
                break
        if not taken and not stop.is_set():
            raise InputError(f"source {args.source} has no picture")
    return 0 if written or not taken else 1


def _line(path: Path, data: bytes, shape: tuple[int, ...], as_json: bool) -> str:
    """Returns what is printed of a picture."""
    bpp = 8 * len(data) / (shape[0] * shape[1])
    if as_json:
        return json.dumps({"output": str(path), "bytes_out": len(data), "bpp": round(bpp, 4)})
    return f"{shown(path)} {size(len(data))}, {bpp:.2f} bpp"


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Yields an event that SIGTERM and SIGINT set, so that the picture at hand is still finished."""
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield stop
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- the camera -------------------------------------------------------------------------------------------------------


class Source:
    """A camera or a video that OpenCV reads; `name` is a camera's number or device, a URL or a file."""

    def __init__(self, name: str, stop: threading.Event):
        """Opens it; raises InputError where there is none to begin with."""
        self.name, self.stop = name, stop
        self.is_file = Path(name).is_file()
        if not (self.is_file or name.isdecimal() or "://" in name or Path(name).exists()):  # /dev/video0 does
            raise InputError(f"{name}: no such file; give a video, a URL or the number of a camera")
        self.capture = _open(name)
        if not self.capture.isOpened():
            what = "is no video that OpenCV can read" if self.is_file else "does not open; is it there, and free?"
            raise InputError(f"source {name} {what}")

    def close(self) -> None:
        self.capture.release()

    def frames(self, every_s: float) -> Iterator[tuple[str, Pixels]]:
        """Yields a name and the pixels, (H, W, 3) RGB, of each due picture until the source ends or stop is set.

        Pictures are due at whole multiples of every_s from the first on; where we are too slow, some are left out.
        """
        due_s: float | None = None
        slow, spoiled = False, 0
        while not self.stop.is_set():
            if spoiled > _MOST_SPOILED or not self.capture.grab():
                spoiled = 0
                if self.is_file or not self._opened_again():
                    return
                continue
            at_s = self._at_s()
            if due_s is not None and at_s < due_s:
                continue
            good, frame = self.capture.retrieve()
            if not good or frame is None or frame.size == 0:
                spoiled += not self.is_file
                continue
            spoiled = 0
            missed = 0 if due_s is None else int((at_s - due_s) // every_s)
            if missed and not slow:
                slow = True
                complain(f"source {self.name}: {missed} pictures were missed; later ones will not be told of")
            due_s = (at_s if due_s is None else due_s) + (missed + 1) * every_s
            yield self._named(at_s), _rgb(frame)

    def _at_s(self) -> float:
        """Returns the frame's own time in a video, a clock's that is never set for a camera."""
        if self.is_file:  # OpenCV rounds down what divides by frame rates such as 29.97
            return float(self.capture.get(_cv2().CAP_PROP_POS_MSEC)) / 1000 + 1e-6
        return time.monotonic()

    def _named(self, at_s: float) -> str:
        """Returns the time as a name that sorts: 20260102T030405.678Z (UTC), or 00h00m10.000s into a video."""
        if self.is_file:
            minutes, left_s = divmod(round(at_s, 3), 60)
            return f"{int(minutes) // 60:02}h{int(minutes) % 60:02}m{left_s:06.3f}s"
        return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"[:-3] + "Z"

    def _opened_again(self) -> bool:
        """Opens a camera that dropped, with growing waits in between; False when told to stop meanwhile."""
        wait_s, dropped_s = _FIRST_WAIT_S, time.monotonic()
        while True:
            self.capture.release()
            complain(f"source {self.name} gives no pictures; opening it again in {wait_s:g} s")
            if self.stop.wait(wait_s):
                return False
            self.capture = _open(self.name)
            if self.capture.isOpened() and self.capture.grab():
                complain(f"source {self.name} is back after {time.monotonic() - dropped_s:.0f} s")
                return True
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


def _cv2() -> Any:
    """Returns OpenCV, told to keep its opinions to itself: what matters is said by us."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def _open(name: str) -> Any:
    """Returns OpenCV's capture of a source, opened or not."""
    cv2 = _cv2()
    if name.isdecimal():
        return cv2.VideoCapture(int(name))
    if "://" in name:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _SILENCE_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _SILENCE_MS]
        return cv2.VideoCapture(name, cv2.CAP_FFMPEG, limits)
    return cv2.VideoCapture(name)


def _rgb(frame: NDArray[np.uint8]) -> Pixels:
    """Returns OpenCV's BGR, BGRA or gray frame as RGB."""
    if frame.ndim == 2:
        return np.repeat(frame[:, :, None], 3, axis=2)
    return np.ascontiguousarray(frame[:, :, 2::-1])


if __name__ == "__main__":
    sys.exit(main())
