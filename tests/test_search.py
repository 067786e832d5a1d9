"""Streams of a wanted size or PSNR: never above, nearly at it, and honest about what cannot be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime import container, search
from runtime.codec import Codec, encoder
from runtime.compress import main
from runtime.errors import InputError
from runtime.families.pyramid.family import PyramidAnalysis
from runtime.pictures.write import write
from runtime.search import Target


@pytest.fixture(scope="module")
def small(photo: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(photo[30:110, 50:162])


@pytest.fixture(scope="module")
def cam(small: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("targets") / "cam.png"
    write(path, small)
    return path


def sizes(codec: Codec, image: np.ndarray) -> list[int]:
    """Return bytes of the smallest stream, which no quality has, one in the middle and the largest."""
    at_level = encoder(codec, image)
    return [len(at_level(level)) for level in (0, codec.bundle.level(50), codec.bundle.level(100))]


def test_a_stream_is_the_same_whatever_its_maker_does_to_decoded_pixels(small: np.ndarray) -> None:
    for wanted in (26.3, 29.1, 32.7, 36.2):
        plain, other = (search.encode(Codec(enhance=e), small, Target(psnr_db=wanted)) for e in (False, True))
        assert plain == other


@pytest.mark.parametrize("share", [0.0, 0.1, 0.37, 0.8, 1.0])
def test_a_size_is_never_passed_and_the_next_level_would_pass_it(share: float, codec: Codec, small: np.ndarray) -> None:
    least, _, most = sizes(codec, small)
    limit = round(least + share * (most - least))
    data = search.encode(codec, small, Target(size_bytes=limit))
    level = container.unpack(data)[0].level
    assert len(data) <= limit
    if level < codec.bundle.level(100):
        quality = float(np.interp(level + 1, codec.bundle.manifest["quality_levels"], np.arange(1, 101)))
        assert len(codec.encode(small, quality)) > limit


def test_the_stream_is_the_one_that_the_codec_makes_at_that_level(codec: Codec, small: np.ndarray) -> None:
    """Gray, RGB and RGBA, with metadata: a quality whose level was hit must give the same bytes.

    Sizes dip here and there, so another level may fit too.
    """
    for image in (small[..., 0], small, np.dstack([small, small[..., 0]])):
        expected = codec.encode(image, 50, {container.XMP: b"<x/>"})
        found = search.encode(codec, image, Target(size_bytes=len(expected)), {container.XMP: b"<x/>"})
        level, wanted = (container.unpack(data)[0].level for data in (found, expected))
        assert found == expected if level == wanted else len(found) <= len(expected)
        assert np.array_equal(codec.decode(found).shape, image.shape)


def test_metadata_counts(codec: Codec, small: np.ndarray) -> None:
    _, middle, _ = sizes(codec, small)
    data = search.encode(codec, small, Target(size_bytes=middle), {container.EXIF: bytes(300)})
    assert middle - 300 < len(data) <= middle


def test_bits_a_pixel_are_a_size(codec: Codec, small: np.ndarray) -> None:
    _, middle, _ = sizes(codec, small)
    bpp = 8 * middle / (small.shape[0] * small.shape[1])
    by_bpp = search.encode(codec, small, Target(bpp=bpp + 1e-9))
    assert by_bpp == search.encode(codec, small, Target(size_bytes=middle))


def test_a_size_above_all_gives_the_best_quality(codec: Codec, small: np.ndarray) -> None:
    assert search.encode(codec, small, Target(size_bytes=10**9)) == codec.encode(small, 100)


@pytest.mark.parametrize("gray", [False, True])
def test_the_psnr_is_hit_within_a_tenth(gray: bool, codec: Codec, small: np.ndarray) -> None:
    image = small[..., 1] if gray else small
    low, high = (search.psnr(image, codec.decode(codec.encode(image, quality))) for quality in (5, 95))
    for share in (0.25, 0.6):
        wanted = low + share * (high - low)
        data = search.encode(codec, image, Target(psnr_db=wanted))
        reached = search.psnr(image, codec.decode(data))
        level = container.unpack(data)[0].level
        step = [
            np.interp(near, codec.bundle.manifest["quality_levels"], np.arange(1, 101))
            for near in (level - 1, level + 1)
        ]
        around = [search.psnr(image, codec.decode(codec.encode(image, float(quality)))) for quality in step]
        assert abs(reached - wanted) <= max(0.1, min(abs(value - wanted) for value in around))


def test_what_cannot_be_is_refused_with_what_can(codec: Codec, small: np.ndarray) -> None:
    least, _, _ = sizes(codec, small)
    with pytest.raises(InputError, match=f"{least} bytes"):
        search.encode(codec, small, Target(size_bytes=least - 1))


@pytest.mark.parametrize("wanted", [Target(psnr_db=5), Target(psnr_db=90), Target(ssimulacra2=99.9)])
def test_of_a_measure_that_cannot_be_the_nearest_is_taken_and_told(
    wanted: Target, codec: Codec, small: np.ndarray
) -> None:
    found = search.find(codec, small, wanted)
    value = list(found.reached.values())[0]
    level = container.unpack(found.stream)[0].level
    assert "cannot be reached" in found.note and f"{value:.2f}" in found.note
    assert level <= 2 if wanted.psnr_db == 5 else level >= codec.bundle.level(97)
    with pytest.warns(UserWarning, match="cannot be reached"):
        data = codec.encode(small, target_psnr=wanted.psnr_db, target_ssimulacra2=wanted.ssimulacra2)
    assert data == found.stream


def test_where_auto_jumps_over_a_measure_each_subsampling_is_looked_at(
    codec: Codec, small: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns of red and blue have 14 dB at level 199 without the finest chroma and 35 dB at level 200 with it."""
    striped = small // 2 + 64
    striped[:, ::2, 0] += 60
    striped[:, 1::2, 2] += 60
    striped[:, ::2, 2] -= 60
    striped[:, 1::2, 0] -= 60
    monkeypatch.setattr(
        PyramidAnalysis,
        "flag",
        lambda self, level: level < 200 if self._subsampling is None else self._subsampling == "4:2:0",
    )
    wanted = search.psnr(striped, codec.decode(codec.encode(striped, 75, subsampling="4:4:4")))
    found = search.find(codec, striped, Target(psnr_db=wanted))
    assert found.note == "" and found.reached["psnr_db"] == pytest.approx(wanted, abs=search.PSNR_TOLERANCE_DB)
    assert found.reached == {"psnr_db": search.psnr(striped, codec.decode(found.stream))}
    header, _ = container.unpack(found.stream)
    assert not header.subsampled and header.level < 200
    fixed = search.find(codec, striped, Target(psnr_db=wanted), subsampling="4:2:0")
    assert "cannot be reached" in fixed.note, "what is asked for stays so"


@pytest.mark.parametrize("shape", ["gray", "colour", "with alpha"])
def test_the_ssimulacra2_is_hit_as_nearly_as_levels_allow(shape: str, codec: Codec, small: np.ndarray) -> None:
    image = {"gray": small[..., 1], "colour": small, "with alpha": np.dstack([small, small[..., 0]])}[shape]
    wanted = 86 if shape == "gray" else 60
    found = search.find(codec, image, Target(ssimulacra2=wanted))
    level = container.unpack(found.stream)[0].level
    assert found.note == "" and found.reached == {"ssimulacra2": search.score(image, codec.decode(found.stream))}
    for near in (level - 1, level + 1):
        other = codec.encode(image, codec.bundle.quality(near))
        assert container.unpack(other)[0].level == near
        assert abs(found.reached["ssimulacra2"] - wanted) <= abs(search.score(image, codec.decode(other)) - wanted)


def test_a_picture_too_small_for_ssimulacra2_is_refused(codec: Codec) -> None:
    with pytest.raises(InputError, match="40x7 px are too few for SSIMULACRA 2, which needs 8 px a side"):
        codec.encode(np.zeros((7, 40), np.uint8), target_ssimulacra2=70)


def test_psnr_is_the_textbook_s() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    assert search.psnr(black, black + 255) == 0
    assert search.psnr(black, black + 1) == pytest.approx(48.1308, abs=1e-4)
    assert search.psnr(black, black) == float("inf")
    assert search.psnr(np.dstack([black, black[..., 0]]), np.dstack([black, black[..., 0] + 9])) == float("inf")


@pytest.mark.parametrize(
    ("text", "length_bytes"),
    [
        ("12345", 12345),
        ("40KB", 40_000),
        ("0.5MB", 500_000),
        ("40kib", 40_960),
        ("1 MiB", 2**20),
        ("7b", 7),
        ("2k", 2000),
        ("2GB", 2_000_000_000),
    ],
)
def test_sizes_are_understood(text: str, length_bytes: int) -> None:
    assert search.parse(text, None, None) == Target(size_bytes=length_bytes)


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--target-size", "0"),
        ("--target-size", "-1"),
        ("--target-size", "KB"),
        ("--target-size", "4TB"),
        ("--target-size", ""),
        ("--target-bpp", "0"),
        ("--target-bpp", "nan"),
        ("--target-psnr", "x"),
        ("--target-psnr", "1000"),
        ("--target-ssimulacra2", "101"),
        ("--target-ssimulacra2", "-1"),
        ("--target-ssimulacra2", "good"),
    ],
)
def test_senseless_targets_are_one_line(flag: str, text: str, cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(cam), f"{flag}={text}"]) == 1
    out, err = capfd.readouterr()
    assert out == "" and err.startswith(f"gargalo: {flag} {text}".strip()) and err.count("\n") == 1


def test_the_command_takes_targets(cam: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([str(cam), "--target-size", "1KB", "-f"]) == 0
    assert 0 < cam.with_suffix(".gar").stat().st_size <= 1000
    capfd.readouterr()
    assert main([str(cam), "--target-size", "9", "-f"]) == 1
    err = capfd.readouterr().err
    assert str(cam) in err and "smallest possible" in err and err.count("\n") == 1


def test_one_aim_at_a_time(cam: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(cam), "-q", "50", "--target-bpp", "0.3"])
    assert caught.value.code == 2


def test_the_codec_takes_targets_itself(codec: Codec, photo: np.ndarray) -> None:
    assert codec.encode(photo, target_size="3KB") == search.encode(codec, photo, Target(size_bytes=3000))
    assert codec.encode(photo, target_bpp=0.8, subsampling="4:4:4") == search.encode(
        codec, photo, Target(bpp=0.8), subsampling="4:4:4"
    )
    decoded = codec.decode(codec.encode(photo, target_psnr=30))
    assert abs(search.psnr(photo, decoded) - 30) <= search.PSNR_TOLERANCE_DB


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 75, "target_size": 3000},
        {"target_size": 3000, "target_bpp": 1.0},
        {"target_bpp": 1.0, "target_psnr": 30.0},
        {"target_size": "many"},
        {"target_size": True},
        {"target_bpp": -1},
        {"target_bpp": [1]},
        {"target_psnr": float("nan")},
        {"target_ssimulacra2": 101},
        {"target_psnr": 30.0, "target_ssimulacra2": 70},
    ],
)
def test_the_codec_refuses_senseless_targets(options: dict[str, Any], codec: Codec, photo: np.ndarray) -> None:
    with pytest.raises(InputError, match="target"):
        codec.encode(photo, **options)
