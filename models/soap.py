"""SOAP: Adam in the slowly moving eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

LARGEST_SIDE = 800
"""Sides of a weight beyond this keep their own basis: rotating them costs more than it brings."""


class Soap(torch.optim.Optimizer):
    """Convolution weights (out, in, rows x columns) are preconditioned on each side; everything else gets Adam.

    `refresh` is the number of steps between two updates of the bases, spread over the parameters so that no step is
    much longer than another.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.95, 0.98),
        refresh: int = 16,
        eps: float = 1e-8,
    ):
        super().__init__(groups, {"lr": lr, "betas": betas, "refresh": refresh, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Make one update of all parameters that have a gradient."""
        number = 0
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                number += 1
                if p.grad is None:
                    continue
                state = self.state[p]
                grad = folded(p.grad)
                if not state:
                    state["step"] = 0
                    state["mean"], state["square"] = torch.zeros_like(grad), torch.zeros_like(grad)
                    if p.ndim == 4:
                        for side in sides(grad):
                            covariance = gram(grad, side)
                            state[f"covariance{side}"] = covariance
                            state[f"basis{side}"] = eigenbasis(covariance)
                state["step"] += 1
                bases = {side: state[f"basis{side}"] for side in sides(grad) if f"basis{side}" in state}
                rotated = rotate(grad, bases)
                state["mean"].lerp_(rotated, 1 - beta1)
                state["square"].lerp_(rotated.square(), 1 - beta2)
                scale = (1 - beta2 ** state["step"]) ** 0.5 / (1 - beta1 ** state["step"])
                update = state["mean"] / (state["square"].sqrt() + group["eps"] / scale)
                update = rotate(update, bases, back=True)
                p.sub_(update.reshape(p.shape), alpha=group["lr"] * scale)
                if (state["step"] + number) % 2 == 0:
                    for side in bases:
                        state[f"covariance{side}"].lerp_(gram(grad, side), 1 - beta2**2)
                if (state["step"] + number) % group["refresh"] == 0:
                    self._turn(state, bases)

    @staticmethod
    def _turn(state: dict[str, Any], bases: dict[int, Tensor]) -> None:
        """Do one step of orthogonal iteration for each basis; the first moment turns along, the second is reordered."""
        mean = rotate(state["mean"], bases, back=True)
        for side, basis in bases.items():
            covariance = state[f"covariance{side}"]
            image = covariance @ basis
            order = (basis * image).sum(0).argsort(descending=True)
            state["square"] = state["square"].index_select(side, order)
            bases[side] = state[f"basis{side}"] = torch.linalg.qr(image[:, order])[0]
        state["mean"] = rotate(mean, bases)


def folded(x: Tensor) -> Tensor:
    """Return a convolution weight as (out, in, rows x columns); other tensors as they are."""
    return x.contiguous().flatten(2) if x.ndim == 4 else x


def sides(x: Tensor) -> list[int]:
    """Return the sides of a folded weight that get a basis."""
    return [i for i, n in enumerate(x.shape) if 1 < n <= LARGEST_SIDE] if x.ndim == 3 else []


def gram(x: Tensor, side: int) -> Tensor:
    """Return the covariance of a tensor's slices along a side, (n, n)."""
    rows = x.movedim(side, 0).flatten(1)
    return rows @ rows.T


def eigenbasis(covariance: Tensor) -> Tensor:
    """Return the eigenvectors of a covariance (n, n) as columns, that of the largest eigenvalue first.

    In float64 and of trace 1: in float32, LAPACK gives up on some that are tiny or of a low rank.
    """
    wide = covariance.double()
    vectors = torch.linalg.eigh(wide / wide.trace().clamp_min(torch.finfo(wide.dtype).tiny))[1]
    return vectors.flip(1).to(covariance.dtype).contiguous()


def rotate(x: Tensor, bases: dict[int, Tensor], back: bool = False) -> Tensor:
    """Return x in the coordinates of the bases, or back from them."""
    for side, basis in bases.items():
        x = torch.tensordot(x, basis, dims=([side], [1 if back else 0])).movedim(-1, side)
    return x
