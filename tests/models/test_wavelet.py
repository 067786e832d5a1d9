"""The wavelet of training is the runtime's but for factors, and nearly orthonormal."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from models import wavelet  # noqa: E402
from runtime.families.pyramid import spec  # noqa: E402
from runtime.latents import colours  # noqa: E402
from runtime.latents import wavelet as plain  # noqa: E402


def test_it_is_the_runtime_s_but_for_the_norms_of_bands(photo: np.ndarray) -> None:
    picture = photo[:128, :192]
    low = wavelet.to_colours(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None])
    other = colours.to_colours(picture)
    assert np.allclose(16 * low[0], other, atol=1e-2)
    for level in range(1, spec.LEVELS + 2):
        (low, details), (other, other_details) = wavelet.split_2d(low), plain.split(other)
        gains = wavelet.NORM ** np.array([2 * (level - 1)] * 2 + [2 * (level - 2)])
        assert np.allclose(16 * details[0], np.tile(gains, 3)[:, None, None] * other_details, atol=0.3)
        assert np.allclose(16 * low[0], wavelet.NORM ** (2 * level) * other, atol=0.3)


def test_join_is_the_inverse_of_split() -> None:
    x = torch.randn(2, 3, 12, 20)
    assert torch.allclose(wavelet.join_2d(*wavelet.split_2d(x)), x, atol=1e-5)
    low, high = wavelet.split(x, 3)
    assert torch.allclose(wavelet.join(low, high, 3), x, atol=1e-5)
    pixels = torch.randint(0, 256, (1, 3, 4, 6))
    assert (wavelet.from_colours(wavelet.to_colours(pixels)) - pixels).abs().max() < 0.1


def test_bands_and_colours_keep_the_energy_of_noise_nearly() -> None:
    x = 128 + 40 * torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    signals = wavelet.to_colours(x)
    assert float((signals**2).mean()) == pytest.approx(1600, rel=0.02)
    low, details = wavelet.split_2d(signals)
    assert float((low**2).mean()) == pytest.approx(1600, rel=0.1)
    for band in details.unflatten(1, (3, 3)).unbind(2):
        assert float((band**2).mean()) == pytest.approx(1600, rel=0.1)


def test_a_gray_picture_has_luma_alone_and_a_flat_one_no_details() -> None:
    gray = torch.randint(0, 256, (1, 1, 64, 64)).expand(-1, 3, -1, -1)
    assert wavelet.to_colours(gray)[:, 1:].abs().max() < 1e-3
    low, details = wavelet.split_2d(torch.full((1, 3, 8, 12), 50.0))
    assert details.abs().max() < 0.1 and torch.allclose(low, torch.full_like(low, 100.0), rtol=0.01)


def test_details_are_ordered_by_colour_then_by_direction() -> None:
    """Stripes that alternate along a row are the second band of their colour; along a column the first."""
    x = torch.zeros(1, 3, 16, 16)
    x[0, 1] = torch.tensor([1.0, -1.0]).repeat(8)
    x[0, 2] = x[0, 1].T
    energy = (wavelet.split_2d(x)[1] ** 2).mean((2, 3))[0]
    assert energy.topk(2).indices.tolist() in ([4, 6], [6, 4])
