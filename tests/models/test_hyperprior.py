"""The network as a whole: shapes, the KLT start, rate levels, and that the pieces do what the diagram says."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.data import klt  # noqa: E402
from models.entropy import bits  # noqa: E402
from models.evaluate import live_share, psnr, rate_distortion  # noqa: E402
from models.hyperprior import Codec, Config, checkerboard, depth_to_space, space_to_depth  # noqa: E402

TINY = Config(fine=16, coarse=16, fine_blocks=1, coarse_blocks=1, latents=48, hyper=8, prior=16, context=16)


def tiny(photo: np.ndarray) -> Codec:
    torch.manual_seed(0)
    model = Codec(TINY)
    model.start_from_klt(*klt([photo], TINY.latents))
    model.snap_sigma()
    return model.eval()


def test_depth_to_space_undoes_space_to_depth() -> None:
    x = torch.randint(0, 256, (2, 3, 24, 40)).float()
    assert torch.allclose(depth_to_space(space_to_depth(x) * 64) + 128, x)


def test_the_klt_start_is_a_codec_already(photo: np.ndarray) -> None:
    model = tiny(photo)
    points = [rate_distortion(model, [photo], level) for level in (0.0, 3.5, 7.0)]
    assert points[0][1] < points[1][1] < points[2][1]
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[2][1] > 30


def test_the_klt_basis_is_orthonormal_and_sorted(photo: np.ndarray) -> None:
    basis, sigma = klt([photo], 20)
    assert torch.allclose(basis @ basis.T, torch.eye(20), atol=1e-4)
    assert torch.all(sigma[:-1] >= sigma[1:])


def test_snapping_the_deviations_changes_no_picture(photo: np.ndarray) -> None:
    torch.manual_seed(0)
    model = Codec(TINY)
    model.start_from_klt(*klt([photo], TINY.latents))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 4:
                parameter += 0.003 * torch.randn_like(parameter)
    before = rate_distortion(model, [photo], 5.0)
    model.snap_sigma()
    assert rate_distortion(model, [photo], 5.0) == pytest.approx(before, rel=0.02)
    sigma = model.sigma.clone()
    model.snap_sigma()
    assert torch.equal(model.sigma, sigma)


def test_scales_depend_on_z_alone_and_the_second_half_on_the_first(photo: np.ndarray) -> None:
    """The means of the first half must not move when the context network changes; those of the second must."""
    model = tiny(photo)
    y = torch.randn(1, TINY.latents, 8, 8)
    assert checkerboard(y)[0, 0] == 1 and checkerboard(y)[0, 1] == 0
    x = torch.from_numpy(photo[:128, :192].transpose(2, 0, 1).copy())[None]
    level = torch.tensor([5.0])
    with torch.no_grad():
        _, with_context, _ = model(x, level, hard=True)
        model.context[-1].bias += 1.0
        _, changed, _ = model(x, level, hard=True)
        _, without, _ = model(x, level, hard=True, off=frozenset({"context"}))
    assert changed != with_context and without != changed


def test_bits_are_those_of_the_mixture_it_names() -> None:
    """At a wide scale the mass of one step is the density: bits = -log2 pdf."""
    sigma, r = 64.0, torch.tensor([0.0, 30.0, -100.0])
    pdf = sum(
        w * torch.exp(-0.5 * (r / (k * sigma)) ** 2) / (k * sigma * (2 * np.pi) ** 0.5)
        for w, k in ((0.85, 1), (0.15, 2.5))
    )
    assert torch.allclose(bits(r, torch.tensor(6.0)), -torch.log2(pdf), atol=1e-2)


def test_every_hidden_channel_is_counted(photo: np.ndarray) -> None:
    shares = live_share(tiny(photo), [photo])
    assert {n.split(".")[0] for n in shares} == {
        "analysis",
        "synthesis",
        "hyper_analysis",
        "hyper_synthesis",
        "context",
    }
    assert all(0 < s <= 1 for s in shares.values())


def test_lambdas_span_the_configured_range() -> None:
    model = Codec(replace(TINY, lambda_low=0.001, lambda_high=0.1))
    assert model.lambdas()[0] == pytest.approx(0.001) and model.lambdas()[-1] == pytest.approx(0.1)


def test_psnr_of_one_level_of_error() -> None:
    assert psnr(1.0) == pytest.approx(48.1308, abs=1e-3)
