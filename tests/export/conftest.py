"""A small model that was not trained, but in which every network does something."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from models.pyramid import Codec as Model


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """Gradients and noise, uint8 RGB (128, 192, 3)."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:128, 0:192]
    base = np.stack([rows, columns, 200 - rows], 2) + random.normal(0, 12, (128, 192, 3))
    return base.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def untrained(picture: np.ndarray) -> "Callable[..., Model]":
    """A function that makes such a model, its grids fitted to the picture; arguments change its Config."""
    torch = pytest.importorskip("torch")
    from models.layers import set_mode
    from models.pyramid import Codec, Config

    def make(**changes: Any) -> "Model":
        torch.manual_seed(0)
        config = Config(state=8, middle_blocks=(0, 1, 0), chroma_from_luma=True, synthesis=16, synthesis_blocks=1)
        model = Codec(replace(config, **changes)).eval()
        x = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]
        model.start_from_pictures([x])
        set_mode(model, "observe")
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 4:
                    parameter.add_(0.01 * torch.randn_like(parameter))
            for level in (0.0, 3.5, 7.0):
                x_hat, _, _, planes = model(x, torch.tensor([level]))
                model.restore(x_hat, planes)
        set_mode(model, "float")
        return model

    return make


@pytest.fixture
def model(untrained: "Callable[..., Model]") -> "Model":
    """A model of its own for each test, with all that is optional."""
    return untrained()
