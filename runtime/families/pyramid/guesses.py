"""Chroma from luma: means of chroma details that follow the decoded luma details.

Where luma changes, chroma often does so too, by some share of it: the slope, found by least squares in the details of
the wavelet level before, around each position. A network cannot tell it, since it cannot multiply what it sees. All is
IEEE float32, each operation rounded by itself. The source is Trudeau, Egge and Barr 2018, arXiv 1711.03951.
FORMAT.md, section 6.
"""

import numpy as np

from runtime.arrays import F32, I16, I32, U8, contiguous
from runtime.families.pyramid import spec
from runtime.latents.slopes import around
from runtime.latents.values import units
from runtime.native import twin


def slopes(details: I16, steps: I32) -> F32:
    """Return slopes (2, h, w), of u and v by luma, around each position of details: values (9, h, w) of steps (9,)."""
    _, h, w = details.shape
    sums, found = np.empty((3, h, w), np.float32), np.empty((2, h, w), np.float32)
    apart = units(spec.RIDGE_STEPS * spec.VALUE_STEPS * steps[spec.BANDS :: spec.BANDS])  # steps of u and of v
    ridges = np.float32(spec.SLOPE_RIDGE) + apart * apart
    find_slopes(contiguous(details), units(steps), ridges, spec.LARGEST_SLOPE, sums, found)
    return found


def guessed(mean: U8, luma: I16, slopes: F32, steps: I32, gates: I32) -> I16:
    """Return means (24, h, w) of chroma with what is guessed from luma added, in 1/8 step plus 128.

    mean    (24, h, w) as the network says them
    luma    values (12, h, w) of the wavelet level's packed luma details
    slopes  (2, h, w) of u and v
    steps   (9,) of the wavelet level's details
    gates   (2,) how much of a guess is added to u and v, in 1/32
    """
    by_colour = steps.reshape(spec.COLOUR_COUNT, spec.BANDS).astype(np.float32)
    factors = by_colour[:1] / by_colour[1:] * (gates.astype(np.float32) / np.float32(spec.GATE_ONE))[:, None]
    found = np.empty(mean.shape, np.int16)
    add_guesses(contiguous(mean), contiguous(luma), slopes, contiguous(factors), spec.LARGEST_GUESS, found)
    return found


# -- numpy twins -------------------------------------------------------------------------------------------------------


@twin
def find_slopes(details: I16, units: F32, ridges: F32, limit: float, sums: F32, slopes: F32) -> None:
    """Fill in slopes (2, h, w), between plus and minus the limit, of details (9, h, w) in units (9,).

    A slope is the sum of luma times chroma divided by that of luma's squares and the colour's ridge, of ridges (2,);
    each sum is over three bands, then three rows, then three columns, edges repeated. `sums` (3, h, w) is scratch.
    """
    colours = (details * units[:, None, None]).reshape(spec.COLOUR_COUNT, spec.BANDS, *details.shape[1:])
    np.multiply(colours[:, 0], colours[0, 0], out=sums)
    for band in range(1, spec.BANDS):
        sums += colours[:, band] * colours[0, band]
    squares, *products = around(sums)
    np.fmin(np.fmax(products / (squares + ridges[:, None, None]), -limit), limit, out=slopes)


@twin
def add_guesses(mean: U8, luma: I16, slopes: F32, factors: F32, limit: int, found: I16) -> None:
    """Fill in means (2 n p, h, w) with guesses added, of luma values (n p, h, w), slopes (2, h, w), factors (2, n).

    A guess is slope times luma times factor, rounded, between plus and minus the limit.
    """
    colours, bands = factors.shape
    guess = slopes[:, None, None] * luma.reshape(bands, -1, *luma.shape[1:]).astype(np.float32)
    guess *= factors[:, :, None, None, None]
    whole = np.fmin(np.fmax(np.rint(guess), -limit), limit).astype(np.int16)
    np.add(mean, whole.reshape(mean.shape), out=found)
