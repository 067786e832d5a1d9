"""The training-time twin of the tables: bits, and the symbols that the encoder chooses."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from models import entropy  # noqa: E402
from runtime.entropy import costs  # noqa: E402
from runtime.families.pyramid import spec  # noqa: E402


def test_the_bits_of_all_residuals_are_those_of_a_distribution() -> None:
    for log2_sigma in (-2.0, 0.0, 3.0):
        residual = torch.arange(-300.0, 301.0)
        assert 2 ** -entropy.bits(residual, torch.tensor(log2_sigma)) == pytest.approx(
            2 ** -entropy.bits(-residual, torch.tensor(log2_sigma))
        )
        assert float((2 ** -entropy.bits(residual, torch.tensor(log2_sigma))).sum()) == pytest.approx(1, abs=1e-4)


def test_the_encoder_of_the_runtime_weighs_error_alike_and_codes_the_same_scales() -> None:
    assert entropy.BITS_PER_SQUARED_STEP == costs.BITS_PER_SQUARED_STEP
    assert entropy.LOG2_SIGMA_MIN == spec.INDEX_ZERO_LOG2


def test_chosen_symbols_cost_no_more_than_rounded_ones() -> None:
    residual = torch.from_numpy(np.random.default_rng(0).laplace(0, 0.8, 5000)).float()
    log2_sigma = torch.full_like(residual, -0.5)
    chosen, rounded = entropy.chosen(residual, log2_sigma), residual.round()

    def cost(symbols: torch.Tensor) -> torch.Tensor:
        return entropy.bits(symbols, log2_sigma) + entropy.BITS_PER_SQUARED_STEP * (residual - symbols) ** 2

    assert torch.equal(chosen, chosen.round())
    assert torch.all(cost(chosen) <= cost(rounded) + 1e-4)
    assert float((chosen != rounded).float().mean()) > 0.02
    assert torch.all(chosen.abs() <= rounded.abs())


def test_chosen_symbols_have_the_gradient_of_the_identity_and_are_zero_at_the_narrowest_scale() -> None:
    residual = torch.tensor([0.2, 1.7, -3.4], requires_grad=True)
    entropy.chosen(residual, torch.zeros(3)).sum().backward()
    assert residual.grad is not None and residual.grad.tolist() == [1, 1, 1]
    narrowest = torch.full((3,), entropy.LOG2_SIGMA_MIN)
    assert torch.all(entropy.chosen(residual, narrowest) == 0)
    assert torch.any(entropy.chosen(residual, narrowest + 0.25) != 0)
