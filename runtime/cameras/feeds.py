"""What a source gives, kind by kind: a camera or stream, a snapshot URL, a video. `source.py` keeps one of them going.

    Live        frames come when they come; the one that is due is taken, the others are let go
    Snapshots   a request a picture, as from http://cam/snapshot.jpg
    Recording   a video with an end, from a disk or by HTTP; of its frames the one nearest to each due time is taken

All of this may block, so it runs in a thread of its own. OpenCV reads video, `web.py` asks for snapshots.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runtime.cameras.web import TIMEOUT_S, Answer, ask, public
from runtime.console import complain
from runtime.errors import InputError

Pixels = NDArray[np.uint8]

_MOST_SPOILED = 100
"""A camera that gives more frames than this in a row of which none can be decoded has dropped."""
_WAITED, _LEAST_WAITED_S, _MOST_WAITED_S = 0.25, 0.001, 0.01
"""A frame that was waited for as long as this part of the usual interval, within limits, is new; another one was in a
buffer."""
_USUAL_AFTER_S = 1.0
"""When the interval of frames can be told; until then, longest waits count alone."""
_CATCHING_UP_S = 5.0
"""Frames from a buffer are let go for so long; who is behind even then cannot keep up."""
_USUAL_RATE = 25.0
"""Frames a second of a video that does not tell."""
_RESTART_S = 0.5
"""A clock that is set back by more starts anew; by less, a frame is out of order."""
_TIE_S = 1e-4
"""Between two frames that are equally near, but for rounding, the later one is taken."""
_CUT_OFF_S = 1.0
"""A video that ends so much before its time is reported."""


@dataclass(frozen=True)
class Shot:
    """A picture and when it was taken."""

    name: str
    """The time as a name that sorts: 20260102T030405.678Z (UTC), or 00h00m10.000s into a video."""
    pixels: Pixels
    """uint8 (H, W, 3) RGB; of a snapshot also (H, W) gray or (H, W, 4) RGBA."""
    at_s: float
    """The same time by a clock that is never set: time.monotonic(), or the video's own."""
    gap_s: float = math.inf
    """Since the frame before; infinite where that says nothing of how soon one could have come."""
    notes: tuple[str, ...] = ()
    """Sentences for the user on what was lost on the way in."""
    metadata: Mapping[int, bytes] = field(default_factory=dict)
    """EXIF, ICC and XMP payloads by section kind."""


class Feed(Protocol):
    """An open source."""

    ends: bool
    """Whether its end is the end, not a drop."""
    ready: bool
    """Whether it has given a picture since it was opened, wanted or not."""

    def shots(self, due: Callable[[], float | None]) -> Iterator[Shot | None]:
        """Yield each shot that is due, and None now and then as a sign of life.

        due gives the time.monotonic() from which on the next shot is wanted, None while none is.
        """
        ...

    def close(self) -> None: ...


def open_feed(name: str, every_s: float, warm_up_s: float) -> Feed:
    """Return the feed of a camera's number or device, a URL or a file; raise InputError where nothing opens."""
    if name.lower().startswith("file:") or ("://" not in name and Path(name).is_file()):
        return Recording(_open(name), every_s, name)
    if not name.lower().startswith(("http://", "https://")):
        return Live(_open(name), warm_up_s, name)
    answer = ask(name)
    if answer is not None and answer.picture is not None:
        return Snapshots(name, answer)
    capture = _open(name)
    ends = None if answer is None else answer.ends
    if ends is None:
        ends = capture.get(_cv2().CAP_PROP_FRAME_COUNT) > 0
    return Recording(capture, every_s, name) if ends else Live(capture, warm_up_s, name)


def _named(at: datetime) -> str:
    """Return a time of day, UTC, as the name of a picture."""
    return f"{at:%Y%m%dT%H%M%S.%f}"[:-3] + "Z"


# --- cameras and streams ----------------------------------------------------------------------------------------------


class Live:
    """Frames of a camera or a stream, read without pause so that none of them waits in a buffer."""

    ends = False

    def __init__(self, capture: Any, warm_up_s: float, name: str):
        self.capture, self.warm_up_s, self.name = capture, warm_up_s, name
        self.ready = False

    def close(self) -> None:
        self.capture.release()

    def shots(self, due: Callable[[], float | None]) -> Iterator[Shot | None]:
        """Yield the first frame that comes when one is due, None for each other frame, until the camera drops.

        The frames of the first warm_up_s are let go, in which a camera finds its exposure, and a stream gives what it
        had in store while it was opened.
        """
        spoiled = 0
        for at_s, at, gap_s, usable in self._grabbed():
            due_s = due()
            wanted = due_s is not None and at_s >= due_s
            if not usable or (self.ready and not wanted):
                yield None
                continue
            good, frame = self.capture.retrieve()
            if not good or frame is None or not frame.size:
                spoiled += 1
                if spoiled > _MOST_SPOILED:
                    return
                yield None
                continue
            shot = Shot(_named(at), _rgb(frame), at_s, gap_s if self.ready else math.inf) if wanted else None
            self.ready, spoiled = True, 0
            yield shot

    def _grabbed(self) -> Iterator[tuple[float, datetime, float, bool]]:
        """Yield of each frame, when it came, by both clocks, the time since the one before, and whether it may be used.

        It may when the camera is warm and the frame new: one that comes at once has waited in a buffer, and there are
        newer ones behind it.
        """
        count, first_s, last_s, new_s, reported = 0, 0.0, -math.inf, math.inf, False
        while True:
            asked_s, worked_s = time.monotonic(), time.thread_time()
            if not self.capture.grab():
                return
            at_s, at = time.monotonic(), datetime.now(UTC)
            waited_s = at_s - asked_s - (time.thread_time() - worked_s)
            if count == 0:
                first_s = new_s = at_s
            enough_s = _MOST_WAITED_S
            if at_s - first_s > _USUAL_AFTER_S:
                enough_s = max(_LEAST_WAITED_S, min(_MOST_WAITED_S, _WAITED * (at_s - first_s) / count))
            if waited_s >= enough_s:
                new_s = at_s
            late = at_s - new_s > _CATCHING_UP_S
            if late and not reported:
                reported = True
                complain(f"source {public(self.name)} sends faster than this machine decodes; its pictures are late")
            yield at_s, at, at_s - last_s, at_s >= first_s + self.warm_up_s and (waited_s >= enough_s or late)
            count, last_s = count + 1, at_s


# --- snapshots --------------------------------------------------------------------------------------------------------


class Snapshots:
    """Pictures of a URL that gives one a request."""

    ends = False
    ready = True

    def __init__(self, url: str, first: Answer):
        self.url, self.first = url, _shot(first, math.inf)

    def close(self) -> None:
        pass

    def shots(self, due: Callable[[], float | None]) -> Iterator[Shot | None]:
        """Yield a picture asked for when it is due; raise InputError if the answer is none."""
        shot: Shot | None = self.first
        while True:
            due_s = due()
            if due_s is None or time.monotonic() < due_s:
                yield None
                time.sleep(0.05 if due_s is None else min(max(due_s - time.monotonic(), 0), 0.05))
                continue
            if shot is None or shot.at_s < due_s:
                answer = ask(self.url)
                if answer is None or answer.picture is None:
                    raise InputError("its answer is not a picture")
                shot = _shot(answer, 0.0)
            yield shot
            shot = None


def _shot(answer: Answer, gap_s: float) -> Shot:
    """Return the picture in an answer; raise InputError if it is none, or damaged."""
    from runtime.pictures.read import decode

    picture = decode(answer.picture or b"", "its answer")
    return Shot(_named(answer.at), picture.pixels, answer.at_s, gap_s, picture.notes, picture.metadata)


# --- videos -----------------------------------------------------------------------------------------------------------


class Recording:
    """The frames of a video that has an end."""

    ends = True
    ready = True

    def __init__(self, capture: Any, every_s: float, name: str):
        self.capture, self.every_s, self.name = capture, every_s, name
        rate = capture.get(_cv2().CAP_PROP_FPS)
        self.rate = rate if 0 < rate < math.inf else _USUAL_RATE

    def close(self) -> None:
        self.capture.release()

    def shots(self, due: Callable[[], float | None]) -> Iterator[Shot | None]:
        """Yield the frames that are nearest to the whole multiples of every_s, each once, and None for the others."""
        number = 0
        for at_s, until_s, frame in self._spans():
            if number * self.every_s >= until_s - _TIE_S:
                yield None
                continue
            number = math.ceil((until_s - _TIE_S) / self.every_s)
            minutes, left_s = divmod(round(at_s, 3), 60)
            name = f"{int(minutes) // 60:02}h{int(minutes) % 60:02}m{left_s:06.3f}s"
            yield Shot(name, _rgb(frame), at_s)
        self._tell_if_cut_off()

    def _spans(self) -> Iterator[tuple[float, float, NDArray[np.uint8]]]:
        """Yield each frame's time, the time up to which it is the nearest one, half-way to the next, and the frame."""
        last: tuple[float, NDArray[np.uint8]] | None = None
        gap_s = 1 / self.rate
        for at_s, frame in self._frames():
            if last is not None:
                gap_s = at_s - last[0]
                yield last[0], last[0] + gap_s / 2, last[1]
            last = at_s, frame
        if last is not None:
            yield last[0], last[0] + gap_s / 2, last[1]

    def _frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Yield each frame that can be decoded with its time since the first one, which always grows.

        In joined recordings the clock starts anew, and some have none: then a frame follows the one before as that did.
        """
        cv2 = _cv2()
        at_s, clock_s, gap_s = 0.0, None, 1 / self.rate
        while self.capture.grab():
            now_s = self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            step_s = 0.0 if clock_s is None else now_s - clock_s
            if -_RESTART_S < step_s < 0:
                continue
            if clock_s is not None:
                gap_s = step_s if step_s > 0 else gap_s
                at_s += gap_s
            clock_s = now_s
            good, frame = self.capture.retrieve()
            if good and frame is not None and frame.size:
                yield at_s, frame

    def _tell_if_cut_off(self) -> None:
        cv2 = _cv2()
        whole, last = self.capture.get(cv2.CAP_PROP_FRAME_COUNT), -1.0
        with suppress(AttributeError):  # OpenCV 4.10 does not tell
            last = self.capture.get(cv2.CAP_PROP_PTS)
        if last >= 0 and whole - last - 1 > _CUT_OFF_S * self.rate:
            ends_s, whole_s = (last + 1) / self.rate, whole / self.rate
            complain(f"source {public(self.name)} ends at {ends_s:.1f} s of {whole_s:.1f} s; is it cut off?")


# --- OpenCV -----------------------------------------------------------------------------------------------------------


def _cv2() -> Any:
    """Return OpenCV, told to keep its opinions to itself: what matters is said by us."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    if hasattr(cv2, "setLogLevel"):  # as in 4.10
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def _open(name: str) -> Any:
    """Return OpenCV's capture of a source, or raise InputError.

    A stream is decoded by one thread: each further one would hold back a frame.
    """
    cv2 = _cv2()
    if name.isdecimal():
        capture = cv2.VideoCapture(int(name))
    elif "://" in name:
        limit_ms = int(TIMEOUT_S * 1000)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])
    else:
        capture = cv2.VideoCapture(name)
    if not capture.isOpened():
        if "://" in name:
            raise InputError("it does not answer, or not with a video that OpenCV can read")
        is_file = Path(name).is_file()
        raise InputError(
            "it is not a video that OpenCV can read" if is_file else "does it exist, and does no other program use it?"
        )
    return capture


def _rgb(frame: NDArray[np.uint8]) -> Pixels:
    """Return OpenCV's BGR, BGRA or gray frame as RGB."""
    if frame.ndim == 2:
        return np.repeat(frame[:, :, None], 3, axis=2)
    return np.ascontiguousarray(frame[:, :, 2::-1])
