"""The graphs that are written for a model: exact ones, their float twins, and those that are refused."""

from collections.abc import Callable
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
from onnx import numpy_helper  # noqa: E402

from export import pyramid, verify  # noqa: E402
from export.prior import Refused  # noqa: E402
from models.layers import Conv  # noqa: E402
from models.pyramid import Codec as Model  # noqa: E402
from runtime.families.pyramid import spec  # noqa: E402


def ends(graph: onnx.ModelProto) -> list[tuple[str, int, list[object]]]:
    """Return names, types and shapes of inputs and outputs."""
    found = []
    for info in (*graph.graph.input, *graph.graph.output):
        tensor = info.type.tensor_type
        found.append((info.name, tensor.elem_type, [d.dim_value or d.dim_param for d in tensor.shape.dim]))
    return found


def test_networks_take_and_give_what_the_runtime_expects(model: Model) -> None:
    built = pyramid.build(model, quantised=True)
    assert [*built] == [network.name for network in spec.NETWORKS]
    channels = {name: [shape[3 if "state" in end else 1] for end, _, shape in ends(g)] for name, g in built.items()}
    s, half, chroma = 8, 2 * spec.LUMA_HALF, 2 * spec.CHROMA
    assert channels == {
        "start": [spec.SEEN_START, s, half],
        "coarse_first": [s, spec.SEEN_FIRST, s, half],
        "coarse_second": [s, spec.SEEN_OTHER, s, half],
        "coarse_third": [s, spec.SEEN_OTHER, s, chroma],
        "middle_first": [s, spec.SEEN_FIRST, s, half],
        "middle_second": [s, spec.SEEN_OTHER, s, half],
        "middle_third": [s, spec.SEEN_OTHER, s, chroma],
        "fine_first": [s, spec.SEEN_FIRST, s, half],
        "fine_second": [s, spec.SEEN_OTHER, s, half],
        "fine_third": [s, spec.SEEN_OTHER, chroma],
        "synthesis": [spec.SYNTHESIS_SEEN, 48],
    }


def test_a_model_without_optional_networks_has_no_such_graphs(untrained: Callable[..., Model]) -> None:
    built = pyramid.build(untrained(synthesis=0, middle_blocks=None), quantised=True)
    assert [*built] == [network.name for network in spec.NETWORKS if not network.optional]


def test_float_twins_have_the_same_ends(model: Model) -> None:
    int8, float32 = (pyramid.build(model, quantised) for quantised in (True, False))
    assert {n: ends(g) for n, g in int8.items()} == {n: ends(g) for n, g in float32.items()}


def test_a_float_twin_is_the_model_in_float(model: Model) -> None:
    random = np.random.default_rng(1)
    for name, graph in pyramid.build(model, quantised=False).items():
        session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        given = {i.name: random.integers(0, 256, verify.sized(i.shape, 5, 6), np.uint8) for i in session.get_inputs()}
        found = session.run(None, given)
        grid = 1 / 64 if name == "synthesis" else 1 / 32
        with torch.no_grad():
            tensors = (torch.from_numpy(verify.channels_first(name, x)).float() for name, x in given.items())
            results = getattr(model, name)(*((x - 128) * grid for x in tensors))
        expected = (results if isinstance(results, tuple) else (results,))[-len(found) :]
        for output, values, stored in zip(session.get_outputs(), expected, found, strict=True):
            stored = verify.channels_first(output.name, stored)
            exact = (values.numpy() / (1 / 128 if name == "synthesis" else 1 / 32) + 128).clip(0, 255)
            assert np.abs(exact - stored).max() < 0.51, name


def test_built_graphs_keep_the_rules_and_are_the_model_s_integers(model: Model) -> None:
    built = pyramid.build(model, quantised=True)
    for graph in built.values():
        verify.rules(graph)
    verify.exact(pyramid.modules(model), built)
    assert model.start.grid.mode == "float"


@pytest.mark.parametrize(
    "place",
    [
        *("start.state.1", "coarse_first.enlarge.1", "middle_third.head.0"),
        *("fine_second.update", "fine_third.head.2", "synthesis.0"),
    ],
)
def test_a_difference_of_one_bias_is_found(model: Model, place: str) -> None:
    built = pyramid.build(model, quantised=True)
    conv = model.get_submodule(place)
    assert isinstance(conv, Conv)
    with torch.no_grad():
        conv.bias[0] += 0.5
    with pytest.raises(Refused, match=place.split(".")[0]):
        verify.exact(pyramid.modules(model), built)


def broken(model: Model, change: str) -> onnx.ModelProto:
    graph = pyramid.build(model, quantised=True)["coarse_second"]
    node = next(n for n in graph.graph.node if n.op_type == ("QLinearAdd" if change == "scale" else "QLinearConv"))
    if change == "operator":
        node.op_type = "QLinearMul"
    elif change == "weight":
        weight = next(c for c in graph.graph.initializer if c.name == node.input[3])
        values = numpy_helper.to_array(weight).copy()
        values.flat[0] = 65
        weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    else:
        graph.graph.initializer.append(numpy_helper.from_array(np.array(0.123, np.float32), "other"))
        node.input[6] = "other"
    return graph


@pytest.mark.parametrize("change, named", [("operator", "QLinearMul"), ("weight", r"\.weight"), ("scale", "one scale")])
def test_a_graph_that_breaks_a_rule_is_refused_by_name(model: Model, change: str, named: str) -> None:
    with pytest.raises(Refused, match=f"coarse_second.*{named}"):
        verify.rules(broken(model, change))


def test_a_float_twin_breaks_the_rules(model: Model) -> None:
    with pytest.raises(Refused, match="DequantizeLinear"):
        verify.rules(pyramid.build(model, quantised=False)["start"])
