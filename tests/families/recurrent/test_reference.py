"""docs/format/recurrent.md and thumbnail.md in numpy decode what the codec does, with weights that never change."""

import numpy as np
import pytest
import reference_recurrent
import reference_thumbnail

pytest.importorskip("onnx")

from runtime import codec as shared  # noqa: E402
from runtime import gat  # noqa: E402
from runtime.codec import Codec, encoder  # noqa: E402
from runtime.pictures.square import shrunk  # noqa: E402


@pytest.mark.parametrize("level", [40, 121, 191])
def test_the_page_decodes_the_same_pixels(
    level: int, progressive: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one tile, and at the second level of six."""
    if level == 121:
        monkeypatch.setattr(shared, "TILE_PX", 64)
    data = encoder(progressive, np.ascontiguousarray(photo[:90, :140]))(level)
    assert np.array_equal(reference_recurrent.decode(data, progressive.bundle.folder.parent), progressive.decode(data))


@pytest.mark.parametrize("most_bytes", [16, 60, 500])
def test_the_page_on_thumbnails_decodes_the_same_pixels(most_bytes: int, progressive: Codec, photo: np.ndarray) -> None:
    """Of a message wherever it ends."""
    folder = progressive.bundle.folder
    data = gat.encode(shrunk(photo, 32), most_bytes, folder)
    assert np.array_equal(reference_thumbnail.decode(data, folder), gat.decode(data, folder))
