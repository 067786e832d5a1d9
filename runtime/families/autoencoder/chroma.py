"""Chroma from luma: the prediction of chroma latents from decoded luma, the same floats on every machine.

Where luma changes, chroma often does so too, by some share of it: the slope, found by least squares in what is decoded
around each position. IEEE float32, each operation rounded by itself, as docs/format/autoencoder.md tells.
The source is Trudeau, Egge and Barr 2018, arXiv 1711.03951.
"""

import numpy as np

from runtime.arrays import F32, I16, I32, U8
from runtime.latents.slopes import around
from runtime.latents.spec import GATE_ONE, GRID_ZERO, LARGEST_GUESS, LARGEST_SLOPE

POSITIONS = np.float32(9)
"""Of a square around one of them."""


def slopes_of_dc(dc: F32, ridge: np.float32) -> F32:
    """Return the slopes (2, h, w) of chroma by luma in the 3 x 3 positions of the DC (3, h, w) around each one."""
    luma, total = dc[:1], around(dc)
    covariance = around(luma * dc) - total[:1] * total / POSITIONS
    return _slopes(covariance[1:], covariance[0], ridge)


def slopes_of_ac(luma: F32, chroma: F32, ridge: np.float32) -> F32:
    """Return the slopes (2, h, w) of chroma (2, n, h, w) by luma (n, h, w) in the 3 x 3 positions around each one."""
    products, squares = luma[0] * chroma[:, 0], luma[0] * luma[0]
    for number in range(1, len(luma)):
        products += luma[number] * chroma[:, number]
        squares += luma[number] * luma[number]
    return _slopes(around(products), around(squares[None])[0], ridge)


def _slopes(products: F32, squares: F32, ridge: np.float32) -> F32:
    return np.clip(products / (np.maximum(squares, 0) + ridge), -LARGEST_SLOPE, LARGEST_SLOPE)


def guessed_means(mean: U8, gates: U8, slopes: F32, luma: I16, luma_steps: I32, chroma_steps: I32) -> I16:
    """Return the means (2 n, h, w) of both chroma colours with the prediction from luma added, in 1/8 step plus 128.

    Takes a network's means u8 (2 n, h, w) and gates u8 (g, h, w), each gate for an equal share of the channels; luma
    values (n, h, w) of the same frequencies; and the steps (n,) and (2 n,) of luma's and chroma's channels.
    """
    n, h, w = luma.shape
    units: F32 = np.divide(luma_steps, chroma_steps.reshape(2, n), dtype=np.float32)
    guess: F32 = slopes[:, None] * luma.astype(np.float32)
    guess *= units[:, :, None, None]
    guess = guess.reshape(len(gates), -1, h, w)
    guess *= gates[:, None].astype(np.float32) - np.float32(GRID_ZERO)
    guess /= np.float32(GATE_ONE)
    whole: I16 = np.rint(guess).clip(-LARGEST_GUESS, LARGEST_GUESS).astype(np.int16)
    return mean + whole.reshape(2 * n, h, w)
