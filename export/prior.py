"""The prior's integers: quantisation steps, scale indexes, latent units, and the proofs that float32 holds them."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from export.graphs import linear_weights
from models.hyperprior import LATENT_GRID, Codec
from runtime import spec

Arrays = dict[str, NDArray[Any]]

EXACT = 1 << 24
"""Float32 adds whole numbers exactly below this."""
LATENT_LIMIT_SIGMAS = 24.0
"""Latents are clamped at this many deviations, or earlier where the accumulator bound asks for it."""
TOP_LOG2 = 9.0
"""Widest scale that has a table, in octaves of a step."""


class Refused(ValueError):
    """The model breaks a rule that exact decoding needs; the message names the tensor."""


def top_index() -> int:
    """Highest scale index."""
    return int((TOP_LOG2 - spec.INDEX_ZERO_LOG2) * spec.INDEX_PER_OCTAVE)


@torch.no_grad()
def integers(model: Codec) -> Arrays:
    """The arrays of runtime.latents.Prior. Raises Refused where a bound does not hold."""
    latent_bits, _ = (b.numpy() for b in model.latent_bits())
    sigma = model.sigma.double().numpy()
    unit = sigma * LATENT_GRID * 2.0**latent_bits
    if np.abs(unit - unit.round()).max() > 1e-3:
        raise Refused(
            "sigma: a latent's grid is not a whole number of its integer; call snap_sigma() before the QAT phase"
        )
    octave = spec.INDEX_PER_OCTAVE << spec.INDEX_BITS
    log2_scale = (model.log2_scale + model.sigma.log2() - model.log2_step).double().numpy()
    half = 1 << (spec.INDEX_BITS - 1)  # indexes are floored, so half of one is added here
    head = np.round(model.scale_head.weight[:, :, 0, 0].double().numpy() * LATENT_GRID * octave)
    base = np.round((log2_scale - spec.INDEX_ZERO_LOG2) * octave) + half
    base_z = np.round((model.log2_scale_z.double().numpy() - spec.INDEX_ZERO_LOG2) * octave) + half
    step = np.round(spec.STEP_FRACTION * (model.log2_step.double().numpy() + latent_bits))
    grid_units = -np.log2(LATENT_GRID) + spec.HYPER_STEP_BITS
    step_z = np.round(spec.STEP_FRACTION * (model.log2_step_z.double().numpy() + grid_units)).clip(0)
    arrays = {
        "log2_step": step.astype(np.int16),
        "scale_base": base.astype(np.int32),
        "scale_head": head.T.astype(np.int16),
        "log2_step_z": step_z.astype(np.int16),
        "scale_base_z": base_z.astype(np.int32),
        "unit": unit.round().astype(np.int32),
        "limit": latent_limits(model),
    }
    for name, exact in (("scale_head", head.T), ("log2_step", step), ("scale_base", base)):
        if np.abs(arrays[name] - exact).max() > 0:
            raise Refused(f"{name}: a value does not fit {arrays[name].dtype}")
    return arrays


def latent_limits(model: Codec) -> np.ndarray:
    """Limits of the latents' integers, int32 (M,): as wide as the linear synthesis can add up exactly."""
    latent_bits, _ = (b.numpy() for b in model.latent_bits())
    weights = np.abs(linear_weights(model))
    # no picture in 0..255 gives a larger coefficient of the analysis than this
    possible = 128 * np.abs(model.linear_analysis.detach().double().numpy()).sum((1, 2, 3)) * 1.25
    sigmas = LATENT_LIMIT_SIGMAS
    while True:
        limit = np.floor(np.minimum(possible, sigmas * model.sigma.double().numpy()) * 2.0**latent_bits)
        if linear_bound(weights, limit) < EXACT:
            return limit.astype(np.int32)
        sigmas *= 0.98


def linear_bound(weights: np.ndarray, limit: np.ndarray) -> float:
    """The largest sum in the linear synthesis, pixel centre and correction included, in 2**-FRACTION_BITS levels."""
    return float((np.abs(weights) @ limit).max() + (128 + 32) * 2.0**spec.FRACTION_BITS)


def bounds(model: Codec, arrays: Arrays) -> dict[str, Any]:
    """Proven accumulator bounds, each a share of what is exact. Raises Refused with the tensor's name above 1."""
    head = np.abs(arrays["scale_head"].astype(np.int64)).sum(0).reshape(-1, 16).max(1) * 128
    index = (head + np.abs(arrays["scale_base"].astype(np.int64)).max(0)).max()
    grid = (2 * arrays["limit"].astype(np.int64) + arrays["unit"]).max()
    found = {
        "linear_synthesis": linear_bound(linear_weights(model), arrays["limit"].astype(np.float64)) / EXACT,
        "scale_head": float(index) / EXACT,
        "latent_grid": float(grid) / EXACT,
        "latent_limit_sigmas": float(np.median(arrays["limit"] / arrays["unit"]) * LATENT_GRID),
    }
    for name in ("linear_synthesis", "scale_head", "latent_grid"):
        if found[name] >= 1:
            raise Refused(f"{name}: accumulator bound is {found[name]:.2f} times what float32 adds exactly")
    for chain in ("hyper_synthesis", "context", *(["synthesis"] if model.synthesis else [])):
        for name, conv in getattr(model, chain).named_modules():
            if not hasattr(conv, "integer_weight"):
                continue
            weight, bias = conv.integer_weight(), conv.integer_bias()
            if float(weight.abs().max()) > 64:
                raise Refused(f"{chain}.{name}.weight: outside [-64, 64]")
            if float((weight.abs().sum((1, 2, 3)) * 255 + bias.abs()).max()) >= 2**31:
                raise Refused(f"{chain}.{name}: accumulator does not fit 32 bits")
    return found
