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

LARGEST_SYMBOL = 32767
"""The encoder's; a stream may hold larger ones."""

MAX_UNIT = 1 << 13
"""Grid steps are below so many integers of a latent: then 1 / (2 unit) is more than float32 rounds at 256."""


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
    def whole(self) -> type[np.integer]:
        """The smallest type that holds every latent."""
        return np.int16 if self.limit.max() < 1 << 15 else np.int32

    @property
    def hyper_channels(self) -> int:
        return int(self.scale_head.shape[0])

    @property
    def top_level(self) -> int:
        return (len(self.log2_step) - 1) * spec.LEVEL_STEPS

    @cached_property
    def head(self) -> F32:
        """The scale head in whole indexes, float32 (16 M, K): whole numbers of 2**-14, all sums of them below 2**10."""
        return np.ascontiguousarray(self.scale_head.T, np.float32) * np.float32(2.0**-spec.INDEX_BITS)

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
            step=exp2(between(self.log2_step)).astype(np.float32),
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
    """(M,) whole numbers"""
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

    def scale_index(self, z_hat: F32) -> U8:
        """Scale index of every latent (M, 4 hz, 4 wz) from z (K, hz, wz) alone."""
        k, hz, wz = z_hat.shape
        side = spec.HYPER_STRIDE
        total: F32 = self.prior.head @ z_hat.reshape(k, hz * wz)  # (16 M, hz * wz), exact in float32
        total = total.reshape(-1, side * side * hz * wz)
        total += self.base[:, None] * np.float32(2.0**-spec.INDEX_BITS)
        index = floored(total, self.prior.top_index).reshape(-1, side, side, hz, wz)
        return index.transpose(0, 3, 1, 4, 2).reshape(-1, hz * side, wz * side)

    def quantise(self, latents: F32, mean: F32, index: U8, savings: F32 | None = None) -> F32:
        """Residual symbols of latents given in their own units; zero where they are not coded.

        With `savings` (see runtime.tables.Tables.savings) a symbol moves one towards zero where the bits saved outweigh
        the error added: rate-distortion-optimised quantisation, a choice of the encoder alone.
        """
        exact: F32 = latents - mean
        exact /= over(self.step, exact)
        exact *= index != 0
        residual: F32 = np.rint(exact)
        np.clip(residual, -LARGEST_SYMBOL, LARGEST_SYMBOL, out=residual)
        if savings is not None:
            places = np.flatnonzero(residual != 0)
            whole = residual.ravel().take(places)
            magnitude = np.abs(whole)
            added = np.abs(exact.ravel().take(places))  # growth of the squared error, in squared steps
            added -= magnitude
            added *= 2 * BITS_PER_SQUARED_STEP
            added += BITS_PER_SQUARED_STEP
            columns = savings.shape[1]
            row = index.ravel().take(places).astype(np.intp) * columns
            saved = savings.ravel().take(row + np.minimum(magnitude, columns - 1).astype(np.intp))
            lower = np.flatnonzero(added < saved)
            whole = whole.take(lower)
            residual.ravel()[places.take(lower)] = whole - np.sign(whole)
        return residual

    def dequantise(self, residual: NDArray[np.number], mean: F32) -> F32:
        """Latents as whole numbers within the channel's limit."""
        latents: F32 = np.multiply(residual, over(self.step, residual), dtype=np.float32)
        latents += mean
        limit = over(self.prior.limit.astype(np.float32), latents)
        return np.clip(latents, -limit, limit, out=latents)

    def mean(self, grid: U8) -> F32:
        """Latents that stand for grid values (M, ...)."""
        mean = grid.astype(np.float32)
        mean -= spec.GRID_ZERO
        mean *= over(self.prior.unit.astype(np.float32), mean)
        return mean

    def grid(self, latents: F32) -> U8:
        """The nearest grid values (half up) of whole-number latents, with the zero point added."""
        nearest: F32 = latents / over(self.prior.unit.astype(np.float32), latents)
        nearest += spec.GRID_ZERO + 0.5  # whole numbers of 1 / (2 unit), which float32 tells apart: see MAX_UNIT
        return floored(nearest, spec.GRID_ZERO + spec.GRID_HIGH)

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
    return floored(fixed * np.float32(2.0**-spec.INDEX_BITS), top)


def floored(values: F32, top: int) -> U8:
    """Whole numbers of values, which change, floored and clamped to 0 .. top."""
    return np.clip(values, 0, top, out=values).astype(np.uint8)


def over(channels: F32, like: NDArray[np.number]) -> F32:
    """Numbers (M,) of channels in a shape that goes with arrays (M, ...)."""
    return channels.reshape(-1, *(1,) * (like.ndim - 1))


def first_half(height: int, width: int) -> NDArray[np.bool_]:
    """The checkerboard: True where row + column is even."""
    parity: NDArray[np.bool_] = (np.add.outer(np.arange(height), np.arange(width)) & 1) == 0
    return parity
