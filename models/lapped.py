"""A lapped biorthogonal transform of 8 bands and 16 taps, the start of the autoencoder's linear path.

The 8 x 8 DCT with a filter across the edges of blocks before it: Tran, Liang and Tu 2003, "Lapped transform via
time-domain pre- and post-filtering". Its coding gain is 9.55 dB where the DCT's is 8.83 (first-order signals, 0.95).
"""

import numpy as np

BLOCK = 8
OVERLAP = 4
"""Samples of each neighbour that a block's functions reach over."""
SCALING = 1.6
"""What makes the transform biorthogonal; coding gain is highest here."""


def _dct(n: int, half: float) -> np.ndarray:
    """Return the orthonormal DCT-II (half = 0) or DCT-IV (half = 0.5) of n points."""
    k, m = np.arange(n)[:, None], np.arange(n)[None]
    basis = np.cos(np.pi * (m + 0.5) * (k + half) / n) * np.sqrt(2 / n)
    if half == 0:
        basis[0] /= np.sqrt(2)
    return basis


def bases() -> tuple[np.ndarray, np.ndarray]:
    """Return analysis and synthesis functions, (8, 16) each: band k of a block that begins at sample n is the inner
    product of the first with samples n - 4 to n + 11, and the signal is the sum of bands times the second.
    """
    eye = np.eye(OVERLAP)
    flip = eye[::-1]
    inner = flip @ _dct(OVERLAP, 0).T @ np.diag([SCALING, 1, 1, 1]) @ _dct(OVERLAP, 0.5) @ flip
    butterfly = np.block([[eye, flip], [flip, -eye]])

    def across(edge: np.ndarray) -> np.ndarray:
        zero = np.zeros_like(edge)
        return 0.5 * butterfly @ np.block([[eye, zero], [zero, edge]]) @ butterfly

    before, after = across(inner), across(np.linalg.inv(inner))
    analysis, synthesis = np.zeros((BLOCK, 2 * BLOCK)), np.zeros((2 * BLOCK, BLOCK))
    analysis[:OVERLAP, :BLOCK], analysis[OVERLAP:, BLOCK:] = before[OVERLAP:], before[:OVERLAP]
    synthesis[:BLOCK, :OVERLAP], synthesis[BLOCK:, OVERLAP:] = after[:, OVERLAP:], after[:, :OVERLAP]
    dct = _dct(BLOCK, 0)
    return dct @ analysis, (synthesis @ dct.T).T
