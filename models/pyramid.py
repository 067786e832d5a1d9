"""The codec's networks: a wavelet pyramid coded from coarse to fine, each level predicted from all that is known.

    x ─ colours ─ wavelet ─ details of five levels, and z: what is left at H/64
    z ─ start ─ state ─┬─ means, scales ─ first half of the luma details of level 5
                 second ─┬─ means, scales ─ second half of them
                   third ─┬─ means and what luma lets one guess, scales ─ chroma details
                     first ─┬─ (the state at twice the resolution) ... down to level 1
    y_hat ─ inverse wavelet ─ x_hat ─┬───────── + ─ pictures
                                     └ synthesis ┘

A level's 9 details (3 colours, 3 bands) at H/2^l are packed by 2 x 2 to 36 channels at H/2^(l+1), where its networks
work on a `state` that every network updates with what was decoded last: a prior by checkerboard halves (He et al. 2021,
arXiv 2103.15306) over a multi-resolution pyramid (Shapiro 1993; Taubman 2000 for its contexts), learnt as one recurrent
network. All rates in one model: steps follow the level, which networks see as constant planes, and less so the wavelet
level, colour and the detail that is known (masking).

Shapes: x (B, 3, H, W), sides multiples of 64. Coefficients are in units of an orthonormal wavelet, in pixel levels;
`seen` is what a network sees of one: sign * log(1 + |coefficient / step|) / 2.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import wavelet
from models.entropy import bits, chosen
from models.layers import Block, Chain, Conv, Scale, Upsample
from models.phase import Phase
from models.slopes import around, slopes

PHASES = {
    "coarse": Phase(steps=50_000, crop_px=384),
    "prior": Phase(steps=100_000),
    "qat": Phase(steps=10_000, rate=5e-4, quantised=True),
    "synthesis": Phase(steps=10_000, quantised=True),
}
"""coarse: the networks of levels 5 to 3, of which large crops cost little; prior: all networks that tell means and
scales, in float, on the symbols that the encoder will choose; qat: the same on the 8-bit grids of the exported graphs;
synthesis: the net that corrects decoded pictures, all else as it is.
"""
RIDGE_PX = 4.0
"""Luma details much smaller than this tell nothing of chroma, in pixel levels of the unnormalised wavelet."""
RIDGE_STEPS = 2.0
"""Nor do those much smaller than so many steps of chroma: a single detail of it would lead to a large slope."""
GRID = 1 / 32
"""Grid of all tensors between networks: states, what they see and what they say; +-4 in 8 bits."""
PARAMETER_GAIN = 4.0
"""Means in steps and scales in octaves are so many times what a network says."""
LEVELS = 5
"""Wavelet levels with networks; one more makes z."""
MIDDLE = 2
"""The level that has networks of its own if there are any."""
LUMA, CHROMA, Z = 6, 24, 12
"""Channels of one half of a level's packed luma details, of all of its packed chroma details, and of z."""
FIRST, SECOND = (0, 3), (1, 2)
"""Phases of 2 x 2 details that make the halves of the checkerboard."""
LOG2_LEAST_STEP = -4
"""Steps are at least of so many octaves at level 0 and of one more at each level: values of finer ones may not fit 16
bits, and nothing is to be gained."""
LEVEL_PLANES = 8
"""Constant input planes that tell networks the rate level (hat functions)."""
PIXEL_RANGE = 64.0
"""The synthesis net sees (pixel - 128) / range; the 8-bit grid of that is the pixel itself."""
CORRECTION_PX = 0.25
"""Grid of the synthesis net's output in pixel levels: +-32 levels in 8 bits."""
CORRECTION_RANGE = 32.0
MASKING_MOST = 6
"""Masking grows or shrinks steps by at most so many eighths of an octave."""
DARK_MOST = 4
"""Dark luma shrinks them by at most so many more."""


@dataclass(frozen=True)
class Config:
    """Sizes of the networks."""

    state: int = 64
    """channels of the state"""
    coarse_blocks: tuple[int, int, int] = (0, 0, 0)
    """residual blocks of the first, second and third networks of levels 5 to 3; first ones have one more"""
    middle_blocks: tuple[int, int, int] | None = None
    """the same of level 2; None: it has those of levels 5 to 3"""
    fine_blocks: tuple[int, int, int] = (0, 0, 0)
    """the same of level 1"""
    chroma_from_luma: bool = False
    """whether means of chroma details follow the decoded luma details, by slopes found in the level before"""
    synthesis: int = 64
    """channels of the synthesis net at H/4; 0: none"""
    synthesis_blocks: int = 2
    levels: int = 8
    """anchors of the rate scale; quality runs from 0 to levels - 1 and is interpolated between anchors"""
    lambda_low: float = 0.0003
    lambda_high: float = 18.0
    step_octaves: tuple[tuple[float, float, float, float], ...] = (
        (0.5, 0.8, 1.1, 0.4), (0.0, 0.3, 0.85, 0.15), (-0.55, -0.55, 0.45, -0.45),
        (-0.8, -0.8, 0.1, -0.9), (-1.1, -1.1, 0.1, -0.9), (-1.0, -1.0, 0.1, -0.7)
    )  # fmt: skip
    """what steps of luma, of its diagonal details, of u (red - blue) and of v (green - magenta) are in octaves of their
    rate's: of levels 1 to 5, and of z. The eye sees errors of the finest details and of u least, and SSIMULACRA 2 with
    it"""
    masking_slope: tuple[float, ...] = (0.25, 0.25, 0.3, 0.2)
    """by how many octaves steps of levels 1 to 4 grow where there is twice as much detail in the level before: errors
    hide there"""
    masking_floor_px: float = 1.5
    """detail much smaller than this counts as none"""
    masking_log2_px: tuple[float, ...] = (3.5, 4.9, 6.4, 7.9)
    """log2 of the usual size of detail, and of the floor, where steps of levels 1 to 4 are as they are"""
    dark_slope: float = 0.2
    """by how many octaves steps of levels 1 to 4 shrink where luma and its floor are half as much: the eye sees errors
    in the dark best"""
    dark_floor_px: float = 12.0
    dark_luma_px: float = 70.0
    """luma of gray from which on steps are as they are"""


class Step(nn.Module):
    """Updates the state with what was decoded last, and says means and scales of what comes next.

    forward((B, state, h, w), (B, n, h, w)) gives the new state and 2 n' parameters; with `enlarge` both at twice the
    resolution. `blocks` take in more of the surroundings.
    """

    def __init__(self, state: int, seen: int, says: int, blocks: int = 0, enlarge: bool = False):
        super().__init__()
        grid, parameters = Scale(signed=True, fixed=GRID), Scale(signed=True, fixed=GRID)
        a, b = Scale(signed=False), Scale(signed=False)
        self._grid = (grid,)
        self.update = Conv(grid, None, seen, state, kernel=3, lent=grid)
        self.blocks = Chain(grid, *(Block(grid, state, (3, 1)) for _ in range(blocks)))
        self.enlarge = (
            Chain(grid, Block(grid, state, (3, 1)), Conv(grid, grid, state, 4 * state), Upsample()) if enlarge else None
        )
        self.head = Chain(
            grid,
            Conv(grid, a, state, state, init=2**0.5),
            Conv(a, b, state, state, init=2**0.5),
            Conv(b, parameters, state, 2 * says, init=0.1),
        )

    @property
    def grid(self) -> Scale:
        """The grid of states, of what is seen and of what is said."""
        return self._grid[0]

    def forward(self, state: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        state = state + self.update(seen)
        state = state.clamp(self.grid.low, self.grid.high) if self.grid.mode == "integer" else self.grid(state)
        state = self.blocks(state)
        if self.enlarge is not None:
            state = self.enlarge(state)
        return state, self.head(state)

    def macs(self) -> int:
        """Return multiplications per position of the state that is said of."""
        before = [self.update, *self.blocks.convolutions()]
        before += self.enlarge.convolutions() if self.enlarge is not None else ()
        share = 1 if self.enlarge is None else 4
        return sum(c.macs() for c in before) // share + sum(c.macs() for c in self.head.convolutions())


class Start(nn.Module):
    """The first state, from z; otherwise like Step."""

    def __init__(self, state: int, seen: int, says: int):
        super().__init__()
        grid, parameters = Scale(signed=True, fixed=GRID), Scale(signed=True, fixed=GRID)
        a, b = Scale(signed=False), Scale(signed=False)
        self._grid = (grid,)
        self.state = Chain(
            grid, Conv(grid, a, seen, state, kernel=3, init=2**0.5), Conv(a, grid, state, state, kernel=3)
        )
        self.head = Chain(
            grid, Conv(grid, b, state, state, init=2**0.5), Conv(b, parameters, state, 2 * says, init=0.1)
        )

    @property
    def grid(self) -> Scale:
        """The grid of the state, of what is seen and of what is said."""
        return self._grid[0]

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        state = self.state(seen)
        return state, self.head(state)

    def macs(self) -> int:
        """Return multiplications per position."""
        return sum(m.macs() for m in self.modules() if isinstance(m, Conv))


SEEN_START, SEEN_FIRST, SEEN_LUMA = 32, 32, 16
"""Input channels of networks beside the state: z or details, then level planes, then zeros."""


def _synthesis(c: Config) -> Chain:
    pixels = Scale(signed=True, fixed=1 / PIXEL_RANGE)
    stream = Scale(signed=True)
    correction = Scale(signed=True, fixed=CORRECTION_PX / CORRECTION_RANGE)
    return Chain(
        pixels,
        Conv(pixels, stream, 48 + 16, c.synthesis, kernel=3),
        *(Block(stream, c.synthesis, (3, 3)) for _ in range(c.synthesis_blocks)),
        Conv(stream, correction, c.synthesis, 48, kernel=3, init=0.01),
    )


class Codec(nn.Module):
    """All networks and the rate scale of one bundle; what the trainer asks of it is told in models/families.py."""

    stride_px = 64
    left_out = ("synthesis", "second", "third")

    def __init__(self, config: Config = Config()):
        super().__init__()
        self.config = c = config
        self.levels = c.levels
        # log2 of scales in quantisation steps where the networks say 0: (levels of rate, wavelet levels, details)
        self.log2_scale = nn.Parameter(torch.zeros(c.levels, LEVELS, 9))
        self.log2_scale_z = nn.Parameter(torch.zeros(c.levels, Z))
        if c.chroma_from_luma:  # how much of what luma lets guess is added to means of u and v
            self.gates = nn.Parameter(torch.tensor([[0.15, 0.7]]).repeat(LEVELS, 1))
        self.start = Start(c.state, SEEN_START, LUMA)
        sizes = {"coarse": c.coarse_blocks, "middle": c.middle_blocks, "fine": c.fine_blocks}
        for name, (first, second, third) in ((n, size) for n, size in sizes.items() if size is not None):
            setattr(self, f"{name}_first", Step(c.state, SEEN_FIRST, LUMA, first, enlarge=True))
            setattr(self, f"{name}_second", Step(c.state, SEEN_LUMA, LUMA, second))
            setattr(self, f"{name}_third", Step(c.state, SEEN_LUMA, CHROMA, third))
        self.synthesis = _synthesis(c) if c.synthesis else None

    # -- the rate scale ----------------------------------------------------------------------------------------------

    def lambdas(self) -> Tensor:
        """Return lambda of each level anchor, (levels,), for loss = bits/px + lambda * MSE in squared pixel levels."""
        c = self.config
        return c.lambda_low * (c.lambda_high / c.lambda_low) ** torch.linspace(0, 1, c.levels)

    def log2_plain_step(self) -> Tensor:
        """Return log2 of the step of each level anchor, (levels,), where d(bits)/d(squared error) = lambda / 3."""
        return (36 / (2 * math.log(2) * self.lambdas())).sqrt().log2()

    def log2_step(self) -> Tensor:
        """Return log2 of the quantisation steps of each level anchor, (levels, 57): of the 9 details of wavelet level
        1, of 2, ... 5, then of z.
        """
        plain = self.log2_plain_step()
        octaves = [[y, y, diagonal, u, u, u, v, v, v] for y, diagonal, u, v in self.config.step_octaves]
        y, _, u, v = self.config.step_octaves[-1]
        octaves.insert(LEVELS, [y, u, v])
        least = torch.arange(1, LEVELS + 2).repeat_interleave(torch.tensor([9] * LEVELS + [Z])) + LOG2_LEAST_STEP
        return (plain[:, None] + torch.tensor(sum(octaves, []))).maximum(least).to(plain.device)

    def hats(self, level: Tensor) -> Tensor:
        """Return interpolation weights (B, levels) of fractional levels (B,)."""
        anchors = torch.arange(self.config.levels, device=level.device)
        return (1 - (level[:, None] - anchors).abs()).clamp_min(0)

    # -- training and its reports --------------------------------------------------------------------------------------

    def loss(self, x: Tensor, level: Tensor, phase: str) -> tuple[Tensor, dict[str, float]]:
        """Return rate plus lambda times distortion of each picture; where only the synthesis learns, distortion.

        Where only coarse networks learn, both are those of levels 5 to 3 and z.
        """
        px = x.shape[-2] * x.shape[-1]
        if phase == "synthesis":
            with torch.no_grad():
                x_hat, bits, _, planes = self(x, level)
            squares = (self.restore(x_hat, planes) - x.float()).square().sum((1, 2, 3))
        else:
            _, bits, squares, _ = self(x, level, finest=MIDDLE + 1 if phase == "coarse" else 1)
        bpp, mse = bits.sum(1) / px, squares / (3 * px)
        price = (self.hats(level) @ self.lambdas().to(x.device).log()).exp()
        each = mse if phase == "synthesis" else bpp + price * mse
        return each, {"bpp": bpp.mean().item(), "mse": mse.mean().item()}

    def parts(self, phase: str) -> list[nn.Module | nn.Parameter]:
        """Return what learns: the synthesis net, which there may not be, in its own phase, else all other networks.

        In the phase of coarse ones these are those of levels 5 to 3 alone.
        """
        if phase == "synthesis":
            return [self.synthesis] if self.synthesis is not None else []
        others = ("synthesis", "middle", "fine") if phase == "coarse" else ("synthesis",)
        networks = [part for name, part in self.named_children() if not name.startswith(others)]
        gates = [self.gates] if self.config.chroma_from_luma else []
        return [self.log2_scale, self.log2_scale_z, *gates, *networks]

    def exercise(self, x: Tensor) -> None:
        """Let all networks work on a batch, at all levels."""
        for level in torch.linspace(0, self.levels - 1, 12, device=x.device):
            x_hat, _, _, planes = self(x, level.expand(len(x)))
            self.restore(x_hat, planes)

    def code(self, x: Tensor, level: float, off: frozenset[str] = frozenset()) -> tuple[Tensor, Tensor]:
        """Return what a decoder shows of pictures, and bits in all."""
        x_hat, bits, _, planes = self(x, torch.full((len(x),), level, device=x.device), off)
        return x_hat if "synthesis" in off else self.restore(x_hat, planes), bits.sum()

    def report_levels(self) -> list[float]:
        """Return the ends and the middle of the rate scale."""
        return [0.0, (self.levels - 1) / 2, self.levels - 1.0]

    # -- coding --------------------------------------------------------------------------------------------------------

    def networks(self, level: int) -> tuple[Step, Step, Step]:
        """Return the networks first, second and third of a wavelet level."""
        own = level == MIDDLE and self.config.middle_blocks is not None
        name = "fine" if level == 1 else "middle" if own else "coarse"
        return tuple(getattr(self, f"{name}_{part}") for part in ("first", "second", "third"))

    def split(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return z (B, 12, H/64, W/64) and the packed details (B, 36, H/2^(l+1), W/2^(l+1)) of levels 1 to 5."""
        low, packed = wavelet.to_colours(x), []
        for _ in range(LEVELS):
            low, details = wavelet.split_2d(low)
            packed.append(F.pixel_unshuffle(details, 2))
        return torch.cat(wavelet.split_2d(low), 1), packed

    def join(self, z: Tensor, packed: list[Tensor]) -> Tensor:
        """Return pixels (B, 3, H, W), unclamped: the inverse of split."""
        low = wavelet.join_2d(z[:, :3], z[:, 3:])
        for details in reversed(packed):
            low = wavelet.join_2d(low, F.pixel_shuffle(details, 2))
        return wavelet.from_colours(low)

    @torch.no_grad()
    def masking(self, luma: Tensor, level: int) -> Tensor:
        """Return octaves (B, 1, 2 h, 2 w), whole eighths, by which steps of a level grow, from the packed luma details
        (B, 12, h, w) of the level before, in pixel levels.

        The masking by neighbours of Zeng, Daly and Lei 2000, "Visual optimization tools in JPEG 2000".
        """
        norms = luma.new_tensor([1.0, 1.0, wavelet.NORM**2]).repeat_interleave(4)  # the runtime sums without them
        size_px = (luma.abs() * norms[:, None, None]).mean(1, keepdim=True) + self.config.masking_floor_px
        octaves = self.config.masking_slope[level - 1] * (size_px.log2() - self.config.masking_log2_px[level - 1])
        return finer_eighths(octaves, -MASKING_MOST, MASKING_MOST)

    @torch.no_grad()
    def darkness(self, low: Tensor, level: int) -> Tensor:
        """Return octaves (B, 1, 2 h, 2 w), whole eighths, by which steps of a level shrink in the dark, from
        the luma low band (B, 1, h, w) of two levels before, in coefficients.
        """
        c = self.config
        luma_px = low / (3**0.5 * 2 ** (level + 2)) + 128
        octaves = (luma_px + c.dark_floor_px).clamp_min(1).log2() - math.log2(c.dark_luma_px + c.dark_floor_px)
        return finer_eighths(c.dark_slope * octaves, -DARK_MOST, 0)

    def forward(
        self, x: Tensor, level: Tensor, off: frozenset[str] = frozenset(), finest: int = 1
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Code pictures (B, 3, H, W) in 0..255, sides multiples of 64, at levels (B,), as encoder and decoder would.

        Returns x_hat without the synthesis net (float levels, unclamped), bits per picture (B, 16) of z and of each
        network's details in coding order, the squared error of the coefficients per picture (B,), each weighed as its
        step asks, with a gradient to the means, and the rate planes (B, levels, 1, 1). `off` names what to leave
        out: "second" and "third" see nothing of what was decoded last. Levels finer than the finest are not coded.
        """
        hats = self.hats(level)
        steps = (hats @ self.log2_step().to(hats)).exp2()[:, :, None, None].split([9] * LEVELS + [Z], 1)
        steps_z, steps_packed = steps[-1], [s.repeat_interleave(4, 1) for s in steps[:-1]]
        planes = hats[:, :, None, None]
        z, packed = self.split(x)

        def seen(values: Tensor, channels: int) -> Tensor:
            values = values.detach()
            shown = values.sign() * torch.log1p(values.abs()) / 2
            b, n, h, w = shown.shape
            spare = shown.new_zeros(b, channels - n - LEVEL_PLANES, h, w)
            return self.start.grid(torch.cat([shown, planes.expand(-1, -1, h, w), spare], 1))

        rates, errors = [], []

        def code(target: Tensor, said: Tensor, base: Tensor, octaves: Tensor, guess: float | Tensor = 0.0) -> Tensor:
            """Return values in steps of what is coded, where the target and what is guessed of it are in steps too."""
            mean, log2_sigma = (PARAMETER_GAIN * said).chunk(2, 1)
            mean = mean + guess
            log2_sigma, wider = log2_sigma + base - octaves, octaves.exp2()
            residual = (target - mean) / wider
            symbols = chosen(residual, log2_sigma)
            rates.append(bits(symbols, log2_sigma).sum((1, 2, 3)))
            errors.append(((symbols.detach() - residual) ** 2).sum((1, 2, 3)))
            return mean + wider * symbols.detach()

        base_z = (hats @ self.log2_scale_z)[:, :, None, None]
        octaves = z.new_zeros(1)
        z_hat = code(z / steps_z, torch.zeros_like(torch.cat([z, z], 1)), base_z.expand_as(z), octaves)
        bases = torch.einsum("bl,lwc->wbc", hats, self.log2_scale).unflatten(2, (3, 3, 1))
        state, said = self.start(seen(z_hat, SEEN_START))
        decoded: list[Tensor] = []
        z_px = (z_hat * steps_z).detach()
        low, low_details = z_px[:, :1], z_px[:, 3:6]
        for number in range(LEVELS, finest - 1, -1):
            first, second, third = self.networks(number)
            base = bases[number - 1]
            luma_base = base[:, 0].expand(-1, -1, 2).flatten(1)[:, :, None, None]
            chroma_base = base[:, 1:].expand(-1, -1, -1, 4).flatten(1)[:, :, None, None]
            luma, chroma = luma_and_chroma(packed[number - 1] / steps_packed[number - 1])
            if decoded:
                last = luma_and_chroma(decoded[-1])[1]
                state, said = first(state, seen(last, SEEN_FIRST))
                luma_px = (decoded[-1] * steps_packed[number]).detach()[:, :12]
                octaves = self.masking(luma_px, number) + self.darkness(low, number)
                low, low_details = wavelet.join_2d(low, low_details), F.pixel_shuffle(luma_px, 2)
            half_1 = code(half(luma, FIRST), said, luma_base, octaves)
            state, said = second(state, seen(half_1 * ("second" not in off), SEEN_LUMA))
            half_2 = code(half(luma, SECOND), said, luma_base, octaves)
            state, said = third(state, seen(half_2 * ("third" not in off), SEEN_LUMA))
            guess: float | Tensor = 0.0
            if self.config.chroma_from_luma:
                before = F.pixel_shuffle(decoded[-1] * steps_packed[number], 2) if decoded else z_px[:, 3:]
                slopes = slopes_of(before.detach(), number + 1, steps[number] if decoded else steps_z[:, 3:])
                known = join_packed(half_1, half_2, chroma)[:, : 2 * LUMA]
                guess = self.guesses(slopes, known.detach(), steps_packed[number - 1], number)
            decoded.append(join_packed(half_1, half_2, code(chroma, said, chroma_base, octaves, guess)))
        decoded += [torch.zeros_like(details) for details in packed[finest - 2 :: -1]] if finest > 1 else []
        x_hat = self.join(z_hat * steps_z, [d * s for d, s in zip(decoded[::-1], steps_packed, strict=True)])
        squared_step = (2 * hats @ self.log2_plain_step().to(hats)).exp2()
        return x_hat, torch.stack(rates, 1), torch.stack(errors, 1).sum(1) * squared_step, planes

    def guesses(self, slopes: Tensor, luma: Tensor, steps: Tensor, level: int) -> Tensor:
        """Return what luma lets one guess of packed chroma details (B, 24, h, w) of a level, in steps.

        Takes slopes (B, 2, 1, h, w), the level's packed luma details (B, 12, h, w) in steps, and its steps
        (B, 36, 1, 1).
        """
        shares = self.gates[level - 1, :, None, None, None] * slopes
        return (shares * (luma * steps[:, : 2 * LUMA])[:, None]).flatten(1, 2) / steps[:, 2 * LUMA :]

    def restore(self, x_hat: Tensor, planes: Tensor) -> Tensor:
        """Return pictures corrected by the synthesis net, unclamped; the net sees them rounded to 8 bits."""
        if self.synthesis is None:
            return x_hat
        stored = x_hat.detach().clamp(0, 255).round()
        packed = F.pixel_unshuffle((stored - 128) / PIXEL_RANGE, 4)
        shown = F.pad(planes / 2, (0, 0, 0, 0, 0, 16 - planes.shape[1])).expand(-1, -1, *packed.shape[-2:])
        correction = self.synthesis(self.synthesis.source(torch.cat([packed, shown], 1)))
        return x_hat.detach() + CORRECTION_RANGE * F.pixel_shuffle(correction, 4)

    def kmacs_per_px(self) -> dict[str, float]:
        """Return thousands of multiplications per pixel of each network by formula, padding left out."""
        parts = {"start": self.start.macs() / 64**2}
        for part in ("first", "second", "third"):
            own = self.config.middle_blocks is not None
            levels = range(MIDDLE + own, LEVELS + (part != "first"))
            parts[f"coarse_{part}"] = sum(getattr(self, f"coarse_{part}").macs() / 4 ** (l + 1) for l in levels)
            if own:
                parts[f"middle_{part}"] = getattr(self, f"middle_{part}").macs() / 4 ** (MIDDLE + 1)
            parts[f"fine_{part}"] = getattr(self, f"fine_{part}").macs() / 16
        parts["encode"] = sum(parts.values())
        parts["synthesis"] = self.synthesis.macs_per_px(16) if self.synthesis else 0.0
        parts["decode"] = parts["encode"] + parts["synthesis"]
        return {name: macs / 1000 for name, macs in parts.items()}

    @torch.no_grad()
    def start_from_pictures(self, pictures: list[Tensor]) -> None:
        """Set the scales to the coefficients' deviations on pictures (1, 3, H, W)."""
        squares = [torch.zeros(LEVELS, 9), torch.zeros(Z)]
        for x in pictures:
            z, packed = self.split(x)
            squares[1] += (z**2).mean((0, 2, 3)) / len(pictures)
            squares[0] += torch.stack([(p**2).unflatten(1, (9, 4)).mean((0, 2, 3, 4)) for p in packed]) / len(pictures)
        detail_steps, z_steps = self.log2_step().split([9 * LEVELS, Z], 1)
        self.log2_scale.copy_(squares[0].log2()[None] / 2 - detail_steps.unflatten(1, (LEVELS, 9)))
        self.log2_scale_z.copy_(squares[1].log2()[None] / 2 - z_steps)


def slopes_of(details: Tensor, level: int, steps: Tensor) -> Tensor:
    """Return slopes (B, 2, 1, h, w) around each position of decoded details (B, 9, h, w) of a wavelet level, which have
    such steps (B, 9, 1, 1): what keeps slopes small is larger where chroma is coarser, as one detail of it that was
    coded says little.
    """
    norms = details.new_tensor([1.0, 1.0, wavelet.NORM**4])[:, None, None]  # the runtime sums without them
    luma, chroma = details[:, :3], details[:, 3:].unflatten(1, (2, 3))
    products, squares = (luma[:, None] * chroma * norms).sum(2), (luma.square() * norms).sum(1, keepdim=True)
    ridge = RIDGE_PX**2 * wavelet.NORM ** (4 * (level - 1)) + (RIDGE_STEPS * steps[:, 3::3]).square()
    return slopes(around(products), around(squares), ridge)


def finer_eighths(octaves: Tensor, least: int, most: int) -> Tensor:
    """Return octaves (B, 1, h, w) in whole eighths, at least and at most so many, for the next finer level."""
    eighths = (8 * octaves).round().clamp(least, most)
    return eighths.repeat_interleave(2, 2).repeat_interleave(2, 3) / 8


def luma_and_chroma(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Return packed details (B, 36, h, w) as luma (B, 3 bands, 4 phases, h, w) and chroma (B, 24, h, w)."""
    return packed[:, :12].unflatten(1, (3, 4)), packed[:, 12:]


def half(luma: Tensor, phases: tuple[int, int]) -> Tensor:
    """Return the phases (B, 6, h, w) of luma details (B, 3, 4, h, w) that make one half of the checkerboard."""
    return luma[:, :, list(phases)].flatten(1, 2)


def join_packed(half_1: Tensor, half_2: Tensor, chroma: Tensor) -> Tensor:
    """Return packed details (B, 36, h, w) from both halves of luma and from chroma."""
    a, b = half_1.unflatten(1, (3, 2)), half_2.unflatten(1, (3, 2))
    luma = torch.stack([a[:, :, 0], b[:, :, 0], b[:, :, 1], a[:, :, 1]], 2)
    return torch.cat([luma.flatten(1, 2), chroma], 1)
