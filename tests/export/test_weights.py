"""The shipped weights: every hidden layer of every network has something to say."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx  # noqa: E402
import onnxruntime  # noqa: E402

from runtime.bundle import shipped_names  # noqa: E402
from runtime.codec import Codec  # noqa: E402
from runtime.networks.sessions import Networks  # noqa: E402

PROJECT = Path(__file__).parents[2]
QUALITIES = (15, 75, 97)
LEAST_LIVE = 0.25
"""Share of a hidden layer's channels that must be above zero somewhere in a photograph."""


def hidden_layers(graph: "onnx.ModelProto") -> dict[str, int]:
    """Return outputs of the integer convolutions with a ReLU, those of zero point 0, and their axis of channels."""
    zero = {c.name for c in graph.graph.initializer if not onnx.numpy_helper.to_array(c).any()}
    found = [n for n in graph.graph.node if n.op_type == "QLinearConv" and n.input[7] in zero]
    return {n.output[0]: 3 if any(a.name == "channels_last" for a in n.attribute) else 1 for n in found}


@pytest.mark.parametrize("name", shipped_names())
def test_no_hidden_layer_of_a_shipped_bundle_is_dead(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs: dict[str, list[tuple[np.ndarray, ...]]] = {}
    run, run_stack = Networks.run, Networks.run_stack

    def watched(self: Networks, network: str, *arrays: np.ndarray) -> list[np.ndarray]:
        inputs.setdefault(network, []).append(tuple(x[None] for x in arrays))
        return run(self, network, *arrays)

    def watched_stack(self: Networks, network: str, *arrays: np.ndarray) -> list[np.ndarray]:
        inputs.setdefault(network, []).append(arrays)
        return run_stack(self, network, *arrays)

    monkeypatch.setattr(Networks, "run", watched)
    monkeypatch.setattr(Networks, "run_stack", watched_stack)
    codec = Codec(name, enhance=True)
    image = cv2.imread(str(PROJECT / "docs" / "cam.jpg"))
    assert image is not None
    photo = np.asarray(image[:384, :384, ::-1], np.uint8)
    whole = "4:4:4" if "subsampling" in codec.family.traits.options else "auto"
    for quality in QUALITIES:
        codec.decode(codec.encode(photo, quality, subsampling=whole))
    assert set(inputs) == {path.stem for path in codec.bundle.folder.glob("*.onnx")}
    shares: dict[str, float] = {}
    for network, calls in inputs.items():
        graph = onnx.load(codec.bundle.folder / f"{network}.onnx")
        layers = hidden_layers(graph)
        if not layers:
            continue
        graph.graph.output.extend(onnx.helper.make_empty_tensor_value_info(layer) for layer in layers)
        session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        names = [i.name for i in session.get_inputs()]
        live: list[np.ndarray] = [np.zeros(1, bool)] * len(layers)
        for arrays in calls:
            found = session.run([*layers], dict(zip(names, arrays, strict=True)))
            peaks = [np.moveaxis(x, axis, 0).max((1, 2, 3)) for x, axis in zip(found, layers.values(), strict=True)]
            live = [alive | (peak > 0) for alive, peak in zip(live, peaks, strict=True)]
        shares |= {f"{name}.{network}.{layer}": float(alive.mean()) for layer, alive in zip(layers, live, strict=True)}
    assert {layer: share for layer, share in shares.items() if share < LEAST_LIVE} == {}
