"""Dead channels start anew and the model computes what it did."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.evaluate import live_share  # noqa: E402
from models.hyperprior import Codec, Config  # noqa: E402
from models.revive import revive  # noqa: E402

TINY = Config(fine=16, coarse=16, fine_blocks=1, coarse_blocks=1, latents=48, hyper=8, prior=16, context=16)


def test_dead_channels_start_anew_without_changing_the_picture(photo: np.ndarray) -> None:
    torch.manual_seed(0)
    model = Codec(TINY)
    with torch.no_grad():
        model.synthesis[1].expand.bias[:5] = -100.0
        model.synthesis[1].project.weight.normal_()
    x = torch.from_numpy(photo[:128, :192].transpose(2, 0, 1).copy())[None]
    level = torch.tensor([4.0])
    with torch.no_grad():
        before, _, _ = model(x, level, hard=True)
        assert revive(model, [(x, level)]) >= 5
        after, _, _ = model(x, level, hard=True)
    assert torch.allclose(before, after, atol=1e-3)
    assert live_share(model, [photo], 4.0)["synthesis.1.expand"] > 11 / 16
