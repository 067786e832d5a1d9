"""What a source gives, kind by kind: a camera or stream, a snapshot URL, a video. `source.py` keeps one of them going.

    Live        frames come when they come; the one that is due is taken, the others are let go
    Snapshots   a request a picture, as from http://cam/snapshot.jpg
    Recording   a video with an end, from a disk or by HTTP; of its frames the one nearest to each due time is taken

All of this may block, so it runs in a thread of its own. OpenCV reads video, urllib asks for snapshots.
"""

import math
import os
import re
import ssl
import string
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, InvalidURL
from pathlib import Path
from typing import Any, Protocol
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from runtime import __version__
from runtime.commands import complain
from runtime.errors import InputError

Pixels = NDArray[np.uint8]

_TIMEOUT_S = 10.0
"""What sends nothing for so long has dropped."""
_MOST_SPOILED = 100
"""A camera that gives more frames than this in a row of which none can be decoded has dropped."""
_WAITED, _LEAST_WAITED_S, _MOST_WAITED_S = 0.25, 0.001, 0.01
"""A frame that was waited for as long as this part of the usual interval, within limits, is new; another one was in a
buffer."""
_CATCHING_UP_S = 5.0
"""Frames from a buffer are let go for so long; who is behind even then cannot keep up."""
_MOST_SNAPSHOT_BYTES = 64 << 20
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP", re.DOTALL)
"""First bytes of pictures, for servers that name no type of content."""
_USUAL_RATE = 25.0
"""Frames a second of a video that does not tell."""
_RESTART_S = 0.5
"""A clock that is set back by more starts anew; by less, a frame is out of order."""
_TIE_S = 1e-4
"""Between two frames that are equally near, but for rounding, the later one is taken."""
_CUT_OFF_S = 1.0
"""A video that ends so much before its time is told of."""

_URL = re.compile(r"(\w[\w+.-]*://)(?:[^/?#]*@)?((?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?)((?:[/?#][^@]*)?)")
"""Scheme, host with port, and the rest of a URL of which it is plain where user and password end."""


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
    answer = _ask(name)
    if answer is not None and answer.is_picture:
        return Snapshots(name, answer)
    capture = _open(name)
    multipart = answer is not None and answer.content_type.startswith("multipart/")
    sized = answer is not None and answer.length is not None
    if not multipart and (sized or capture.get(_cv2().CAP_PROP_FRAME_COUNT) > 0):
        return Recording(capture, every_s, name)
    return Live(capture, warm_up_s, name)


def public(name: str) -> str:
    """Return a source's name as it may be printed: of a URL only scheme, host and port, as all else can be secret."""
    if "://" not in name:
        return name
    found = _URL.fullmatch(name)
    return f"{found[1]}{found[2]}{'/...' if found[3].strip('/') else ''}" if found else "the URL"


def without_secrets(text: str, source: str) -> str:
    """Return a message with the source and all URLs in it as `public` shows them."""
    if "://" in source:
        text = text.replace(source, public(source))
    return re.sub(r"\w[\w+.-]*://\S+", lambda url: public(url[0]), text)


def _clock_name() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"[:-3] + "Z"


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
        for at_s, name, gap_s, usable in self._grabbed():
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
            shot = Shot(name, _rgb(frame), at_s, gap_s if self.ready else math.inf) if wanted else None
            self.ready, spoiled = True, 0
            yield shot

    def _grabbed(self) -> Iterator[tuple[float, str, float, bool]]:
        """Yield of each frame, when it came, by both clocks, the time since the one before, and whether it may be used.

        It may when the camera is warm and the frame new: one that comes at once has waited in a buffer, and there are
        newer ones behind it.
        """
        count, first_s, last_s, new_s, told = 0, 0.0, -math.inf, 0.0, False
        while True:
            asked_s, worked_s = time.monotonic(), time.thread_time()
            if not self.capture.grab():
                return
            at_s, name = time.monotonic(), _clock_name()
            waited_s = at_s - asked_s - (time.thread_time() - worked_s)
            first_s = first_s or at_s
            enough_s = max(_LEAST_WAITED_S, min(_MOST_WAITED_S, _WAITED * (at_s - first_s) / max(count, 1)))
            if count == 0 or waited_s >= enough_s:
                new_s = at_s
            late = at_s - new_s > _CATCHING_UP_S
            if late and not told:
                told = True
                complain(f"source {public(self.name)} sends faster than this machine decodes; its pictures are late")
            yield at_s, name, at_s - last_s, at_s >= first_s + self.warm_up_s and (at_s == new_s or late)
            count, last_s = count + 1, at_s


# --- snapshots --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What a server gave."""

    content_type: str
    length: int | None
    """In bytes, as it was announced."""
    at_s: float
    """time.monotonic() when it began."""
    name: str
    """The same time by the clock."""
    data: bytes | None
    """Of a picture; anything else is left unread."""

    @property
    def is_picture(self) -> bool:
        return self.data is not None


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
                answer = _ask(self.url)
                if answer is None or not answer.is_picture:
                    raise InputError("its answer is no picture any more")
                shot = _shot(answer, 0.0)
            yield shot
            shot = None


def _shot(answer: Answer, gap_s: float) -> Shot:
    """Return the picture in an answer; raise InputError if it is none, or damaged."""
    from runtime import pixels

    picture = pixels.decode(answer.data or b"", "its answer")
    return Shot(answer.name, picture.pixels, answer.at_s, gap_s, picture.notes, picture.metadata)


def _ask(url: str) -> Answer | None:
    """Return what a GET gives, None where it is no HTTP that we know. Raise InputError with why there is no answer."""
    try:
        with _requested(url) as response:
            at_s, name = time.monotonic(), _clock_name()
            content_type, length = response.headers.get_content_type(), response.length
            start = b"" if content_type.startswith("multipart/") else response.read1(1024)
            picture = content_type.startswith("image/") or (length is not None and _PICTURE.match(start))
            data = _whole(response, start, length, at_s) if picture else None
    except HTTPError as error:
        error.close()
        status = next((f" {known.phrase}" for known in HTTPStatus if known == error.code), "")
        hint = "; give the right user and password in the URL" if error.code == 401 else ""
        raise InputError(f"it answers {error.code}{status}{hint}") from None
    except (ssl.SSLError, URLError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise InputError("its certificate is not trusted; name it in SSL_CERT_FILE, or use http://") from None
        raise InputError(f"it does not answer ({_cause(cause)})") from None
    except (InvalidURL, ValueError):  # their texts would tell the URL
        raise InputError("its URL is not valid; is a character of user or password not written as %xx?") from None
    except HTTPException:
        return None
    except OSError as error:
        raise InputError(f"it does not answer ({_cause(error)})") from None
    return Answer(content_type, length, at_s, name, data)


def _cause(error: object) -> str:
    """Return why a connection failed, in words that hold nothing of the URL."""
    if isinstance(error, TimeoutError):
        return "timed out"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _requested(url: str) -> HTTPResponse:
    """Return the response to a GET, with the user and password in the URL if it asks for them, basic or digest."""
    parts = urlsplit(quote(url, safe=string.punctuation))
    host = parts.netloc.rpartition("@")[2]
    bare = urlunsplit(parts._replace(netloc=host, fragment=""))
    passwords = request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        root = f"{parts.scheme}://{host}/"
        passwords.add_password(None, root, unquote(parts.username), unquote(parts.password or ""))
    known = request.HTTPBasicAuthHandler(passwords), request.HTTPDigestAuthHandler(passwords)
    opener = request.build_opener(_Refused, *known)
    headers = {"User-Agent": f"gargalo/{__version__}", "Cache-Control": "no-cache", "Pragma": "no-cache"}
    response: HTTPResponse = opener.open(request.Request(bare, headers=headers), timeout=_TIMEOUT_S)
    return response


class _Refused(request.BaseHandler):
    """Closes the connection on which a password was asked for, before it is given on another; urllib does not."""

    handler_order = 400  # before those who give it

    def http_error_401(self, _: request.Request, response: HTTPResponse, *rest: object) -> None:
        response.close()


def _whole(response: HTTPResponse, start: bytes, length: int | None, began_s: float) -> bytes:
    """Return all of a picture whose first bytes are read; raise InputError where it has no end, or ends too early."""
    data = bytearray(start)
    while chunk := response.read1(1 << 16):
        data += chunk
        if len(data) > _MOST_SNAPSHOT_BYTES or time.monotonic() - began_s > _TIMEOUT_S:
            raise InputError(
                f"it sent {len(data)} bytes of a picture in {time.monotonic() - began_s:.1f} s, and no end"
            )
    if length is not None and len(data) < length:
        raise InputError(f"its answer ends after {len(data)} of {length} bytes")
    return bytes(data)


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

    if hasattr(cv2, "setLogLevel"):  # up to 4.12
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
        limit_ms = int(_TIMEOUT_S * 1000)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])
    else:
        capture = cv2.VideoCapture(name)
    if not capture.isOpened():
        is_file = Path(name).is_file()
        raise InputError("it is no video that OpenCV can read" if is_file else "does it exist, and is it free?")
    return capture


def _rgb(frame: NDArray[np.uint8]) -> Pixels:
    """Return OpenCV's BGR, BGRA or gray frame as RGB."""
    if frame.ndim == 2:
        return np.repeat(frame[:, :, None], 3, axis=2)
    return np.ascontiguousarray(frame[:, :, 2::-1])
