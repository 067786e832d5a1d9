"""The prior's integers: quantisation steps, scale indexes, what networks see of values; and proofs that all fit."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models import wavelet
from models.layers import WEIGHT_LIMIT, Conv
from models.pyramid import Codec, Config
from runtime.families.pyramid import spec

Arrays = dict[str, NDArray[Any]]

VALUE_LIMIT = 1 << 15
"""Values are below this and no less than minus this."""
INT16, INT32 = 1 << 15, 1 << 31
SEEN_PER_LOG = 16
"""Networks see log(1 + |steps|) in units of one 16th: half of it on a grid of 1 / 32."""


class Refused(ValueError):
    """The model breaks a rule that exact decoding needs; the message names the tensor."""


def gains() -> np.ndarray:
    """What the wavelet's coefficients without norms are short of by band, float64 (57,): orthonormal / raw.

    Columns are those of prior.npz: the details (colour, band) of levels 1 to 5, then z: its low band and its details.
    """
    bands = np.array([1, 1, wavelet.NORM**-2])
    levels = [np.tile(wavelet.NORM ** (2 * level) * bands, spec.COLOUR_COUNT) for level in range(spec.LEVELS + 1)]
    low = np.full(spec.COLOUR_COUNT, wavelet.NORM ** (2 * (spec.LEVELS + 1)))
    return np.concatenate([*levels[: spec.LEVELS], low, levels[spec.LEVELS]])


def thresholds() -> np.ndarray:
    """Where the size of a value shows as 1, 2, ..., 127: int32 (127,), from each on it shows as one more."""
    half_way = np.arange(1, spec.GRID_ZERO) - 0.5
    return np.ceil(spec.VALUE_STEPS * np.expm1(half_way / SEEN_PER_LOG)).astype(np.int32)


def masking(config: Config) -> np.ndarray:
    """int32 (4, 8): what the sum of a position's luma coefficients must reach for steps of levels 1 to 4 to be one
    eighth of an octave wider, the next one, ...
    """
    eighths = np.arange(-spec.MASKING_MOST, spec.MASKING_MOST) + 0.5
    with np.errstate(divide="ignore"):  # of a slope of 0: all of the lower half are reached, none of the upper
        octaves = eighths / (8 * config.masking_slope) + np.array(config.masking_log2_px)[:, None]
    size_px = np.maximum(2.0**octaves - config.masking_floor_px, 0)
    units = (spec.BANDS * spec.PHASES << spec.COEFFICIENT_BITS) / wavelet.NORM ** (2 * np.arange(1, spec.LEVELS))
    return np.ceil(size_px * units[:, None]).clip(max=INT32 - 1).astype(np.int32)


@torch.no_grad()
def integers(model: Codec) -> Arrays:
    """Return the arrays of the runtime's Prior: log2_step, scale_base (levels, 57) int16, thresholds (127,) and masking
    (4, 8) int32.

    Raises Refused where a number does not fit its type.
    """
    unit = 1 << spec.STEP_BITS  # steps are stored in these parts of a pixel level
    log2_step = model.log2_step().double().numpy() + np.log2(unit / gains())
    log2_scale = torch.cat([model.log2_scale.flatten(1), model.log2_scale_z], 1).double().numpy()
    per_octave = spec.INDEX_PER_OCTAVE << spec.INDEX_BITS
    half = 1 << (spec.INDEX_BITS - 1)  # indexes are floored, so half of one is added here
    exact = {
        "log2_step": np.round(spec.STEP_FRACTION * log2_step),
        "scale_base": np.round((log2_scale - spec.INDEX_ZERO_LOG2) * per_octave) + half,
    }
    for name, values in exact.items():
        if not np.isfinite(values).all() or np.abs(values).max() >= INT16:
            raise Refused(f"{name}: a value does not fit int16")
    found = {name: values.astype(np.int16) for name, values in exact.items()}
    return found | {"thresholds": thresholds(), "masking": masking(model.config)}


@torch.no_grad()
def bounds(model: Codec, arrays: Arrays) -> dict[str, float]:
    """Proven bounds, each a share of what its integers hold. Raises Refused with the tensor's name at 1 and above.

    coefficients   a value times its step, in 32 bits
    scale_index    the sum of base, what a network says and masking, in 16 bits
    accumulators   the sums of every convolution, in 32 bits
    """
    step = float(np.exp2(arrays["log2_step"].max() / spec.STEP_FRACTION))
    base = float(np.abs(arrays["scale_base"].astype(np.int64)).max())
    found = {
        "coefficients": (VALUE_LIMIT * (step + 1) + (1 << spec.STEP_BITS)) / INT32,
        "scale_index": (base + spec.INDEX_UNIT * (spec.GRID_ZERO + spec.MASKING_MOST)) / INT16,
    }
    for name, tensor in (("coefficients", "log2_step"), ("scale_index", "scale_base")):
        if found[name] >= 1:
            raise Refused(f"{tensor}: {name} are up to {found[name]:.2f} times what their integers hold")
    return found | {"accumulators": max(_accumulator(name, conv) for name, conv in _convolutions(model))}


def _convolutions(model: nn.Module) -> list[tuple[str, Conv]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, Conv)]


def _accumulator(name: str, conv: Conv) -> float:
    """The largest sum of a convolution as a share of 32 bits; Refused where its numbers break a rule."""
    weight, bias = conv.integer_weight(), conv.integer_bias()
    if not float(weight.abs().max()) <= WEIGHT_LIMIT:
        raise Refused(f"{name}.weight: outside [-{WEIGHT_LIMIT}, {WEIGHT_LIMIT}]")
    share = float((weight.abs().sum((1, 2, 3)) * 255 + bias.abs()).max()) / INT32
    if not share < 1:
        raise Refused(f"{name}: accumulator does not fit 32 bits")
    return share
