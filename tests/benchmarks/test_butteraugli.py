"""Butteraugli against what the program of libjxl 0.7 prints, with its constants, and what those of today make of it."""

import pytest
from eye_pairs import DISTORTIONS, blurred, noisy, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import butteraugli as module
from benchmarks.butteraugli import butteraugli

PRINTED = {"blurred": 1.253715, "noisy": 0.934527, "blocky": 3.510877, "brighter": 0.645007, "bluer": 3.130289}
VALUES = {"blurred": 1.302418, "noisy": 0.945605, "blocky": 3.597419, "brighter": 0.676057, "bluer": 3.280734}


@pytest.mark.parametrize("name", DISTORTIONS)
def test_with_the_constants_of_libjxl_0_7_it_is_what_butteraugli_main_prints(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASYMMETRY", 0.8)
    monkeypatch.setattr(module, "LOW_SCALES", (32.2217497012, 13.7697791434, 47.504615728))
    monkeypatch.setattr(module, "VISIBLE", 17.8)
    assert butteraugli(scene(), DISTORTIONS[name](scene())) == pytest.approx(PRINTED[name], rel=1e-4)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_known_pairs_have_their_norms(name: str) -> None:
    assert butteraugli(scene(), DISTORTIONS[name](scene())) == pytest.approx(VALUES[name], rel=1e-4)


def test_equal_pictures_have_0() -> None:
    assert butteraugli(scene(), scene()) == 0


def test_the_norm_grows_with_each_blur_and_with_noise() -> None:
    once = blurred(scene())
    assert (
        butteraugli(scene(), once) < butteraugli(scene(), blurred(once)) < butteraugli(scene(), blurred(blurred(once)))
    )
    norms = [butteraugli(scene(), noisy(scene(), levels)) for levels in (1, 2, 4, 8, 16)]
    assert norms == sorted(norms)


@settings(max_examples=12, deadline=None)
@given(st.integers(8, 120), st.integers(8, 120), st.sampled_from(sorted(DISTORTIONS)))
def test_a_pair_that_is_turned_on_its_side_has_the_same_norm(height: int, width: int, name: str) -> None:
    original = scene(height, width)
    decoded = DISTORTIONS[name](original)
    assert butteraugli(original.swapaxes(0, 1), decoded.swapaxes(0, 1)) == pytest.approx(
        butteraugli(original, decoded), rel=1e-4
    )


def test_each_line_goes_its_own_way_but_for_those_that_count_twice() -> None:
    for lines, different in ((module._LINES, 12), (module._DOTTED_LINES, 16)):
        assert len(lines) == 16 and len({frozenset(line) for line in lines}) == different
        turned = {frozenset((column, row) for row, column in line) for line in lines}
        both_halves = {half for line in lines for half in (frozenset(line), frozenset((-r, -c) for r, c in line))}
        assert turned <= both_halves, "no direction is seen better than that across it"


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        butteraugli(scene(16, 16), scene(16, 17))
    with pytest.raises(ValueError, match="too small"):
        butteraugli(scene(7, 40), scene(7, 40))
