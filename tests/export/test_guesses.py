"""Chroma from luma: the gates of a model in its bundle, and guesses that are the model's."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from export import pyramid  # noqa: E402
from models.pyramid import Codec as Model  # noqa: E402
from models.pyramid import slopes_of  # noqa: E402
from runtime.families.pyramid import guesses, spec  # noqa: E402
from runtime.families.pyramid.levels import Prior  # noqa: E402
from runtime.latents.values import dequantise  # noqa: E402


@pytest.fixture(scope="module")
def follows(untrained: Callable[..., Model]) -> Model:
    """A model whose chroma follows luma, by gates that fit a bundle's."""
    model = untrained()
    with torch.no_grad():
        model.gates.copy_(torch.tensor([[5, 22], [-3, 32], [0, 41], [17, 1], [31, -8]]) / 32)
    return model


def test_gates_are_whole_numbers_within_limits(follows: Model, untrained: Callable[..., Model]) -> None:
    gates = pyramid.integers(follows)["gates"]
    assert gates.dtype == np.int32 and gates.tolist() == [[5, 22], [-3, 32], [0, 41], [17, 1], [31, -8]]
    model = untrained()
    assert pyramid.integers(model)["gates"].tolist() == [[5, 22]] * 5  # of 4.8 and 22.4
    with torch.no_grad():
        model.gates.fill_(-1000)
    assert (pyramid.integers(model)["gates"] == -1024).all()
    Prior(**pyramid.integers(model), top_index=48)
    assert "gates" not in pyramid.integers(untrained(chroma_from_luma=False))


@torch.no_grad()
@pytest.mark.parametrize("level", range(1, 6))
def test_the_runtime_guesses_what_the_model_does(follows: Model, level: int) -> None:
    arrays, gains = pyramid.integers(follows), pyramid.gains()
    prior = Prior(**arrays, top_index=48)
    before, own = (slice(48, 57) if level == 5 else slice(9 * level, 9 * level + 9)), slice(9 * level - 9, 9 * level)
    random = np.random.default_rng(level)
    for byte in (0, 100, prior.top_level):
        rates = prior.at_level(byte)
        details = random.integers(-40, 41, (9, 6, 7)).astype(np.int16)
        details[3:] += details[[0, 1, 2] * 2] // 2
        luma = random.integers(-900, 900, (12, 6, 7)).astype(np.int16)
        mean = random.integers(0, 256, (24, 6, 7), np.uint8)
        slopes = guesses.slopes(details, rates.steps[before])
        found = guesses.guessed(mean, luma, slopes, rates.step(level), arrays["gates"][level - 1]).astype(int) - mean
        coefficients = dequantise(details, rates.steps[before]) * gains[before, None, None]
        steps = np.repeat(rates.step(level) / 64 * gains[own], spec.PHASES)[None, :, None, None]
        steps_before = (rates.steps[before] / 64 * gains[before])[None, :, None, None]
        arguments = coefficients[None], luma[None] / spec.VALUE_STEPS, steps, steps_before
        d, y, s, t = (torch.from_numpy(x).float() for x in arguments)
        expected = spec.VALUE_STEPS * follows.guesses(slopes_of(d, level + 1, t), y, s, level)[0].numpy()
        assert np.abs(expected).max() > 20
        assert np.abs(found - expected).max() < 0.501 + 1e-4 * np.abs(expected).max()
