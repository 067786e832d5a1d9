"""Rate and distortion of a checkpoint on a folder of pictures, estimated from its own likelihoods.

    python -m models.evaluate CHECKPOINT --images DIR

These are the figures that the exported bundle has to reproduce with real bytes (benchmarks.rate_distortion).
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from models import checkpoint
from models.checkpoint import Codec
from models.data import pictures
from models.layers import Conv, set_mode


def psnr(mse: float) -> float:
    """Return the PSNR in dB of a mean squared error in squared 8-bit levels."""
    return float(10 * np.log10(255**2 / max(mse, 1e-10)))


@torch.no_grad()
def rate_distortion(
    model: Codec, images: list[np.ndarray], level: float, off: frozenset[str] = frozenset(), device: str = "cpu"
) -> tuple[float, float]:
    """Return mean bpp and mean PSNR in dB over pictures uint8 (H, W, 3), pixels rounded to uint8.

    `off` names what is left out, of the model's `left_out`.
    """
    rates, qualities = [], []
    for image in images:
        h, w = image.shape[:2]
        x = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].to(device).float()
        padded = F.pad(x, (0, -w % model.stride_px, 0, -h % model.stride_px), mode="replicate")
        x_hat, bits = model.code(padded, level, off)
        error = x_hat[..., :h, :w].clamp(0, 255).round() - x
        rates.append(float(bits) / (h * w))
        qualities.append(psnr(float((error**2).mean())))
    return float(np.mean(rates)), float(np.mean(qualities))


@contextmanager
def watched(model: Codec) -> Iterator[dict[str, Tensor]]:
    """Yield which hidden channels (C,) are ever positive in what the model does meanwhile, for each residual block and
    ReLU convolution by name.
    """
    alive: dict[str, Tensor] = {}
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, Conv) and module.grid is not None and not module.grid.signed:

            def note(_m: object, _i: object, y: Tensor, name: str = name) -> None:
                now = y.amax((0, 2, 3)) > 0
                alive[name] = alive.get(name, now) | now

            hooks.append(module.register_forward_hook(note))
    try:
        yield alive
    finally:
        for hook in hooks:
            hook.remove()


def live_share(model: Codec, images: list[np.ndarray], device: str = "cpu") -> dict[str, float]:
    """Return the share of hidden channels that are ever positive in the middle of the rate scale, for each residual
    block and ReLU convolution by name.
    """
    levels = model.report_levels()
    with watched(model) as alive:
        rate_distortion(model, images, levels[len(levels) // 2], device=device)
    return {name: float(channels.float().mean()) for name, channels in alive.items()}


def contributions(model: Codec, images: list[np.ndarray], level: float, device: str = "cpu") -> dict[str, float]:
    """Return the worth in dB of each part that may be left out: PSNR lost without, plus 10 lg of the growth in rate."""
    bpp, db = rate_distortion(model, images, level, device=device)
    worth = {}
    for name in model.left_out:
        bpp_off, db_off = rate_distortion(model, images, level, frozenset({name}), device)
        worth[name] = (db - db_off) + 10 * float(np.log10(bpp_off / bpp))
    return worth


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--images", required=True, help="folder of pictures")
    parser.add_argument("--levels", type=float, nargs="*", help="rate levels (default: those of reports)")
    parser.add_argument("--mode", choices=["float", "quant"], default="float", help="arithmetic of the networks")
    parser.add_argument("--limit", type=int, help="use the first N pictures")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(argv)
    model, _ = checkpoint.load(args.checkpoint)
    model = model.to(args.device).eval()
    set_mode(model, args.mode)
    images = pictures(args.images, limit=args.limit)
    off = frozenset(model.left_out) & {"synthesis"}  # a decoder runs it only when asked to
    for part, kmacs in model.kmacs_per_px().items():
        print(f"{part:>16} {kmacs:6.2f} kMAC/px")
    print(f"{'level':>7} {'bpp':>8} {'PSNR dB':>8}   ({len(images)} pictures, {args.mode})")
    for level in tqdm(args.levels or model.report_levels(), leave=False):
        bpp, db = rate_distortion(model, images, level, off, args.device)
        tqdm.write(f"{level:7.2f} {bpp:8.4f} {db:8.3f}", file=sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
