"""docs/format/autoencoder.md in JavaScript gives the pixels of our codec."""

from pathlib import Path

import javascript
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(bool(javascript.missing()), reason=str(javascript.missing()))


def test_javascript_gives_the_pixels_of_the_codec(folder: Path, photo: np.ndarray, tmp_path: Path) -> None:
    javascript.check_same_pixels(folder, javascript.pictures(photo), tmp_path)
