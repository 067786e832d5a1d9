"""Peers at our bytes and at our PSNR, and how near wanted sizes come."""

import numpy as np
import pytest

from benchmarks import baselines, matching, targets
from benchmarks.metrics import psnr_db
from runtime.codec import Codec


@pytest.fixture(params=["jpeg", "webp", "avif-iq"])
def peer(request: pytest.FixtureRequest) -> baselines.Contender:
    if not baselines.is_available(request.param):
        pytest.skip(f"this Pillow has no {request.param}")
    return baselines.PEERS[request.param]()


def test_a_peer_has_at_least_our_bytes_and_few_more(peer: baselines.Contender, small_photo: np.ndarray) -> None:
    wanted = 2000
    version = matching.with_bytes(peer, small_photo, wanted)
    low, high = matching.knobs(peer)
    sizes = [len(peer.encode(small_photo, knob)) for knob in range(low, high + 1)]
    assert len(version.data) == min(size for size in sizes if size >= wanted)
    assert version.psnr_db == psnr_db(small_photo, version.pixels)
    assert version.bpp == 8 * len(version.data) / small_photo[..., 0].size


def test_bytes_out_of_reach_give_the_nearest_end(peer: baselines.Contender, small_photo: np.ndarray) -> None:
    low, high = matching.knobs(peer)
    assert matching.with_bytes(peer, small_photo, 1).data == peer.encode(small_photo, low)
    assert matching.with_bytes(peer, small_photo, 10**9).data == peer.encode(small_photo, high)


def test_a_peer_without_a_known_range_has_that_of_its_settings() -> None:
    other = baselines.Contender("other", "Other", (24.0, 30.5, 42.0), lambda pixels, setting: b"", np.frombuffer)
    assert matching.knobs(other) == (24, 42)


def test_a_psnr_is_met_as_nearly_as_the_knob_allows(peer: baselines.Contender, small_photo: np.ndarray) -> None:
    low, high = matching.knobs(peer)
    found = [psnr_db(small_photo, peer.decode(peer.encode(small_photo, knob))) for knob in range(low, high + 1, 25)]
    version = matching.with_psnr(peer, small_photo, 33)
    assert abs(version.psnr_db - 33) <= min(abs(value - 33) for value in found) + 0.2


def test_ours_is_the_best_within_a_rate(small_photo: np.ndarray, codec: Codec) -> None:
    version = matching.ours(codec, small_photo, bpp=1.5)
    assert 0.9 * 1.5 < version.bpp <= 1.5
    assert matching.ours(codec, small_photo, quality=40).data == codec.encode(small_photo, 40)


# --- benchmarks.targets -----------------------------------------------------------------------------------------------


def test_misses_are_counted_below_the_size_and_around_the_psnr(small_photo: np.ndarray, codec: Codec) -> None:
    rate = targets.measure(codec, "photo", small_photo, "bpp", 1.5)
    assert rate.miss is not None and 0 <= rate.miss < 10
    quality = targets.measure(codec, "photo", small_photo, "psnr", 33)
    assert quality.miss is not None and quality.miss <= 0.1
    assert targets.measure(codec, "photo", small_photo, "psnr", 99).miss is None
    assert targets.measure(codec, "photo", small_photo, "bpp", 60).miss is None, "quality 100 takes less"


def test_the_table_tells_median_and_worst() -> None:
    rows = [targets.Row("a", "bpp", 1, 0.99), targets.Row("b", "bpp", 1, 0.98), targets.Row("c", "bpp", 1, 0.95)]
    rows += [targets.Row("d", "bpp", 1, None), targets.Row("a", "psnr", 30, 29.95), targets.Row("b", "psnr", 99, None)]
    lines = targets.markdown(rows).splitlines()
    assert lines[2:] == [
        "| 1 bpp | 4 | 1 | 2.00 % | 5.00 % | 0 |",
        "| 30 dB | 1 | 0 | 0.05 dB | 0.05 dB |  |",
        "| 99 dB | 1 | 1 |  |  |  |",
    ]


def test_a_size_that_is_exceeded_would_be_seen() -> None:
    assert "| -4.00 % | 1 |" in targets.markdown([targets.Row("a", "bpp", 1, 1.04), targets.Row("b", "bpp", 1, 0.99)])
