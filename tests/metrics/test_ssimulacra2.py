"""SSIMULACRA 2: values as they were when it agreed with the reference program on twelve photographs to 0.04."""

import numpy as np
import pytest
from eye_pairs import DISTORTIONS, blurred, brighter, noisy, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.metrics import ssimulacra2 as module
from runtime.metrics.ssimulacra2 import ssimulacra2

VALUES = {"blurred": 83.03, "noisy": 88.14, "blocky": 48.31, "brighter": 96.74, "bluer": 77.13}


@pytest.mark.parametrize("name", DISTORTIONS)
def test_known_pairs_have_their_scores(name: str) -> None:
    assert ssimulacra2(scene(), DISTORTIONS[name](scene())) == pytest.approx(VALUES[name], abs=0.05)


def test_equal_pictures_have_100_and_others_less() -> None:
    assert ssimulacra2(scene(), scene()) == 100
    assert all(ssimulacra2(scene(), distort(scene())) < 100 for distort in DISTORTIONS.values())


def test_the_score_falls_with_each_blur_and_with_noise() -> None:
    once = blurred(scene())
    assert (
        ssimulacra2(scene(), once) > ssimulacra2(scene(), blurred(once)) > ssimulacra2(scene(), blurred(blurred(once)))
    )
    scores = [ssimulacra2(scene(), noisy(scene(), levels)) for levels in (1, 2, 4, 8, 16)]
    assert scores == sorted(scores, reverse=True)


def test_it_matters_which_picture_is_the_original() -> None:
    """Lost edges and new edges have weights of their own."""
    assert abs(ssimulacra2(scene(), blurred(scene())) - ssimulacra2(blurred(scene()), scene())) > 1


@settings(max_examples=12, deadline=None)
@given(st.integers(113, 160), st.integers(113, 160), st.sampled_from(sorted(DISTORTIONS)))
def test_a_pair_that_is_turned_on_its_side_has_nearly_the_same_score(height: int, width: int, name: str) -> None:
    """Rows are blurred exactly and columns by a rounded recursion: they differ by their rounding alone."""
    original = scene(height, width)
    decoded = DISTORTIONS[name](original)
    on_side = original.swapaxes(0, 1), decoded.swapaxes(0, 1)
    tolerance = 0.1 if name != "brighter" else 0.5
    assert ssimulacra2(original, decoded) == pytest.approx(ssimulacra2(*on_side), abs=tolerance)


def test_the_blur_of_a_point_is_the_kernel_both_ways() -> None:
    point = np.zeros((31, 41, 3), np.float32)
    point[12, 20] = 1, 2, 3
    blur = module._Blur(41 * 3)
    across = module._across(np.pad(point, ((0, blur.DELAY_PX), (0, 0), (0, 0))))
    found = blur(across)[blur.DELAY_PX :].reshape(point.shape)[8:17, 16:25]
    expected = np.outer(module._KERNEL, module._KERNEL)
    assert np.abs(found - expected[..., None] * [1, 2, 3]).max() < 1e-6
    assert module._KERNEL.sum() == pytest.approx(1)


@pytest.mark.parametrize("rows", [1, 3, 17])
def test_strips_do_not_change_the_score(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = scene(60, 70), noisy(scene(60, 70))
    whole = ssimulacra2(*pair)
    monkeypatch.setattr(module, "_STRIP_PX", 70 * rows)
    assert ssimulacra2(*pair) == pytest.approx(whole, abs=1e-9)


@pytest.mark.parametrize("shape", [(8, 8), (9, 31), (64, 15)])
def test_small_and_odd_pictures_have_a_score(shape: tuple[int, int]) -> None:
    assert 0 < ssimulacra2(scene(*shape), brighter(scene(*shape))) < 100


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        ssimulacra2(scene(16, 16), scene(16, 17))
    with pytest.raises(ValueError, match="40x7 is too small: need 8 px a side"):
        ssimulacra2(scene(7, 40), scene(7, 40))
