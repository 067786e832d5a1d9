"""Lossless files beside those of other codecs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tqdm")
pytest.importorskip("bjontegaard")
pytest.importorskip("imagecodecs")

from benchmarks import lossless  # noqa: E402
from runtime.codec import Codec  # noqa: E402


def test_the_table_has_sums_of_all_pictures(
    small_photo: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(small_photo).save(tmp_path / name)
    assert lossless.main(["--images", str(tmp_path), "--bounds", "0,2"]) == 0
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()[4:]]
    assert [row[:2] for row in rows] == [["0", name] for name in ("gargalo", "jpeg-ls", "webp", "png")] + [
        ["2", "gargalo"], ["2", "jpeg-ls"]
    ]  # fmt: skip
    assert int(rows[0][2].replace(",", "")) == 2 * len(Codec(threads=1).encode(small_photo, max_error=0))


def test_a_sample_beyond_the_bound_is_no_result(small_photo: np.ndarray) -> None:
    class Off:
        def encode(self, pixels: np.ndarray, max_error: int) -> bytes:
            return b"x"

        def decode(self, data: bytes) -> np.ndarray:
            return small_photo ^ 1

    with pytest.raises(AssertionError):
        lossless.ours(Off(), small_photo, 0)  # type: ignore[arg-type]
    assert lossless.ours(Off(), small_photo, 1) == 1  # type: ignore[arg-type]
