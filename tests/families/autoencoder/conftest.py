"""A bundle of a small autoencoder that was not trained, but in which every network does something."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from runtime.codec import Codec

if TYPE_CHECKING:
    from models.autoencoder import Codec as Model


@pytest.fixture(scope="session")
def model(photo: np.ndarray) -> "Model":
    torch = pytest.importorskip("torch")
    from models import autoencoder
    from models.layers import Conv, set_mode

    torch.manual_seed(0)
    model = autoencoder.Codec(autoencoder.Config(state=8, nets=8)).eval()
    x = torch.from_numpy(photo[:128, :192].transpose(2, 0, 1).copy())[None]
    model.start_from_pictures([x])
    with torch.no_grad():
        for convolution in (module for module in model.modules() if isinstance(module, Conv)):
            convolution.weight.add_(0.005 * torch.randn_like(convolution.weight))
        for linear in (model.linear_analysis, model.linear_synthesis):
            linear.moved.add_(0.02 * torch.randn_like(linear.moved))
        set_mode(model, "observe")
        model.exercise(x)
    set_mode(model, "float")
    return model


@pytest.fixture(scope="session")
def folder(model: "Model", tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    from export import autoencoder, bundle, tables

    path = tmp_path_factory.mktemp("weights") / "tiny"
    bundle.write_graphs(path, autoencoder.build(model, quantised=True))
    bundle.write_prior(path, autoencoder.integers(model) | tables.fit())
    levels = np.linspace(0, 224, 100).round().astype(int).tolist()
    bundle.write_manifest(path, "tiny", "autoencoder", autoencoder.NETWORKS, {"quality_levels": levels})
    return path


@pytest.fixture(scope="session")
def tiny(folder: Path) -> Codec:
    return Codec(folder, threads=1)
