"""The fixed linear transform: colours made orthonormal, then the CDF 9/7 wavelet by lifting, in torch.

Daubechies and Sweldens 1998, "Factoring wavelet transforms into lifting steps", section 7.7; signals are extended by
reflection. The constants are the decoder's own (FORMAT.md, section 7), so that analysis and synthesis are exact
inverses but for rounding.
"""

import torch
from torch import Tensor

ONE = 1 << 12
"""What the constants below are in units of (runtime.spec has the same)."""
LIFTING = (-6497, -217, 3616, 1817)
"""The four lifting steps."""
COLOURS = ((2365, 2365, 2365), (2896, 0, -2896), (-1672, 3344, -1672))
"""Luma and two chroma signals from red, green and blue."""
ALPHA, BETA, GAMMA, DELTA = (c / ONE for c in LIFTING)
NORM = 1.149604398860241
"""What makes the lifted pair orthonormal, nearly: low * NORM, high / NORM."""


def _next(low: Tensor, axis: int) -> Tensor:
    n = low.shape[axis]
    return torch.cat([low.narrow(axis, 1, n - 1), low.narrow(axis, n - 1, 1)], axis)


def _previous(high: Tensor, axis: int) -> Tensor:
    n = high.shape[axis]
    return torch.cat([high.narrow(axis, 0, 1), high.narrow(axis, 0, n - 1)], axis)


def split(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return low and high halves of an even number of samples along an axis."""
    low, high = x.unflatten(axis, (-1, 2)).unbind(axis + 1)
    high = high + ALPHA * (low + _next(low, axis))
    low = low + BETA * (high + _previous(high, axis))
    high = high + GAMMA * (low + _next(low, axis))
    low = low + DELTA * (high + _previous(high, axis))
    return low * NORM, high / NORM


def join(low: Tensor, high: Tensor, axis: int) -> Tensor:
    """Join what split gave: its inverse."""
    low, high = low / NORM, high * NORM
    low = low - DELTA * (high + _previous(high, axis))
    high = high - GAMMA * (low + _next(low, axis))
    low = low - BETA * (high + _previous(high, axis))
    high = high - ALPHA * (low + _next(low, axis))
    return torch.stack([low, high], axis + 1).flatten(axis, axis + 1)


def split_2d(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the low band (B, 3, H/2, W/2) and the details (B, 9, H/2, W/2) of signals (B, 3, H, W).

    Details are ordered (colour, band): high across rows, across columns, across both.
    """
    low, high = split(x, 3)
    (low_low, low_high), (high_low, high_high) = split(low, 2), split(high, 2)
    return low_low, torch.stack([low_high, high_low, high_high], 2).flatten(1, 2)


def join_2d(low: Tensor, details: Tensor) -> Tensor:
    """Join what split_2d gave, or some of its colours: its inverse."""
    low_high, high_low, high_high = details.unflatten(1, (-1, 3)).unbind(2)
    return join(join(low, low_high, 2), join(high_low, high_high, 2), 3)


def to_colours(pixels: Tensor) -> Tensor:
    """Return luma and chroma around 0 of RGB (B, 3, H, W) in 0..255."""
    return torch.einsum("oc,bchw->bohw", _matrix(pixels.device), pixels.float() - 128)


def from_colours(signals: Tensor) -> Tensor:
    """Return RGB, unclamped: the inverse of to_colours."""
    return torch.einsum("oc,bohw->bchw", _matrix(signals.device), signals) + 128


def _matrix(device: torch.device) -> Tensor:
    return torch.tensor(COLOURS, dtype=torch.float32, device=device) / ONE
