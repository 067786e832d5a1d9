"""Make the tiny bundle of thumbnails: a recurrent codec of few channels that nobody trained, in which all has effect.

    python tests/tiny/make_thumbnail.py tests/tiny/thumbnail

Tests of thumbnails use it where weights do not matter, as others use the bundle of make.py. Needs torch and onnx.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from export import bundle, recurrent
from models.recurrent import Codec, Config

GAIN = 0.3
"""Of each layer's random weights."""
CONFIG = Config(state=4, levels=3, planes=11, shortest=9)


def model() -> Codec:
    """Return a model whose tables fit a picture; it is the same on every machine."""
    made = Codec(CONFIG).eval()
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:96, 0:96]
    gradients = np.stack([2 * rows, 2 * columns, 200 - rows]) + random.normal(0, 12, (3, 96, 96))
    picture = torch.from_numpy(gradients.clip(0, 255).astype(np.uint8))[None]
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 4:
                drawn = random.normal(0, GAIN * parameter[0].numel() ** -0.5, parameter.shape)
                parameter.copy_(torch.from_numpy(drawn))
        made.start_from_pictures([picture])
        for tensor in made.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.bfloat16())
    return made


def make(folder: Path) -> None:
    """Write the bundle to a folder."""
    made = model()
    bundle.write_graphs(folder, recurrent.build(made, quantised=True))
    bundle.write_prior(folder, recurrent.integers(made))
    facts = {"quality_levels": [level * 175 // 99 for level in range(100)]}
    bundle.write_manifest(folder, "tiny-thumbnail", "recurrent", recurrent.NETWORKS, facts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)
