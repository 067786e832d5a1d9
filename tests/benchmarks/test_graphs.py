"""Multiplications counted in graphs, against the formula and against what the bundle says of itself."""

import json

import pytest

pytest.importorskip("onnx")

import onnx

from benchmarks import graphs
from runtime.bundle import WEIGHTS


def test_the_yardstick_has_the_multiplications_of_a_3x3_convolution_of_128_channels():
    assert graphs.count_macs(graphs.yardstick(), {"x": (1, 128, 64, 64)}) == (128 * 128 * 9 * 64 * 64, 0)


@pytest.mark.parametrize("name", graphs.SIZES)
def test_our_graphs_have_as_many_multiplications_a_pixel_as_the_bundle_says(name):
    folder = WEIGHTS / "standard"
    model = onnx.load(folder / f"{name}.onnx")
    side = 1024 // graphs.SIZES[name]
    shapes = {x.name: (1, x.type.tensor_type.shape.dim[1].dim_value, side, side) for x in model.graph.input}
    kmacs = sum(graphs.count_macs(model, shapes)) / 1024**2 / 1e3
    assert kmacs == pytest.approx(json.loads((folder / "manifest.json").read_text())["kmacs_per_px"][name], rel=0.01)


def test_a_graph_s_speed_is_told_beside_the_yardstick_s():
    found = graphs.speeds(WEIGHTS / "standard", 64, 64, 1)
    assert [each.name for each in found] == list(graphs.SIZES)
    assert all(each.gmacs > 0 and each.ratio == each.gmacs / each.yardstick_gmacs for each in found)
