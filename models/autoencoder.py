"""A convolutional autoencoder: pixels to 192 latents a block of 8 x 8 and back, with a prior by parts.

    x ── colours ─ space to depth 8 ─┬─ linear (3 x 3, lapped) ─┬─ y ─┬─ AC (189, H/8)
                                     └─ analysis net ───────────┘     └─ DC (3, H/8) ─ wavelet ─ details, z (3, H/64)
    z ─ start ─ state ─┬─ means, scales ─ first half of the luma details at H/64
                 second ─┬─ means, scales ─ second half of them
                   third ─┬─ means, scales ─ chroma details
                     first ─┬─ (the state at twice the resolution) ... the same at H/32 and H/16
                      fine.0 ─┬─ (at H/8) means, scales ─ low luma AC, first half
                       fine.1 ─┬─ ... to the last of 8 parts: chroma AC
    y_hat ─┬─ linear (3 x 3, lapped) ─┬─ depth to space 8 ─ colours ─ x_hat
           └─ synthesis net ──────────┘

The linear path starts as a lapped transform (models/lapped.py), nets as nothing, so that the codec works before it
learns. The prior is one of checkerboard halves (He et al. 2021, arXiv 2103.15306) and of channel groups (He et al.
2022, arXiv 2203.10886) over a recurrent state, as in models/pyramid.py. All rates in one model: steps follow the level.

Shapes: x (B, 3, H, W), sides multiples of 64. Latents are in pixel levels, nearly orthonormal; `seen` is what a network
sees of one: sign * log(1 + |latent / step|) / 2.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import lapped, wavelet
from models.entropy import bits, chosen
from models.layers import Block, Chain, Conv, Scale
from models.phase import Phase
from models.pyramid import LEVEL_PLANES, PARAMETER_GAIN, Start, Step
from models.slopes import around, slopes

PHASES = {
    "prior": Phase(steps=100_000, minutes=20, rate=2e-3, crop_px=256, batch=4),
    "joint": Phase(steps=100_000, minutes=120, crop_px=256, batch=4),
    "qat": Phase(steps=10_000, minutes=15, rate=3e-4, crop_px=256, batch=4, quantised=True),
}
"""prior: the prior alone, on latents of the transform as it is; joint: everything, in float; qat: all networks on the
8-bit grids of the exported graphs, the linear paths as they are.
"""
BLOCK, BANDS, COLOURS = 8, 64, 3
LATENTS = COLOURS * BANDS
"""Channels of latents at H/8: colour, then frequency from low to high."""
DC_LEVELS = 3
"""Wavelet levels of the DC latents: details at H/16, H/32 and H/64, and z."""
Z, LUMA, CHROMA = 3, 3, 6
"""Channels of z, of a level's luma and of its chroma details."""
PARTS = (LATENTS - COLOURS, *[LUMA + CHROMA] * DC_LEVELS, Z)
"""Values with scales of their own: AC latents, details of the DC from coarse to fine, z."""
LUMA_GROUPS = ((1, 9), (9, 25), (25, 64))
"""Luma frequencies (by rank) of the parts at H/8, each coded in two halves of a checkerboard."""
CHROMA_GROUPS = ((1, 13), (13, 64))
"""The same of chroma, both colours together and not in halves."""
CHROMA_GATES = (2 * 12, 2)
"""How many gates the networks of chroma parts say: how much of what luma lets one guess is added to means, for each
value and for each colour.
"""
RIDGE = 3.0
"""Keeps slopes small where luma is flat, in squared plain steps."""
SEEN_START, SEEN_FIRST, SEEN_LUMA = 16, 16, 16
"""Input channels of the networks of coarse levels beside the state: values, level planes, zeros."""
LATENT_GRID = 1 / 32
"""Grid of normalised latents, as the synthesis net sees them: +-4 units in 8 bits."""
PIXEL_RANGE = 64.0
"""The analysis net sees colours / range."""
ANALYSIS_RANGE = 4.0
"""What the output of the analysis net is multiplied with: small, so that latents move slowly."""
CORRECTION_PX, CORRECTION_RANGE = 0.25, 32.0
"""Grid of the synthesis net's output in pixel levels, and what it is multiplied with: +-32 levels in 8 bits."""
LINEAR_RATE = 0.03
"""Learning rate of the linear paths as a share of the networks'."""


@dataclass(frozen=True)
class Config:
    """Sizes of the networks."""

    state: int = 96
    """channels of the prior's state"""
    coarse_blocks: tuple[int, int, int] = (0, 0, 0)
    """residual blocks of the first, second and third networks of the DC's details; first ones have one more"""
    fine_blocks: tuple[int, ...] = (1, 0, 0, 0, 0, 0, 0, 0)
    """residual blocks of the networks at H/8, those of the first one at H/16; it has one more"""
    nets: int = 64
    """channels of the analysis and the synthesis net at H/8; 0: none"""
    net_blocks: int = 1
    levels: int = 8
    """anchors of the rate scale; quality runs from 0 to levels - 1 and is interpolated between anchors"""
    lambda_low: float = 0.0003
    lambda_high: float = 0.55
    step_octaves: tuple[tuple[float, float], ...] = ((0.3, 0.4), (0.0, 0.15), (-0.25, -0.25), (-0.3, -0.3))
    """by how many octaves errors of luma and chroma weigh less, by the wavelet level (1, 2, 3 and coarser) where they
    lie. The eye, and MS-SSIM with it, sees errors of the finest details least"""


def frequencies() -> list[tuple[int, int]]:
    """Return the vertical and horizontal frequency of the 64 bands in the order of channels, from low to high."""
    return sorted(((u, v) for u in range(BLOCK) for v in range(BLOCK)), key=lambda f: (f[0] ** 2 + f[1] ** 2, f))


class Linear(nn.Module):
    """A 3 x 3 convolution without padding of each colour's 64 channels, that starts as `weight` and moves slowly."""

    def __init__(self, weight: np.ndarray):
        super().__init__()
        self.start: Tensor
        self.register_buffer("start", torch.from_numpy(np.tile(weight, (COLOURS, 1, 1, 1))).float())
        self.moved = nn.Parameter(torch.zeros_like(self.start))

    @property
    def weight(self) -> Tensor:
        """(192, 64, 3, 3)."""
        return self.start + LINEAR_RATE * self.moved

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, groups=COLOURS)

    def macs(self) -> int:
        """Return multiplications per position."""
        return self.moved.numel()


def lapped_weights() -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (64, 64, 3, 3) of the linear analysis, from 8 x 8 pixels to bands, and of its synthesis."""
    analysis, synthesis = lapped.bases()
    margin = BLOCK - lapped.OVERLAP
    bands = np.array(frequencies())

    def two_dimensional(basis: np.ndarray) -> np.ndarray:
        """Return bases (band, block row, row, block column, column) of both directions."""
        rows = np.pad(basis, ((0, 0), (margin, margin))).reshape(BLOCK, 3, BLOCK)
        return np.einsum("nar,nbc->narbc", rows[bands[:, 0]], rows[bands[:, 1]])

    forward = two_dimensional(analysis).transpose(0, 2, 4, 1, 3).reshape(BANDS, BANDS, 3, 3)
    back = two_dimensional(synthesis).transpose(2, 4, 0, 1, 3).reshape(BANDS, BANDS, 3, 3)
    return np.ascontiguousarray(forward), np.ascontiguousarray(back[..., ::-1, ::-1])


def mirrored_pixels(x: Tensor) -> Tensor:
    """Return x (B, C, H, W) with a block of its mirror image beyond each edge."""
    x = torch.cat([x[:, :, :BLOCK].flip(2), x, x[:, :, -BLOCK:].flip(2)], 2)
    return torch.cat([x[..., :BLOCK].flip(3), x, x[..., -BLOCK:].flip(3)], 3)


def mirrored_latents(y: Tensor) -> Tensor:
    """Return latents (B, 192, h, w) with those of the mirror image beyond each edge; odd frequencies change sign."""
    signs = 1 - 2 * (y.new_tensor(frequencies()) % 2).T.repeat(1, COLOURS)[:, :, None, None]
    y = torch.cat([y[:, :, :1] * signs[0], y, y[:, :, -1:] * signs[0]], 2)
    return torch.cat([y[..., :1] * signs[1], y, y[..., -1:] * signs[1]], 3)


def split(y: Tensor) -> list[Tensor]:
    """Return the values of latents (B, 192, h, w): AC (B, 189, h, w), details of the DC from coarse to fine, z."""
    low, details = y[:, ::BANDS], list[Tensor]()
    for _ in range(DC_LEVELS):
        low, detail = wavelet.split_2d(low)
        details.insert(0, detail)
    return [y.unflatten(1, (COLOURS, BANDS))[:, :, 1:].flatten(1, 2), *details, low]


def with_dc(ac: Tensor, dc: Tensor) -> Tensor:
    """Return latents (B, 192, h, w) of AC and DC."""
    return torch.cat([dc[:, :, None], ac.unflatten(1, (COLOURS, BANDS - 1))], 2).flatten(1, 2)


def joined(ac: Tensor, *details_and_z: Tensor) -> Tensor:
    """Return the inverse of split."""
    *details, low = details_and_z
    for detail in details:
        low = wavelet.join_2d(low, detail)
    return with_dc(ac, low)


def slopes_of_dc(dc: Tensor, ridge: Tensor) -> Tensor:
    """Return slopes as the DC (B, 3, h, w) varies around each position."""
    luma, mean = dc[:, :1], around(dc) / 9
    covariance = around(luma * dc) - 9 * mean[:, :1] * mean
    return slopes(covariance[:, 1:], covariance[:, :1], ridge)


def slopes_of_ac(luma: Tensor, chroma: Tensor, ridge: Tensor) -> Tensor:
    """Return slopes of AC latents around each position: luma (B, n, h, w), chroma (B, 2, n, h, w)."""
    return slopes(around((luma[:, None] * chroma).sum(2)), around(luma.square().sum(1, keepdim=True)), ridge)


def halves(like: Tensor) -> tuple[Tensor, Tensor]:
    """Return masks (h, w) of the checkerboard's halves: row + column even, and odd."""
    rows, columns = (torch.arange(n, device=like.device) for n in like.shape[-2:])
    odd = ((rows[:, None] + columns) % 2).to(like.dtype)
    return 1 - odd, odd


def fine_parts(like: Tensor) -> list[tuple[slice, tuple[int, int], Tensor | float]]:
    """Return the parts at H/8 in coding order: colours, the range of frequencies by rank, the mask of what is coded."""
    luma = [(slice(0, 1), group, mask) for group in LUMA_GROUPS for mask in halves(like)]
    return luma + [(slice(1, COLOURS), group, 1.0) for group in CHROMA_GROUPS]


def luma_of(parts: list[Tensor]) -> Tensor:
    """Return luma AC values (B, 63, h, w) of the parts at H/8, each half 0 where the other is."""
    luma = parts[: 2 * len(LUMA_GROUPS)]
    return torch.cat([a + b for a, b in zip(luma[::2], luma[1::2], strict=True)], 1)


def _analysis(c: Config) -> Chain:
    pixels, stream = Scale(signed=True, fixed=1 / 32), Scale(signed=True)
    return Chain(
        pixels,
        Conv(pixels, stream, LATENTS, c.nets),
        *(Block(stream, c.nets) for _ in range(c.net_blocks)),
        Conv(stream, None, c.nets, LATENTS, init=0.0),
    )


def _synthesis(c: Config) -> Chain:
    latents, stream = Scale(signed=True, fixed=LATENT_GRID), Scale(signed=True)
    correction = Scale(signed=True, fixed=CORRECTION_PX / CORRECTION_RANGE)
    return Chain(
        latents,
        Conv(latents, stream, LATENTS + 2 * LEVEL_PLANES, c.nets),
        *(Block(stream, c.nets) for _ in range(c.net_blocks)),
        Conv(stream, correction, c.nets, LATENTS, init=0.0),
    )


class Codec(nn.Module):
    """All networks and the rate scale of one bundle; what the trainer asks of it is told in models/families.py."""

    stride_px = 64
    left_out = ("analysis", "synthesis", "second", "third")

    def __init__(self, config: Config = Config()):
        super().__init__()
        self.config = c = config
        self.levels = c.levels
        self.bf16 = False  # whether networks may compute in bf16, on their way to 8 bits
        forward, back = lapped_weights()
        self.linear_analysis, self.linear_synthesis = Linear(forward), Linear(back)
        self.analysis = _analysis(c) if c.nets else None
        self.synthesis = _synthesis(c) if c.nets else None
        self.octaves: Tensor  # what steps of latents are in octaves of their rate's
        self.register_buffer("octaves", self._octaves())
        self.log2_unit: Tensor  # whole powers of two near the latents' deviations in pixel levels
        self.register_buffer("log2_unit", torch.zeros(LATENTS))
        # log2 of scales in quantisation steps where the networks say 0, in the order of PARTS
        self.log2_scale = nn.Parameter(torch.zeros(c.levels, sum(PARTS)))
        self.start = Start(c.state, SEEN_START, LUMA)
        first, second, third = c.coarse_blocks
        self.first = Step(c.state, SEEN_FIRST, LUMA, first, enlarge=True)
        self.second = Step(c.state, SEEN_LUMA, LUMA, second)
        self.third = Step(c.state, SEEN_LUMA, CHROMA + CHROMA // 2, third)
        told = [high - low for low, high in LUMA_GROUPS for _ in range(2)]
        told += [2 * (high - low) for low, high in CHROMA_GROUPS]
        shown = [SEEN_FIRST, *(-(-n // 8) * 8 for n in told[:-1])]
        for number, gates in enumerate(CHROMA_GATES, len(told) - len(CHROMA_GATES)):
            told[number] += gates // 2
        self.fine = nn.ModuleList(
            Step(c.state, n, says, blocks, enlarge=i == 0)
            for i, (n, says, blocks) in enumerate(zip(shown, told, c.fine_blocks, strict=True))
        )

    # -- the rate scale ------------------------------------------------------------------------------------------------

    def lambdas(self) -> Tensor:
        """Return lambda of each level anchor, (levels,), for loss = bits/px + lambda * MSE in squared pixel levels."""
        c = self.config
        return c.lambda_low * (c.lambda_high / c.lambda_low) ** torch.linspace(0, 1, c.levels)

    def log2_plain_step(self) -> Tensor:
        """Return log2 of the step of each level anchor, (levels,), where d(bits)/d(squared error) = lambda / 3."""
        return (36 / (2 * math.log(2) * self.lambdas())).sqrt().log2()

    def hats(self, level: Tensor) -> Tensor:
        """Return interpolation weights (B, levels) of fractional levels (B,)."""
        anchors = torch.arange(self.config.levels, device=level.device)
        return (1 - (level[:, None] - anchors).abs()).clamp_min(0)

    def weighted_squares(self, error: Tensor) -> Tensor:
        """Return the squared error (B,) of colours (B, 3, H, W), weighed as the eye sees them (`step_octaves`)."""
        low, total = error, error.new_zeros(len(error))
        for luma, chroma in self.config.step_octaves[:-1]:
            low, details = wavelet.split_2d(low)
            squares = details.square().sum((2, 3))
            total = total + 4**-luma * squares[:, :3].sum(1) + 4**-chroma * squares[:, 3:].sum(1)
        luma, chroma = self.config.step_octaves[-1]
        squares = low.square().sum((2, 3))
        return total + 4**-luma * squares[:, 0] + 4**-chroma * squares[:, 1:].sum(1)

    @torch.no_grad()
    def _octaves(self) -> Tensor:
        """Return log2 of steps (219,) in plain ones, such that errors of all values weigh alike, as log2_scale."""
        found = []
        for number, count in enumerate(PARTS):
            side = 4 << DC_LEVELS if number else 1 << DC_LEVELS  # at H/8; functions end far from the edges
            sides = [side, *(side >> depth for depth in range(DC_LEVELS, 0, -1)), side >> DC_LEVELS]
            values = [torch.zeros(count, n, m, m) for n, m in zip(PARTS, sides, strict=True)]
            values[number][range(count), range(count), sides[number] // 2, sides[number] // 2] = 1
            functions = F.pixel_shuffle(self.linear_synthesis(mirrored_latents(joined(*values))), BLOCK)
            found.append(-self.weighted_squares(functions).log2() / 2)
        return torch.cat(found)

    def fine_steps(self) -> list[Step]:
        """Return the networks of the parts at H/8 in coding order."""
        return [step for step in self.fine if isinstance(step, Step)]

    def run(self, network: nn.Module, *inputs: Tensor) -> Any:
        """Return what a network makes of its inputs; the rest of the codec keeps float32."""
        with torch.autocast(inputs[0].device.type, torch.bfloat16, enabled=self.bf16):
            return network(*inputs)

    # -- transforms ----------------------------------------------------------------------------------------------------

    def analyse(self, x: Tensor, net: bool = True) -> tuple[Tensor, Tensor]:
        """Return colours (B, 3, H, W) and latents (B, 192, H/8, W/8) of pixels (B, 3, H, W) in 0..255."""
        colours = wavelet.to_colours(x)
        y = self.linear_analysis(F.pixel_unshuffle(mirrored_pixels(colours), BLOCK))
        if net and self.analysis is not None:
            shown = self.analysis.source(F.pixel_unshuffle(colours / PIXEL_RANGE, BLOCK))
            y = y + ANALYSIS_RANGE * self.run(self.analysis, shown)
        return colours, y

    def synthesise(self, y: Tensor, hats: Tensor, net: bool = True) -> Tensor:
        """Return colours (B, 3, H, W) of latents, the inverse of analyse."""
        pixels = self.linear_synthesis(mirrored_latents(y))
        if net and self.synthesis is not None:
            normalised = y / self.log2_unit.exp2()[:, None, None]
            planes = F.pad(hats, (0, 2 * LEVEL_PLANES - hats.shape[1]))[:, :, None, None]
            shown = torch.cat([normalised, planes.expand(-1, -1, *y.shape[-2:])], 1)
            pixels = pixels + CORRECTION_RANGE * self.run(self.synthesis, self.synthesis.source(shown))
        return F.pixel_shuffle(pixels, BLOCK)

    # -- coding --------------------------------------------------------------------------------------------------------

    def quantise(self, y: Tensor, level: Tensor, off: frozenset[str] = frozenset()) -> tuple[Tensor, Tensor, Tensor]:
        """Return latents (B, 192, h, w) as a decoder would have them, bits per picture (B,), and the weighed squared
        error per picture (B,), with a gradient to the means alone.
        """
        hats = self.hats(level)
        plain = (hats @ self.log2_plain_step().to(hats))[:, None, None, None]
        steps = (plain + self.octaves[:, None, None]).exp2().split(PARTS, 1)
        bases = (hats @ self.log2_scale)[:, :, None, None].split(PARTS, 1)
        planes = hats[:, :, None, None]
        rates, errors = [], []

        def seen(values: Tensor, channels: int) -> Tensor:
            values = values.detach()
            shown = values.sign() * torch.log1p(values.abs()) / 2
            b, n, h, w = shown.shape
            spare = shown.new_zeros(b, max(0, channels - n - LEVEL_PLANES), h, w)
            return self.start.grid(torch.cat([shown, planes.expand(-1, -1, h, w), spare], 1)[:, :channels])

        def code(
            target: Tensor, said: Tensor, base: Tensor, mask: Tensor | float = 1.0, guess: Tensor | None = None
        ) -> Tensor:
            """Return values of a part in steps, where the target is in steps too; 0 where the mask is. Where there is
            a guess as well, the network says how much of it counts.
            """
            n = target.shape[1]
            mean, log2_sigma = PARAMETER_GAIN * said[:, :n], PARAMETER_GAIN * said[:, n : 2 * n] + base
            if guess is not None:
                gates = said[:, 2 * n :]
                mean = mean + gates.repeat_interleave(n // gates.shape[1], 1) * guess
            symbols = chosen(target - mean, log2_sigma)
            rates.append((bits(symbols, log2_sigma) * mask).sum((1, 2, 3)))
            errors.append(((symbols.detach() - target.detach() + mean) ** 2 * mask).sum((1, 2, 3)))
            # where nothing is coded, no change of the latent changes anything: a gradient there makes latents run away
            followed = torch.where(symbols != 0, target - target.detach(), 0.0)
            return (mean + symbols.detach() + followed) * mask

        ac, *details, z = (values / step for values, step in zip(split(y), steps, strict=True))
        z_hat = code(z, torch.zeros_like(torch.cat([z, z], 1)), bases[-1])
        state, said = self.run(self.start, seen(z_hat, SEEN_START))
        ridge = RIDGE * (2 * plain).exp2()
        dc, decoded = z_hat * steps[-1], list[Tensor]()
        for detail, base, step in zip(details, bases[1:-1], steps[1:-1], strict=True):
            if decoded:
                state, said = self.run(self.first, state, seen(decoded[-1][:, LUMA:], SEEN_FIRST))
            even, odd = halves(detail)
            half_1 = code(detail[:, :LUMA], said, base[:, :LUMA], even)
            state, said = self.run(self.second, state, seen(half_1 * ("second" not in off), SEEN_LUMA))
            half_2 = code(detail[:, :LUMA], said, base[:, :LUMA], odd)
            state, said = self.run(self.third, state, seen(half_2 * ("third" not in off), SEEN_LUMA))
            luma, step_chroma = half_1 + half_2, step[:, LUMA:].unflatten(1, (COLOURS - 1, LUMA))
            guess = slopes_of_dc(dc, ridge) * (luma * step[:, :LUMA])[:, None] / step_chroma
            chroma = code(detail[:, LUMA:], said, base[:, LUMA:], guess=guess.flatten(1, 2))
            decoded.append(torch.cat([luma, chroma], 1))
            dc = wavelet.join_2d(dc, decoded[-1] * step)

        slope = slopes_of_dc(dc, ridge)
        ac, base, step_ac = (v.unflatten(1, (COLOURS, BANDS - 1)) for v in (ac, bases[0], steps[0]))
        shown, parts = decoded[-1][:, LUMA:], list[Tensor]()
        for step, (colours, (low, high), mask) in zip(self.fine_steps(), fine_parts(y), strict=True):
            state, said = self.run(step, state, seen(shown, step.update.weight.shape[1]))
            bands = (slice(None), colours, slice(low - 1, high - 1))
            guess = None
            if colours.start:
                pixels = luma_of(parts)[:, None] * step_ac[:, :1]  # (B, 1, 63, h, w)
                guess = (slope * pixels[:, :, bands[2]] / step_ac[bands]).flatten(1, 2)
            shown = code(ac[bands].flatten(1, 2), said, base[bands].flatten(1, 2), mask, guess)
            if colours.start:
                chroma = shown.unflatten(1, (COLOURS - 1, -1))
                slope = slopes_of_ac(pixels[:, 0, bands[2]], chroma * step_ac[bands], ridge)
            parts.append(shown)
        chroma = torch.cat([part.unflatten(1, (COLOURS - 1, -1)) for part in parts[-len(CHROMA_GROUPS) :]], 2)
        ac_hat = torch.cat([luma_of(parts), chroma.flatten(1, 2)], 1)
        y_hat = with_dc(ac_hat * steps[0], dc)
        squares = torch.stack(errors, 1).sum(1) * (2 * plain[:, 0, 0, 0]).exp2()
        return y_hat, torch.stack(rates, 1).sum(1), squares

    # -- training and its reports --------------------------------------------------------------------------------------

    def loss(self, x: Tensor, level: Tensor, phase: str) -> tuple[Tensor, dict[str, float]]:
        """Return rate plus lambda times weighed distortion of each picture: of latents where only the prior learns,
        else of pixels.
        """
        self.bf16 = torch.is_autocast_enabled(x.device.type)
        with torch.autocast(x.device.type, enabled=False):
            return self._loss(x, level, phase)

    def _loss(self, x: Tensor, level: Tensor, phase: str) -> tuple[Tensor, dict[str, float]]:
        px = x.shape[-2] * x.shape[-1]
        price = (self.hats(level) @ self.lambdas().to(x.device).log()).exp()
        if phase == "prior":
            with torch.no_grad():
                _, y = self.analyse(x)
            _, rate, squares = self.quantise(y, level)
            weighed = squares / (3 * px)
            return rate / px + price * weighed, {"bpp": rate.mean().item() / px, "mse": weighed.mean().item()}
        colours, y = self.analyse(x)
        y_hat, rate, _ = self.quantise(y, level)
        error = self.synthesise(y_hat, self.hats(level)) - colours
        weighed = self.weighted_squares(error) / (3 * px)
        mse = error.detach().square().mean().item()
        return rate / px + price * weighed, {"bpp": rate.mean().item() / px, "mse": mse}

    def parts(self, phase: str) -> list[nn.Module | nn.Parameter]:
        """Return the prior in its phase, everything in joint, all but the linear paths in qat."""
        learning: list[nn.Module | nn.Parameter] = [self.log2_scale, self.start, self.first, self.second, self.third]
        learning.append(self.fine)
        if phase != "prior":
            learning += [net for net in (self.analysis, self.synthesis) if net is not None]
        if phase == "joint":
            learning += [self.linear_analysis, self.linear_synthesis]
        return learning

    def exercise(self, x: Tensor) -> None:
        """Let all networks work on a batch, at all levels."""
        for level in torch.linspace(0, self.levels - 1, 12).tolist():
            self.code(x, level)

    def code(self, x: Tensor, level: float, off: frozenset[str] = frozenset()) -> tuple[Tensor, Tensor]:
        """Return what a decoder shows of pictures, and bits in all."""
        self.bf16 = False
        levels = torch.full((len(x),), level, device=x.device)
        y_hat, rate, _ = self.quantise(self.analyse(x, "analysis" not in off)[1], levels, off)
        return wavelet.from_colours(self.synthesise(y_hat, self.hats(levels), "synthesis" not in off)), rate.sum()

    def report_levels(self) -> list[float]:
        """Return the ends and the middle of the rate scale."""
        return [0.0, (self.levels - 1) / 2, self.levels - 1.0]

    def kmacs_per_px(self) -> dict[str, float]:
        """Return thousands of multiplications per pixel of each network by formula, padding left out."""
        parts: dict[str, float] = {"start": self.start.macs() / 64**2}
        parts["first"] = sum(self.first.macs() / side**2 for side in (16, 32))
        for name in ("second", "third"):
            parts[name] = sum(getattr(self, name).macs() / side**2 for side in (16, 32, 64))
        parts["fine"] = sum(step.macs() / BLOCK**2 for step in self.fine_steps())
        prior = sum(parts.values())
        for name in ("analysis", "synthesis"):
            net = getattr(self, name)
            parts[name] = getattr(self, f"linear_{name}").macs() / BLOCK**2
            parts[name] += net.macs_per_px(BLOCK**2) if net is not None else 0
        parts["encode"], parts["decode"] = prior + parts["analysis"], prior + parts["synthesis"]
        return {name: macs / 1000 for name, macs in parts.items()}

    @torch.no_grad()
    def start_from_pictures(self, pictures: list[Tensor]) -> None:
        """Set scales to the latents' deviations on pictures (1, 3, H, W)."""
        squares = [torch.zeros(n) for n in (LATENTS, *PARTS)]
        for x in pictures:
            _, y = self.analyse(x)
            for total, values in zip(squares, [y, *split(y)], strict=True):
                total += values.square().mean((0, 2, 3)) / len(pictures)
        self.log2_unit.copy_((squares[0].log2() / 2).round())
        self.log2_scale.copy_(torch.cat(squares[1:]).log2() / 2 - self.octaves - self.log2_plain_step()[:, None])
