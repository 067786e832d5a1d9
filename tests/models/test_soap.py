"""SOAP finds the minimum of an ill-conditioned problem, and its bases stay orthonormal."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from models.soap import Soap, eigenbasis, gram, rotate  # noqa: E402


def fit(optimiser: str, steps: int) -> float:
    """Return the loss of a 1 x 1 convolution fitted to another one on strongly correlated inputs."""
    torch.manual_seed(0)
    mixing = torch.randn(12, 12) * torch.logspace(0, -2, 12)
    target = torch.randn(8, 12, 1, 1)
    weight = torch.nn.Parameter(torch.zeros(8, 12, 1, 1))
    make = {"soap": Soap, "adamw": torch.optim.AdamW}[optimiser]
    optimiser_ = make([{"params": [weight]}], lr=0.02)
    for _ in range(steps):
        x = torch.einsum("nchw,dc->ndhw", torch.randn(4, 12, 4, 4), mixing)
        error = torch.nn.functional.conv2d(x, weight - target)
        loss = (error**2).mean()
        optimiser_.zero_grad()
        loss.backward()
        optimiser_.step()
    return loss.item()


def test_it_beats_adam_on_correlated_inputs() -> None:
    assert fit("soap", 300) < 0.5 * fit("adamw", 300)


def test_rotating_there_and_back_changes_nothing() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 7, 9)
    bases = {side: torch.linalg.qr(torch.randn(n, n))[0] for side, n in enumerate(x.shape)}
    there = rotate(x, bases)
    assert torch.allclose(there.norm(), x.norm())
    assert torch.allclose(rotate(there, bases, back=True), x, atol=1e-5)


def test_bases_stay_orthonormal() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(6, 4, 3, 3))
    optimiser = Soap([{"params": [weight]}], lr=1e-2, refresh=2)
    for _ in range(20):
        loss = (weight.sum((2, 3)) ** 2).sum() + weight.square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    state = optimiser.state[weight]
    for side, n in enumerate((6, 4, 9)):
        basis = state[f"basis{side}"]
        assert torch.allclose(basis.T @ basis, torch.eye(n), atol=1e-4)


def test_a_basis_of_any_covariance_is_orthonormal_with_the_largest_first() -> None:
    """Of a low rank, of numbers near the least that float32 has, and of zeros."""
    torch.manual_seed(0)
    low_rank = torch.randn(64, 3) * torch.tensor([1.0, 10, 0.1]) @ torch.randn(3, 64)
    for scale in (1.0, 1e-18, 0.0):
        covariance = gram(low_rank * scale, 0)
        basis = eigenbasis(covariance)
        assert torch.allclose(basis.T @ basis, torch.eye(64), atol=1e-5)
        if scale == 1:
            values = (basis.T @ covariance @ basis).diagonal()
            assert values[0] == values.max() and values[3:].abs().max() < 1e-4 * values[0]
