"""docs/format/recurrent.md in numpy decodes what the codec does, with weights that training does not change."""

import numpy as np
import pytest
import reference_recurrent

pytest.importorskip("onnx")

from runtime import codec as shared  # noqa: E402
from runtime.codec import Codec, encoder  # noqa: E402


@pytest.mark.parametrize("level", [40, 121, 191])
def test_the_page_decodes_the_same_pixels(
    level: int, progressive: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one tile, and at the second level of six."""
    if level == 121:
        monkeypatch.setattr(shared, "TILE_PX", 64)
    data = encoder(progressive, np.ascontiguousarray(photo[:90, :140]))(level)
    assert np.array_equal(reference_recurrent.decode(data, progressive.bundle.folder.parent), progressive.decode(data))
