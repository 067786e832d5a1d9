"""A progressive codec: iterations of one recurrent network, each of which tells one bit more of half a wavelet level.

    x ─ colours ─ wavelet ─ coefficients c of levels 5 to 1, and of z: what is left of the picture
    for each plane, with thresholds T = 8192, 4096, ... 4:
        for z, then for levels 5 to 1, for each half of the checkerboard: an iteration
            what is known, state ─ network ─ state, log-odds ─ codes of this half ─ what is known

What is known of a coefficient is an integer k: 0 where |c| < T, else |c| is in [|k|, |k| + 1) T with the sign of c: an
embedded quantiser (Shapiro 1993; Taubman 2000). An iteration visits half a level whose T is half as large as at the
visit before, and tells what is left in binary codes:

    k = 0     whether it becomes significant; if so its sign, then |k| - 1 in unary (0, but where codes were left out)
    else      whether |c| is in the upper half of its interval

Where the log-odds of significance are at most LOGIT_SKIP nothing is coded and k stays 0. A level takes part from the
plane on where its largest |c| reaches T, which a file tells, as it does its `offset`: all thresholds may be smaller by
quarters of an octave, so that files of any size end with a plane. Any prefix of the codes is a picture.

Both encoder and decoder carry the state on. The network is one for all levels, halves and planes. It sees k of its
level, sizes and signs, in units of the coming T (what was not visited yet in this plane is known to 2 T), constant
planes that tell where in the loop it is, and the state and k of the level before; it keeps a state for each level (z
and level 5 share one, and have no level before). It says two log-odds for each coefficient: A, of significance, and B,
of a positive sign or, where k is not 0, of the upper half; to these, tables of constants are added (`base_a`,
`base_b`). All else is looked up by A and B (models/codes.py): the log-odds of sizes, and where in its interval a
coefficient is put.

An encoder may be thrifty in the last plane, which a file tells: it leaves out significance that is not worth its bits.
Tables of their own then tell what A means, and where coefficients are put. Before the last plane that does not pay:
what is left out now comes dearer later.

All that decoders need is integers: k; A and B in eighths of a nat; whatever is looked up. Nothing but the codes feeds
the loop, so training needs no gradient through what is decoded: codes are data, and the loss is their bits.

Shapes: x (B, 3, H, W), sides multiples of `stride_px`. A level's 9 details (3 colours, 3 bands) at H/2^l are packed by
2 x 2 to 36 channels at H/2^(l+1), one half of the checkerboard after the other, where its state is; z is 12 channels
at the resolution of the coarsest level.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import wavelet
from models.codes import LOGIT_MOST, Codes, Visit
from models.layers import Block, Chain, Conv, Scale, Upsample
from models.phase import Phase

GRID = 1 / 32
"""Grid of all tensors between networks: states, what they see and what they say; +-4 in 8 bits."""
LOGIT_GAIN = 4.0
"""Log-odds (nats) are so many times what a network says."""
PACKED, Z = 36, 12
"""Channels of a packed level, and of z, which takes the first ones."""
PHASES_IN_ORDER = (0, 3, 1, 2)
"""Phases of 2 x 2 details as packed: the first two make one half of the checkerboard, the others the other."""
TOP_OCTAVE = 13
"""log2 of the first threshold: no coefficient of an 8-bit picture is four times as large."""
CONSTANTS = 8
"""Input planes that tell the network where it is: which level, which half, which plane."""
SEEN = 2 * PACKED + CONSTANTS
TABLES_LEARN = 0.1
"""In so many training steps the tables learn, from an encoder that is thrifty in the last plane, which then does not
count."""
OFFSETS = 4
"""Thresholds of a file may be smaller by so many parts of an octave, fewer than all."""
WINDOWED_PX = 128
"""Of training crops that are so large only a part of the finest level is coded."""

PHASES = {
    "codes": Phase(steps=200_000, crop_px=192, batch=8, rate=2e-3),
    "qat": Phase(steps=10_000, crop_px=192, batch=8, rate=5e-4, quantised=True),
}


@dataclass(frozen=True)
class Config:
    """Sizes of the network, and the planes."""

    state: int = 64
    """channels of the state"""
    blocks: int = 1
    """residual blocks of an iteration"""
    levels: int = 5
    """wavelet levels with details; one more where z is split again"""
    planes: int = 12
    """thresholds are 2^13, 2^12, ... 2^(14 - planes)"""
    shortest: int = 8
    """training codes at least so many planes"""
    rates_bpp: tuple[float, float] = (0.03, 6.0)
    """the loss weighs the rate at the end of those planes that end between these"""
    step_octaves: tuple[tuple[float, float], ...] = (
        (0.3, 0.4), (0.0, 0.15), (-0.25, -0.25), (-0.3, -0.3), (-0.3, -0.3), (-0.3, -0.3)
    )  # fmt: skip
    """what thresholds of luma and chroma are in octaves of their plane's: of levels 1, 2, ... and of z. The eye, and
    MS-SSIM with it, sees errors of the finest details least"""


class Iteration(nn.Module):
    """One step of the recurrent network at the resolution of a level.

    forward(state (B, S, h, w), seen (B, 80, h, w), parent (B, S + 80, h/2, w/2)) gives the new state and what it says
    (B, 72, h, w): log-odds A of the 36 coefficients of each position, then B.
    """

    def __init__(self, state: int, blocks: int):
        super().__init__()
        grid, said = Scale(signed=True, fixed=GRID), Scale(signed=True, fixed=GRID)
        hidden = Scale(signed=False)
        self._grid = (grid,)
        self.keep = Conv(grid, None, state, state, lent=grid, init=0.0)
        self.update = Conv(grid, None, SEEN, state, kernel=3, lent=grid)
        self.parent = Chain(grid, Conv(grid, grid, state + SEEN, 4 * state), Upsample())
        self.blocks = Chain(grid, *(Block(grid, state, (3, 1)) for _ in range(blocks)))
        self.head = Chain(
            grid, Conv(grid, hidden, state, state, init=2**0.5), Conv(hidden, said, state, 2 * PACKED, init=0.05)
        )
        with torch.no_grad():
            self.keep.weight.copy_(0.5 * torch.eye(state)[:, :, None, None])

    @property
    def grid(self) -> Scale:
        """The grid of the state, of what is seen and of what is said."""
        return self._grid[0]

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """Saturating sum of two tensors on the grid."""
        return (a + b).clamp(self.grid.low, self.grid.high) if self.grid.mode == "integer" else self.grid(a + b)

    def forward(self, state: Tensor, seen: Tensor, parent: Tensor) -> tuple[Tensor, Tensor]:
        height, width = state.shape[-2:]
        above = self.parent(parent)[..., :height, :width]
        state = self.add(self.add(self.keep(state), self.update(seen)), above)
        state = self.blocks(state)
        return state, self.head(state)

    def macs(self) -> float:
        """Multiplications per position of the state."""
        chains = sum(c.macs() for chain in (self.blocks, self.head) for c in chain.convolutions())
        return self.keep.macs() + self.update.macs() + sum(c.macs() for c in self.parent.convolutions()) / 4 + chains


class Codec(nn.Module):
    """The recurrent network, the tables, and the loop (models/families.py tells what the methods are for)."""

    left_out: tuple[str, ...] = ("state",)
    levels = 1

    def __init__(self, config: Config = Config()):
        super().__init__()
        self.config = c = config
        self.stride_px = 2 ** (c.levels + 1)
        self.iteration = Iteration(c.state, c.blocks)
        # log-odds where the network says 0, of significance and of the upper half: (planes, z and levels, coefficients)
        self.base_a = nn.Parameter(torch.zeros(c.planes, c.levels + 1, PACKED))
        self.base_b = nn.Parameter(torch.zeros(c.planes, c.levels + 1, PACKED))
        self.codes = Codes()
        self.usual_bpp = nn.Parameter(torch.zeros(c.planes), requires_grad=False)

    # -- coefficients ------------------------------------------------------------------------------------------------

    def octaves(self, index: int) -> Tensor:
        """Octaves (36,) by which thresholds of z (index 0) or of level levels + 1 - index exceed the plane's."""
        luma, chroma = self.config.step_octaves[self.config.levels - index if index else -1]
        if index:
            return torch.tensor([luma] * 6 + [chroma] * 12).repeat(2)
        return torch.tensor([luma, chroma, chroma] + [luma] * 3 + [chroma] * 6 + [0.0] * (PACKED - Z))

    def split(self, x: Tensor) -> list[Tensor]:
        """Packed coefficients (B, 36, h, w) of z, then of the coarsest to the finest level, in units of the planes."""
        with torch.autocast(x.device.type, enabled=False):
            low, packed = wavelet.to_colours(x), []
        for _ in range(self.config.levels):
            low, details = wavelet.split_2d(low)
            packed.append(pack(details))
        packed.append(F.pad(torch.cat(wavelet.split_2d(low), 1), (0, 0, 0, 0, 0, PACKED - Z)))
        return [p / self.octaves(i).to(p).exp2()[:, None, None] for i, p in enumerate(reversed(packed))]

    def join(self, packed: list[Tensor]) -> Tensor:
        """Pixels (B, 3, H, W), unclamped: the inverse of split."""
        z, *levels = [p * self.octaves(i).to(p).exp2()[:, None, None] for i, p in enumerate(packed)]
        low = wavelet.join_2d(z[:, :3], z[:, 3:Z])
        for details in levels:
            low = wavelet.join_2d(low, unpack(details))
        return wavelet.from_colours(low)

    # -- coding --------------------------------------------------------------------------------------------------------

    def schedule(self) -> list[tuple[int, int, int]]:
        """All iterations in order: plane, index of z or level, half; z is not halved."""
        c = self.config
        visits = [(0, 0)] + [(index, half) for index in range(1, c.levels + 1) for half in (0, 1)]
        return [(plane, index, half) for plane in range(c.planes) for index, half in visits]

    def seen(self, known: Tensor, finer: int, index: int, half: int, octave: float) -> Tensor:
        """Return what the network sees (B, 80, h, w) of integers k (B, 36, h, w).

        The first `finer` channels are in units of this plane's threshold, 2^octave, all others of the last one's.
        """
        unit = torch.tensor([1.0] * finer + [2.0] * (PACKED - finer)).to(known)[:, None, None]
        size = torch.log1p((known.abs() + 0.5 * (known != 0)) * unit) / 2
        constants = [0.0] * CONSTANTS
        constants[min(index, CONSTANTS - 3)] = 1.0
        constants[-2:] = float(half), octave / 4
        b, _, h, w = known.shape
        planes = torch.tensor(constants).to(size)[:, None, None].expand(b, -1, h, w)
        return self.iteration.grid(torch.cat([size, known.sign() * size, planes], 1))

    def unroll(
        self,
        x: Tensor,
        off: frozenset[str] = frozenset(),
        planes: int | None = None,
        offset: float = 0.0,
        window: tuple[slice, slice] | None = None,
        thrifty: bool = False,
    ) -> Iterator[Visit]:
        """Code pictures as encoder and decoder would, and yield what each iteration did.

        `off` may hold "state": the network then forgets it after each iteration. All thresholds are smaller by an
        `offset` of less than an octave, so that files may end between two planes. Of the finest level no more than a
        `window` of positions (from even ones) is coded. A `thrifty` encoder leaves out significance that is not worth
        its bits in the last of the planes, since nothing follows (before that it would only come dearer later), and
        decoders know that.
        """
        c = self.config
        coefficients = self.split(x)
        if window:
            coefficients[-1] = coefficients[-1][..., *window]
            parent_window = [slice(s.start // 2, s.stop // 2) for s in window]
        known = [torch.zeros_like(p) for p in coefficients]
        states = [p.new_zeros(len(p), c.state, *p.shape[-2:]) for p in coefficients]  # z has that of the level after
        largest = [float(p.abs().max()) for p in coefficients]
        parent, last = x.new_zeros(0), (planes or c.planes) - 1
        for where in self.schedule():
            plane, index, half = where
            if plane > last:
                return
            octave = TOP_OCTAVE - plane - offset
            threshold = 2.0**octave
            if largest[index] < threshold:
                continue
            channels = slice(0, Z) if index == 0 else slice(18 * half, 18 * half + 18)
            own = max(index, 1)
            if index < 2:
                h, w = states[1].shape[-2:]
                parent = states[1].new_zeros(len(x), c.state + SEEN, (h + 1) // 2, (w + 1) // 2)
            elif half == 0:
                above = self.seen(known[index - 1], PACKED, index - 1, 1, octave)
                parent = torch.cat([states[index - 1], above.to(states[index - 1].dtype)], 1)
                if window and index == c.levels:
                    parent = parent[..., parent_window[0], parent_window[1]]
            state = states[own] * ("state" not in off)
            shown = self.seen(known[index], 18 * half, index, half, octave)
            states[own], said = self.iteration(state, shown, parent)
            a, b = (LOGIT_GAIN * said.float()).chunk(2, 1)
            k, u = known[index][:, channels], coefficients[index][:, channels] / threshold
            base_a, base_b = (
                torch.lerp(base[plane], base[min(plane + 1, c.planes - 1)], offset)[index, channels, None, None]
                for base in (self.base_a, self.base_b)
            )
            a, b = a[:, channels] + base_a, b[:, channels] + (k != 0) * base_b
            a, b = F.hardtanh(a, -LOGIT_MOST, LOGIT_MOST), F.hardtanh(b, -LOGIT_MOST, LOGIT_MOST)
            sparing = thrifty and plane == last
            fresh = k == 0
            k, bits = self.codes.told(k, u, a, b, sparing)
            known[index] = torch.cat([known[index][:, : channels.start], k, known[index][:, channels.stop :]], 1)
            yield Visit(plane, index, channels, threshold, sparing, bits, fresh, k, u, a, b)

    # -- training ------------------------------------------------------------------------------------------------------

    def loss(self, x: Tensor, level: Tensor, phase: str) -> tuple[Tensor, dict[str, float]]:
        """Bits per pixel of each plane (their sum per picture (B,)), weighed so that at the ends of all planes a
        hundredth of the rate so far weighs alike, and the log's figures; a random number of planes is coded.
        """
        c, px = self.config, x.shape[-1] * x.shape[-2]
        last = int(torch.randint(c.shortest, c.planes + 1, ()))
        chance = [min(1.0, (c.planes - plane) / (c.planes + 1 - c.shortest)) for plane in range(c.planes)]
        usual = self.usual_bpp.cumsum(0)
        counts = (usual > c.rates_bpp[0]) & (usual < c.rates_bpp[1])
        worth = torch.where(counts, 1 / usual, 0.0).flip(0).cumsum(0).flip(0) / counts.sum()
        each = [x.new_zeros(len(x), dtype=torch.float32) for _ in range(c.planes)]
        error, learns = torch.zeros_like(each[0]), bool(torch.rand(()) < TABLES_LEARN)
        window, share = self.window(x)
        offset = int(torch.randint(OFFSETS, ())) / OFFSETS
        with torch.autocast(x.device.type, torch.bfloat16, enabled=phase == "codes"):
            for visit in self.unroll(x, planes=last, offset=offset, window=window, thrifty=learns):
                times = 1 / share if visit.index == c.levels else 1.0
                if not visit.sparing:
                    each[visit.plane] = each[visit.plane] + visit.bits * times / px
                if learns:
                    self.codes.learn(visit)
                if visit.plane == last - 1:
                    error += self.codes.error(visit) * times / (3 * px)
        bpp = torch.stack(each)
        with torch.no_grad():
            coded = last - learns
            self.usual_bpp[:coded] += 0.01 * (bpp.mean(1) - self.usual_bpp)[:coded]
        weight = worth / torch.tensor(chance).to(worth)
        return weight @ bpp, {"bpp": bpp.sum(0).mean().item(), "mse": error.mean().item()}

    def window(self, x: Tensor) -> tuple[tuple[slice, slice], float]:
        """Return a random window of the finest level's positions, and its share of all.

        It has half as many rows and columns as there are, rounded up to even ones: that level has three quarters of
        all coefficients.
        """
        whole = [side // 4 for side in x.shape[-2:]]
        if min(x.shape[-2:]) < WINDOWED_PX:
            return (slice(0, whole[0]), slice(0, whole[1])), 1.0
        sides = [(n + 3) // 4 * 2 for n in whole]
        starts = [2 * int(torch.randint((n - m) // 2 + 1, ())) for n, m in zip(whole, sides, strict=True)]
        rows, columns = [slice(start, start + m) for start, m in zip(starts, sides, strict=True)]
        return (rows, columns), sides[0] * sides[1] / (whole[0] * whole[1])

    def parts(self, phase: str) -> list[nn.Module | nn.Parameter]:
        return [self.iteration, self.base_a, self.base_b, self.codes.more]

    @torch.no_grad()
    def start_from_pictures(self, pictures: list[Tensor]) -> None:
        """Set log-odds where the network says 0 to what codes of pictures (1, 3, H, W) have, and tables to fit."""
        c = self.config
        counts = torch.zeros(4, c.planes, c.levels + 1, PACKED)
        for x in pictures:
            for index, p in enumerate(self.split(x)):
                for plane in range(c.planes):
                    size = p.abs() / 2.0 ** (TOP_OCTAVE - plane)
                    old = size >= 2
                    for n, found in enumerate((~old, ~old & (size >= 1), old, old & (size % 2 >= 1))):
                        counts[n, plane, index] += found.sum((0, 2, 3))
        of_levels = counts[:, :, 1:].unflatten(-1, (2, 9, 2))  # the same in all phases
        counts[:, :, 1:] = of_levels.mean((3, 5), keepdim=True).expand_as(of_levels).flatten(3)
        fresh, significant, old, upper = counts
        self.base_a.copy_(((significant + 0.1) / (fresh - significant + 1)).log())
        self.base_b.copy_(((upper + 3) / (old - upper + 4)).log())
        for x in pictures[:32]:
            bpp = torch.zeros(c.planes)
            for visit in self.unroll(x):
                bpp[visit.plane] += float(visit.bits) / (x.shape[-1] * x.shape[-2])
                self.codes.learn(visit, memory=0.2)
            self.usual_bpp.add_(bpp / len(pictures[:32]))

    @torch.no_grad()
    def exercise(self, x: Tensor) -> None:
        """Let the network work on a batch, at all rates."""
        for _ in self.unroll(x):
            pass

    @torch.no_grad()
    def code(self, x: Tensor, level: float, off: frozenset[str] = frozenset()) -> tuple[Tensor, Tensor]:
        """Return what a decoder shows of a picture (1, 3, H, W) after so many planes, unclamped, and the bits of that.

        A fraction of a plane is an offset.
        """
        shown = [torch.zeros_like(p) for p in self.split(x)]
        bits = torch.zeros((), device=x.device)
        for visit in self.unroll(x, off, planes=int(level), offset=level % 1, thrifty=True):
            shown[visit.index][:, visit.channels] = self.codes.placed(visit)
            bits += visit.bits.sum()
        return self.join(shown), bits

    def report_levels(self) -> list[float]:
        """After how many planes a report tells rate and quality."""
        return [float(planes) for planes in range(self.config.shortest - 1, self.config.planes)]

    def kmacs_per_px(self) -> dict[str, float]:
        """Thousands of multiplications per pixel of an iteration at the finest level, and of a whole plane."""
        finest = self.iteration.macs() / 16 / 1000
        return {"iteration": finest, "plane": sum(2 * finest / 4**n for n in range(self.config.levels))}


def pack(details: Tensor) -> Tensor:
    """Details (B, 9, 2 h, 2 w) as (B, 36, h, w), one half of the checkerboard after the other."""
    phases = F.pixel_unshuffle(details, 2).unflatten(1, (9, 4))[:, :, list(PHASES_IN_ORDER)]
    return phases.unflatten(2, (2, 2)).transpose(1, 2).flatten(1, 3)


def unpack(packed: Tensor) -> Tensor:
    """Return the inverse of pack."""
    phases = packed.unflatten(1, (2, 9, 2)).transpose(1, 2).flatten(2, 3)
    order = [PHASES_IN_ORDER.index(n) for n in range(4)]
    return F.pixel_shuffle(phases[:, :, order].flatten(1, 2), 2)
