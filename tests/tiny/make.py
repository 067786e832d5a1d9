"""Make the tiny bundles: of few channels that nobody trained, in which every network does something.

    python tests/tiny/make.py tests/tiny/bundle                      a pyramid
    python tests/tiny/make.py tests/tiny/recurrent --family recurrent

Tests of the runtime use them where weights do not matter, so that they are fast and stay as they are when weights
change. Needs torch and onnx.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export import bundle, pyramid, recurrent, tables
from models import recurrent as progressive
from models.layers import set_mode
from models.pyramid import Codec, Config
from runtime.families.pyramid import spec

GAIN = 0.3
"""Of each layer's random weights: much more would predict much worse than nothing does."""
STEP_OCTAVES = (
    (0.5, 0.8, 1.1, 0.6), (0.0, 0.3, 0.85, 0.35), (-0.45, -0.45, 0.45, -0.25),
    (-0.7, -0.7, 0.1, -0.7), (-1.0, -1.0, 0.1, -0.7), (-1.0, -1.0, 0.1, -0.7)
)  # fmt: skip
"""As they were by default when the bundle was made."""
CONFIG = Config(state=4, synthesis=0, step_octaves=STEP_OCTAVES)
RECURRENT_CONFIG = progressive.Config(state=8, levels=4)


def model(picture: NDArray[np.uint8], config: Config = CONFIG) -> Codec:
    """Return a model whose grids fit a picture, uint8 RGB (H, W, 3), sides multiples of 64.

    It is the same on every machine: numpy draws its weights, and what else torch computes is rounded to 8 bits.
    """
    made = Codec(config).eval()
    x = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]
    random = np.random.default_rng(0)
    made.start_from_pictures([x])
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 4:
                drawn = random.normal(0, GAIN * parameter[0].numel() ** -0.5, parameter.shape)
                parameter.copy_(torch.from_numpy(drawn))
        set_mode(made, "observe")
        for level in (0.0, 3.5, 7.0):
            x_hat, _, _, planes = made(x, torch.tensor([level]))
            made.restore(x_hat, planes)
        set_mode(made, "float")
        for tensor in made.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.bfloat16())
    return made


def recurrent_model(picture: NDArray[np.uint8], config: progressive.Config = RECURRENT_CONFIG) -> progressive.Codec:
    """Return a progressive model as `model` makes a pyramid; sides must be multiples of 32."""
    made = progressive.Codec(config).eval()
    x = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]
    random = np.random.default_rng(0)
    with torch.no_grad():
        for parameter in made.iteration.parameters():
            if parameter.ndim == 4:
                drawn = random.normal(0, GAIN * parameter[0].numel() ** -0.5, parameter.shape)
                parameter.copy_(torch.from_numpy(drawn))
        made.start_from_pictures([x])
        set_mode(made, "observe")
        made.exercise(x)
        set_mode(made, "float")
        for tensor in made.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.bfloat16())
    return made


def picture() -> NDArray[np.uint8]:
    """Return gradients and noise, uint8 RGB (128, 192, 3)."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:128, 0:192]
    base = np.stack([rows, columns, 200 - rows], 2) + random.normal(0, 12, (128, 192, 3))
    return base.clip(0, 255).astype(np.uint8)


def make(folder: Path) -> None:
    """Write the bundle to a folder."""
    made = model(picture())
    bundle.write_graphs(folder, pyramid.build(made, quantised=True))
    bundle.write_prior(folder, pyramid.integers(made) | tables.fit())
    facts = {"quality_levels": [level * 224 // 99 for level in range(100)]}
    bundle.write_manifest(folder, "tiny", "pyramid", spec.NETWORKS, facts)


def make_recurrent(folder: Path) -> None:
    """Write the bundle of a progressive codec to a folder."""
    made = recurrent_model(picture())
    bundle.write_graphs(folder, recurrent.build(made, quantised=True))
    bundle.write_prior(folder, recurrent.integers(made))
    facts = {"quality_levels": [91 + level for level in range(100)]}
    bundle.write_manifest(folder, "tiny", "recurrent", recurrent.NETWORKS, facts)


MAKERS = {"pyramid": make, "recurrent": make_recurrent}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--family", choices=MAKERS, default="pyramid")
    args = parser.parse_args()
    MAKERS[args.family](args.folder)
