"""From a checkpoint to a bundle that decodes."""

from collections.abc import Callable
from importlib import import_module
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
import reference_decoder  # noqa: E402
from PIL import Image  # noqa: E402

from export import __main__ as command  # noqa: E402
from export import pyramid, tables, verify  # noqa: E402
from models import checkpoint  # noqa: E402
from models.evaluate import rate_distortion  # noqa: E402
from models.layers import Conv, set_mode  # noqa: E402
from models.pyramid import Codec as Model  # noqa: E402
from runtime import native  # noqa: E402
from runtime.bundle import bundle_id, shipped_names  # noqa: E402
from runtime.codec import Codec  # noqa: E402
from runtime.entropy.costs import Costs  # noqa: E402
from runtime.entropy.tables import Tables  # noqa: E402
from runtime.errors import BundleError  # noqa: E402
from runtime.families import FIRST  # noqa: E402
from runtime.families.pyramid import spec  # noqa: E402
from runtime.families.pyramid.family import Pyramid  # noqa: E402
from runtime.families.pyramid.levels import Prior  # noqa: E402
from runtime.latents import corrections  # noqa: E402

NAMES = [network.name for network in spec.NETWORKS]


def exported(model: Model, picture: np.ndarray, folder: Path) -> Path:
    """Return the folder that the command writes."""
    checkpoint.save_slim(folder / "tiny.pt", model, {"phases": []})
    (folder / "pictures").mkdir()
    for i in range(2):
        Image.fromarray(np.roll(picture, 30 * i, 1)).save(folder / "pictures" / f"{i}.png")
    words = [str(folder / "tiny.pt"), str(folder / "tiny"), "--pictures", str(folder / "pictures"), "--threads", "1"]
    assert command.main(words) == 0
    return folder / "tiny"


@pytest.fixture(scope="module")
def bundle(untrained: Callable[..., Model], picture: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(untrained(), picture, tmp_path_factory.mktemp("export"))


def test_the_exported_codec_decodes_what_it_encodes(bundle: Path, picture: np.ndarray) -> None:
    codec = Codec(bundle, threads=1)
    errors = []
    for quality in (1, 50, 100):
        decoded = codec.decode(codec.encode(picture, quality))
        assert decoded.shape == picture.shape
        errors.append(np.mean((decoded.astype(float) - picture) ** 2))
    assert errors[2] < errors[1] < errors[0] and errors[2] < 13  # steps of 6.9 levels, of u of twice as much


def test_a_model_without_optional_networks_becomes_a_codec_too(
    untrained: Callable[..., Model], picture: np.ndarray, tmp_path: Path
) -> None:
    folder = exported(untrained(synthesis=0, middle_blocks=None, chroma_from_luma=False), picture, tmp_path)
    assert not [*folder.glob("synthesis.onnx"), *folder.glob("middle_*.onnx")]
    codec = Codec(folder, threads=1)
    decoded = codec.decode(codec.encode(picture, 100))
    assert np.mean((decoded.astype(float) - picture) ** 2) < 13  # steps of 6.9 levels, of u of twice as much
    assert codec.bundle.manifest["kmacs_per_px"]["synthesis"] == 0


@pytest.mark.parametrize("level", [130, 224])
def test_rate_and_distortion_are_those_of_the_model(
    bundle: Path, picture: np.ndarray, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which knows nothing of corrections, and does not round values to eighths of a step: 3 of them where steps are
    finest.
    """
    monkeypatch.setattr(corrections, "best", lambda exact, index, bands, costs: (0, (0,) * bands))
    model, _ = checkpoint.load(bundle.parent / "tiny.pt")
    set_mode(model, "quant")
    bpp, db = rate_distortion(model, [picture], level / spec.LEVEL_STEPS, frozenset({"synthesis"}))
    ((found_bits, found_db),) = verify.bits_and_psnr(Codec(bundle, threads=1), picture, [level])
    assert found_bits / (128 * 192) == pytest.approx(bpp, rel=0.1)
    assert found_db == pytest.approx(db, abs=0.3)


def test_the_tables_fit_the_pictures_better_than_the_ideal_ones(
    bundle: Path, picture: np.ndarray, tmp_path: Path
) -> None:
    codec, ideal = Codec(bundle, threads=1), Costs(Tables(**tables.fit()))
    family = codec.family
    assert isinstance(family, Pyramid)
    parts = family.quantise(family.transform(picture), 120).parts
    fitted = sum(family.costs.bits(part.coded, part.scales.coded) for part in parts)
    assert fitted < sum(ideal.bits(part.coded, part.scales.coded) for part in parts)


def test_the_manifest_says_what_the_bundle_is(bundle: Path) -> None:
    opened = Codec(bundle).bundle
    manifest = opened.manifest
    assert manifest["format"] == spec.FORMAT and manifest["name"] == "tiny" and manifest["family"] == "pyramid"
    assert manifest["id"] == bundle_id(bundle, spec.NETWORKS).hex()
    assert all(0 < share < 1 for share in manifest["exactness_bounds"].values())
    assert set(manifest["kmacs_per_px"]) == {*NAMES, "encode", "decode"}
    assert len(manifest["quality_levels"]) == 100 and np.all(np.diff(manifest["quality_levels"]) >= 0)
    assert manifest["quality_levels"][-1] <= Prior.of(opened).top_level
    assert set(manifest["sha256"]) == {*(f"{name}.onnx" for name in NAMES), "prior.npz"}
    opened.verify()


def test_a_changed_file_is_found_by_its_checksum(bundle: Path, tmp_path: Path) -> None:
    for path in bundle.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damaged = bytearray((tmp_path / "coarse_third.onnx").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "coarse_third.onnx").write_bytes(damaged)
    with pytest.raises(BundleError, match="coarse_third.onnx"):
        Codec(tmp_path).bundle.verify()


def test_all_decoders_give_the_same_pixels_by_level_2_s_own_networks(bundle: Path, picture: np.ndarray) -> None:
    codec, photo = Codec(bundle, threads=1), picture[:100, :130]
    data = codec.encode(photo, 70)
    pixels = codec.decode(data)
    assert "middle_third" in codec.networks._sessions
    assert np.array_equal(Codec(bundle, threads=2).decode(data), pixels)
    assert np.array_equal(reference_decoder.decode(data, bundle.parent), pixels)
    with native.using(False):
        assert Codec(bundle, threads=1).encode(photo, 70) == data and np.array_equal(codec.decode(data), pixels)


def test_a_rule_that_a_middle_network_breaks_is_told_with_its_name(
    untrained: Callable[..., Model], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = untrained()
    conv = model.get_submodule("middle_second.update")
    assert isinstance(conv, Conv)
    with torch.no_grad():
        conv.bias[0] = 1e9
    checkpoint.save_slim(tmp_path / "bad.pt", model, {})
    assert command.main([str(tmp_path / "bad.pt"), str(tmp_path / "bad"), "--pictures", str(tmp_path)]) == 1
    assert "middle_second.update" in capsys.readouterr().err and not (tmp_path / "bad").exists()


def test_the_written_graphs_are_those_of_the_slim_checkpoint(bundle: Path) -> None:
    model, _ = checkpoint.load(bundle.parent / "tiny.pt")
    written = {name: onnx.load(bundle / f"{name}.onnx") for name in NAMES}
    verify.exact(pyramid.modules(model), written)
    assert written == pyramid.build(model, quantised=True)


def test_a_model_that_breaks_a_rule_leaves_no_folder(
    untrained: Callable[..., Model], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = untrained()
    with torch.no_grad():
        model.log2_scale_z[0, 0] = 200
    checkpoint.save_slim(tmp_path / "bad.pt", model, {})
    assert command.main([str(tmp_path / "bad.pt"), str(tmp_path / "bad"), "--pictures", str(tmp_path)]) == 1
    assert "scale_base" in capsys.readouterr().err and not (tmp_path / "bad").exists()


@pytest.mark.parametrize("name", shipped_names())
def test_the_shipped_graphs_keep_the_rules(name: str) -> None:
    bundle = Codec(name).bundle
    family = import_module(f"export.{bundle.family or FIRST}")
    for network in family.NETWORKS:
        path = bundle.folder / f"{network.name}.onnx"
        if network.side != "encode" and path.exists():  # what only an encoder runs may differ from machine to machine
            verify.rules(onnx.load(path), family.FLOAT_OPERATORS.get(network.name, frozenset()))
