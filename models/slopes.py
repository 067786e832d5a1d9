"""Chroma from luma, as the families share it: slopes told by what is decoded already.

Trudeau, Egge and Barr 2018, arXiv 1711.03951.
"""

from torch import Tensor
from torch.nn import functional as F

LARGEST_SLOPE = 2.0
"""Slopes are between plus and minus this."""


def slopes(products: Tensor, squares: Tensor, ridge: Tensor) -> Tensor:
    """Return slopes (B, 2, 1, h, w): how much chroma there is for luma, by least squares, from sums of their products
    (B, 2, h, w), of luma's squares (B, 1, h, w) and of what keeps the slopes small, (B, 1 or 2, 1, 1).
    """
    return (products / (squares + ridge)).clamp(-LARGEST_SLOPE, LARGEST_SLOPE)[:, :, None]


def around(x: Tensor) -> Tensor:
    """Return sums (B, n, h, w) over 3 x 3 positions, edges repeated."""
    return 9 * F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
