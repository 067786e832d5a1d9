"""Time-lapses: from a video made here, and from cameras that drop, stop, or do not exist."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime import capture
from runtime.capture import main
from runtime.codec import Codec

Capture = pytest.CaptureFixture[str]
COLOURS = [(200, 30, 40), (20, 180, 60), (30, 60, 220), (220, 220, 30)]
"""RGB, one a second of the video."""


def frame(colour: tuple[int, int, int]) -> np.ndarray:
    """A flat picture as OpenCV gives it: (48, 64, 3) BGR."""
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
        self.left, self.opens, self.at_frame, self.released = frames, opens, at_frame or {}, False
        self.good = good

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def grab(self) -> bool:
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
    monkeypatch.setattr(capture, "_open", lambda name: next(waiting))
    monkeypatch.setattr(capture, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(capture, "_LONGEST_WAIT_S", 0.002)
    return found


def run(*words: object) -> int:
    return main([str(word) for word in words])


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
    assert names(tmp_path / "none") == [] and capfd.readouterr().err.count("left out") == 4


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
    waits = [re.search(r"again in (\S+) s", line)[1] for line in drops]
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
    cameras.append(Camera(1000, at_frame={997: number}))
    assert run("--source", 0, "--every", "1h", "-o", tmp_path) == 0
    assert len(names(tmp_path)) == 1 and cameras[0].left > 900 and cameras[0].released
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == handlers


def test_a_signal_ends_the_wait_for_a_dropped_camera(
    cameras: list[Camera], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "_FIRST_WAIT_S", 3600.0)
    cameras.append(Camera(1, at_frame={-1: signal.SIGTERM}))
    assert run("--source", 0, "--every", "1s", "-o", tmp_path) == 0
    assert len(names(tmp_path)) == 1


def test_pictures_that_we_are_too_slow_for_are_left_out_and_told_of_once(
    cameras: list[Camera], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(capture.Source, "_at_s", lambda self: float(next(clock)))
    cameras.append(Camera(10**6))
    assert run("--source", 0, "--every", "400ms", "--count", 3, "-o", tmp_path) == 0
    assert capfd.readouterr().err.count("missed") == 1


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, told",
    [
        (("--every", "0s"), "--every 0s is no length of time"),
        (("--every", "soon"), "give a number with ms, s, min, h or d"),
        (("--every", "1s", "--count", "0"), "--count 0 is out of range"),
        (("--every", "1s", "--budget", "50MB"), "give 50MB/day"),
        (("--every", "1s", "--budget", "lots/day"), "is no size"),
        (("--every", "1s", "--budget", "5MB/fortnight"), "--budget fortnight is no length of time"),
        (("--every", "1s", "-q", "0"), "-q 0 is out of range"),
        (("--every", "1s", "-o", "-"), "-o - is no folder"),
        (("--every", "1s", "-o", __file__), "is no folder"),
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


def test_sigterm_ends_the_process_with_0(video: Path, tmp_path: Path) -> None:
    """As systemd stops it: the picture at hand is finished, nothing is left half-written."""
    script = f"""
import sys, time
from runtime import capture
class Slow:
    isOpened = grab = lambda self: True
    def retrieve(self):
        import numpy
        time.sleep(0.05)
        print("seen", flush=True)
        return True, numpy.zeros((16, 16, 3), numpy.uint8)
    def release(self): pass
capture._open = lambda name: Slow()
sys.exit(capture.main(["--source", "0", "--every", "100ms", "-o", {str(tmp_path)!r}, "--quiet"]))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"seen\n"
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == b""
    assert names(tmp_path) and not [name for name in names(tmp_path) if not name.endswith(".gar")]
