"""HTTP as cameras speak it: answers of servers on loopback, and what is told of a URL."""

import hashlib
import re

import loopback
import pytest
from loopback import Camera, Handler, send, serving

from runtime.cameras.web import ask, public, without_secrets
from runtime.errors import InputError


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between us and the servers here."""
    monkeypatch.setenv("no_proxy", "*")


# --- passwords --------------------------------------------------------------------------------------------------------


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def digest(handler: Handler, camera: Camera) -> None:
    """Ask as most cameras do: digest, with basic as the second choice."""
    given = dict(re.findall(r'(\w+)="?([^",\s]+)', handler.headers.get("Authorization", "")))
    if given and handler.headers["Authorization"].startswith("Digest "):
        secret, what = md5("admin:camera:p@ss:word"), md5(f"GET:{given['uri']}")
        if given["response"] == md5(":".join([secret, given["nonce"], given["nc"], given["cnonce"], "auth", what])):
            return send(handler, loopback.jpeg())
    handler.send_response(401)
    handler.send_header("WWW-Authenticate", f'Digest realm="camera", nonce="{len(camera.paths)}", qop="auth"')
    handler.send_header("WWW-Authenticate", 'Basic realm="camera"')
    handler.end_headers()


def test_a_password_is_given_by_digest() -> None:
    with serving(digest) as camera:
        answer = ask(camera.url("/snapshot.jpg?channel=1", "admin:p%40ss%3Aword"))
        assert answer is not None and answer.picture is not None
        for user in ("admin:wrong", "admin", ""):
            with pytest.raises(InputError, match="401 Unauthorized; give the right user and password"):
                ask(camera.url("/snapshot.jpg", user))


def test_other_ways_to_ask_for_a_password_are_named_so() -> None:
    def bearer(handler: Handler, camera: Camera) -> None:
        handler.send_response(401)
        handler.send_header("WWW-Authenticate", 'Bearer realm="Geheim"')
        handler.end_headers()

    with serving(bearer) as camera, pytest.raises(InputError, match="in a way that we do not know"):
        ask(camera.url("/", "admin:Geheim"))


def test_a_password_is_not_given_to_the_server_that_a_redirect_leads_to() -> None:
    given = []

    def other(handler: Handler, camera: Camera) -> None:
        given.append(handler.headers.get("Authorization"))
        loopback.admits(handler, "admin", "Geheim")

    with serving(other) as elsewhere:

        def redirects(handler: Handler, camera: Camera) -> None:
            if loopback.admits(handler, "admin", "Geheim"):
                handler.send_response(302)
                handler.send_header("Location", elsewhere.url("/"))
                handler.end_headers()

        with serving(redirects) as camera, pytest.raises(InputError, match="401"):
            ask(camera.url("/", "admin:Geheim"))
    assert given == [None]


# --- what an answer is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, data, length, ends",
    [
        ("video/mp4", b"\0\0\0\x18ftypisom", -1, True),
        ("video/mp4", b"\0\0\0\x18ftypisom", None, None),
        ("video/mp4", b"\0\0\0\x18ftypisom moov mvex", None, False),
        ("video/mp4", b"\0\0\0\x18ftypisom moov mvex", -1, True),
        ("multipart/x-mixed-replace", b"--frame", None, False),
        ("multipart/x-mixed-replace", b"--frame", 10**12, False),
        ("application/vnd.apple.mpegurl", b"#EXTM3U\n", -1, None),
        ("text/plain", b"#EXTM3U\n", -1, None),
        ("video/mp2t", b"G", 0, None),
    ],
)
def test_whether_a_video_ends_is_told_by_its_server_if_at_all(
    kind: str, data: bytes, length: int | None, ends: bool | None
) -> None:
    with serving(lambda handler, camera: send(handler, data, kind, length=length)) as camera:
        answer = ask(camera.url("/"))
    assert answer is not None and answer.picture is None and answer.ends is ends


def test_what_is_no_http_is_left_to_others() -> None:
    def answer(handler: Handler, camera: Camera) -> None:
        handler.wfile.write(b"ICY 200 OK\r\n\r\n")

    with serving(answer) as camera:
        assert ask(camera.url("/")) is None


@pytest.mark.parametrize("url", ["http://", "http://[cam/", "http://cam:port/", "http://a..b/", "http://u:p:1@cam:x/"])
def test_a_url_that_is_none_is_told_of_without_its_text(url: str) -> None:
    with pytest.raises(InputError) as raised:
        ask(url)
    assert "cam" not in str(raised.value)


# --- what is told of a URL --------------------------------------------------------------------------------------------
SECRETS = [
    ("rtsp://admin:Geheim@cam/stream1", "rtsp://cam/..."),
    ("rtsp://admin:Geheim@192.168.1.9:554", "rtsp://192.168.1.9:554"),
    ("rtsp://admin:Geheim@[fe80::1]:554/a", "rtsp://[fe80::1]:554/..."),
    ("http://Geheim@cam/", "http://cam"),
    ("http://cam/snapshot.jpg?token=Geheim", "http://cam/..."),
    ("http://cam/Geheim/0.jpg", "http://cam/..."),
    ("http://cam#Geheim", "http://cam/..."),
    ("http://user:p@ss@Geheim@cam/a", "http://cam/..."),
    ("http://user:Geheim/word@cam/a", "the URL"),
    ("http://user:12/Geheim@cam/a", "the URL"),
    ("http://user:Geheim?@cam/a", "the URL"),
    ("http://user:12#Geheim@cam/a", "the URL"),
    ("http://user:Geheim", "the URL"),
    ("http://cam/a?mail=me@Geheim", "the URL"),
    ("http://user:Geheim word@cam/a", "http://cam/..."),
    ("HTTP://user:Geheim@cam/a", "HTTP://cam/..."),
]


@pytest.mark.parametrize("url, told", SECRETS)
def test_of_a_url_only_the_host_is_told(url: str, told: str) -> None:
    assert public(url) == told
    assert "Geheim" not in without_secrets(f"cannot open {url}: what is {url}?", url)
    assert " " in url or "Geheim" not in without_secrets(f"cannot open {url}: what is '{url}'?", "0")


@pytest.mark.parametrize("name", ["0", "clip.mp4", "/dev/video0", "C:\\me@home\\clip.mp4", "me@home:clip.mp4"])
def test_other_names_are_told_as_they_are(name: str) -> None:
    assert public(name) == name and without_secrets(f"{name} is not there", name) == f"{name} is not there"


@pytest.mark.parametrize(
    "header",
    [
        "WWW-Authenticate: Digest realm=",
        'WWW-Authenticate: Digest realm="a", nonce="b", algorithm=SHA-512-256, qop="auth-int"',
    ],
)
def test_headers_that_urllib_stumbles_over_are_told_in_words(header: str) -> None:
    def answer(handler: Handler, _: Camera) -> None:
        handler.wfile.write(f"HTTP/1.1 401 x\r\n{header}\r\n\r\n".encode())

    with serving(answer) as camera, pytest.raises(InputError, match="not HTTP that can be understood") as raised:
        ask(camera.url("/", "user:secret"))
    assert "secret" not in str(raised.value)
