"""What an iteration of the progressive codec tells of coefficients: binary codes, their bits, and where decoders put a
coefficient then.

k, u = c / T, and the log-odds A and B are those of models/recurrent.py, each (B, n, h, w) for n visited coefficients.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LOGIT_MOST = 12.0
"""Log-odds are clamped to this."""
LOGIT_SKIP = -8.0
"""At smaller log-odds of significance nothing is coded: a coefficient stays 0."""
MOST_AT_ONCE = 4
"""|k| of a coefficient that becomes significant: more than 1 where codes of earlier planes were left out."""
SAVED, SAVED_AT_0 = 2.9, -2.1
"""Squared thresholds of error that significance at |c| = u T saves are SAVED u + SAVED_AT_0 (it is put at 1.45 T)."""
BITS_PER_SQUARED_THRESHOLD = 5.0
"""What these are worth to an encoder that no further plane follows."""

BINS = 24
"""Log-odds are put into so many bins, a nat wide, to look up where in its interval a coefficient is put."""


@dataclass
class Visit:
    """What one iteration did to what it visited."""

    plane: int
    index: int
    """0: z; 1: the coarsest level"""
    channels: slice
    threshold: float
    sparing: bool
    """whether the encoder was thrifty"""
    bits: Tensor
    """(B,)"""
    fresh: Tensor
    """where k was 0 before, (B, n, h, w), as k, u, a and b"""
    k: Tensor
    """integers"""
    u: Tensor
    """coefficients in thresholds"""
    a: Tensor
    """log-odds of significance that were"""
    b: Tensor
    """log-odds of a positive sign, or of the upper half, that were"""


class Codes(nn.Module):
    """The tables that all but A and B of a code are looked up in."""

    def __init__(self) -> None:
        super().__init__()
        self.more = nn.Parameter(torch.tensor([-6.0, 0.0]))  # log-odds of one more in |k|, and how they grow with A
        # where in thresholds a coefficient is put: 0 by bins of A and B, |k| = 1 beyond 1 by A, larger |k| by B; the
        # second tables are those of thrifty planes, and so is `fewer`, which A is raised by there
        self.place_zero = nn.Parameter(torch.zeros(2, BINS, BINS), requires_grad=False)
        self.place_one = nn.Parameter(torch.tensor([[0.4], [0.6]]).repeat(1, BINS), requires_grad=False)
        self.place_more = nn.Parameter(torch.full((BINS,), 0.47), requires_grad=False)
        self.fewer = nn.Parameter(torch.zeros(BINS), requires_grad=False)

    def told(self, k: Tensor, u: Tensor, a: Tensor, b: Tensor, sparing: bool = False) -> tuple[Tensor, Tensor]:
        """Return the new integers k, and the bits of all codes per picture (B,); `sparing`: the encoder is thrifty."""
        with torch.no_grad():
            size, old = u.abs(), k != 0
            coded = ~old & (a > LOGIT_SKIP)
            significant = coded & (size >= (least_worth(a) if sparing else 1))
            upper = old & (u * k.sign() >= 2 * k.abs() + 1)
            first = significant * size.floor().clamp_max(MOST_AT_ONCE)
            new = torch.where(old, k.sign() * (2 * k.abs() + upper), u.sign() * first)
            second = torch.where(old, upper, u > 0)
        a = a + self.fewer[bin_of(a)] if sparing else a
        nats = coded * (F.softplus(a) - a * significant)
        nats = nats + (old | significant) * (F.softplus(b) - b * second)
        more = self.more[0] + self.more[1] * a
        nats = nats + first.clamp_max(MOST_AT_ONCE - 1) * F.softplus(more) - (first - 1).relu() * more
        return new, nats.sum((1, 2, 3)) / math.log(2)

    def placed(self, visit: Visit) -> Tensor:
        """Return where decoders put the coefficients (B, n, h, w) of a visit, in units of the planes."""
        k, a, b, table = visit.k, bin_of(visit.a), bin_of(visit.b), int(visit.sparing)
        beyond = torch.where(k.abs() == 1, self.place_one[table, a], self.place_more[b])
        return visit.threshold * torch.where(k == 0, self.place_zero[table, a, b], k.sign() * (k.abs() + beyond))

    @torch.no_grad()
    def learn(self, visit: Visit, memory: float = 0.02) -> None:
        """Move the tables towards what a visit shows."""
        k, u, a, b, n = visit.k, visit.u, bin_of(visit.a), bin_of(visit.b), int(visit.sparing)
        size = u * k.sign() - k.abs()
        move(self.place_zero[n].view(-1), a * BINS + b, u, k == 0, memory)
        move(self.place_one[n], a, size, k.abs() == 1, memory)
        move(self.place_more, b, size, k.abs() > 1, memory)
        if visit.sparing:  # a Newton step of each bin's likelihood
            coded = visit.fresh & (visit.a > LOGIT_SKIP)
            chance, bins = torch.sigmoid(visit.a + self.fewer[a])[coded], a[coded]
            slope = torch.bincount(bins, (k != 0)[coded].float() - chance, minlength=BINS)
            curvature = torch.bincount(bins, chance * (1 - chance), minlength=BINS)
            self.fewer.add_(memory * slope / (curvature + 10))

    @torch.no_grad()
    def error(self, visit: Visit) -> Tensor:
        """Return the squared error (B,) of what a visit placed, in units of the planes."""
        return (visit.threshold * visit.u - self.placed(visit)).square().sum((1, 2, 3))


def move(table: Tensor, index: Tensor, value: Tensor, where: Tensor, memory: float) -> None:
    """Move entries (n,) of a table towards the mean of the values that fall to them, by a share of `memory` where
    these are many.
    """
    index, value = index[where], value[where].clamp(-2, 2)
    count = torch.bincount(index, minlength=len(table))
    total = torch.bincount(index, value, minlength=len(table))
    table += memory * count / (count + 100) * (total / count.clamp_min(1) - table)


def least_worth(a: Tensor) -> Tensor:
    """Return |c| in thresholds, at least 1, from which on becoming significant, at log-odds a, is worth its bits."""
    bits = 1 - a / math.log(2)
    return ((bits / BITS_PER_SQUARED_THRESHOLD - SAVED_AT_0) / SAVED).clamp_min(1)


def bin_of(log_odds: Tensor) -> Tensor:
    """Return bins (int64) of clamped log-odds."""
    return (log_odds.detach() * (BINS / (2 * LOGIT_MOST)) + BINS / 2).long().clamp_max(BINS - 1)
