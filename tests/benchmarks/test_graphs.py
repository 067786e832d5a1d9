"""Multiplications counted in graphs, against the formula, what the bundle says of itself and what the codec runs."""

import json
from typing import Any

import numpy as np
import pytest

from runtime.codec import Codec

pytest.importorskip("onnx")

import onnx

from benchmarks import graphs
from runtime.bundle import WEIGHTS, Bundle
from runtime.families.pyramid import spec

STANDARD, LITE = ([each.name for each in Bundle.open(name).networks(spec.NETWORKS)] for name in ("standard", "lite"))


def test_the_yardstick_has_the_multiplications_of_a_3x3_convolution_of_128_channels() -> None:
    assert graphs.count_macs(graphs.yardstick(), {"x": (1, 128, 64, 64)}) == 128 * 128 * 9 * 64 * 64


@pytest.mark.parametrize("bundle, name", [("standard", name) for name in STANDARD] + [("lite", name) for name in LITE])
def test_our_graphs_have_as_many_multiplications_a_pixel_as_the_bundle_says(bundle: str, name: str) -> None:
    folder = WEIGHTS / bundle
    model = onnx.load(folder / f"{name}.onnx")
    shapes = graphs.input_shapes(model, graphs.strides_px(folder)[name], 1024, 1024)
    kmacs = sum(graphs.count_macs(model, each) for each in shapes) / 1024**2 / 1e3
    told = json.loads((folder / "manifest.json").read_text())["kmacs_per_px"][name]
    assert kmacs == pytest.approx(told, rel=0.01, abs=0.0006)  # the manifest rounds to 0.001


def test_an_operator_that_our_graphs_do_not_have_is_refused_not_left_uncounted() -> None:
    model = graphs.yardstick()
    model.graph.node[0].op_type = "Conv"
    with pytest.raises(ValueError, match="yardstick: Conv"):
        graphs.count_macs(model, {"x": (1, 128, 64, 64)})


def test_the_codec_runs_the_networks_as_often_and_on_such_inputs(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, list[Any]] = {name: [] for name in STANDARD}
    run = codec.networks.run

    def watched(name: str, *inputs: Any) -> Any:
        given = (i.name for i in codec.networks.session(name).get_inputs())
        found[name].append({key: (1, *array.shape) for key, array in zip(given, inputs, strict=True)})
        return run(name, *inputs)

    monkeypatch.setattr(codec.networks, "run", watched)
    monkeypatch.setattr(codec, "enhance", True)
    codec.decode(codec.encode(np.zeros((70, 130, 3), np.uint8), 50, subsampling="4:4:4"))
    for name, strides in graphs.strides_px(codec.bundle.folder).items():
        model = onnx.load(codec.bundle.folder / f"{name}.onnx")
        once = graphs.input_shapes(model, strides, 70, 130)
        assert found[name] == once * (1 if name == "synthesis" else 2), name


def test_a_graph_s_speed_is_told_beside_the_yardstick_s() -> None:
    found = graphs.speeds(WEIGHTS / "standard", 64, 64, 1)
    assert [each.name for each in found] == STANDARD
    assert all(each.gmacs > 0 and each.ratio == each.gmacs / each.yardstick_gmacs for each in found)


def test_a_bundle_without_a_synthesis_net_has_the_others_speeds() -> None:
    found = graphs.speeds(WEIGHTS / "lite", 64, 64, 1)
    assert [each.name for each in found] == LITE
