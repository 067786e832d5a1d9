"""The codec's network: analysis, synthesis, a mean prior in two checkerboard halves, scales from z alone.

    x ─ space to depth 8 ─┬─ linear (KLT) ──┐
                          └─ analysis ──────┴─ y ─┬─ hyper-analysis ── z ─┬─ scale head ───── table of every latent
                                                  │                       └─ hyper-synthesis ─ mu1
                                                  └─ r = round((y - mu) / step) ──── first half, then context -> mu2
    x_hat ─ depth to space 8 ─┬─ linear ──── y_hat = r * step + mu
                              └─ synthesis ──┘

Mean-scale hyperprior: Minnen et al. 2018 (arXiv 1809.02736); checkerboard: He et al. 2021 (arXiv 2103.15306); gains
for all rates in one model: Cui et al. 2021 (arXiv 2003.02050). Shapes: x (B, 3, H, W); y (B, M, H/16, W/16); z (B, K,
H/64, W/64). Latents are in units of the KLT of 16 x 16 x 3 patches (pixel levels, orthonormal), except where a name
ends in `_n`: divided by the channel's KLT deviation, the domain in which every network works.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.entropy import bits, chosen, noisy
from models.layers import Block, Chain, Conv, Scale, Upsample, round_ste

PIXEL_CENTRE, PIXEL_RANGE = 128.0, 64.0
"""Networks see (pixel - centre) / range; the 8-bit grid of that is the pixel itself."""
LATENT_GRID = 1 / 32
"""Grid of normalised latents, means and z: +-4 deviations in 8 bits."""
CORRECTION_PX = 0.25
"""Grid of the synthesis net's output in pixel levels: +-32 levels in 8 bits."""
CORRECTION_RANGE = 32.0
FRACTION_BITS = 11
"""Fractional bits of a pixel in the linear synthesis: sums stay below 2**24, so that float32 is exact."""
LOG_GAIN = 0.6
"""Brings log(1 + |latent in grid units|) into the range of the grid, for the hyper-analysis."""
LEVEL_PLANES = 16
"""Constant input planes that tell context and synthesis the rate level (hat functions, half of them spare)."""


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    fine: int = 64
    """channels of the analysis and synthesis nets at H/8; 0: linear transforms alone, no nets"""
    coarse: int = 192
    """channels at H/16"""
    fine_blocks: int = 2
    coarse_blocks: int = 0
    edge: int = 3
    """kernel of the convolutions that read and write pixels; 3 lets the linear path overlap its neighbours"""
    latents: int = 368
    """M, latent channels at H/16; M + LEVEL_PLANES is a multiple of 16"""
    hyper: int = 96
    """K, hyper-latent channels at H/64"""
    prior: int = 128
    """hidden channels of the hyper networks"""
    context: int = 96
    """hidden channels of the context network"""
    levels: int = 8
    """anchors of the rate scale; quality runs from 0 to levels - 1 and is interpolated between anchors"""
    lambda_low: float = 0.0003
    lambda_high: float = 0.55


def space_to_depth(x: Tensor) -> Tensor:
    """Pixels (B, 3, H, W) in 0..255 to network input (B, 192, H/8, W/8), channel order (row, column, colour)."""
    b, c, h, w = x.shape
    x = (x.float() - PIXEL_CENTRE) / PIXEL_RANGE
    x = x.reshape(b, c, h // 8, 8, w // 8, 8).permute(0, 3, 5, 1, 2, 4)
    return x.reshape(b, 64 * c, h // 8, w // 8)


def depth_to_space(x: Tensor) -> Tensor:
    """(B, 192, H/8, W/8) in pixel levels to (B, 3, H, W): the inverse of space_to_depth, but for the units."""
    b, c, h, w = x.shape
    x = x.reshape(b, 8, 8, c // 64, h, w).permute(0, 3, 4, 1, 5, 2)
    return x.reshape(b, c // 64, 8 * h, 8 * w)


def checkerboard(like: Tensor) -> Tensor:
    """1 where row + column is even (the first half), else 0; (H, W)."""
    rows = torch.arange(like.shape[-2], device=like.device)[:, None]
    return ((rows + torch.arange(like.shape[-1], device=like.device)) % 2 == 0).float()


def _analysis(c: Config) -> Chain:
    pixels = Scale(signed=True, fixed=1 / PIXEL_RANGE)
    fine, coarse = Scale(signed=True), Scale(signed=True)
    return Chain(
        pixels,
        Conv(pixels, fine, 192, c.fine, kernel=c.edge),
        *(Block(fine, c.fine) for _ in range(c.fine_blocks)),
        Conv(fine, coarse, c.fine, c.coarse, kernel=2, stride=2),
        *(Block(coarse, c.coarse) for _ in range(c.coarse_blocks)),
        Conv(coarse, None, c.coarse, c.latents, init=0.01),
    )


def _synthesis(c: Config) -> Chain:
    latents = Scale(signed=True, fixed=LATENT_GRID)
    coarse, fine = Scale(signed=True), Scale(signed=True)
    correction = Scale(signed=True, fixed=CORRECTION_PX / CORRECTION_RANGE)
    return Chain(
        latents,
        Conv(latents, coarse, c.latents + LEVEL_PLANES, c.coarse),
        *(Block(coarse, c.coarse) for _ in range(c.coarse_blocks)),
        Conv(coarse, fine, c.coarse, 4 * c.fine),
        Upsample(),
        *(Block(fine, c.fine) for _ in range(c.fine_blocks)),
        Conv(fine, correction, c.fine, 192, kernel=c.edge, init=0.01),
    )


class Codec(nn.Module):
    """All networks, the gains and the prior's tables of one bundle."""

    def __init__(self, config: Config = Config()):
        super().__init__()
        self.config = c = config
        m, k, levels = c.latents, c.hyper, c.levels

        # the linear path: rows of an orthonormal KLT of patches ordered (2, 2) blocks of (8, 8, 3)
        self.linear_analysis = nn.Parameter(torch.zeros(m, 192, 2, 2))
        self.linear_synthesis = nn.Parameter(torch.zeros(m, 192, 2, 2))
        self.sigma: Tensor
        self.register_buffer("sigma", torch.ones(m))  # KLT deviations in pixel levels
        # log2 of the quantisation steps, and what the prior adds to the scales, both (levels, channels)
        self.log2_step = nn.Parameter(torch.zeros(levels, m))
        self.log2_scale = nn.Parameter(torch.zeros(levels, m))
        self.log2_step_z = nn.Parameter(torch.full((levels, k), -2.0))
        self.log2_scale_z = nn.Parameter(torch.full((levels, k), 0.0))

        self.analysis = _analysis(c) if c.fine else None
        self.synthesis = _synthesis(c) if c.fine else None
        features = Scale(signed=True, fixed=LATENT_GRID)
        a, b = Scale(signed=False), Scale(signed=False)
        self.hyper_analysis = Chain(
            features,
            Conv(features, a, 2 * m, c.prior, init=2**0.5),
            Conv(a, b, c.prior, c.prior, kernel=3, stride=2, init=2**0.5),
            Conv(b, None, c.prior, k, kernel=3, stride=2, init=2.0),
        )
        hyper_latents, means = Scale(signed=True, fixed=LATENT_GRID), Scale(signed=True, fixed=LATENT_GRID)
        a, b, d = Scale(signed=False), Scale(signed=False), Scale(signed=False)
        self.hyper_synthesis = Chain(
            hyper_latents,
            Conv(hyper_latents, a, k, 4 * c.prior, init=2**0.5),
            Upsample(),
            Conv(a, b, c.prior, 4 * c.prior // 2, kernel=3, init=2**0.5),
            Upsample(),
            Conv(b, d, c.prior // 2, c.prior // 2, kernel=3, init=2**0.5),
            Conv(d, means, c.prior // 2, m, init=0.1),
        )
        halves, deltas = Scale(signed=True, fixed=LATENT_GRID), Scale(signed=True, fixed=LATENT_GRID)
        a, b = Scale(signed=False), Scale(signed=False)
        self.context = Chain(
            halves,
            Conv(halves, a, m + LEVEL_PLANES, c.context, init=2**0.5),
            Conv(a, b, c.context, c.context, kernel=3, init=2**0.5),
            Conv(b, deltas, c.context, m, init=0.1),
        )
        # one linear layer from z to the log2 scales of the 4 x 4 latents under it
        self.scale_head = nn.Conv2d(k, 16 * m, 1, bias=False)
        nn.init.normal_(self.scale_head.weight, std=0.02)

    # -- pieces shared by training, evaluation and export ------------------------------------------------------------

    def lambdas(self) -> Tensor:
        """The Lagrangian of each level anchor, (levels,), for loss = bits/px + lambda * MSE in squared pixel levels."""
        c = self.config
        return c.lambda_low * (c.lambda_high / c.lambda_low) ** torch.linspace(0, 1, c.levels)

    def hats(self, level: Tensor) -> Tensor:
        """Interpolation weights (B, levels) of fractional levels (B,)."""
        anchors = torch.arange(self.config.levels, device=level.device)
        return (1 - (level[:, None] - anchors).abs()).clamp_min(0)

    def at_level(self, anchors: Tensor, hats: Tensor) -> Tensor:
        """Interpolated rows of a (levels, C) parameter as (B, C, 1, 1)."""
        return (hats @ anchors)[:, :, None, None]

    def planes(self, hats: Tensor, like: Tensor) -> Tensor:
        """Constant planes (B, LEVEL_PLANES, H, W) that tell a network the level."""
        padded = F.pad(hats, (0, LEVEL_PLANES - hats.shape[1]))[:, :, None, None]
        return padded.expand(-1, -1, *like.shape[-2:])

    def latent_unit(self) -> Tensor:
        """Deviations as (M, 1, 1)."""
        return self.sigma[:, None, None]

    def analyse(self, depth: Tensor, nets: bool = True) -> Tensor:
        """Space-to-depth pixels to normalised latents y_n."""
        linear = F.conv2d(depth, self.linear_analysis * PIXEL_RANGE, stride=2) / self.latent_unit()
        return linear + self.analysis(depth) if nets and self.analysis else linear

    def synthesise(self, y_n: Tensor, hats: Tensor, nets: bool = True) -> Tensor:
        """Normalised latents to pixels (B, 3, H, W), unclamped float levels."""
        linear = F.conv_transpose2d(y_n * self.latent_unit(), self.linear_synthesis, stride=2)
        if nets and self.synthesis:
            seen = self.synthesis.source(torch.cat([y_n, self.planes(hats, y_n)], 1))
            linear = linear + CORRECTION_RANGE * self.synthesis(seen)
        return depth_to_space(linear) + PIXEL_CENTRE

    def features(self, y_n: Tensor) -> Tensor:
        """What the hyper-analysis sees: signed values and their log magnitude, (B, 2M, H/16, W/16)."""
        return self.hyper_analysis.source(torch.cat([y_n, LOG_GAIN * torch.log1p(y_n.abs() / LATENT_GRID)], 1))

    def log2_sigma(self, z_hat: Tensor, hats: Tensor) -> Tensor:
        """log2 of every latent's scale in quantisation steps, (B, M, H/16, W/16), from z alone."""
        head = F.pixel_shuffle(self.scale_head(z_hat), 4)
        base = self.log2_scale + self.sigma.log2() - self.log2_step
        return head + self.at_level(base, hats)

    def forward(
        self, x: Tensor, level: Tensor, hard: bool = False, off: frozenset[str] = frozenset(), picture: bool = True
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction and rates of pictures (B, 3, H, W) in 0..255, H and W multiples of 64, at levels (B,).

        Returns x_hat (float levels, unclamped), and bits per picture of y and of z, each (B,). The networks see symbols
        as the encoder chooses them; `hard` counts the bits of these, where training else counts those of noisy latents.
        `off` names networks to leave out: analysis, synthesis, context. `picture=False` skips the synthesis (the prior
        alone is trained).
        """
        hats = self.hats(level)
        y_n = self.analyse(space_to_depth(x), nets=picture and "analysis" not in off)

        z = self.hyper_analysis(self.features(y_n))
        step_z = self.at_level(self.log2_step_z, hats).exp2()
        symbols_z = z / step_z
        rounded_z = round_ste(symbols_z)
        z_bits = bits(rounded_z if hard else noisy(symbols_z), self.at_level(self.log2_scale_z, hats))
        z_hat = self.hyper_synthesis.source(rounded_z * step_z)

        step = (self.at_level(self.log2_step, hats)).exp2() / self.latent_unit()  # of normalised latents
        first = checkerboard(y_n)
        mean = self.hyper_synthesis(z_hat)
        log2_sigma = self.log2_sigma(z_hat, hats)
        if "context" not in off:
            half = mean + chosen((y_n - mean) / step, log2_sigma) * step
            half = torch.where(first > 0, half, mean)
            seen = self.context.source(torch.cat([half, self.planes(hats, y_n)], 1))
            mean = self.context.source(mean + (1 - first) * self.context(seen))
        residual = (y_n - mean) / step
        rounded = chosen(residual, log2_sigma)
        y_bits = bits(rounded if hard else noisy(residual), log2_sigma)
        y_hat = rounded * step + mean
        x_hat = self.synthesise(y_hat, hats, "synthesis" not in off) if picture else x.float()
        return x_hat, y_bits.sum((1, 2, 3)), z_bits.sum((1, 2, 3))

    def kmacs_per_px(self) -> dict[str, float]:
        """Thousands of multiplications per pixel of each part, by formula, halos and padding left out."""
        c = self.config
        linear = c.latents * 768 / 256
        head = c.hyper * 16 * c.latents / 4096
        parts = {
            "analysis": (self.analysis.macs_per_px(64) if self.analysis else 0) + linear,
            "hyper_analysis": self.hyper_analysis.macs_per_px(256),
            "scale_head": head,
            "hyper_synthesis": self.hyper_synthesis.macs_per_px(4096),
            "context": self.context.macs_per_px(256),
            "synthesis": (self.synthesis.macs_per_px(256) if self.synthesis else 0) + linear,
        }
        parts["encode"] = sum(
            parts[n] for n in ("analysis", "hyper_analysis", "scale_head", "hyper_synthesis", "context")
        )
        parts["decode"] = sum(parts[n] for n in ("scale_head", "hyper_synthesis", "context", "synthesis"))
        return {name: macs / 1000 for name, macs in parts.items()}

    @torch.no_grad()
    def start_from_klt(self, basis: Tensor, sigma: Tensor) -> None:
        """Sets the linear path to a KLT: basis (M, 768) of patches ordered (2, 2, 8, 8, 3), deviations (M,)."""
        rows = basis.reshape(-1, 2, 2, 192).permute(0, 3, 1, 2)
        self.linear_analysis.copy_(rows)
        self.linear_synthesis.copy_(rows)
        self.sigma.copy_(sigma)
        # at high rate d(bits)/d(squared error) = lambda / 3 gives step^2 = 36 / (2 ln 2 lambda)
        step = (36 / (2 * torch.tensor(2.0).log() * self.lambdas())).sqrt()
        self.log2_step.copy_(step.log2()[:, None].expand_as(self.log2_step))

    def latent_bits(self) -> tuple[Tensor, Tensor]:
        """Fractional bits of each latent's integer and of its linear synthesis weights, (M,) int64 each.

        Their sum is FRACTION_BITS: wide channels get finer weights, narrow ones finer latents (FORMAT.md, section 6).
        """
        weight_bits = (self.sigma.log2().round() + 4).clamp(8, 11).long()
        return FRACTION_BITS - weight_bits, weight_bits

    @torch.no_grad()
    def snap_sigma(self) -> None:
        """Moves each deviation to 32 whole units of its latent's integer, and folds the change into the networks."""
        m = self.config.latents
        bits_, _ = self.latent_bits()
        snapped = (self.sigma * LATENT_GRID * 2.0**bits_).round().clamp_min(1) / LATENT_GRID / 2.0**bits_
        ratio = snapped / self.sigma
        readers = [self.context, self.hyper_analysis] + ([self.synthesis] if self.synthesis else [])
        writers = [self.context, self.hyper_synthesis] + ([self.analysis] if self.analysis else [])
        for chain in readers:
            chain[0].weight[:, :m] *= ratio[:, None, None]
        for chain in writers:
            chain[-1].weight /= ratio[:, None, None, None]
            chain[-1].bias /= ratio
        self.log2_scale -= ratio.log2()
        self.sigma.copy_(snapped)
