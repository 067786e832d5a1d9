"""Peers of thumbnails: real files of their kind, from the smallest on; hashes that show the picture."""

import numpy as np
import pytest

from benchmarks import thumbnail_peers
from benchmarks.baselines import Contender
from benchmarks.metrics import psnr_db
from runtime.pictures.square import shrunk

SIGNATURES = {"jpeg": b"\xff\xd8\xff", "jpeg2000": b"\xff\x4f\xff\x51", "webp": b"RIFF", "jxl": b"\xff\x0a"}
LEAST_DB = {"blurhash": 17, "thumbhash": 17}


@pytest.fixture(params=thumbnail_peers.PEERS)
def ways(request: pytest.FixtureRequest) -> list[Contender]:
    if reason := thumbnail_peers.why_absent(request.param):
        pytest.skip(reason)
    return thumbnail_peers.PEERS[request.param]()


@pytest.fixture
def square(photo: np.ndarray) -> np.ndarray:
    return shrunk(photo, 32)


def test_all_ways_have_the_name_of_their_peer(ways: list[Contender]) -> None:
    assert thumbnail_peers.PEERS[ways[0].name]()[0].label == ways[0].label
    assert {(way.name, way.label) for way in ways} == {(ways[0].name, ways[0].label)}


def test_quality_grows_with_the_setting_from_almost_nothing_on(ways: list[Contender], square: np.ndarray) -> None:
    for way in ways:
        settings = [way.settings[0], way.settings[len(way.settings) // 2], way.settings[-1]]
        files = [way.encode(square, setting) for setting in settings]
        assert files[0].startswith(SIGNATURES.get(way.name, b""))
        decoded = [way.decode(data) for data in files]
        assert {(each.shape, each.dtype.name) for each in decoded} == {((32, 32, 3), "uint8")}
        quality = [psnr_db(square, each) for each in decoded]
        assert sorted(files, key=len) == files and quality[-1] > LEAST_DB.get(way.name, 27)
        assert way.name in thumbnail_peers.HASHES or quality[0] < 24 < quality[-1]


def test_a_peer_that_is_absent_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("benchmarks.thumbnail_peers.features.check", lambda feature: False)
    told = [thumbnail_peers.why_absent(peer) for peer in ("blurhash", "thumbhash", "jxl", "jpeg2000")]
    assert told[:3] == ["no blurhash: install blurhash", "no thumbhash: install thash", "no jxl: install imagecodecs"]
    assert told[3] == "no jpeg2000: this Pillow was built without it"
