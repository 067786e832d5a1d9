"""Make the tiny bundle: a pyramid of few channels that nobody trained, in which every network does something.

    python tests/tiny/make.py tests/tiny/bundle

Tests of the runtime use it where weights do not matter, so that they are fast and stay as they are when weights change.
Needs torch and onnx.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from export import bundle, pyramid, tables
from models.layers import set_mode
from models.pyramid import Codec, Config
from runtime.families.pyramid import spec

GAIN = 0.3
"""Of each layer's random weights: much more would predict much worse than nothing does."""
CONFIG = Config(state=4, synthesis=0)


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)
