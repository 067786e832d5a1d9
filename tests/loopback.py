"""Cameras on loopback whose pictures tell when they were made: bars for the bits of the clock, in milliseconds.

test_capture.py, test_source.py and test_web.py ask them for streams, snapshots and clips.
"""

import base64
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

_BITS, _A_ROW, _SIDE_PX = 24, 12, 16
HEIGHT, WIDTH = 64, _A_ROW * _SIDE_PX
"""Two rows of bars, and as much below them of one gray."""


def clock_ms() -> int:
    return int(time.time() * 1000) % (1 << _BITS)


def picture(level: int = 128) -> np.ndarray:
    """Return what a camera sees now, (64, 192, 3): the clock, and a gray level below it."""
    made = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
    now = clock_ms()
    for bit in range(_BITS):
        row, column = divmod(bit, _A_ROW)
        made[row * _SIDE_PX :, column * _SIDE_PX :][:_SIDE_PX, :_SIDE_PX] = 255 if now >> bit & 1 else 0
    return made


def jpeg(level: int = 128) -> bytes:
    return cv2.imencode(".jpg", picture(level), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def level_of(pixels: np.ndarray) -> int:
    """Return the gray level that a picture was made with, to one or two."""
    return round(float(pixels[40:56].mean()))


def lag_s(name: str, pixels: np.ndarray) -> float:
    """Return how much earlier a picture was made than the time in its name, 20260102T030405.678Z."""
    gray = pixels.reshape(HEIGHT, WIDTH, -1).mean(axis=2)
    made = 0
    for bit in range(_BITS):
        row, column = divmod(bit, _A_ROW)
        middle = gray[row * _SIDE_PX + 4 :, column * _SIDE_PX + 4 :][:8, :8]
        made |= int(middle.mean() > 128) << bit
    named = datetime.strptime(name[:-1] + "000", "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC).timestamp()
    half = 1 << (_BITS - 1)
    return ((int(named * 1000) - made + half) % (2 * half) - half) / 1000


def behind_s(lags_s: Sequence[float]) -> float:
    """Return how far a source is behind at its end; what held up one or two of three pictures does not count."""
    return min(map(abs, lags_s[-3:]))


# --- servers ----------------------------------------------------------------------------------------------------------

Handler = BaseHTTPRequestHandler


@dataclass
class Camera:
    """A server, what it was asked, and how long it may go on."""

    port: int
    paths: list[str] = field(default_factory=list)
    """Of each request that came, in this order."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when nobody listens any more."""

    def url(self, path: str, user: str = "") -> str:
        return f"http://{user}{'@' if user else ''}127.0.0.1:{self.port}{path}"


@contextmanager
def serving(answer: Callable[[Handler, Camera], None]) -> Iterator[Camera]:
    """Yield a server of which each request is answered in a thread of its own."""

    class Answering(Handler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:  # noqa: N802
            camera.paths.append(self.path)
            with suppress(OSError):  # whoever asked has gone
                answer(self, camera)
            self.close_connection = True

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Answering) as server:
        camera = Camera(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield camera
        finally:
            camera.over.set()
            server.shutdown()
            thread.join()


def send(handler: Handler, data: bytes, kind: str = "image/jpeg", status: int = 200, length: int | None = -1) -> None:
    """Answer with data; the length that is announced may be another one, or None for none."""
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    if length is not None:
        handler.send_header("Content-Length", str(len(data) if length == -1 else length))
    handler.end_headers()
    handler.wfile.write(data)


def chunked(handler: Handler, data: bytes, end: bool = True) -> None:
    """Answer with a picture of unknown length, by halves, as HTTP/1.1 has it; without end it breaks off."""
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Content-Type", "image/jpeg")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    half = len(data) // 2
    for part in (data[:half], data[half:]):
        handler.wfile.write(b"%x\r\n" % len(part) + part + b"\r\n")
    if end:
        handler.wfile.write(b"0\r\n\r\n")


def part(data: bytes) -> bytes:
    """Return a picture as a part of multipart/x-mixed-replace."""
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data) + data + b"\r\n"


def stream(handler: Handler, camera: Camera, levels: Iterable[int], rate: float = 25, begin: bool = True) -> None:
    """Send frames as multipart/x-mixed-replace, each made when it is due, until the levels or the camera end.

    Without begin it goes on with what another call has begun.
    """
    if begin:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
    began_s = time.monotonic()
    for number, level in enumerate(levels, 1):
        handler.wfile.write(part(jpeg(level)))
        if camera.over.wait(max(0.0, began_s + number / rate - time.monotonic())):
            return


def admits(handler: Handler, user: str, password: str) -> bool:
    """Return whether the request has the user and password of basic authentication; if not, it is told to give them."""
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    if handler.headers.get("Authorization") == expected:
        return True
    handler.send_response(401)
    handler.send_header("WWW-Authenticate", 'Basic realm="camera"')
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return False


def video(path: Path, levels: Iterable[int], rate: float, fourcc: str = "MJPG") -> bytes:
    """Write a video of frames of one gray level each; return its bytes."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*fourcc), rate, (64, 48))
    assert writer.isOpened()
    for level in levels:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path.read_bytes()
