"""The autoencoder as a whole: its transform, who sees what, what learns, and what it costs."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")

from models import autoencoder, checkpoint, lapped, train  # noqa: E402
from models.autoencoder import BANDS, LATENTS, PARTS, Codec, Config  # noqa: E402
from models.evaluate import live_share, rate_distortion  # noqa: E402
from models.layers import Conv, set_mode  # noqa: E402

TINY = Config(state=8, coarse_blocks=(1, 0, 1), fine_blocks=(1, 1, 0, 0, 0, 0, 0, 0), nets=8)
CONFIG = Path(train.__file__).parent / "configs" / "autoencoder.toml"
LEVEL = torch.tensor([4.0])


@pytest.fixture
def picture(photo: np.ndarray) -> "torch.Tensor":
    """(1, 3, 128, 192) uint8."""
    return torch.from_numpy(photo[:128, :192].transpose(2, 0, 1).copy())[None]


@pytest.fixture
def model(picture: "torch.Tensor") -> Codec:
    torch.manual_seed(0)
    model = Codec(TINY)
    model.start_from_pictures([picture])
    for step in [model.start, model.first, model.second, model.third, *model.fine]:
        step.head[-1].weight.data.mul_(0.1)  # says little yet
    return model.eval()


def test_the_lapped_bases_are_each_others_inverse() -> None:
    analysis, synthesis = lapped.bases()
    signal = np.random.default_rng(0).normal(size=80)
    starts = range(4, 60, 8)
    back = np.zeros(80)
    for n in starts:
        back[n : n + 16] += synthesis.T @ (analysis @ signal[n : n + 16])
    assert np.allclose(back[12:60], signal[12:60])


def test_lapped_latents_pack_more_energy_than_those_of_the_dct() -> None:
    """The coding gain over PCM of a first-order signal with 0.95, in dB; the DCT's is 8.83."""
    analysis, synthesis = lapped.bases()
    covariance = 0.95 ** np.abs(np.subtract.outer(np.arange(16), np.arange(16)))
    variances = np.einsum("ki,ij,kj->k", analysis, covariance, analysis)
    assert -10 * np.log10(np.prod(variances * (synthesis**2).sum(1))) / 8 > 9.54


def test_synthesis_gives_the_pixels_back(model: Codec, picture: "torch.Tensor") -> None:
    colours, y = model.analyse(picture)
    assert y.shape == (1, LATENTS, 16, 24)
    assert (model.synthesise(y, model.hats(LEVEL)) - colours).abs().max() < 1e-2


def test_latents_split_and_join(picture: "torch.Tensor") -> None:
    y = torch.randn(2, LATENTS, 16, 24)
    parts = autoencoder.split(y)
    assert [p.shape[1] for p in parts] == list(PARTS)
    assert (autoencoder.joined(*parts) - y).abs().max() < 1e-4


def test_errors_of_all_values_weigh_alike(model: Codec) -> None:
    """A step's error in any value must cost the same in pixels, as the eye weighs them, far from edges."""
    steps = model.octaves.exp2().split(PARTS)
    for part, channel in ((0, 3), (0, 188), (1, 0), (3, 8), (4, 0)):
        values = [torch.zeros(1, n, side, side) for n, side in zip(PARTS, (48, 6, 12, 24, 6), strict=True)]
        middle = values[part].shape[-1] // 2
        values[part][0, channel, middle, middle] = steps[part][channel]
        pixels = model.synthesise(autoencoder.joined(*values), model.hats(LEVEL), net=False)
        assert float(model.weighted_squares(pixels).detach()) == pytest.approx(1, abs=0.12)


def test_the_start_is_a_codec_already(model: Codec, photo: np.ndarray) -> None:
    points = [rate_distortion(model, [photo], level) for level in (0.0, 3.5, 7.0)]
    assert points[0][1] < points[1][1] < points[2][1]
    assert points[0][0] < points[1][0] < points[2][0]


def test_no_part_depends_on_what_is_coded_after_it(model: Codec, picture: "torch.Tensor") -> None:
    """Latents of the last part change; the rate of the first ones, and what they decode to, must not."""
    with torch.no_grad():
        _, y = model.analyse(picture)
        changed = y.clone()
        changed.unflatten(1, (3, BANDS))[:, 1:, 13:] += 100
        (a, bits_a, _), (b, bits_b, _) = (model.quantise(v, LEVEL) for v in (y, changed))
    differs = ((a - b).abs().amax((0, 2, 3)) > 0).unflatten(0, (3, BANDS))
    assert float(bits_a) != float(bits_b)
    assert differs[1:, 13:].all() and not differs[0].any() and not differs[1:, :13].any()


def test_the_second_half_sees_the_first(model: Codec, picture: "torch.Tensor") -> None:
    """Values at even positions of the lowest AC band change what is said of odd ones, not the other way about."""
    with torch.no_grad():
        _, y = model.analyse(picture)
        even, odd = autoencoder.halves(y)
        decoded = {}
        for name, mask in (("none", None), ("even", even), ("odd", odd)):
            changed = y.clone()
            if mask is not None:
                changed[:, 1:9] += 300 * mask
            decoded[name] = model.quantise(changed, LEVEL)[0][:, 1:9]
    assert ((decoded["even"] - decoded["none"]) * odd).abs().max() > 0
    assert ((decoded["odd"] - decoded["none"]) * even).abs().max() == 0


@pytest.mark.parametrize("phase", autoencoder.PHASES)
def test_all_that_learns_in_a_phase_has_a_gradient(model: Codec, picture: "torch.Tensor", phase: str) -> None:
    learning = train.parameters(model.parts(phase))
    each, stats = model.loss(picture, LEVEL, phase)
    each.sum().backward()
    assert {"bpp", "mse"} <= set(stats) and float(each.detach()) > 0
    silent = [tuple(p.shape) for p in learning if p.grad is None and p.ndim]  # grids learn in 8 bits alone
    assert not silent


def test_networks_compute_the_same_on_8_bit_grids_as_in_integers(model: Codec) -> None:
    synthesis = model.synthesis
    assert synthesis is not None and synthesis.out is not None
    last = synthesis[-1]
    assert isinstance(last, Conv)
    torch.manual_seed(0)
    set_mode(model, "observe")
    x = torch.rand(1, LATENTS + 16, 4, 6) * 6 - 3
    last.weight.data.normal_(0, 0.05)
    synthesis(synthesis.source(x))
    set_mode(model, "quant")
    with torch.no_grad():
        on_grid = synthesis.source(x)
        quantised = synthesis(on_grid) / synthesis.out.value
        set_mode(model, "integer")
        integers = synthesis((on_grid / autoencoder.LATENT_GRID).double())
    assert integers.abs().max() > 3
    assert (quantised - integers).abs().max() <= 1.01
    assert float((quantised.round() - integers).abs().mean()) < 0.02


def test_the_shipped_configuration_fits_its_budget() -> None:
    family, config, phases = train.read_config(str(CONFIG))
    assert family is autoencoder
    cost = Codec(config).kmacs_per_px()
    assert cost["encode"] <= 10 and cost["decode"] <= 10
    assert list(phases) == ["prior", "joint", "qat"]


def test_a_checkpoint_brings_the_same_codec_back(model: Codec, photo: np.ndarray, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c.pt", model)
    again, _ = checkpoint.load(tmp_path / "c.pt")
    assert rate_distortion(again, [photo], 3.0) == rate_distortion(model, [photo], 3.0)


def test_networks_are_alive_at_the_start(model: Codec, photo: np.ndarray) -> None:
    assert min(live_share(model, [photo]).values()) > 0.4


def test_the_example_is_a_small_model_of_few_steps() -> None:
    _, large, _ = train.read_config(str(CONFIG))
    family, small, phases = train.read_config(str(CONFIG.with_name("example.toml")))
    assert family is autoencoder and small.state < large.state and small.nets < large.nets
    assert phases["prior"].steps + phases["joint"].steps == 1500
    assert phases["prior"].minutes == phases["joint"].minutes == math.inf
