"""SSIM: as others compute it, of pictures of all kinds."""

import numpy as np
import pytest
from eye_pairs import DISTORTIONS, scene

from runtime.metrics import ssim as module
from runtime.metrics.ssim import ssim


@pytest.mark.parametrize("name", DISTORTIONS)
def test_it_is_what_pytorch_msssim_computes(name: str) -> None:
    pytest.importorskip("pytorch_msssim")
    from benchmarks import metrics

    pair = scene(61, 90), DISTORTIONS[name](scene(61, 90))
    assert ssim(*pair) == pytest.approx(metrics.ssim(*pair), abs=3e-6)


def test_of_flat_pictures_it_is_the_formula_of_the_means() -> None:
    flat = np.full((16, 20), 100, np.uint8), np.full((16, 20), 110, np.uint8)
    assert ssim(*flat) == pytest.approx((22_000 + 2.55**2) / (22_100 + 2.55**2))


def test_strips_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = scene(50, 40), DISTORTIONS["noisy"](scene(50, 40))
    whole = ssim(*pair)
    monkeypatch.setattr(module, "_STRIP_PX", 40 * 7)
    assert ssim(*pair) == pytest.approx(whole, abs=1e-12)


def test_alpha_does_not_count_and_small_pictures_are_refused() -> None:
    picture = scene(16, 16)
    clear, opaque = (np.dstack([picture, np.full((16, 16), alpha, np.uint8)]) for alpha in (0, 255))
    assert ssim(clear, opaque) == pytest.approx(1)
    with pytest.raises(ValueError, match="16x10 is too small: need 11 px a side"):
        ssim(picture[:10], picture[:10])
