"""The prior's integers: gains of the wavelet, thresholds of what is seen, and numbers that do not fit."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from export import prior, pyramid  # noqa: E402
from models import wavelet  # noqa: E402
from models.pyramid import Codec as Model  # noqa: E402
from models.pyramid import Step  # noqa: E402
from runtime.families.pyramid import spec  # noqa: E402
from runtime.families.pyramid.levels import Prior  # noqa: E402

USUAL_LUMA = np.full((40, 50), -100, np.float32)
"""Luma's low band where steps do not follow it."""


def bands(model: Model, x: "torch.Tensor") -> list[np.ndarray]:
    """Return coefficients of one picture by column of prior.npz."""
    z, packed = model.split(x)
    found = [values for details in packed for values in details[0].unflatten(0, (spec.DETAILS, spec.PHASES))]
    return [values.double().numpy() for values in (*found, *z[0])]


def test_gains_are_between_the_wavelet_with_and_without_norms(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 64, 128), np.uint8))
    orthonormal = bands(model, x)
    monkeypatch.setattr(wavelet, "NORM", 1.0)
    raw = bands(model, x)
    monkeypatch.undo()
    gains = pyramid.gains()
    assert len(raw) == len(gains) == 5 * 9 + 12
    for ours, theirs, gain in zip(raw, orthonormal, gains, strict=True):
        assert np.allclose(ours * gain, theirs, rtol=1e-3, atol=2e-3)


def test_thresholds_show_values_as_the_model_sees_them() -> None:
    values = np.arange(prior.VALUE_LIMIT)
    shown = np.searchsorted(prior.thresholds(), values, side="right")
    assert np.array_equal(shown, (np.log1p(values / 8) / 2 * 32).round().clip(max=127))


def test_steps_and_scales_are_the_model_s(model: Model) -> None:
    arrays = pyramid.integers(model)
    assert arrays["log2_step"].shape == arrays["scale_base"].shape == (8, 57)
    step = np.exp2(arrays["log2_step"] / spec.STEP_FRACTION) / (1 << spec.STEP_BITS) * pyramid.gains()
    expected = model.log2_step().exp2().numpy()
    assert np.abs(step / expected - 1).max() < 0.006
    index = (arrays["scale_base"] >> spec.INDEX_BITS) / spec.INDEX_PER_OCTAVE + spec.INDEX_ZERO_LOG2
    with torch.no_grad():
        assert np.abs(index[:, 9:18] - model.log2_scale[:, 1].numpy()).max() < 0.13
        assert np.abs(index[:, 45:] - model.log2_scale_z.numpy()).max() < 0.13


def test_masking_is_the_model_s(model: Model) -> None:
    """But for coefficients that come to lie on a threshold."""
    random = np.random.default_rng(5)
    arrays = pyramid.integers(model)
    level = Prior(**arrays, top_index=58).at_level(68)
    for number in range(1, spec.LEVELS):
        column = 9 * number  # of the level before
        values = (random.normal(0, 1, (12, 40, 50)) * 2 ** random.uniform(-1, 9, (40, 50))).astype(np.int16)
        steps = level.steps[column : column + 3] / (1 << spec.STEP_BITS) * pyramid.gains()[column : column + 3]
        pixels = values / spec.VALUE_STEPS * np.repeat(steps, 4)[:, None, None]
        expected = 8 * model.masking(torch.from_numpy(pixels).float()[None], number)[0, 0].numpy()
        found = level.masking(values, USUAL_LUMA, number)
        assert (found != expected).mean() < 0.02 and np.abs(found - expected).max() <= 1
        assert found.min() <= -5 and found.max() >= 5


def test_dark_thresholds_are_the_model_s(model: Model) -> None:
    """But for luma that comes to lie on a threshold."""
    thresholds = pyramid.dark(model.config)
    assert thresholds.shape == (4, 4) and thresholds.dtype == np.int32
    low = np.random.default_rng(7).uniform(-3000, 3000, (40, 50)).astype(np.float32)
    for number in range(1, spec.LEVELS):
        orthonormal = torch.from_numpy(low * wavelet.NORM ** (2 * (number + 2)))[None, None]
        expected = 8 * model.darkness(orthonormal, number)[0, 0, ::2, ::2].numpy()
        found = np.searchsorted(thresholds[number - 1], low, side="right") - 4
        assert (found != expected).mean() < 0.02 and np.abs(found - expected).max() <= 1
        assert found.min() == -4 and found.max() == 0


def test_without_a_slope_steps_are_as_wide_in_the_dark(untrained: Callable[..., Model]) -> None:
    rows = pyramid.dark(untrained(dark_slope=0.0).config)
    assert (rows == -(2**23)).all()


def test_without_a_slope_steps_are_never_masked(untrained: Callable[..., Model]) -> None:
    arrays = pyramid.integers(untrained(masking_slope=(0.0,) * 4))
    level = Prior(**arrays, top_index=58).at_level(100)
    values = np.random.default_rng(6).integers(-32768, 32768, (12, 40, 50)).astype(np.int16)
    values[:, 0] = 0
    assert not any(level.masking(values, USUAL_LUMA, number).any() for number in range(1, spec.LEVELS))


@pytest.mark.parametrize("value", [200.0, float("nan")])
def test_a_scale_that_does_not_fit_is_refused_by_name(model: Model, value: float) -> None:
    with torch.no_grad():
        model.log2_scale[3, 1, 4] = value
    with pytest.raises(prior.Refused, match="scale_base.*int16"):
        pyramid.integers(model)


@pytest.mark.parametrize("name, value", [("log2_step", 1024), ("scale_base", -30000)])
def test_integers_that_may_overflow_are_refused_by_name(model: Model, name: str, value: int) -> None:
    arrays = pyramid.integers(model)
    assert all(0 < share < 1 for share in pyramid.bounds(model, arrays).values())
    arrays[name][2, 3] = value
    with pytest.raises(prior.Refused, match=name):
        pyramid.bounds(model, arrays)


def test_convolutions_that_may_overflow_are_refused_by_name(model: Model) -> None:
    arrays = pyramid.integers(model)
    step = model.coarse_third
    assert isinstance(step, Step)
    with torch.no_grad():
        step.update.bias[2] = 1e8
    with pytest.raises(prior.Refused, match="coarse_third.update: accumulator"):
        pyramid.bounds(model, arrays)
    with torch.no_grad():
        step.update.weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(prior.Refused, match="coarse_third.update.weight"):
        pyramid.bounds(model, arrays)
