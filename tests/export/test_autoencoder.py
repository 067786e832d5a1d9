"""An autoencoder's graphs: ONNX Runtime computes the same integers as torch, and the encoder what torch computes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import torch
else:
    torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from PIL import Image  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from export import __main__ as command  # noqa: E402
from export import autoencoder as export  # noqa: E402
from export import verify  # noqa: E402
from export.prior import Refused  # noqa: E402
from models import autoencoder, checkpoint, wavelet  # noqa: E402
from models.autoencoder import BLOCK, LATENT_GRID, LATENTS, Codec, Config  # noqa: E402
from models.layers import Block, Conv, set_mode  # noqa: E402
from runtime.bundle import bundle_id  # noqa: E402
from runtime.codec import Codec as Runtime  # noqa: E402
from runtime.codec import encoder  # noqa: E402
from runtime.latents import corrections, spec  # noqa: E402


@pytest.fixture(scope="module")
def picture(photo: np.ndarray) -> "torch.Tensor":
    """(1, 3, 64, 128) uint8."""
    return torch.from_numpy(photo[:64, :128].transpose(2, 0, 1).copy())[None]


@pytest.fixture(scope="module")
def model(picture: "torch.Tensor") -> Codec:
    torch.manual_seed(0)
    model = Codec(Config(state=16, nets=16))
    model.start_from_pictures([picture])
    for net in (model.analysis, model.synthesis):
        assert net is not None
        last, block = net[-1], net[1]
        assert isinstance(last, Conv) and isinstance(block, Block)
        last.weight.data.normal_(0, 0.03)
        block.project.weight.data.normal_(0, 0.1)
    for linear in (model.linear_analysis, model.linear_synthesis):
        linear.moved.data.normal_(0, 0.02)
    set_mode(model, "observe")
    with torch.no_grad():
        model.exercise(picture)
    set_mode(model, "float")
    return model.eval()


def run(graph: "onnx.ModelProto", **inputs: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


def decoded(model: Codec, latents: "torch.Tensor", rate: "torch.Tensor") -> np.ndarray:
    """Return pixels (1, 3, H, W) in float64, where all that is whole stays exact: what decoder.onnx must compute."""
    fixed = export.Fixed(model)
    limits, bits = (torch.from_numpy(v)[:, None, None] for v in (fixed.limits, fixed.latent_bits))
    whole = (latents.double() * bits.exp2()).round()
    whole = torch.minimum(torch.maximum(whole, -limits), limits)
    total = F.conv2d(autoencoder.mirrored_latents(whole), torch.from_numpy(fixed.weight), groups=3)
    assert total.abs().max() < export.EXACT
    shown = (whole * (-bits - model.log2_unit.double()[:, None, None]).exp2() / LATENT_GRID).round().clamp(-128, 127)
    set_mode(model, "integer")
    assert model.synthesis is not None
    net = model.synthesis(torch.cat([shown, rate.double().expand(-1, -1, *shown.shape[-2:])], 1))
    set_mode(model, "float")
    total = total + net * autoencoder.CORRECTION_PX * 2.0**fixed.fraction_bits
    limit = export.COLOUR_LIMIT * 2**export.COLOUR_BITS
    colours = (total * 2.0 ** (export.COLOUR_BITS - fixed.fraction_bits)).round().clamp(-limit, limit)
    rgb = F.conv2d(F.pixel_shuffle(colours, BLOCK), torch.from_numpy(export.matrix())[:, :, None, None])
    return ((rgb * 2.0 ** -(export.COLOUR_BITS + export.MATRIX_BITS)).round() + 128).clamp(0, 255).numpy()


@torch.no_grad()
def test_the_decoder_computes_the_same_pixels_as_torch_in_integers(model: Codec) -> None:
    graph = export.decoder(model, quantised=True)
    verify.rules(graph, export.FLOAT_OPERATORS["decoder"])
    random = np.random.default_rng(0)
    for spread in (0.5, 2.0, 30.0):
        latents = random.normal(0, spread, (1, LATENTS, 3, 5)) * 2.0 ** model.log2_unit.numpy()[:, None, None]
        rate = np.zeros((1, 16, 1, 1), np.uint8) + 128
        rate[0, 3] += 32
        latents = latents.astype(np.float32)
        ours = run(graph, latents=latents, rate=rate)
        theirs = decoded(model, torch.from_numpy(latents), torch.from_numpy(rate).short() - 128)
        assert ours.dtype == np.uint8 and np.array_equal(ours, theirs)
        assert len(np.unique(ours)) > 100


def test_pixels_are_the_same_in_whatever_way_a_graph_is_run(model: Codec) -> None:
    """With and without all that ONNX Runtime fuses and arranges anew, also of latents that no encoder makes."""
    graph = export.decoder(model, quantised=True).SerializeToString()
    random = np.random.default_rng(1)
    levels = (onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL)
    for spread in (10.0, 1e3, 1e6):
        latents = random.normal(0, spread, (1, LATENTS, 5, 9)).astype(np.float32)
        given = {"latents": latents, "rate": np.full((1, 16, 1, 1), 128, np.uint8)}
        found = []
        for level in levels:
            options = onnxruntime.SessionOptions()
            options.graph_optimization_level, options.intra_op_num_threads = level, 1
            session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
            found.append(session.run(None, given)[0])
        assert np.array_equal(*found)


def test_no_latents_lead_to_sums_that_float32_cannot_hold(model: Codec) -> None:
    """At the worst picture of latents, all at their limits with the signs of their weights, each sum stays exact."""
    fixed = export.Fixed(model)
    worst = np.abs(fixed.weight).reshape(3, 64, 64, 9).sum(3) * fixed.limits.reshape(3, 1, 64)
    assert export.EXACT > fixed.largest_sum == worst.reshape(3, 64, export.SUMS, -1).sum(3).max() > export.EXACT / 4
    limit = export.COLOUR_LIMIT * 2**export.COLOUR_BITS
    assert limit * np.abs(export.matrix()).sum(1).max() < export.EXACT


@torch.no_grad()
def test_the_encoder_computes_the_latents_of_torch(model: Codec, picture: "torch.Tensor") -> None:
    exact = model.analyse(picture)[1].numpy()
    for quantised, mean in ((False, 0.05), (True, 0.1)):  # the net sees colours in steps of 2 pixel levels
        found = run(export.encoder(model, quantised), pixels=picture.numpy())
        assert found.shape == exact.shape
        assert np.abs(found - exact).mean() < mean
    linear = model.analyse(picture, net=False)[1].numpy()
    assert np.abs(linear - exact).mean() > 0.5  # the net does something here


@torch.no_grad()
def test_float_decoder_and_int8_decoder_show_nearly_the_same(model: Codec, picture: "torch.Tensor") -> None:
    latents, rate = model.analyse(picture)[1].numpy(), np.full((1, 16, 1, 1), 128, np.uint8)
    shown = [run(export.decoder(model, q), latents=latents, rate=rate).astype(int) for q in (False, True)]
    assert np.abs(shown[0] - shown[1]).mean() < 1


def test_all_graphs_of_the_prior_are_written_and_fit_together(model: Codec) -> None:
    found = export.build(model, quantised=True)
    assert [*found][:2] == ["encoder", "start"] and [*found][-1] == "decoder"
    verify.exact(export.modules(model), found)
    assert [*found] == [network.name for network in export.NETWORKS]
    assert [output.name for output in found["fine_7"].graph.output] == ["parameters"]


def test_gains_are_between_the_wavelet_with_and_without_norms(model: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    y = torch.from_numpy(np.random.default_rng(0).normal(0, 30, (1, LATENTS, 8, 16))).float()
    orthonormal = autoencoder.split(y)
    monkeypatch.setattr(wavelet, "NORM", 1.0)
    raw = autoencoder.split(y)
    monkeypatch.undo()
    gains = np.split(export.gains(), np.cumsum(autoencoder.PARTS)[:-1])
    for ours, theirs, gain in zip(raw, orthonormal, gains, strict=True):
        assert np.allclose(ours.numpy() * gain[:, None, None], theirs.numpy(), rtol=1e-3, atol=2e-3)


def test_steps_and_scales_are_the_model_s(model: Codec) -> None:
    arrays = export.integers(model)
    assert arrays["log2_step"].shape == arrays["scale_base"].shape == (8, sum(autoencoder.PARTS))
    steps = 2.0 ** (arrays["log2_step"] / spec.STEP_FRACTION - spec.STEP_BITS) * export.gains()
    expected = (model.log2_plain_step()[:, None] + model.octaves).exp2().numpy()
    assert np.abs(steps / expected - 1).max() < 0.006
    index = (arrays["scale_base"] >> spec.INDEX_BITS) / spec.INDEX_PER_OCTAVE + spec.INDEX_ZERO_LOG2
    assert np.abs(index - model.log2_scale.detach().numpy()).max() < 0.13
    assert all(0 < share < 1 for share in export.bounds(model, arrays).values())


@torch.no_grad()
def test_the_command_makes_a_bundle_that_shows_what_the_model_does(
    model: Codec, photo: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which knows nothing of corrections."""
    monkeypatch.setattr(corrections, "best", lambda exact, index, bands, *others: (0, (0,) * bands))
    checkpoint.save_slim(tmp_path / "tiny.pt", model, {"phases": []})
    (tmp_path / "pictures").mkdir()
    Image.fromarray(photo).save(tmp_path / "pictures" / "photo.png")
    words = [str(tmp_path / "tiny.pt"), str(tmp_path / "tiny"), "--pictures", str(tmp_path / "pictures")]
    assert command.main([*words, "--threads", "1"]) == 0
    codec = Runtime(tmp_path / "tiny", threads=1)
    codec.bundle.verify()
    assert codec.bundle.family == "autoencoder" and codec.bundle.id == bundle_id(tmp_path / "tiny", export.NETWORKS)
    assert all(0 < share < 1 for share in codec.bundle.manifest["exactness_bounds"].values())
    slim, _ = checkpoint.load(tmp_path / "tiny.pt")
    set_mode(slim, "quant")
    rgb = np.ascontiguousarray(photo[:128, :192])
    for level in (130, 224):
        shown, _ = slim.code(torch.from_numpy(rgb.transpose(2, 0, 1).copy())[None], level / 32)
        expected = shown[0].clamp(0, 255).permute(1, 2, 0).numpy()
        found = codec.decode(encoder(codec, rgb)(level))
        assert verify.psnr(found, rgb) == pytest.approx(verify.psnr(expected, rgb), abs=0.5)


def test_a_net_that_sees_too_far_is_refused_by_name() -> None:
    model = Codec(Config(state=8, nets=8, net_blocks=4))
    with pytest.raises(Refused, match="analysis: sees 64 pixels beyond a window, at most 48"):
        export.bounds(model, export.integers(model))


def test_weights_that_are_too_large_are_refused_by_name(model: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.linear_synthesis, "start", 1e3 * model.linear_synthesis.start)
    with pytest.raises(Refused, match="linear_synthesis"):
        export.Fixed(model)
