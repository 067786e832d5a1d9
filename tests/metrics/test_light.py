"""Linear light and half sizes."""

import numpy as np
import pytest

from runtime.metrics.light import half, linear_pair


def test_samples_become_light_by_the_srgb_curve() -> None:
    """IEC 61966-2-1: 10/255 is on the straight part, 188/255 is about half the light."""
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    light, same = linear_pair(ramp, ramp)
    assert light.dtype == np.float32 and np.array_equal(light, same)
    assert light[0, 0, 0] == 0 and light[15, 15, 2] == 1
    assert light[0, 10, 1] == pytest.approx(10 / 255 / 12.92)
    assert light[11, 12, 0] == pytest.approx(0.5, abs=0.004)
    assert (np.diff(light[..., 0].ravel()) > 0).all()


def test_a_pixel_of_the_half_is_the_mean_of_four_and_of_what_there_is_at_an_odd_end() -> None:
    plane = np.arange(15, dtype=np.float32).reshape(3, 5)
    found = half(np.stack([plane] * 3, -1))
    assert found.shape == (2, 3, 3)
    assert np.allclose(found[..., 0], [[3, 5, 6.5], [10.5, 12.5, 14]])
