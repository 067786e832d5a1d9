"""The table of bundles and classes of CPUs: what is measured, what is kept, how it is shown."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY
from PIL import Image

from benchmarks import baselines, classes
from benchmarks.classes import Count, Ratio, keep, main, read, write_page
from runtime import machine, native
from runtime.codec import Codec

OLD = Ratio("lite", "ab" * 8, 1.25, 5.0, 0.5, 6, "64-bit ARM with dot products", "A76", "compiled", 0.1, "2026-01-02")
VNNI = Ratio("standard", "cd" * 8, 0.5, 4.04, 0.456, 6, "x86-64 with VNNI", "EPYC", "compiled", 0.1, "2026-01-03")


def test_tables_come_back_as_they_were_written(tmp_path: Path) -> None:
    keep(tmp_path / "r.tsv", [VNNI, OLD], lambda ratio: ratio.bundle)
    assert read(tmp_path / "r.tsv", Ratio) == [OLD, VNNI]
    count = Count("lite", "ab" * 8, "Cortex-A72", 1.5, 1.25, "2026-01-02")
    keep(tmp_path / "c.tsv", [count], lambda count: count.bundle)
    assert read(tmp_path / "c.tsv", Count) == [count]
    assert read(tmp_path / "none.tsv", Ratio) == []


def test_new_rows_take_the_place_of_their_class_s_alone(tmp_path: Path) -> None:
    path, newer = tmp_path / "classes.tsv", Ratio(**{**VNNI.__dict__, "id": "ef" * 8, "encode_ratio": 0.25})
    keep(path, [OLD, VNNI], lambda ratio: (ratio.cpu_class, ratio.bundle))
    keep(path, [newer], lambda ratio: (ratio.cpu_class, ratio.bundle))
    assert read(path, Ratio) == [OLD, newer]


def test_the_page_has_a_row_a_bundle_and_a_column_a_class(tmp_path: Path) -> None:
    keep(tmp_path / "classes.tsv", [OLD, VNNI], lambda ratio: ratio.bundle)
    counts = [Count("nano", "01" * 8, cpu, 1.239, 1.2, "2026-01-02") for cpu in ("Cortex-A76", "Cortex-A72")]
    keep(tmp_path / "instructions.tsv", counts, lambda count: count.cpu)
    page = write_page(tmp_path)
    assert page == (tmp_path / "classes.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    assert rows[0] == ["bundle", "x86-64 with VNNI", "64-bit ARM with dot products"]
    assert rows[2:4] == [
        [f"standard `{'cd' * 8}`", "0.50 / 4.0 (0.46)", "-"],
        [f"lite `{'ab' * 8}`", "-", "1.25 / 5.0 (0.50)"],
    ]
    assert rows[4:] == [
        ["bundle", "Cortex-A72", "Cortex-A76"],
        rows[5],
        [f"nano `{'01' * 8}`", "1.24 / 1.20", "1.24 / 1.20"],
    ]
    assert "- x86-64 with VNNI: EPYC, 2026-01-03, medians over 6 pictures, array functions compiled, load 0.1\n" in page


def test_a_machine_adds_its_own_class(tmp_path: Path, photo: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    out, own = tmp_path / "out", shutil.copytree(TINY, tmp_path / "own")
    words = ["--images", str(tmp_path), "--out", str(out), "--bundles", f"{TINY},{own}", "--rounds", "1"]
    assert main(words) == 0
    assert capsys.readouterr().out == (out / "classes.md").read_text()
    (found,) = read(out / "classes.tsv", Ratio)
    bundle = Codec(TINY).bundle
    assert (found.bundle, found.id, found.pictures, found.arrays) == (bundle.name, bundle.id.hex(), 1, native.name)
    assert (found.cpu_class, found.processor) == (machine.cpu_class(), machine.processor())
    assert found.decode_to_encode_ratio < found.decode_ratio and found.encode_ratio > 0
    assert main([*words, "--cpu-class", "abacus"]) == 0
    assert [each.cpu_class for each in read(out / "classes.tsv", Ratio)] == sorted(["abacus", machine.cpu_class()])
    assert read(out / "classes.tsv", Ratio)[0].processor.endswith(f"which hid that it is {machine.cpu_class()}")


def test_webp_is_set_to_come_near_in_psnr(photo: np.ndarray) -> None:
    webp = baselines.PEERS["webp"]()
    for setting in (30, 88):
        assert classes._nearest(webp, photo, webp.decode(webp.encode(photo, setting))) == setting


def test_what_cannot_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--images", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("classes: no pictures in ") and not (tmp_path / "out").exists()
