"""The peers round trip through real files of their format."""

from typing import Any

import numpy as np
import pytest
from PIL import AvifImagePlugin

from benchmarks import baselines
from benchmarks.metrics import psnr_db

SIGNATURE = {
    "jpeg": (0, b"\xff\xd8\xff"),
    "jpegli": (0, b"\xff\xd8\xff"),
    "webp": (8, b"WEBPVP8 "),
    "webp-m6": (8, b"WEBPVP8 "),
    "avif-iq": (4, b"ftypavif"),
    "avif-ssim": (4, b"ftypavif"),
    "avif-psnr": (4, b"ftypavif"),
    "avif-fast": (4, b"ftypavif"),
    "jxl": (0, b"\xff\x0a"),
    "jxl-fast": (0, b"\xff\x0a"),
    "jpeg2000": (4, b"jP  "),
}


@pytest.fixture(params=list(baselines.PEERS))
def peer(request: pytest.FixtureRequest) -> Any:
    if reason := baselines.why_absent(request.param):
        pytest.skip(reason)
    return baselines.PEERS[request.param]()


def test_a_file_has_the_signature_of_its_format(peer: Any, small_photo: np.ndarray) -> None:
    offset, signature = SIGNATURE[peer.name]
    assert peer.encode(small_photo, 50)[offset:].startswith(signature)


def test_a_decoded_picture_has_the_shape_of_the_original_and_looks_like_it(peer: Any, small_photo: np.ndarray) -> None:
    decoded = peer.decode(peer.encode(small_photo, 80))
    assert decoded.dtype == np.uint8
    assert decoded.shape == small_photo.shape
    assert psnr_db(small_photo, decoded) > 25


def test_bytes_and_quality_both_grow_with_the_setting(peer: Any, small_photo: np.ndarray) -> None:
    low, high = (peer.encode(small_photo, setting) for setting in (peer.settings[0], peer.settings[-1]))
    assert len(low) < len(high)
    assert psnr_db(small_photo, peer.decode(low)) < psnr_db(small_photo, peer.decode(high))


def test_a_peer_s_name_is_its_key(peer: Any) -> None:
    assert baselines.PEERS[peer.name]().label == peer.label


def test_avif_is_tuned_for_what_its_name_says(photo: np.ndarray) -> None:
    if not baselines.is_available("avif-iq"):
        pytest.skip("this Pillow has no avif by libaom")
    peers = {tune: baselines.avif(tune) for tune in ("iq", "ssim", "psnr")}
    files = {tune: peer.encode(photo, 50) for tune, peer in peers.items()}
    assert len(set(files.values())) == 3
    assert all(f"tune={tune}" in peer.label and peer.name == f"avif-{tune}" for tune, peer in peers.items())


def test_a_peer_that_is_absent_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.baselines.importlib.util.find_spec", lambda name: None)
    assert baselines.why_absent("jxl") == "no jxl: install imagecodecs"
    assert not baselines.is_available("jpeg2000")
    assert baselines.why_absent("jpegli") == "no jpegli: install ajpegli"
    monkeypatch.setattr(AvifImagePlugin, "get_codec_version", lambda name: None)
    assert baselines.why_absent("avif-psnr") == "no avif-psnr: this Pillow was built without libaom"
    monkeypatch.setattr("benchmarks.baselines.features.check", lambda feature: False)
    assert baselines.why_absent("avif-iq") == "no avif-iq: this Pillow was built without it"


def test_settings_ascend(peer: Any) -> None:
    assert list(peer.settings) == sorted(set(peer.settings))


def test_decoding_avif_leaves_pillows_thread_count_as_it_was(
    small_photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not baselines.is_available("avif-iq"):
        pytest.skip("this Pillow has no avif")
    monkeypatch.setattr(AvifImagePlugin, "DEFAULT_MAX_THREADS", 3)
    peer = baselines.avif("iq")
    peer.decode(peer.encode(small_photo, 50))
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == 3


def test_our_codec_is_measured_at_ascending_qualities() -> None:
    codec = baselines.jpeg()  # anything with encode and decode
    assert baselines.gargalo(codec, [75, 25, 50]).settings == (25, 50, 75)
