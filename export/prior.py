"""The prior's integers: quantisation steps, scale indexes, what networks see of values; and proofs that all fit."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.layers import WEIGHT_LIMIT, Conv
from runtime.latents import spec

Arrays = dict[str, NDArray[Any]]

VALUE_LIMIT = 1 << 15
"""Values are below this and no less than minus this."""
INT16, INT32 = 1 << 15, 1 << 31
SEEN_PER_LOG = 16
"""Networks see log(1 + |steps|) in units of one 16th: half of it on a grid of 1 / 32."""


class Refused(ValueError):
    """The model breaks a rule that exact decoding needs; the message names the tensor."""


def thresholds() -> np.ndarray:
    """Return the least magnitudes that networks see as 1, 2, ..., 127: int32 (127,)."""
    half_way = np.arange(1, spec.GRID_ZERO) - 0.5
    return np.ceil(spec.VALUE_STEPS * np.expm1(half_way / SEEN_PER_LOG)).astype(np.int32)


def rate_scale(log2_step: NDArray[np.float64], log2_scale: NDArray[np.float64]) -> Arrays:
    """Return log2_step and scale_base (levels, columns) int16, of log2 of steps in pixel levels and of scales in steps.

    Raises Refused where a number does not fit its type.
    """
    per_octave = spec.INDEX_PER_OCTAVE << spec.INDEX_BITS
    half = 1 << (spec.INDEX_BITS - 1)  # indexes are floored, so half of one is added here
    base = np.round((log2_scale - spec.INDEX_ZERO_LOG2) * per_octave) + half
    return {"log2_step": log2_steps(log2_step), "scale_base": _int16("scale_base", base)}


def log2_steps(log2_step: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return log2 of steps in pixel levels as bundles hold it."""
    return _int16("log2_step", np.round(spec.STEP_FRACTION * (log2_step + spec.STEP_BITS)))


def _int16(name: str, values: NDArray[np.float64]) -> NDArray[np.int16]:
    if not np.isfinite(values).all() or np.abs(values).max() >= INT16:
        raise Refused(f"{name}: a value does not fit int16")
    return values.astype(np.int16)


@torch.no_grad()
def bounds(model: nn.Module, arrays: Arrays, index_more: int = 0) -> dict[str, float]:
    """Return proven bounds, each as a share of what its integers hold.

    Raises Refused with the tensor's name where a share is 1 or more.

    coefficients   a value times its step, in 32 bits
    scale_index    the sum of base, what a network says and `index_more`, in 16 bits
    accumulators   the sums of every convolution that has a grid, in 32 bits
    """
    step = float(np.exp2(arrays["log2_step"].max() / spec.STEP_FRACTION))
    base = float(np.abs(arrays["scale_base"].astype(np.int64)).max())
    found = {
        "coefficients": (VALUE_LIMIT * (step + 1) + (1 << spec.STEP_BITS)) / INT32,
        "scale_index": (base + spec.INDEX_UNIT * spec.GRID_ZERO + index_more) / INT16,
    }
    for name, tensor in (("coefficients", "log2_step"), ("scale_index", "scale_base")):
        if found[name] >= 1:
            raise Refused(f"{tensor}: {name} are up to {found[name]:.2f} times what their integers hold")
    return found | accumulators(model)


@torch.no_grad()
def accumulators(model: nn.Module) -> dict[str, float]:
    """Return the bound of the sums of every convolution that has a grid; raise Refused as `bounds` does."""
    return {"accumulators": max(_accumulator(name, conv) for name, conv in _convolutions(model))}


def _convolutions(model: nn.Module) -> list[tuple[str, Conv]]:
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, Conv)]
    return [(name, conv) for name, conv in found if conv.out is not None]


def _accumulator(name: str, conv: Conv) -> float:
    """Return the largest sum of a convolution as a share of 32 bits; raise Refused where its numbers break a rule."""
    weight, bias = conv.integer_weight(), conv.integer_bias()
    if not float(weight.abs().max()) <= WEIGHT_LIMIT:
        raise Refused(f"{name}.weight: outside [-{WEIGHT_LIMIT}, {WEIGHT_LIMIT}]")
    share = float((weight.abs().sum((1, 2, 3)) * 255 + bias.abs()).max()) / INT32
    if not share < 1:
        raise Refused(f"{name}: accumulator does not fit 32 bits")
    return share
