"""Time-lapses: from a video made here, from servers on loopback, and from cameras that drop, stop, or do not exist."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import loopback
import numpy as np
import pytest
from loopback import Handler, send, serving

from runtime import codec as codec_module
from runtime import container
from runtime.cameras import feeds, source
from runtime.capture import main
from runtime.codec import Codec
from runtime.errors import InputError

Capture = pytest.CaptureFixture[str]
PATIENCE_S = 120
COLOURS = [(200, 30, 40), (20, 180, 60), (30, 60, 220), (220, 220, 30)]
"""RGB, one a second of the video."""
_EXIF = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x0f\x00\x02\x00\x00\x00\x04cam\x00\x00\x00\x00\x00"
"""The maker, "cam", and nothing else."""


def frame(colour: tuple[int, int, int]) -> np.ndarray:
    """Return a flat picture as OpenCV gives it: (48, 64, 3) BGR."""
    return np.full((48, 64, 3), colour[::-1], np.uint8)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of MJPEG at 5 frames a second, each second of one colour."""
    path = tmp_path_factory.mktemp("video") / "cam.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 48))
    assert writer.isOpened()
    for colour in COLOURS:
        for _ in range(5):
            writer.write(frame(colour))
    writer.release()
    return path


class Camera:
    """What cv2.VideoCapture is, with a fixed number of frames before it drops."""

    def __init__(self, frames: int, opens: bool = True, at_frame: dict[int, int] | None = None, good: bool = True):
        self.left, self.opens, self.at_frame, self.good = frames, opens, at_frame or {}, good
        self.released = not opens

    def grab(self) -> bool:
        time.sleep(0.015)
        self.left -= 1
        if self.left in self.at_frame:
            os.kill(os.getpid(), self.at_frame[self.left])
        return self.left >= 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return self.good, frame(COLOURS[0])

    def release(self) -> None:
        self.released = True


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> list[Camera]:
    """The cameras that are found one after the other, each time the source is opened; waits are short."""
    found: list[Camera] = []
    waiting = iter(found)

    def opening(name: str) -> Camera:
        camera = next(waiting)
        if not camera.opens:
            raise InputError("does it exist, and is it free?")
        return camera

    monkeypatch.setattr(feeds, "_open", opening)
    monkeypatch.setattr(source, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(source, "_LONGEST_WAIT_S", 0.002)
    return found


def run(*words: object) -> int:
    return main(["--warm-up", "0s", *(str(word) for word in words)])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- a video ----------------------------------------------------------------------------------------------------------


def test_a_video_gives_a_picture_for_each_interval_of_its_own_time(
    video: Path, tmp_path: Path, codec: Codec, capfd: Capture
) -> None:
    assert run("--source", video, "--every", "1s", "-o", tmp_path / "new" / "lapse", "--threads", 1) == 0
    made = tmp_path / "new" / "lapse"
    assert names(made) == [f"00h00m0{second}.000s.gar" for second in range(4)]
    for name, colour in zip(names(made), COLOURS, strict=True):
        middle = codec.decode((made / name).read_bytes())[16:32, 16:48].mean(axis=(0, 1))
        assert np.abs(middle - colour).max() < 12, f"{name} has another colour: red and blue exchanged?"
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 4 and err == ""
    assert re.fullmatch(r"\S+00h00m00\.000s\.gar \d+ B, \d\.\d\d bpp", out.splitlines()[0])


def test_count_ends_it_and_json_is_a_line_a_picture(video: Path, tmp_path: Path, capfd: Capture) -> None:
    assert run("--source", video, "--every", "400ms", "--count", 2, "-o", tmp_path, "--json") == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert (
        [Path(line["output"]).name for line in lines]
        == names(tmp_path)
        == [
            "00h00m00.000s.gar",
            "00h00m00.400s.gar",
        ]
    )
    assert [line["bytes_out"] for line in lines] == [(tmp_path / name).stat().st_size for name in names(tmp_path)]


def test_pictures_that_exist_are_kept_without_f(video: Path, tmp_path: Path, capfd: Capture) -> None:
    command = ("--source", video, "--every", "1h", "-o", tmp_path, "--quiet")
    assert run(*command) == 0
    before = (tmp_path / "00h00m00.000s.gar").stat().st_mtime_ns
    assert run(*command) == 1
    assert "use -f" in capfd.readouterr().err
    assert (tmp_path / "00h00m00.000s.gar").stat().st_mtime_ns == before
    assert run(*command, "-f") == 0


def test_a_budget_bounds_the_sum(video: Path, tmp_path: Path) -> None:
    """200 bytes a second for 4 pictures of one a second: 800 bytes at most."""
    assert run("--source", video, "--every", "1s", "-o", tmp_path, "--budget", "720KB/h") == 0
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert 1 <= len(sizes) <= 4 and sum(sizes) <= 800


def test_pictures_that_are_left_out_do_not_count(video: Path, tmp_path: Path, capfd: Capture) -> None:
    words = ["--source", video, "--every", "1s", "--budget"]
    assert run(*words, "2GB/week", "--count", 2, "-o", tmp_path / "some") == 0
    assert len(names(tmp_path / "some")) == 2
    assert run(*words, "10B/day", "--count", 2, "-o", tmp_path / "none") == 1
    assert names(tmp_path / "none") == [] and capfd.readouterr().err.count("skipped") == 4


# --- a camera ---------------------------------------------------------------------------------------------------------


def test_a_camera_s_pictures_are_named_by_the_time_of_day_in_utc(cameras: list[Camera], tmp_path: Path) -> None:
    cameras.append(Camera(10**6))
    before = datetime.now(UTC)
    assert run("--source", 0, "--every", "1ms", "--count", 3, "-o", tmp_path) == 0
    times = [datetime.strptime(name, "%Y%m%dT%H%M%S.%fZ.gar").replace(tzinfo=UTC) for name in names(tmp_path)]
    assert len(times) == 3 and times == sorted(times)
    assert abs((times[0] - before).total_seconds()) < 60
    assert cameras[0].released


def test_a_camera_that_drops_is_opened_again_and_again(cameras: list[Camera], tmp_path: Path, capfd: Capture) -> None:
    cameras += [Camera(1), Camera(0, opens=False), Camera(0), Camera(10**6)]
    assert run("--source", "rtsp://cam/1", "--every", "1ms", "--count", 2, "-o", tmp_path) == 0
    err = capfd.readouterr().err.splitlines()
    drops = [line for line in err if "gives no pictures" in line]
    waits = [found[1] for line in drops if (found := re.search(r"again in (\S+) s", line))]
    assert waits == ["0.001", "0.002", "0.002"], "the wait doubles up to its limit"
    assert sum("is back after" in line for line in err) == 1
    assert len(names(tmp_path)) == 2 and all(camera.released for camera in cameras)


def test_a_camera_whose_frames_are_all_spoiled_is_opened_again(
    cameras: list[Camera], tmp_path: Path, capfd: Capture
) -> None:
    cameras += [Camera(10**9, good=False), Camera(9)]
    assert run("--source", "0", "--every", "1ms", "-o", tmp_path, "--count", 1) == 0
    assert len(names(tmp_path)) == 1 and "opening it again" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_picture_at_hand_and_ends_with_0(
    number: int, cameras: list[Camera], tmp_path: Path
) -> None:
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    cameras.append(Camera(10**4, at_frame={10**4 - 3: number}))
    assert run("--source", 0, "--every", "1h", "-o", tmp_path) == 0
    assert len(names(tmp_path)) == 1 and cameras[0].left > 9000 and cameras[0].released
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers


def test_a_signal_ends_the_wait_for_a_dropped_camera(
    cameras: list[Camera], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_FIRST_WAIT_S", 3600.0)
    camera = Camera(1, at_frame={-1: signal.SIGTERM})
    grab = camera.grab

    def after_the_first_picture() -> bool:
        while camera.left == 0 and not names(tmp_path):
            time.sleep(0.01)
        return grab()

    monkeypatch.setattr(camera, "grab", after_the_first_picture)
    cameras.append(camera)
    assert run("--source", 0, "--every", "1s", "-o", tmp_path) == 0
    assert len(names(tmp_path)) == 1


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, told",
    [
        (("--every", "0s"), "--every 0s is not a length of time"),
        (("--every", "soon"), "give a number with ms, s, min, h or d"),
        (("--every", "1s", "--count", "0"), "--count 0 is out of range"),
        (("--every", "1s", "--warm-up", "soon"), "--warm-up soon is not a length of time"),
        (("--every", "1s", "--budget", "50MB"), "give 50MB/day"),
        (("--every", "1s", "--budget", "lots/day"), "is not a size"),
        (("--every", "1s", "--budget", "5MB/fortnight"), "--budget fortnight is not a length of time"),
        (("--every", "1s", "-q", "0"), "-q 0 is out of range"),
        (("--every", "1s", "-o", "-"), "-o - is not a folder"),
        (("--every", "1s", "-o", __file__), "is not a folder"),
    ],
)
def test_arguments_that_make_no_sense_are_one_line(
    words: tuple[str, ...], told: str, video: Path, tmp_path: Path, capfd: Capture
) -> None:
    assert run("--source", video, "-o", tmp_path, *words) == 1
    err = capfd.readouterr().err
    assert told in err and err.count("\n") == 1 and names(tmp_path) == []


@pytest.mark.parametrize("source", ["nothere.mp4", "97", "text.avi"])
def test_a_source_that_is_none_is_one_line(source: str, tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "text.avi").write_text("no video")
    given = tmp_path / source if "." in source else source
    assert run("--source", given, "--every", "1s", "-o", tmp_path / "out") == 1
    err = capfd.readouterr().err
    assert source in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_url_that_is_none_is_one_line(tmp_path: Path, capfd: Capture) -> None:
    """Also one that is longer than any file's name may be."""
    for url in ("http://", "http://[cam/", "http://cam:port/", "foo://cam/", f"http://127.0.0.1:9/{'x' * 5000}"):
        assert run("--source", url, "--every", "1s", "-o", tmp_path) == 1
        err = capfd.readouterr().err
        assert "does not open" in err and err.count("\n") == 1 and len(err) < 200


# --- servers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between us and the servers here, nor in processes that we start."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("how", ["stream", "snapshot"])
def test_a_picture_shows_the_time_it_is_named_after_however_long_encoding_takes(
    how: str, tmp_path: Path, codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each took the next frame of 25 a second, so with encodings of 0.5 s the sixth picture was 2.3 s late."""
    encoder = codec_module.encoder

    def slow(*words: Any) -> Any:
        time.sleep(0.5)
        return encoder(*words)

    def answer(handler: Handler, camera: loopback.Camera) -> None:
        if how == "stream":
            loopback.stream(handler, camera, itertools.repeat(128))
        else:
            send(handler, loopback.jpeg())

    monkeypatch.setattr(codec_module, "encoder", slow)
    with serving(answer) as camera:
        assert run("--source", camera.url("/"), "--every", "200ms", "--count", 6, "-o", tmp_path) == 0
    late_s = [loopback.lag_s(name[:-4], codec.decode((tmp_path / name).read_bytes())) for name in names(tmp_path)]
    assert len(late_s) == 6 and loopback.behind_s(late_s) < 1


@pytest.mark.usefixtures("direct")
def test_what_a_snapshot_s_file_tells_is_kept(tmp_path: Path, capfd: Capture) -> None:
    whole, segment = loopback.jpeg(), b"Exif\x00\x00" + _EXIF
    picture = whole[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + whole[2:]
    with serving(lambda handler, camera: send(handler, picture)) as camera:
        assert run("--source", camera.url("/snapshot.jpg"), "--every", "50ms", "--count", 2, "-o", tmp_path) == 0
    for name in names(tmp_path):
        _, sections = container.unpack((tmp_path / name).read_bytes())
        assert b"cam" in sections[container.EXIF]


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("status", [None, 401, 500, 200])
def test_no_user_password_or_token_is_ever_printed(status: int | None, tmp_path: Path, capfd: Capture) -> None:
    """Neither where nobody answers, nor of an answer that is refused, bad, or good and then bad."""

    def answer(handler: Handler, camera: loopback.Camera) -> None:
        good = status == 200 and len(camera.paths) != 2
        send(handler, loopback.jpeg() if good else b"no picture", status=status or 200)

    with serving(answer) as camera:
        words = ("--every", "10ms", "--count", 2, "--json", "-o", tmp_path)
        url = camera.url("/Geheim1.jpg?token=Geheim2&a=b", "Geheim3:Geheim4")
        urls = [url, url.replace("http:", "rtsp:")] if status else ["rtsp://Geheim1:Geheim2@127.0.0.1:9/Geheim3"]
        statuses = [run("--source", url, *words) for url in urls]
    out, err = capfd.readouterr()
    assert statuses[0] == (status != 200) and "Geheim" not in out + err and "127.0.0.1" in err


@pytest.mark.parametrize(
    "words",
    [
        ("--source", "0", "--every", "http://u:Geheim@cam/"),
        ("--source", "0", "--every", "1s", "--budget", "rtsp://u:Geheim@cam/"),
        ("--source", "http://u:Geheim pass@cam:x/", "--every", "1s"),
        ("--source", "0", "--every", "1s", "rtsp://u:Geheim@cam/"),
        ("http://u:Geheim@cam/", "--every", "1s"),
    ],
)
def test_nor_where_an_argument_is_out_of_place(words: tuple[str, ...], tmp_path: Path, capfd: Capture) -> None:
    with pytest.raises(SystemExit):
        sys.exit(run(*words, "-o", tmp_path / "out"))
    out, err = capfd.readouterr()
    assert "Geheim" not in out + err and err


# --- signals ----------------------------------------------------------------------------------------------------------


@contextmanager
def started(*words: object, script: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process of capture, which starts with a script that may change it, and has ended after this."""
    code = f"import sys\nfrom runtime import capture\n{script}\nsys.exit(capture.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *(str(word) for word in words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize(
    "frames, number", [(None, signal.SIGTERM), (None, signal.SIGINT), (0, signal.SIGTERM), (20, signal.SIGTERM)]
)
def test_a_signal_is_heard_at_once_while_a_source_hangs(frames: int | None, number: int, tmp_path: Path) -> None:
    """A server that never answers, that sends no frame, or no more, however long the limits of what waits there are."""

    def hangs(handler: Handler, camera: loopback.Camera) -> None:
        if frames is not None:
            loopback.stream(handler, camera, [128] * frames)
        asked.set()
        camera.over.wait(2 * PATIENCE_S)

    asked = threading.Event()
    limits = "from runtime.cameras import feeds, source, web; feeds.TIMEOUT_S = web.TIMEOUT_S = source._HANGS_S = 1e6"
    with serving(hangs) as camera:
        words = ("--source", camera.url("/"), "--every", "1h", "-o", tmp_path)
        with started(*words, script=limits) as process:
            assert asked.wait(PATIENCE_S)
            time.sleep(0.5)
            process.send_signal(number)
            _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and err == b""
    assert not [name for name in names(tmp_path) if not name.endswith(".gar")]


_SLOW_CAMERA = """
import numpy, time
from runtime.cameras import feeds
class Slow:
    def grab(self):
        time.sleep(0.02)
        return True
    def retrieve(self):
        return True, numpy.zeros((16, 16, 3), numpy.uint8)
    def release(self): pass
feeds._open = lambda name: Slow()
"""


def test_sigterm_ends_the_process_with_0(tmp_path: Path) -> None:
    """As systemd stops it: the picture at hand is finished, nothing is left half-written."""
    with started("--source", "0", "--every", "1h", "-o", tmp_path, script=_SLOW_CAMERA) as process:
        assert process.stdout is not None and process.stdout.readline()
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and err == b""
    assert names(tmp_path) and not [name for name in names(tmp_path) if not name.endswith(".gar")]


@pytest.mark.usefixtures("direct")
def test_a_thread_that_is_still_in_opencv_does_not_spoil_the_end(tmp_path: Path) -> None:
    """It comes back from there while Python ends, which made C++ abort: "terminate called", status -6."""

    def answer(handler: Handler, camera: loopback.Camera) -> None:
        loopback.stream(handler, camera, itertools.repeat(128), rate=200)

    script = "from runtime.cameras.source import _Reader; _Reader.close = lambda self: None  # as if it hung"
    with serving(answer) as camera:
        words = ("--source", camera.url("/"), "--every", "1h", "--count", 1, "--warm-up", "0s", "-o", tmp_path)
        with started(*words, script=script) as process:
            out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0 and err == b"" and out.count(b"\n") == 1


def test_the_first_signal_lets_a_long_encoding_end_and_the_second_does_not(tmp_path: Path) -> None:
    encoding = """
import signal
from runtime import codec
def forever(*words):
    before = signal.getsignal(signal.SIGTERM)
    print("encoding", flush=True)
    while signal.getsignal(signal.SIGTERM) is before: time.sleep(0.01)
    print("asked", flush=True)
    while True: time.sleep(0.05)
codec.encoder = forever
"""
    with started("--source", "0", "--every", "1s", "-o", tmp_path, script=_SLOW_CAMERA + encoding) as process:
        assert process.stdout is not None and process.stdout.readline() == b"encoding\n"
        process.terminate()
        assert process.stdout.readline() == b"asked\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + signal.SIGTERM and err == b"gargalo: SIGTERM\n"
    assert names(tmp_path) == []
