"""The server of the viewer: on this machine alone, for those who know the token in the address, of an album alone.

    GET  /TOKEN/                          the page and its files
    GET  /TOKEN/list                      numbers and names of the pictures, JSON
    GET  /TOKEN/small/N                   a small picture of the first layers, PNG
    GET  /TOKEN/facts/N                   what the header says, JSON
    GET  /TOKEN/png/N, /TOKEN/jpeg/N      the picture
    POST /TOKEN/small, facts, png, jpeg   the same of a file that was dropped on the page, which is the body

HEAD is as GET, any other method is refused. What cannot be shown is answered with status 422 and the reason. Who does
not know the token gets nothing, and Host must name this server: so pages of other sites get nothing, by a name that
leads to 127.0.0.1 either.
"""

import json
import re
import secrets
import sys
import threading
from collections.abc import Callable
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from runtime.console import complain, reason, shown, trace
from runtime.errors import InputError
from runtime.viewer.album import MOST_BYTES, Album

SMALL_PX = 320
_PAGE = Path(__file__).with_name("page")
_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "viewer.css": ("viewer.css", "text/css; charset=utf-8"),
    **{name: (name, "text/javascript; charset=utf-8") for name in ("served.js", "viewer.js", "details.js", "exif.js")},
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TIMEOUT_S = 60
"""What sends nothing for so long is not waited for."""


class Server(ThreadingHTTPServer):
    """Serves an album until `shutdown`."""

    daemon_threads = True

    def __init__(self, album: Album):
        """Listen on a free port of 127.0.0.1. Raise OSError."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.album = album
        self.token, self._once = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.hosts = [f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")]
        self.working = threading.Lock()  # decoding takes all cores, and memory by the pixel

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{self.hosts[0]}/{self.token}/"

    @property
    def address_once(self) -> str:
        """What leads there once: others on this machine see a browser's arguments."""
        return f"http://{self.hosts[0]}/{self._once}"

    def spend(self, key: str) -> bool:
        """Return whether this is the key of `address_once`, which then is no more."""
        if not compare_digest(key.encode(), self._once.encode()):
            return False
        self._once = secrets.token_urlsafe(32)
        return True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say in a line why a request has no answer, unless its page has left."""
        error = sys.exception()
        if error and not isinstance(error, OSError):
            complain(reason(error), trace(error))


class _Refused(Exception):
    """The request is answered with a status alone."""

    def __init__(self, status: HTTPStatus, headers: dict[str, str] | None = None):
        self.status, self.headers = status, headers or {}


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "gargalo", ""
    protocol_version, default_request_version = "HTTP/1.1", "HTTP/1.0"
    timeout = _TIMEOUT_S

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_HEAD(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request, or one of another method, with a status alone, and with no words of Python's."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._answer(self._no_method)
        else:
            self._send(HTTPStatus(code), {}, b"")

    def _answer(self, work: Callable[[str], tuple[bytes, str]]) -> None:
        """Send what work returns of a path behind the token: a body and its type."""
        try:
            body, kind = work(self._path())
            self._send(HTTPStatus.OK, {"Content-Type": kind}, body)
        except _Refused as refused:
            self._send(refused.status, refused.headers, b"")
        except Exception as error:
            text = shown(reason(error)).encode()  # file names may be no text
            self._send(HTTPStatus.UNPROCESSABLE_ENTITY, {"Content-Type": "text/plain; charset=utf-8"}, text)

    def _send(self, status: HTTPStatus, headers: dict[str, str], body: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in (_HEADERS | headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            if status >= HTTPStatus.BAD_REQUEST:  # what of a body is still to come is no request
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:  # the page has left
            self.close_connection = True

    def _path(self) -> str:
        """Return the path behind the token; raise _Refused."""
        if self.headers.get_all("Host") not in [[host] for host in self.server.hosts]:
            raise _Refused(HTTPStatus.FORBIDDEN)
        token, slash, rest = self.path.removeprefix("/").partition("/")
        if not slash or not compare_digest(token.encode(), self.server.token.encode()):
            if self.command == "GET" and self.server.spend(self.path[1:]):
                raise _Refused(HTTPStatus.SEE_OTHER, {"Location": f"/{self.server.token}/"})
            raise _Refused(HTTPStatus.NOT_FOUND)
        return rest

    def _get(self, path: str) -> tuple[bytes, str]:
        if path in _FILES:
            name, kind = _FILES[path]
            return (_PAGE / name).read_bytes(), kind
        if path == "list":
            return _json([{"number": number, "name": name} for number, name in self.server.album.refresh()])
        found = re.fullmatch(r"(small|facts|png|jpeg)/(\d{1,9})", path)
        if not found or int(found[2]) >= len(self.server.album.entries):
            raise _Refused(HTTPStatus.NOT_FOUND)
        return self._made(found[1], self.server.album.entries[int(found[2])].read())

    def _post(self, path: str) -> tuple[bytes, str]:
        if path not in ("small", "facts", "png", "jpeg"):
            raise _Refused(HTTPStatus.NOT_FOUND)
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,10}", length) or int(length) > MOST_BYTES:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED)
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise InputError("the file came only in part; drop it again")
        return self._made(path, data)

    def _no_method(self, path: str) -> tuple[bytes, str]:
        raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD, POST"})

    def _made(self, what: str, data: bytes) -> tuple[bytes, str]:
        from runtime.pictures import write
        from runtime.viewer import rendering

        if what == "facts":
            return _json(rendering.facts(data))
        with self.server.working:
            if what == "small":
                return write.encode(rendering.small(data, SMALL_PX), ".png"), "image/png"
            return rendering.saved(data, {"png": ".png", "jpeg": ".jpg"}[what]), f"image/{what}"

    def log_message(self, format: str, *args: object) -> None:
        """Keep silent: addresses hold the token."""


def _json(value: object) -> tuple[bytes, str]:
    return json.dumps(value).encode(), "application/json"
