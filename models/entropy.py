"""How many bits a residual costs: the training-time twin of the integer tables that export writes."""

import math

import torch
from torch import Tensor

LOG2_SIGMA_MIN = -3.5
"""Narrowest scale in octaves of the step: below it a residual is always zero and is not coded at all."""
TAIL_WEIGHT, TAIL_WIDTH = 0.15, 2.5
"""Each table is a mixture of two zero-mean Gaussians; the second, wider one gives the tails of real residuals."""
BITS_PER_SQUARED_STEP = 10.0
"""Bits that a squared error of one step is worth to the encoder (runtime.families.pyramid.values has the same)."""


def _interval(r: Tensor, sigma: Tensor) -> Tensor:
    """The mass of a zero-mean Gaussian on [|r| - 0.5, |r| + 0.5], computed on the side where it does not cancel."""
    r, scale = r.abs(), 1 / (sigma * math.sqrt(2))
    return 0.5 * (torch.erfc((r - 0.5) * scale) - torch.erfc((r + 0.5) * scale))


def bits(residual: Tensor, log2_sigma: Tensor) -> Tensor:
    """Bits per residual, both in quantisation steps, any shape: Balle et al. 2018 (arXiv 1802.01436), eq. 4.

    0 where the scale is the narrowest one.
    """
    sigma = log2_sigma.clamp(LOG2_SIGMA_MIN, 12).exp2()
    mass = (1 - TAIL_WEIGHT) * _interval(residual, sigma) + TAIL_WEIGHT * _interval(residual, TAIL_WIDTH * sigma)
    return torch.where(log2_sigma > LOG2_SIGMA_MIN, -torch.log2(mass.clamp_min(1e-9)), 0.0)


def chosen(residual: Tensor, log2_sigma: Tensor) -> Tensor:
    """The symbols that the encoder sends, with the gradient of the identity.

    Those of rounding, but one step towards zero where that saves more than BITS_PER_SQUARED_STEP for each squared step
    of error that it adds. Where the scale is the narrowest one they are zero.
    """
    with torch.no_grad():
        whole = residual.round()
        lower = whole - whole.sign()
        saved = bits(whole, log2_sigma) - bits(lower, log2_sigma)
        added = (residual - lower) ** 2 - (residual - whole) ** 2
        symbol = torch.where(saved > BITS_PER_SQUARED_STEP * added, lower, whole)
        symbol = torch.where(log2_sigma > LOG2_SIGMA_MIN, symbol, 0.0)
    return residual + (symbol - residual).detach()
