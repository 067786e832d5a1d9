"""Sources kept going: streams and snapshots of servers on loopback, cameras that drop and hang."""

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import loopback
import numpy as np
import pytest
from loopback import Camera, Handler, behind_s, chunked, lag_s, level_of, part, send, serving, stream

from runtime.cameras import feeds, source, web
from runtime.cameras.feeds import Shot
from runtime.cameras.source import Source
from runtime.errors import InputError

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are short, and no proxy stands between."""
    monkeypatch.setattr(source, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(source, "_LONGEST_WAIT_S", 0.02)
    monkeypatch.setenv("no_proxy", "*")


def shots(name: str, every_s: float, count: int, warm_up_s: float = 0.2, encode_s: float = 0.0) -> list[Shot]:
    """Return the first pictures of a source; after each one nothing is asked for a while, as when it is encoded."""
    taken = []
    opened = Source(name, threading.Event(), warm_up_s)
    try:
        for _, shot in itertools.islice(opened.frames(every_s), count):
            taken.append(shot)
            time.sleep(encode_s)
    finally:
        opened.close()
    return taken


def lags(taken: list[Shot]) -> list[float]:
    return [lag_s(shot.name, shot.pixels) for shot in taken]


# --- a stream ---------------------------------------------------------------------------------------------------------


def endless(handler: Handler, camera: Camera) -> None:
    stream(handler, camera, itertools.repeat(128))


@pytest.mark.parametrize("every_s, encode_s", [(0.05, 0.5), (0.3, 0.0)])
def test_a_stream_s_picture_shows_the_time_it_is_named_after(every_s: float, encode_s: float) -> None:
    """25 frames a second of which one was read for each picture: after 6 pictures of 0.5 s each 2.3 s late."""
    with serving(endless) as camera:
        taken = shots(camera.url("/video"), every_s, 6, encode_s=encode_s)
    assert len(taken) == 6 and behind_s(lags(taken)) < 1
    assert np.diff([shot.at_s for shot in taken]).min() >= max(encode_s, every_s - 0.2)


@pytest.mark.parametrize("warm_up_s", [0.0, 0.2])
def test_nothing_that_was_sent_while_a_stream_was_opened_is_taken_for_new(
    warm_up_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty seconds of old frames come at once, then one every 200 ms."""
    monkeypatch.setattr(feeds, "_MOST_WAITED_S", 0.1)

    def late(handler: Handler, camera: Camera) -> None:
        stream(handler, camera, [])
        handler.wfile.write(part(loopback.jpeg(10)) * 100)
        stream(handler, camera, itertools.repeat(200), rate=5, begin=False)

    with serving(late) as camera:
        assert level_of(shots(camera.url("/video"), 1, 1, warm_up_s)[0].pixels) > 190


def test_a_camera_is_warm_before_each_first_picture(capfd: Capture) -> None:
    """Each connection starts with half a second of dark frames and ends after two: all pictures are bright."""

    def dark_at_first(handler: Handler, camera: Camera) -> None:
        stream(handler, camera, [10] * 13 + [200] * 37)

    with serving(dark_at_first) as camera:
        taken = shots(camera.url("/video"), 0.2, 8, warm_up_s=1.0)
        connections = len(camera.paths)
    assert [level_of(shot.pixels) > 190 for shot in taken] == [True] * 8
    assert connections >= 3 and capfd.readouterr().err.count("is back after") >= 1


def test_an_interval_below_that_of_frames_takes_each_frame_and_misses_none(capfd: Capture) -> None:
    with serving(endless) as camera:
        taken = shots(camera.url("/video"), 0.001, 10)
    assert len({shot.name for shot in taken}) == 10 and capfd.readouterr().err == ""


def test_what_we_are_too_slow_for_is_told_once(capfd: Capture) -> None:
    with serving(endless) as camera:
        shots(camera.url("/video"), 0.2, 3, encode_s=0.7)
    err = capfd.readouterr().err
    assert err.count("missed") == err.count("\n") == 1


def test_a_stream_that_falls_silent_is_opened_again(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    monkeypatch.setattr(feeds, "TIMEOUT_S", 2.0)

    def falls_silent(handler: Handler, camera: Camera) -> None:
        stream(handler, camera, [128] * 20)
        camera.over.wait(30)

    with serving(falls_silent) as camera:
        taken = shots(camera.url("/video"), 0.3, 5)
    assert len(taken) == 5 and "gives no pictures" in capfd.readouterr().err


# --- snapshots --------------------------------------------------------------------------------------------------------


def test_each_snapshot_is_asked_for_when_it_is_due() -> None:
    """One request a picture, and none in between."""

    def numbered(handler: Handler, camera: Camera) -> None:
        send(handler, loopback.jpeg(20 * len(camera.paths)))

    with serving(numbered) as camera:
        taken = shots(camera.url("/snapshot.jpg?width=640"), 0.3, 5, encode_s=0.2)
        assert [round(level_of(shot.pixels) / 20) for shot in taken] == [1, 2, 3, 4, 5]
        assert camera.paths == ["/snapshot.jpg?width=640"] * 5
    assert behind_s(lags(taken)) < 1
    assert all(shot.at_s - taken[0].at_s > 0.3 * number - 0.01 for number, shot in enumerate(taken))


@pytest.mark.parametrize("kind", ["image/jpeg", "image/jpg", "application/octet-stream", "text/plain"])
def test_a_snapshot_is_known_by_its_type_or_its_first_bytes(kind: str) -> None:
    with serving(lambda handler, camera: send(handler, loopback.jpeg(100), kind)) as camera:
        assert level_of(shots(camera.url("/"), 0.1, 2)[1].pixels) in range(95, 105)


def test_a_snapshot_in_chunks_is_put_together() -> None:
    with serving(lambda handler, camera: chunked(handler, loopback.jpeg(100))) as camera:
        assert level_of(shots(camera.url("/"), 0.1, 2)[1].pixels) in range(95, 105)


def test_a_server_that_fails_now_and_then_is_asked_again(capfd: Capture) -> None:
    """Every other answer is bad: pictures come all the same, each one whole, and each failure is told."""
    whole = loopback.jpeg(200)

    def moody(handler: Handler, camera: Camera) -> None:
        bad = [
            lambda: send(handler, b"", status=404),
            lambda: send(handler, b"", status=500),
            lambda: send(handler, b"", status=401),
            lambda: send(handler, b"<html>sorry</html>", "text/html"),
            lambda: send(handler, b"<html>sorry</html>", "image/jpeg"),
            lambda: send(handler, whole[:-100], length=len(whole)),
            lambda: send(handler, whole[:-100], length=None),
            lambda: send(handler, whole[:-100]),
            lambda: send(handler, b""),
            lambda: chunked(handler, whole[:-100], end=False),
            lambda: None,
        ]
        number, good = divmod(len(camera.paths), 3)
        if good or number > len(bad):
            send(handler, loopback.jpeg(200))
        else:
            bad[number - 1]()

    with serving(moody) as camera:
        taken = shots(camera.url("/snapshot.jpg"), 0.01, 28)
    err = capfd.readouterr().err
    assert [level_of(shot.pixels) > 190 for shot in taken] == [True] * 28
    assert err.count("is back after") == 11
    for told in ("404 Not Found", "500 Internal Server Error", "401 Unauthorized", "ends after", "cut off"):
        assert told in err, told


@pytest.mark.parametrize(
    "status, told", [(404, "404 Not Found"), (401, "give the right user"), (503, "503 Service Unavailable")]
)
def test_a_snapshot_that_is_refused_to_begin_with_ends_it(status: int, told: str) -> None:
    with serving(lambda handler, camera: send(handler, b"", status=status)) as camera:
        with pytest.raises(InputError, match=f"does not open: .*{told}"):
            shots(camera.url("/snapshot.jpg"), 1, 1)


def test_a_snapshot_behind_redirects_is_found() -> None:
    def elsewhere(handler: Handler, camera: Camera) -> None:
        if handler.path == "/there.jpg":
            return send(handler, loopback.jpeg(77))
        handler.send_response(302 if handler.path == "/" else 307)
        handler.send_header("Location", "/twice" if handler.path == "/" else "/there.jpg")
        handler.end_headers()

    with serving(elsewhere) as camera:
        assert level_of(shots(camera.url("/"), 1, 1)[0].pixels) in range(73, 82)


def test_redirects_that_never_end_are_an_error() -> None:
    def round_and_round(handler: Handler, camera: Camera) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"/{len(camera.paths)}?token=Geheim123")
        handler.end_headers()

    with serving(round_and_round) as camera, pytest.raises(InputError, match="does not open") as raised:
        shots(camera.url("/"), 1, 1)
    assert "Geheim123" not in str(raised.value) and len(camera.paths) < 20


@pytest.mark.parametrize("how", ["snapshot", "stream", "clip"])
def test_user_and_password_are_given_to_who_asks_for_them(how: str, tmp_path: Path) -> None:
    """With characters that are written as %xx in a URL."""
    clip = loopback.video(tmp_path / "clip.avi", [50] * 50, 25)

    def guarded(handler: Handler, camera: Camera) -> None:
        if not loopback.admits(handler, "ad min", "p@ss/w:rd#"):
            return
        if how == "snapshot":
            send(handler, loopback.jpeg())
        elif how == "stream":
            endless(handler, camera)
        else:
            send(handler, clip, "video/x-msvideo")

    with serving(guarded) as camera:
        assert len(shots(camera.url("/x", "ad%20min:p%40ss%2Fw%3Ard%23"), 0.1, 3)) == 3
        with pytest.raises(InputError, match="401"):
            shots(camera.url("/x", "ad%20min:wrong"), 0.1, 3)


def test_a_snapshot_that_never_ends_is_refused_in_bounded_time_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless_picture(handler: Handler, camera: Camera) -> None:
        send(handler, loopback.jpeg(), length=None)
        while not camera.over.is_set():
            handler.wfile.write(bytes(1 << 16))

    def drips(handler: Handler, camera: Camera) -> None:
        send(handler, loopback.jpeg(), length=10**6)
        while not camera.over.wait(0.05):
            handler.wfile.write(b"x")

    monkeypatch.setattr(web, "_MOST_BYTES", 1 << 20)
    with serving(endless_picture) as camera, pytest.raises(InputError, match="had no end"):
        shots(camera.url("/snapshot.jpg"), 1, 1)
    monkeypatch.setattr(web, "TIMEOUT_S", 2.0)
    with serving(drips) as camera, pytest.raises(InputError, match="had no end"):
        shots(camera.url("/snapshot.jpg"), 1, 1)


# --- a video by HTTP --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix, fourcc", [(".avi", "MJPG"), (".mp4", "mp4v"), (".mkv", "mp4v"), (".ts", "mp4v")])
def test_a_clip_by_url_gives_what_the_file_gives_and_ends(suffix: str, fourcc: str, tmp_path: Path) -> None:
    data = loopback.video(tmp_path / f"clip{suffix}", range(0, 250, 2), 25, fourcc)

    def clip(handler: Handler, camera: Camera) -> None:
        send(handler, data, "application/octet-stream")

    with serving(clip) as camera:
        by_url = shots(camera.url(f"/clip{suffix}"), 1, 99, encode_s=0.05)
    from_disk = shots(str(tmp_path / f"clip{suffix}"), 1, 99)
    assert [shot.name for shot in by_url] == [f"00h00m0{second}.000s" for second in range(5)]
    for a, b in zip(by_url, from_disk, strict=True):
        assert a.name == b.name and np.array_equal(a.pixels, b.pixels)


def test_a_clip_of_unknown_length_ends_too(tmp_path: Path) -> None:
    """As a program sends it; its own header knows how many frames there are."""
    data = loopback.video(tmp_path / "clip.avi", range(0, 250, 2), 25)
    with serving(lambda handler, camera: send(handler, data, "video/x-msvideo", length=None)) as camera:
        assert len(shots(camera.url("/clip"), 1, 99)) == 5


def test_a_playlist_has_a_length_but_tells_nothing_of_the_video_s(tmp_path: Path) -> None:
    """HLS: a list of pieces, which says whether it is the whole of it."""
    data = loopback.video(tmp_path / "clip.ts", range(0, 250, 2), 25, "mp4v")
    head = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXTINF:5.0,\nclip.ts\n"

    def hls(handler: Handler, camera: Camera) -> None:
        whole = handler.path == "/whole.m3u8"
        text = head + b"#EXT-X-ENDLIST\n" * whole
        send(handler, *(data, "video/mp2t") if handler.path == "/clip.ts" else (text, "application/vnd.apple.mpegurl"))

    with serving(hls) as camera:
        assert len(shots(camera.url("/whole.m3u8"), 1, 99)) == 5
        feed = feeds.open_feed(camera.url("/growing.m3u8"), 1, 0)
        feed.close()
    assert not feed.ends


@pytest.mark.skipif(not hasattr(cv2, "CAP_PROP_PTS"), reason="this OpenCV does not tell where a video ends")
def test_a_clip_that_is_cut_off_is_told_of(tmp_path: Path, capfd: Capture) -> None:
    data = loopback.video(tmp_path / "clip.avi", range(0, 250, 2), 25)
    half, whole = data[: len(data) // 2], len(data)
    with serving(lambda handler, camera: send(handler, half, "video/avi", length=whole)) as camera:
        assert len(shots(camera.url("/clip?key=Geheim123"), 1, 99)) == 3
    err = capfd.readouterr().err
    assert "of 5.0 s; is it cut off?" in err and "Geheim123" not in err


# --- what hangs -------------------------------------------------------------------------------------------------------


class Hanging:
    """A camera whose frames stop for ever, or until it is let go."""

    def __init__(self, frames: int):
        self.left, self.free, self.released = frames, threading.Event(), False

    def grab(self) -> bool:
        self.left -= 1
        if self.left < 0:
            self.free.wait()
            return False
        time.sleep(0.01)
        return True

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.zeros((16, 16, 3), np.uint8)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Hanging]]:
    """The cameras that are opened, which give 30 frames and then hang."""
    opened: list[Hanging] = []

    def opening(name: str) -> Hanging:
        opened.append(Hanging(30))
        return opened[-1]

    monkeypatch.setattr(feeds, "_open", opening)
    monkeypatch.setattr(source, "_HANGS_S", 0.5)
    yield opened
    for camera in opened:
        camera.free.set()


def test_a_camera_that_hangs_is_left_and_opened_again(hanging: list[Hanging], capfd: Capture) -> None:
    assert len(shots("0", 0.01, 40, warm_up_s=0.0)) == 40
    assert len(hanging) >= 2 and "(it hangs); opening it again" in capfd.readouterr().err
    hanging[0].free.set()
    for _ in range(2400):
        if hanging[0].released:
            return
        time.sleep(0.05)
    pytest.fail("the camera that hung was not released when it went on")


def test_a_camera_that_hangs_again_and_again_ends_it(hanging: list[Hanging], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its threads cannot be ended, so there must not be ever more of them."""
    monkeypatch.setattr(source, "_MOST_HANGING", 2)
    monkeypatch.setattr(source, "_HANGS_S", 0.2)
    with pytest.raises(InputError, match="hangs whenever it is opened"):
        shots("0", 3600, 2)
    assert 3 <= len(hanging) < 9  # a busy machine may take one for hanging that goes on


def test_what_a_library_says_of_its_troubles_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words may hold the URL, whole or in part."""

    def opening(name: str) -> None:
        raise cv2.error("cannot read /stream?token=Geheim")

    monkeypatch.setattr(feeds, "_open", opening)
    with pytest.raises(InputError, match="does not open: cv2.error") as raised:
        shots("rtsp://user:Geheim@cam/stream?token=Geheim", 1, 1)
    assert "Geheim" not in str(raised.value)


@pytest.mark.parametrize("when", ["opening", "reading", "waiting"])
def test_stop_is_heard_at_once(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a source is opened or read, which hangs, and while it is waited for."""
    camera = Hanging(0)
    stop = threading.Event()

    def opening(name: str) -> Hanging:
        if when == "opening":
            camera.grab()
        if when == "waiting":
            raise InputError("no")
        return camera

    monkeypatch.setattr(feeds, "_open", opening)
    monkeypatch.setattr(source, "_FIRST_WAIT_S", 3600.0)
    opened = Source("0", stop)
    opened.dropped_s = 0.0  # so that one that does not open is waited for
    threading.Timer(0.5, stop.set).start()
    began_s = time.monotonic()
    assert list(opened.frames(1)) == []
    opened.close()
    camera.free.set()
    assert time.monotonic() - began_s < 30
