"""How far networks see: by the rule, and by trying."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from export import graphs  # noqa: E402
from export.prior import Refused  # noqa: E402
from export.reach import INPUT_STRIDE_PX, reach_px  # noqa: E402
from models.hyperprior import Codec as Model  # noqa: E402
from models.hyperprior import Config  # noqa: E402
from runtime import spec  # noqa: E402
from runtime.codec import Codec  # noqa: E402

TINY = Config(fine=16, coarse=16, fine_blocks=1, coarse_blocks=1, latents=16, hyper=8, prior=16, context=16, edge=3)


@pytest.fixture(scope="module")
def built() -> dict[str, onnx.ModelProto]:
    """The graphs of a random model in which everything that a position depends on shows."""
    torch.manual_seed(3)
    model = Model(replace(TINY))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 4:
                parameter.normal_(0, 0.2)
        model.linear_analysis.zero_()
    return graphs.build(model, quantised=False)


def test_reach_is_what_the_kernels_say(built: dict[str, onnx.ModelProto]) -> None:
    assert reach_px(built) == {
        "analysis": [56, 56],  # 3 x 3 at 8 px: the edge and a block of two; at 16 px: a block of two
        "hyper_analysis": [48, 0],  # 3 x 3 of stride 2 at 16 px and at 32 px
        "hyper_synthesis": [48, 48],
        "context": [16, 16],
        "synthesis": [56, 56],
    }


def test_a_position_depends_on_nothing_beyond_its_reach(built: dict[str, onnx.ModelProto]) -> None:
    random = np.random.default_rng(0)
    for name, graph in built.items():
        session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        stride, (before, after) = INPUT_STRIDE_PX[name], reach_px(built)[name]
        side = 512 // stride
        inputs = {}
        for given in session.get_inputs():
            values = random.integers(0, 256, (1, given.shape[1], side, side))
            inputs[given.name] = values.astype(np.float32 if "float" in given.type else np.uint8)
        expected = session.run(None, inputs)[0]
        part = slice(256, 320)
        low, high = -(-(part.stop + after) // stride), (part.start - before) // stride
        changed = {n: values.copy() for n, values in inputs.items()}
        for values in changed.values():
            values[:, :, low:], values[:, :, :high] = 7, 7
            values[:, :, :, low:], values[:, :, :, :high] = 7, 7
        found = session.run(None, changed)[0]
        size = 512 // expected.shape[2]
        inside = (..., slice(part.start // size, part.stop // size), slice(part.start // size, part.stop // size))
        assert np.array_equal(found[inside], expected[inside]), name
        assert not np.array_equal(found, expected), name


def test_the_shipped_manifest_says_what_the_graphs_say(codec: Codec) -> None:
    loaded = {name: onnx.load(codec.bundle.folder / f"{name}.onnx") for name in spec.NETWORKS}
    assert codec.bundle.manifest["reach_px"] == reach_px(loaded)


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "Resize"])
def test_an_operator_that_is_not_known_is_refused_by_name(kind: str) -> None:
    node = helper.make_node(kind, ["x"], ["y"], name="odd")
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, "h", "w"]) for n in ("x", "y")]
    graph = helper.make_model(helper.make_graph([node], "g", info[:1], info[1:]))
    with pytest.raises(Refused, match=f"odd.*{kind}"):
        reach_px({"context": graph})
