"""The whole report on two small pictures, with as little of everything as it takes."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import measures, report
from benchmarks.summary import Mean
from runtime.bundle import Bundle, shipped_names
from runtime.families.pyramid.spec import NETWORKS

SMALL = report.Plan(
    pictures=2,
    timed_pictures=1,
    qualities=(30, 50, 75),
    every_setting=4,
    peers=("jpeg", "webp"),
    rounds=1,
    megapixels=(0.1,),
    throughput_pictures=1,
)


@pytest.fixture
def images(tmp_path: Path, small_photo: np.ndarray) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    Image.fromarray(small_photo).save(folder / "a.png")
    Image.fromarray(small_photo[::-1]).save(folder / "b.png")
    return folder


def rows(path: Path) -> Any:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_a_report_has_every_table_and_plot(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx")
    monkeypatch.setattr(report, "QUICK", SMALL)
    out = tmp_path / "out"
    assert report.main(["--images", str(images), "--out", str(out), "--quick", "--bundles", "standard"]) == 0
    page = (out / "report.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == page
    for head in (
        "Size and quality",
        "Speed at equal quality",
        "Where the time goes",
        "Whole processes",
        "Throughput",
    ):
        assert f"## {head}" in page
    assert "128-channel 3x3 QLinearConv" in page and "- gargalo: bundle " in page
    assert all(f"| gargalo {network.name} " in page for network in Bundle.open().networks(NETWORKS))

    speed = {row["codec"]: row for row in rows(out / "speed.tsv")}
    assert set(speed) == {"gargalo", "jpeg", "webp"}
    assert float(speed["webp"]["encode_ratio"]) == float(speed["webp"]["decode_ratio"]) == 1
    commands = [row["command"] for row in rows(out / "processes.tsv")]
    assert commands[0] == "bare imports" and {"compress", "decompress"} < set(commands)
    assert all(float(row["peak_mb"]) > 5 for row in rows(out / "processes.tsv"))
    assert {row["direction"] for row in rows(out / "throughput.tsv")} == {"encode", "decode"}
    assert all(0 < float(row["outside_graphs_percent"]) < 100 for row in rows(out / "shares.tsv"))
    for name in ("curves.png", "curves.svg", "speed.png", "speed.svg", "images.tsv", "bd_rates.tsv"):
        assert (out / name).stat().st_size > 0


def test_a_folder_without_pictures_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--images", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("report: no pictures in")


def test_peers_are_compared_at_the_setting_nearest_in_psnr_to_ours_at_75() -> None:
    def mean(codec: str, setting: int, psnr_db: float) -> Any:
        return Mean(codec, setting, 1, 1, 1, psnr_db, None, None, None, None, None, None, None, None, 1, 1)

    table = [mean("gargalo", 50, 32), mean("gargalo", 75, 35), mean("webp", 60, 33), mean("webp", 80, 35.4)]
    chosen = measures.equal_settings(table, "gargalo")
    assert {name: each.setting for name, each in chosen.items()} == {"gargalo": 75, "webp": 80}


def test_a_quick_report_takes_the_middle_of_large_pictures(tmp_path: Path) -> None:
    large, middle = np.zeros((700, 1000, 3), np.uint8), tmp_path / "copy"
    large[94:606, 116:884] = 200
    Image.fromarray(large).save(tmp_path / "large.png")
    middle.mkdir()
    with Image.open(report._middle(tmp_path / "large.png", middle)) as copy:
        assert copy.size == (768, 512) and copy.getextrema() == ((200, 200),) * 3


def test_shipped_bundles_begin_with_standard() -> None:
    assert shipped_names()[0] == "standard"
