"""What sources give, kind by kind: which frames of a video, and which of a camera."""

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import loopback
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.cameras import feeds
from runtime.cameras.feeds import Live, Recording, Shot, open_feed

Capture = pytest.CaptureFixture[str]


def taken(feed: feeds.Feed) -> list[Shot]:
    """Return the shots of a video."""
    return [shot for shot in feed.shots(lambda: None) if shot is not None]


def time_s(name: str) -> float:
    """Return the time that a video's picture is named after."""
    return int(name[:2]) * 3600 + int(name[3:5]) * 60 + float(name[6:-1])


# --- a video ----------------------------------------------------------------------------------------------------------


class Video:
    """What cv2.VideoCapture is for a file, with frames at given times; a frame's pixels are its number."""

    def __init__(self, times_ms: Sequence[float], rate: float = 25, spoiled: frozenset[int] = frozenset()):
        self.times_ms, self.rate, self.spoiled, self.at = times_ms, rate, spoiled, -1

    def grab(self) -> bool:
        self.at += 1
        return self.at < len(self.times_ms)

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        if self.at in self.spoiled:
            return False, None
        return True, np.full((1, 1, 3), self.at, np.uint16)

    def get(self, which: int) -> float:
        if which == cv2.CAP_PROP_POS_MSEC:
            return self.times_ms[self.at]
        return self.rate if which == cv2.CAP_PROP_FPS else -1.0

    def release(self) -> None:
        pass


def frames_of(video: Video, every_s: float) -> list[int]:
    return [int(shot.pixels[0, 0, 0]) for shot in taken(Recording(video, every_s, "a video"))]


def nearest(times_ms: Sequence[float], every_ms: float, end_ms: float) -> list[int]:
    """Return the frames nearest to the multiples of every_ms before end_ms, each once; of two the later one."""
    due_ms = np.arange(0, end_ms - 0.1, every_ms)
    distance = np.abs(due_ms[:, None] - np.array(times_ms)[::-1]).round(1)
    return np.unique(len(times_ms) - 1 - distance.argmin(axis=1)).tolist()


@pytest.mark.parametrize("rate", [5, 10, 12.5, 24, 25, 30000 / 1001, 30, 60])
@pytest.mark.parametrize("every_ms", [1, 40, 100, 200, 333, 500, 700, 1000, 1001, 2500])
def test_the_frames_of_a_video_are_the_nearest_to_each_due_time(rate: float, every_ms: int) -> None:
    """They were the first ones at or after it, by a clock that was a hair late: 1.04 s in place of 1.0 s."""
    times_ms = [1000 * number / rate for number in range(100)]
    assert frames_of(Video(times_ms, rate), every_ms / 1000) == nearest(times_ms, every_ms, 1000 * 99.5 / rate)


@pytest.mark.parametrize("rate", [5, 12.5, 25, 30000 / 1001, 30, 60])
def test_so_are_those_of_a_video_of_minutes(rate: float) -> None:
    times_ms = [1000 * number / rate for number in range(int(130 * rate))]
    assert frames_of(Video(times_ms, rate), 60) == [0, math.floor(60 * rate + 0.5), math.floor(120 * rate + 0.5)]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=60), st.integers(1, 20_000))
@settings(deadline=None)
def test_and_those_of_a_video_of_variable_rate(gaps_ms: list[int], every_ms: int) -> None:
    times_ms = [0, *itertools.accumulate(gaps_ms)]
    expected = nearest(times_ms, every_ms, times_ms[-1] + gaps_ms[-1] / 2)
    assert frames_of(Video(times_ms), every_ms / 1000) == expected


def test_minutes_and_hours_are_told_in_names() -> None:
    names = [shot.name for shot in taken(Recording(Video([60_000.0 * number for number in range(125)]), 3600, "it"))]
    assert names == ["00h00m00.000s", "01h00m00.000s", "02h00m00.000s"]


def test_joined_recordings_whose_clock_starts_anew_go_on() -> None:
    """Pictures ended where the first recording did, until the second was as long."""
    part = [40.0 * number for number in range(50)]
    video = Video(part + part + [500.0 + at for at in part])
    assert frames_of(video, 1) == [0, 25, 50, 75, 100, 125]
    names = [shot.name for shot in taken(Recording(Video(part + part), 1, "it"))]
    assert names == [f"00h00m0{second}.000s" for second in range(4)]


def test_a_file_of_two_recordings_goes_on(tmp_path: Path) -> None:
    """MPEG-TS, which is joined by joining the bytes."""
    data = loopback.video(tmp_path / "one.ts", range(0, 250, 2), 25, "mp4v")
    (tmp_path / "two.ts").write_bytes(data + data)
    shots = taken(open_feed(str(tmp_path / "two.ts"), 1.0, 0.0))
    assert [round(time_s(shot.name)) for shot in shots] == list(range(10))
    levels = [float(shot.pixels.mean()) for shot in shots]
    assert np.allclose(levels, 2 * [50 * second for second in range(5)], atol=6)


def test_a_frame_out_of_order_does_not_start_the_clock_anew() -> None:
    assert frames_of(Video([0, 40, 120, 80, 160, 200, 240, 280]), 0.04) == [0, 1, 2, 4, 5, 6, 7]


def test_a_video_without_clock_goes_by_its_rate() -> None:
    assert frames_of(Video([0.0] * 100, rate=25), 1) == [0, 25, 50, 75]
    assert frames_of(Video([0.0] * 100, rate=0), 1) == [0, 25, 50, 75]
    assert frames_of(Video([0.0] * 100, rate=math.nan), 1) == [0, 25, 50, 75]


def test_spoiled_frames_of_a_video_are_passed_over() -> None:
    times_ms = [40.0 * number for number in range(100)]
    assert frames_of(Video(times_ms, spoiled=frozenset([25, *range(40, 60)])), 1) == [0, 26, 60, 75]


def test_a_video_of_one_frame_gives_it() -> None:
    assert frames_of(Video([0.0]), 10) == [0]
    assert frames_of(Video([]), 10) == []


@pytest.mark.parametrize("rate", [5, 12.5, 25, 30000 / 1001, 30])
@pytest.mark.parametrize("suffix, fourcc", [(".avi", "MJPG"), (".mp4", "mp4v"), (".mkv", "mp4v")])
def test_files_give_what_their_clock_says(rate: float, suffix: str, fourcc: str, tmp_path: Path) -> None:
    """OpenCV tells a frame's time in its own way for each kind of file; content and name agree."""
    path = tmp_path / f"clip{suffix}"
    loopback.video(path, range(0, 240, 4), rate, fourcc)
    for every_ms in (40, 100, 250, 500, 1000):
        shots = taken(open_feed(str(path), every_ms / 1000, 0.0))
        expected = nearest([1000 * number / rate for number in range(60)], every_ms, 1000 * 59.5 / rate)
        assert [round(time_s(shot.name) * rate) for shot in shots] == expected
        levels = [float(shot.pixels.mean()) for shot in shots]
        assert np.allclose(levels, np.array(expected) * 4, atol=3.9), "a frame beside the one it is named after"


# --- a camera ---------------------------------------------------------------------------------------------------------


class Paced:
    """What cv2.VideoCapture is for a camera: frames that wait in its buffer, then one every interval."""

    def __init__(self, buffered: int, frames: int, interval_s: float = 0.03, spoiled: frozenset[int] = frozenset()):
        self.buffered, self.frames, self.interval_s, self.spoiled = buffered, buffered + frames, interval_s, spoiled
        self.at = -1

    def grab(self) -> bool:
        self.at += 1
        if self.at >= self.buffered:
            time.sleep(self.interval_s)
        return self.at < self.frames

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        return self.at not in self.spoiled, np.full((1, 1, 3), self.at % 256, np.uint8)

    def release(self) -> None:
        pass


def test_of_a_camera_the_first_new_frame_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundred wait in a buffer: each comes at once."""
    monkeypatch.setattr(feeds, "_MOST_WAITED_S", 0.5)
    feed = Live(Paced(buffered=100, frames=5, interval_s=1.0), 0.0001, "0")
    first = next(shot for shot in feed.shots(lambda: -math.inf) if shot is not None)
    assert first.pixels[0, 0, 0] == 100 and first.gap_s == math.inf


def test_frames_that_nobody_wants_are_let_go() -> None:
    due: Iterator[float | None] = itertools.chain([None] * 10, itertools.repeat(-math.inf))
    shots = list(Live(Paced(0, 12), 0.0, "0").shots(lambda: next(due)))
    assert [shot is not None for shot in shots] == [False] * 10 + [True] * 2


def test_a_camera_that_is_never_up_to_date_gives_pictures_and_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setattr(feeds, "_CATCHING_UP_S", 0.05)
    monkeypatch.setattr(feeds, "_MOST_WAITED_S", math.inf)
    shots = [shot for shot in Live(Paced(0, 50, 0.01), 0.001, "0").shots(lambda: -math.inf) if shot is not None]
    assert shots and capfd.readouterr().err.count("sends faster than this machine decodes") == 1


def test_spoiled_frames_of_a_camera_are_passed_over_but_not_for_ever() -> None:
    some = Live(Paced(0, 9, spoiled=frozenset(range(1, 8))), 0.0, "0")
    assert [shot.pixels[0, 0, 0] for shot in some.shots(lambda: -math.inf) if shot is not None] == [0, 8]
    none = Live(Paced(0, 10**6, 0.012, spoiled=frozenset(range(10**6))), 0.0, "0")
    assert not any(none.shots(lambda: -math.inf)) and not none.ready
