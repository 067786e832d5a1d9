"""Float latents to integer symbols and back; scale indexes. Everything that decoding needs is integer arithmetic.

Integers are held in float32 where they feed one (all stay below 2**24, so every operation on them is exact).
Shapes: latents (M, h, w) at 1/16, hyper-latents (K, hz, wz) at 1/64 of the picture. FORMAT.md, sections 5 and 6.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runtime import spec

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]


BITS_PER_SQUARED_STEP = 10.0
"""Bits that a squared error of one step is worth: 6 / ln 2 = 8.7 in theory, chosen on validation pictures."""


@dataclass(frozen=True)
class Prior:
    """The integers of a bundle (prior.npz) that turn z into scale indexes and symbols into latents."""

    log2_step: NDArray[np.int16]
    """(levels, M) quantisation steps of the latents, log2 in 1/64 octave of the latent's integer"""
    scale_base: I32
    """(levels, M) scale index where z is zero, in 2**-14"""
    scale_head: NDArray[np.int16]
    """(K, 16 M) what each hyper-latent adds to the indexes of the 4 x 4 latents under it, in 2**-14"""
    log2_step_z: NDArray[np.int16]
    """(levels, K) quantisation steps of z, log2 in 1/64 octave of 1/16 grid unit"""
    scale_base_z: I32
    """(levels, K) scale index of z, in 2**-14"""
    unit: I32
    """(M,) integers of a latent per step of its 8-bit grid"""
    limit: I32
    """(M,) latents are clamped to [-limit, limit] before the linear synthesis"""
    top_index: int
    """highest scale index that the tables have"""

    @property
    def channels(self) -> int:
        return len(self.unit)

    @property
    def hyper_channels(self) -> int:
        return int(self.scale_head.shape[0])

    @property
    def top_level(self) -> int:
        return (len(self.log2_step) - 1) * spec.LEVEL_STEPS

    @cached_property
    def head(self) -> F32:
        """The scale head as float32 (16 M, K)."""
        return np.ascontiguousarray(self.scale_head.T, np.float32)

    def at_level(self, level: int) -> "Level":
        """What holds at one level 0 .. top_level."""
        anchor, fraction = divmod(level, spec.LEVEL_STEPS)
        following = min(anchor + 1, len(self.log2_step) - 1)

        def between(rows: NDArray[np.integer]) -> NDArray[np.int64]:
            low, high = rows[anchor].astype(np.int64), rows[following].astype(np.int64)
            return (low * (spec.LEVEL_STEPS - fraction) + high * fraction + spec.LEVEL_STEPS // 2) // spec.LEVEL_STEPS

        planes = np.zeros(spec.LEVEL_PLANES, np.uint8)
        planes[anchor] = spec.LEVEL_STEPS - fraction
        if fraction:
            planes[following] = fraction
        return Level(
            self,
            step=exp2(between(self.log2_step)).astype(np.float32)[:, None, None],
            base=between(self.scale_base).astype(np.float32),
            step_z=exp2(between(self.log2_step_z)).astype(np.float32)[:, None, None],
            index_z=to_index(between(self.scale_base_z).astype(np.float32), self.top_index),
            planes=planes + np.uint8(spec.GRID_ZERO),
        )


@dataclass(frozen=True)
class Level:
    """The prior at one level of the rate scale."""

    prior: Prior
    step: F32
    """(M, 1, 1) whole numbers"""
    base: F32
    """(M,) scale indexes where z is zero, in 2**-14"""
    step_z: F32
    """(K, 1, 1) in 1/16 grid units"""
    index_z: U8
    """(K,) scale index of each hyper-latent channel"""
    planes: U8
    """(LEVEL_PLANES,) values of the constant planes"""

    def quantise_z(self, z: F32) -> I32:
        """Symbols of hyper-latents (K, hz, wz) given in grid units; zero in channels that are not coded."""
        scaled: F32 = np.rint(z * np.float32(1 << spec.HYPER_STEP_BITS) / self.step_z)
        scaled *= self.index_z[:, None, None] > 0
        return np.clip(scaled, -32768, 32767).astype(np.int32)

    def dequantise_z(self, symbols: I32) -> F32:
        """Centred grid integers [-128, 127] of symbols (K, hz, wz)."""
        one = 1 << spec.HYPER_STEP_BITS
        scaled = symbols.astype(np.int64) * self.step_z.astype(np.int64) + one // 2
        return np.clip(scaled // one, spec.GRID_LOW, spec.GRID_HIGH).astype(np.float32)

    def scale_index(self, z_hat: F32, height: int, width: int) -> U8:
        """Scale index of every latent (M, height, width) from z (K, hz, wz) alone."""
        k, hz, wz = z_hat.shape
        side = spec.HYPER_STRIDE
        total = self.prior.head @ z_hat.reshape(k, hz * wz)  # (16 M, hz * wz), whole numbers below 2**24
        total = total.reshape(-1, side * side, hz * wz) + self.base[:, None, None]
        index = to_index(total, self.prior.top_index).reshape(-1, side, side, hz, wz)
        index = index.transpose(0, 3, 1, 4, 2).reshape(-1, hz * side, wz * side)
        return np.ascontiguousarray(index[:, :height, :width])

    def quantise(self, latents: F32, mean: F32, index: U8, savings: F32 | None = None) -> F32:
        """Residual symbols of latents given in their own units; zero where they are not coded.

        With `savings` (see runtime.tables.Tables.savings) a symbol moves one towards zero where the bits saved outweigh
        the error added: rate-distortion-optimised quantisation, a choice of the encoder alone.
        """
        scaled: F32 = (latents - mean) / self.step
        scaled *= index > 0
        residual: F32 = np.rint(scaled)
        np.clip(residual, -32768, 32767, out=residual)
        if savings is not None:
            places = np.flatnonzero(residual)
            whole, exact = residual.ravel()[places], scaled.ravel()[places]
            magnitude = np.abs(whole)
            added = 2 * (np.abs(exact) - magnitude) + 1  # growth of the squared error, in squared steps
            column = np.minimum(magnitude, savings.shape[1] - 1).astype(np.intp)
            lower = BITS_PER_SQUARED_STEP * added < savings[index.ravel()[places], column]
            residual.ravel()[places[lower]] -= np.sign(whole[lower])
        return residual

    def dequantise(self, residual: F32, mean: F32) -> F32:
        """Latents as whole numbers within the channel's limit."""
        limit = self.prior.limit.astype(np.float32)[:, None, None]
        latents: F32 = np.clip(residual * self.step + mean, -limit, limit)
        return latents

    def mean(self, grid: U8) -> F32:
        """Latents that stand for grid values (M, h, w)."""
        return (grid.astype(np.float32) - spec.GRID_ZERO) * self.prior.unit.astype(np.float32)[:, None, None]

    def grid(self, latents: F32) -> U8:
        """The nearest grid values (half up) of whole-number latents, with the zero point added."""
        unit = self.prior.unit.astype(np.float32)[:, None, None]
        nearest = np.floor((2 * latents + unit) / (2 * unit))
        return (np.clip(nearest, spec.GRID_LOW, spec.GRID_HIGH) + spec.GRID_ZERO).astype(np.uint8)

    def with_planes(self, grid: U8) -> U8:
        """Grid values (M, h, w) followed by the level's constant planes."""
        m, h, w = grid.shape
        out = np.empty((m + spec.LEVEL_PLANES, h, w), np.uint8)
        out[:m] = grid
        out[m:] = self.planes[:, None, None]
        return out


def exp2(log2: NDArray[np.int64]) -> NDArray[np.int64]:
    """2 ** (log2 / 64), rounded, at least 1."""
    mantissa = np.array(spec.EXP2, np.int64)[log2 % spec.STEP_FRACTION]
    scaled = np.left_shift(mantissa, np.maximum(log2 // spec.STEP_FRACTION, 0))
    return np.maximum((scaled + (1 << 13)) >> 14, 1)


def to_index(fixed: F32, top: int) -> U8:
    """Whole scale indexes of fixed-point ones, floored and clamped to 0 .. top."""
    scaled: F32 = fixed * np.float32(2.0**-spec.INDEX_BITS)
    np.floor(scaled, out=scaled)
    np.clip(scaled, 0, top, out=scaled)
    return scaled.astype(np.uint8)


def first_half(height: int, width: int) -> NDArray[np.bool_]:
    """The checkerboard: True where row + column is even."""
    parity: NDArray[np.bool_] = (np.add.outer(np.arange(height), np.arange(width)) & 1) == 0
    return parity
