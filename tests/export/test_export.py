"""From a checkpoint to a bundle that decodes: exactness, refusals, tables."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnx  # noqa: E402
from onnx import numpy_helper  # noqa: E402
from PIL import Image  # noqa: E402

from export import __main__ as command  # noqa: E402
from export import graphs, prior, tables, verify  # noqa: E402
from models import checkpoint  # noqa: E402
from models.data import klt  # noqa: E402
from models.hyperprior import Codec as Model  # noqa: E402
from models.hyperprior import Config  # noqa: E402
from models.layers import set_mode  # noqa: E402
from runtime.codec import Codec  # noqa: E402
from runtime.errors import BundleError  # noqa: E402

TINY = Config(fine=16, coarse=16, fine_blocks=1, coarse_blocks=1, latents=48, hyper=8, prior=16, context=16)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:128, 0:192]
    base = np.stack([rows, columns, 200 - rows], 2) + random.normal(0, 12, (128, 192, 3))
    return base.clip(0, 255).astype(np.uint8)


def untrained(picture: np.ndarray, config: Config) -> Model:
    """A model in which every network does something, its grids fitted."""
    torch.manual_seed(0)
    model = Model(config)
    model.start_from_klt(*klt([picture], config.latents))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 4 and not name.startswith("linear"):
                parameter += 0.01 * torch.randn_like(parameter)
    model.snap_sigma()
    set_mode(model, "observe")
    with torch.no_grad():
        model(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None], torch.tensor([5.0]), hard=True)
    set_mode(model, "float")
    return model


def exported(model: Model, picture: np.ndarray, folder: Path) -> Path:
    """The folder that the command writes."""
    checkpoint.save_slim(folder / "tiny.pt", model, {"phases": []})
    (folder / "pictures").mkdir()
    for i in range(2):
        Image.fromarray(np.roll(picture, 30 * i, 1)).save(folder / "pictures" / f"{i}.png")
    words = [str(folder / "tiny.pt"), str(folder / "tiny"), "--pictures", str(folder / "pictures"), "--threads", "1"]
    assert command.main(words) == 0
    return folder / "tiny"


@pytest.fixture(scope="module")
def model(picture: np.ndarray) -> Model:
    return untrained(picture, TINY)


@pytest.fixture(scope="module")
def bundle(model: Model, picture: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(model, picture, tmp_path_factory.mktemp("export"))


def test_the_exported_codec_decodes_what_it_encodes(bundle: Path, picture: np.ndarray) -> None:
    codec = Codec(bundle, threads=1)
    for quality in (1, 50, 100):
        decoded = codec.decode(codec.encode(picture, quality))
        assert decoded.shape == picture.shape
    assert np.mean((decoded.astype(float) - picture) ** 2) < 120  # 48 latents of 768 on noise


def test_a_model_without_nets_becomes_a_codec_too(picture: np.ndarray, tmp_path: Path) -> None:
    codec = Codec(exported(untrained(picture, replace(TINY, fine=0)), picture, tmp_path), threads=1)
    assert codec.networks.inputs("synthesis") == ["latents"]
    decoded = codec.decode(codec.encode(picture, 100))
    assert np.mean((decoded.astype(float) - picture) ** 2) < 120
    assert codec.bundle.manifest["kmacs_per_px"]["analysis"] == pytest.approx(48 * 768 / 256 / 1000, abs=1e-3)


def test_the_manifest_says_what_the_bundle_is(bundle: Path) -> None:
    manifest = Codec(bundle).bundle.manifest
    assert manifest["exactness_bounds"]["linear_synthesis"] < 1
    assert set(manifest["kmacs_per_px"]) >= {"encode", "decode"}
    assert len(manifest["quality_levels"]) == 100 and np.all(np.diff(manifest["quality_levels"]) > 0)
    Codec(bundle).bundle.verify()


def test_a_changed_file_is_found_by_its_checksum(bundle: Path, tmp_path: Path) -> None:
    for path in bundle.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damaged = bytearray((tmp_path / "context.onnx").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "context.onnx").write_bytes(damaged)
    with pytest.raises(BundleError, match="context.onnx"):
        Codec(tmp_path).bundle.verify()


def test_the_int8_graphs_are_the_model_s_integers_exactly(bundle: Path, model: Model, picture: np.ndarray) -> None:
    loaded, _ = checkpoint.load(bundle.parent / "tiny.pt")
    verify.exact(loaded, Codec(bundle, threads=1), picture, 100)


def test_a_difference_of_one_weight_is_found(bundle: Path, picture: np.ndarray) -> None:
    loaded, _ = checkpoint.load(bundle.parent / "tiny.pt")
    with torch.no_grad():
        loaded.context[0].bias += 0.5
    with pytest.raises(prior.Refused, match="context"):
        verify.exact(loaded, Codec(bundle, threads=1), picture, 100)


def test_the_shipped_decode_graphs_keep_the_rules(codec: Codec) -> None:
    for name in verify.DECODE_GRAPHS:
        verify.rules(onnx.load(codec.bundle.folder / f"{name}.onnx"))


def broken(model: Model, change: str) -> onnx.ModelProto:
    graph = graphs.build(model, quantised=True)["synthesis"]
    node = next(n for n in graph.graph.node if n.op_type == ("QLinearAdd" if change == "scale" else "QLinearConv"))
    if change == "operator":
        node.op_type = "QLinearMul"
    elif change == "weight":
        weight = next(c for c in graph.graph.initializer if c.name == node.input[3])
        values = numpy_helper.to_array(weight).copy()
        values.flat[0] = 65
        weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    else:
        graph.graph.initializer.append(numpy_helper.from_array(np.float32(0.123), "other"))
        node.input[6] = "other"
    return graph


@pytest.mark.parametrize("change, named", [("operator", "QLinearMul"), ("weight", r"\.weight"), ("scale", "one scale")])
def test_a_graph_that_breaks_a_rule_is_refused_by_name(model: Model, change: str, named: str) -> None:
    with pytest.raises(prior.Refused, match=named):
        verify.rules(broken(model, change))


def test_a_model_whose_deviations_are_off_the_grid_is_refused(model: Model) -> None:
    loose = Model(TINY)
    loose.load_state_dict(model.state_dict())
    loose.sigma[3] *= 1.01
    with pytest.raises(prior.Refused, match="sigma"):
        prior.integers(loose)


def test_a_scale_head_that_float32_cannot_add_is_refused(model: Model) -> None:
    arrays = prior.integers(model)
    arrays["scale_head"] = np.full_like(arrays["scale_head"], 32767)
    with pytest.raises(prior.Refused, match="scale_head"):
        prior.bounds(model, arrays)


def test_the_latents_limits_keep_the_linear_synthesis_exact(model: Model) -> None:
    limit = prior.latent_limits(model).astype(float)
    assert prior.linear_bound(graphs.linear_weights(model), limit) < prior.EXACT
    assert (limit > 0).all()


def test_frequencies_are_positive_and_sum_to_the_precision() -> None:
    for seed in range(5):
        p = np.random.default_rng(seed).exponential(1, 40) ** 4
        frequencies = tables.integer_frequencies(p)
        assert frequencies.sum() == 1 << 14 and frequencies.min() >= 1


def test_tables_without_counts_are_the_ideal_mixture() -> None:
    fitted = tables.fit()
    table = 20
    p = tables.ideal(table, tables.layout())
    f = fitted["frequencies"][table, : len(p)] / 2**14
    assert np.abs(f - p / p.sum()).max() < 0.005


def test_counts_move_the_tables_towards_what_was_seen() -> None:
    values, index = np.zeros(100_000), np.full(100_000, 21)
    counted = tables.count(values, index, None)
    zero = int(tables.layout()["radius"][20])
    assert counted[20][zero] == 100_000
    assert tables.fit(counted)["frequencies"][20, zero] > 0.95 * 2**14


def test_a_wider_network_costs_more(model: Model) -> None:
    wider = Model(replace(TINY, fine=32))
    assert wider.kmacs_per_px()["decode"] > model.kmacs_per_px()["decode"]
