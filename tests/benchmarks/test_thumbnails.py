"""Figures of thumbnails: worked out by hand for codecs that are made up, then the command on a real one."""

import math
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY_RECURRENT
from PIL import Image

from benchmarks import thumbnail_tables, thumbnails
from benchmarks.baselines import Contender
from benchmarks.bd_rate import Curve
from benchmarks.thumbnail_tables import Row, at_bytes, at_quality, mean_curve, saved_percent, within
from benchmarks.thumbnails import every, header_bytes
from runtime import gat


def rows(image: str, points: dict[int, float], header: int = 10, codec: str = "x") -> list[Row]:
    return [Row(image, codec, header + size, size, db, None) for size, db in points.items()]


# --- curves -----------------------------------------------------------------------------------------------------------


def test_between_two_files_quality_is_interpolated_over_the_logarithm_of_bytes() -> None:
    """64 bytes are halfway from 32 to 128; of the files of 100 bytes one is worse than a smaller one."""
    found = within(rows("a", {32: 20, 128: 26, 100: 19}), "bare_bytes", "psnr_db", [16, 32, 64, 128, 999])
    assert math.isnan(found[0]) and found[1:] == pytest.approx([20, 23, 26, 26])


def test_means_are_taken_at_equal_bytes_where_all_pictures_have_a_file() -> None:
    both = rows("a", {40: 20, 160: 30}) + rows("b", {80: 22, 320: 32})
    curve = mean_curve(both, "bare_bytes", "psnr_db")
    assert curve[0] == pytest.approx((80, (25 + 22) / 2)) and curve[-1] == pytest.approx((320, 31))
    whole = mean_curve(both, "whole_bytes", "psnr_db")
    assert whole[0][0] == 92, "the first size on the grid from 90 on"


def test_a_curve_is_read_both_ways() -> None:
    curve: Curve = [(40, 20), (80, 24)]
    assert (at_bytes(curve, 60), at_bytes(curve, 500), at_quality(curve, 22)) == (22, 24, 60)
    assert math.isnan(at_bytes(curve, 39)) and math.isnan(at_quality(curve, 25)) and math.isnan(at_quality([], 25))


def test_half_the_bytes_at_every_quality_are_minus_50_percent() -> None:
    theirs: Curve = [(size, 8 * math.log2(size)) for size in range(100, 700, 4)]
    ours: Curve = [(size / 2, quality) for size, quality in theirs]
    assert saved_percent({"gargalo": ours, "x": theirs}, "x", "psnr_db").startswith("-50.0 % (")
    assert saved_percent({"gargalo": ours, "x": [(24, 19.0)]}, "x", "psnr_db") == "-"


# --- files ------------------------------------------------------------------------------------------------------------


def contender(name: str, header: int) -> Contender:
    """Return a codec whose files have a header, and a byte more for each setting; they decode to gray."""

    def encode(pixels: np.ndarray, setting: float) -> bytes:
        return bytes(header + (0 if pixels.std() == 0 else round(setting)))

    return Contender(name, name, tuple(range(0, 1001, 100)), encode, lambda data: np.full((32, 32, 3), 128, np.uint8))


def test_the_header_is_what_a_flat_gray_picture_takes_but_for_ours_and_hashes() -> None:
    assert header_bytes(contender("x", 30), 5) == 30
    assert header_bytes(contender("gargalo", 30), 5) == gat.HEADER_BYTES
    assert header_bytes(contender("blurhash", 30), 5) == 0


def test_files_are_made_until_they_are_too_large() -> None:
    square = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    files = [row for row, _ in every("a", square, contender("x", 30))]
    assert [row.whole_bytes for row in files] == [*range(30, 30 + thumbnail_tables.MOST_BYTES, 100)]
    assert [row.bare_bytes for row in files] == [1, *range(100, thumbnail_tables.MOST_BYTES, 100)], "no file has none"


def test_a_picture_that_is_met_exactly_has_60_db() -> None:
    gray = np.full((32, 32, 3), 128, np.uint8)
    assert {row.psnr_db for row, _ in every("a", gray, contender("x", 30))} == {60}


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(photo: np.ndarray, tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number in range(2):
        Image.fromarray(np.roll(photo, 20 * number, 1)).save(tmp_path / "in" / f"{number}.png")
    return tmp_path


def test_the_command_writes_tables_plots_and_a_sheet(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "SIZES_BYTES", (48, 96, 192, 288))
    words = ["--images", folder / "in", "--out", folder / "out", "--bundle", TINY_RECURRENT, "--peers", "jpeg,webp"]
    assert thumbnails.main([str(word) for word in words]) == 0
    assert {path.name for path in (folder / "out").iterdir()} == {
        *("images.tsv", "summary.md", "curves.png", "curves.svg", "sheet.png")
    }
    text = capsys.readouterr().out
    assert text == (folder / "out" / "summary.md").read_text()
    assert "# in, 2 thumbnails of 32 x 32" in text and "| webp" in text and "PSNR at 128 B" in text
    lines = (folder / "out" / "images.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["image", "codec", "whole_bytes", "bare_bytes", "psnr_db", "ssim"]
    ours = [line.split("\t") for line in lines if "\tgargalo\t" in line]
    assert len(ours) == 8 and all(int(row[2]) - int(row[3]) == 3 for row in ours)


def test_what_cannot_be_measured_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert thumbnails.main(["--images", str(folder), "--out", str(folder / "out")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SystemExit) as ended:
        thumbnails.main(["--images", str(folder), "--out", str(folder), "--peers", "bpg"])
    assert ended.value.code == 2
