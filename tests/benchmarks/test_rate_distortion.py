"""The command end to end, with a stand-in for the codec."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import baselines, rate_distortion
from runtime import container
from runtime.codec import Codec
from runtime.errors import StreamError


class StandIn:
    """A codec that is JPEG behind two more bytes."""

    def __init__(self) -> None:
        self.jpeg = baselines.jpeg()

    def encode(self, pixels: np.ndarray, quality: int) -> bytes:
        return b"GA" + self.jpeg.encode(pixels, quality)

    def decode(self, data: bytes) -> Any:
        return self.jpeg.decode(data[2:])


class Broken(StandIn):
    def decode(self, data: bytes) -> None:
        raise StreamError("3 bytes are not a stream")


@pytest.fixture
def folder(tmp_path: Path, small_photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rate_distortion, "bundle_id", lambda data: "0123456789abcdef")
    images = tmp_path / "set"
    images.mkdir()
    for name, pixels in (("b.png", small_photo), ("a.png", small_photo[::-1]), ("c.png", small_photo[:, ::-1])):
        Image.fromarray(pixels).save(images / name)
    (images / "notes.txt").write_text("not a picture")
    return images


def run(images: Path, out: Path, *options: Any, codec: Any = None) -> Any:
    argv = ["--images", str(images), "--out", str(out), *options]
    coder: Any = codec or StandIn()
    return rate_distortion.main(argv, coder)


def read(path: Path) -> Any:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_a_run_writes_rows_means_bd_rates_a_page_and_two_plots(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "out"
    status = run(folder, out, "--qualities", "75,25,50", "--peers", "jpeg,webp", "--limit", "2")
    assert status == 0

    rows = read(out / "images.tsv")
    settings = 3 + len(baselines.jpeg().settings) + len(baselines.webp().settings)
    assert len(rows) == 2 * settings
    assert {row["image"] for row in rows} == {"a.png", "b.png"}
    assert [row["setting"] for row in rows[:3]] == ["25", "50", "75"]
    assert all(row["ms_ssim"] == "" for row in rows)

    assert len(read(out / "summary.tsv")) == settings
    rates = {(rate["codec"], rate["anchor"]): rate for rate in read(out / "bd_rates.tsv")}
    assert float(rates["jpeg", "jpeg"]["bd_rate_percent"]) == pytest.approx(0, abs=1e-9)
    assert -5 < float(rates["gargalo", "jpeg"]["bd_rate_percent"]) < 5

    page = (out / "summary.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == page
    assert "# set, 2 pictures" in page
    assert "- gargalo: bundle 0123456789abcdef" in page
    assert "no MS-SSIM for pictures under 161 px" in page
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (out / "curves.svg").read_bytes()


def test_bytes_bpp_and_psnr_of_a_row_are_those_of_the_file(
    folder: Path, tmp_path: Path, small_photo: np.ndarray
) -> None:
    run(folder, tmp_path / "out", "--qualities", "50", "--peers", "")
    row = next(row for row in read(tmp_path / "out" / "images.tsv") if row["image"] == "b.png")
    data = StandIn().encode(small_photo, 50)
    assert int(row["bytes"]) == len(data)
    assert float(row["bpp"]) == pytest.approx(8 * len(data) / (72 * 96), rel=1e-5)
    error = small_photo.astype(float) - StandIn().decode(data)
    expected_db = 20 * np.log10(255 / np.sqrt(np.mean(error**2)))
    assert float(row["psnr_db"]) == pytest.approx(expected_db, rel=1e-5)


def test_the_bundle_id_is_read_from_a_files_header() -> None:
    header = container.Header(
        width=8, height=8, level=50, bundle_id=bytes(range(8)), tile_px=64, gray=False, alpha=False
    )
    assert rate_distortion.bundle_id(container.pack(header, [(1, b"x")])) == "0001020304050607"
    assert rate_distortion.bundle_id(b"not one of ours") == "unknown"


def test_a_peer_that_pillow_lacks_is_left_out_with_a_note(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.baselines.features.check", lambda feature: feature != "webp")
    assert run(folder, tmp_path / "out", "--peers", "webp", "--qualities", "50,75") == 0
    assert "no webp: this Pillow was built without it" in capsys.readouterr().out


def test_a_run_that_breaks_is_one_line_on_stderr_and_status_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, tmp_path / "out", "--peers", "", codec=Broken()) == 1
    assert capsys.readouterr().err == "rate_distortion: 3 bytes are not a stream\n"


def test_a_folder_without_pictures_or_none_at_all_is_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, tmp_path / "out") == 1
    assert "no pictures in" in capsys.readouterr().err
    assert run(tmp_path / "missing", tmp_path / "out") == 1


@pytest.mark.parametrize(
    "options",
    [
        ("--qualities", "0,50"),
        ("--qualities", "101"),
        ("--qualities", "abc"),
        ("--qualities", ""),
        ("--peers", "jpeg,gif"),
        ("--limit", "0"),
        ("--threads", "-1"),
    ],
)
def test_bad_options_are_usage_errors(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, tmp_path / "out", *options)
    assert stop.value.code == 2


def test_a_bundle_whose_files_may_end_anywhere_is_measured_by_their_beginnings(
    folder: Path, tmp_path: Path, progressive: Codec
) -> None:
    argv = ["--images", folder, "--out", tmp_path / "out", "--qualities", "40", "--peers", "", "--limit", 1]
    argv += ["--bundles", progressive.bundle.folder]
    assert rate_distortion.main([str(word) for word in argv]) == 0
    rows = [row for row in read(tmp_path / "out" / "images.tsv") if row["codec"] == "gargalo-prefixes"]
    qualities = [float(row["psnr_db"]) for row in rows]
    assert [float(row["setting"]) for row in rows] == list(baselines.SHARES_PERCENT)
    assert qualities == sorted(qualities) and qualities[-1] > 35
    assert int(rows[3]["bytes"]) == round(int(rows[-1]["bytes"]) * baselines.SHARES_PERCENT[3] / 100)
