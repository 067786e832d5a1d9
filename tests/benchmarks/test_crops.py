"""Sheets of crops: the right place, the right pixels, small files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import crops
from benchmarks.matching import Version


def test_the_busiest_place_is_found() -> None:
    picture = np.full((120, 200, 3), 128, np.uint8)
    picture[40:80, 120:160] = np.random.default_rng(1).integers(0, 256, (40, 40, 3))
    left, top = crops.busiest(picture, 40)
    assert abs(left - 120) <= 8 and abs(top - 40) <= 8


@pytest.mark.parametrize("shape", [(30, 50, 3), (224, 224, 3), (1, 1, 3)])
def test_a_picture_smaller_than_the_crop_is_shown_whole(shape: tuple[int, ...]) -> None:
    assert crops.busiest(np.zeros(shape, np.uint8), 224) == (0, 0)


def test_a_sheet_shows_the_crops_themselves() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    version = Version("jpeg", bytes(512), 255 - picture, 21.5, 64.6, 1.5)
    cells = crops.row(picture, [version], (8, 16), 32, "cam")
    assert [cell[1:] for cell in cells] == [("cam", "original"), ("JPEG", "1.000 bpp, 21.5 dB, SS2 65")]
    page = np.asarray(crops.sheet([cells, cells], scale=2))
    top, left = crops.GAP_PX + 2 * crops.LINE_PX, 2 * crops.GAP_PX + 64
    assert np.array_equal(page[top : top + 64 : 2, left : left + 64 : 2], (255 - picture)[16:48, 8:40])
    assert page.shape == (2 * (64 + 2 * crops.LINE_PX) + 3 * crops.GAP_PX, 2 * 64 + 3 * crops.GAP_PX, 3)


def test_the_command_makes_one_sheet_or_one_a_picture(
    small_photo: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(small_photo).save(tmp_path / name)
    common = [str(tmp_path), "--peers", "jpeg,webp", "--side", "48"]
    assert crops.main([*common, "--bpp", "1.5", "-o", str(tmp_path / "sheets" / "one.jpg")]) == 0
    with Image.open(tmp_path / "sheets" / "one.jpg") as page:
        assert page.size == (4 * 48 + 5 * crops.GAP_PX, 2 * (48 + 2 * crops.LINE_PX) + 3 * crops.GAP_PX)
    assert crops.main([*common, "--bpp", "1.2,2", "--limit", "1", "-o", str(tmp_path / "each")]) == 0
    assert [path.name for path in (tmp_path / "each").iterdir()] == ["a.webp"]


def test_a_large_webp_sheet_is_kept_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    crops.save(noise, tmp_path / "best.webp")
    monkeypatch.setattr(crops, "WEBP_BYTES", 1)
    crops.save(noise, tmp_path / "least.webp")
    assert (tmp_path / "least.webp").stat().st_size < (tmp_path / "best.webp").stat().st_size


def test_what_is_no_picture_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").write_text("no picture")
    assert crops.main([str(tmp_path / "a.png"), "-o", str(tmp_path / "x.png")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("words", [["--bpp", "0"], ["--bpp", "x"], ["--at", "5"], ["--peers", "bpg"]])
def test_options_that_make_no_sense_end_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        crops.main(["a.png", "-o", "x.png", *words])
    assert ended.value.code == 2
