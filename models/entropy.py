"""The rate of a residual in bits: the training-time twin of the integer tables that export writes."""

import math
from typing import Any

import torch
from torch import Tensor

LOG2_SIGMA_MIN = -3.5
"""Narrowest scale in octaves of the step: below it a residual is always zero and is not coded at all."""
LOG2_SIGMA_MAX = 12.0
LEAST_MASS = 1e-9
"""Least mass that an interval counts as."""
TAIL_WEIGHT, TAIL_WIDTH = 0.15, 2.5
"""Each table is a mixture of two zero-mean Gaussians; the second, wider one gives the tails of real residuals."""
BITS_PER_SQUARED_STEP = 10.0
"""Bits that a squared error of one step is worth to the encoder (runtime.latents.values has the same)."""


class _Bits(torch.autograd.Function):
    """-log2 of the mass of a mixture on [|r| - 0.5, |r| + 0.5], computed on the side where it does not cancel.

    Its derivatives are written out, since they take most of a training step's time otherwise.
    """

    @staticmethod
    def forward(ctx: Any, residual: Tensor, log2_sigma: Tensor) -> Tensor:
        r, scale = residual.abs(), torch.exp2(-log2_sigma.clamp(LOG2_SIGMA_MIN, LOG2_SIGMA_MAX)).mul_(0.5**0.5)
        near, far = (r - 0.5).mul_(scale), (r + 0.5).mul_(scale)
        mass = torch.erfc(near).sub_(torch.erfc(far)).mul_((1 - TAIL_WEIGHT) / 2)
        mass.add_(torch.erfc(near / TAIL_WIDTH).sub_(torch.erfc(far / TAIL_WIDTH)), alpha=TAIL_WEIGHT / 2)
        mass.clamp_min_(LEAST_MASS)
        ctx.save_for_backward(residual, log2_sigma, scale, near, far, mass)
        return torch.where(log2_sigma > LOG2_SIGMA_MIN, -torch.log2(mass), 0.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        residual, log2_sigma, scale, near, far, mass = ctx.saved_tensors
        known = (log2_sigma > LOG2_SIGMA_MIN) & (mass > LEAST_MASS)
        of_mass = torch.where(known, gradient / mass, 0.0).mul_(-1 / (math.pi**0.5 * math.log(2)))
        to_r, to_sigma = torch.zeros_like(mass), torch.zeros_like(mass)
        for edge, sign in ((near, 1.0), (far, -1.0)):
            for weight, width in ((1 - TAIL_WEIGHT, 1.0), (TAIL_WEIGHT, TAIL_WIDTH)):
                density = (edge / width).square_().neg_().exp_().mul_(sign * weight / width)
                to_r.sub_(density)
                to_sigma.addcmul_(density, edge)
        to_sigma.mul_(math.log(2)).mul_(log2_sigma < LOG2_SIGMA_MAX)
        return to_r.mul_(scale).mul_(residual.sign()).mul_(of_mass), to_sigma.mul_(of_mass)


def bits(residual: Tensor, log2_sigma: Tensor) -> Tensor:
    """Return the bits of residuals, of any shape, at log2 of their scales, both in quantisation steps.

    Balle et al. 2018 (arXiv 1802.01436), eq. 4. Bits are 0 where the scale is the narrowest one.
    """
    found: Tensor = _Bits.apply(*torch.broadcast_tensors(residual, log2_sigma))  # type: ignore[no-untyped-call]
    return found


def chosen(residual: Tensor, log2_sigma: Tensor) -> Tensor:
    """Return the symbols that the encoder sends, with the gradient of the identity.

    They are rounded residuals, but one step closer to zero where that saves more than BITS_PER_SQUARED_STEP for each
    squared step of error that it adds. Where the scale is the narrowest one they are zero.
    """
    with torch.no_grad():
        symbol = torch.where(log2_sigma > LOG2_SIGMA_MIN, residual.round(), 0.0)
        at = symbol != 0
        r, sigma, whole = residual[at], log2_sigma.expand_as(symbol)[at], symbol[at]
        lower = whole - whole.sign()
        saved = bits(whole, sigma) - bits(lower, sigma)
        added = (r - lower) ** 2 - (r - whole) ** 2
        symbol[at] = torch.where(saved > BITS_PER_SQUARED_STEP * added, lower, whole)
    return residual + (symbol - residual).detach()
