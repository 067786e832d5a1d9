"""docs/format/autoencoder.md in numpy decodes what the codec does, with weights that training does not change."""

from pathlib import Path

import numpy as np
import pytest
import reference_autoencoder

pytest.importorskip("torch")
pytest.importorskip("onnx")

from runtime import codec as shared  # noqa: E402
from runtime.codec import Codec  # noqa: E402


@pytest.mark.parametrize("level", [40, 130, 224])
def test_the_page_decodes_the_same_pixels(
    level: int, tiny: Codec, folder: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one tile, and at the last level of six."""
    if level == 224:
        monkeypatch.setattr(shared, "TILE_PX", 64)
    data = shared.encoder(tiny, np.ascontiguousarray(photo[:120, :140]))(level)
    assert np.array_equal(reference_autoencoder.decode(data, folder.parent), tiny.decode(data))
