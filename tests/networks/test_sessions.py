"""Which provider runs what: nothing falls back in silence, and what must be exact stays on the CPU."""

import inspect
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from runtime import compress, decompress
from runtime.bundle import Bundle
from runtime.codec import Codec
from runtime.errors import BundleError, InputError
from runtime.families.pyramid import spec
from runtime.networks import Network, sessions
from runtime.networks.providers import CPU, PROVIDERS, Provider
from runtime.networks.sessions import Networks
from runtime.pictures.write import write

OTHERS = [name for name, provider in PROVIDERS.items() if provider is not CPU]
NETWORKS = Bundle.open().networks(spec.NETWORKS)
NAMES = [network.name for network in NETWORKS]
"""Those of the default bundle."""
FEW = 0.01
"""Share of samples that may be off by a level where a float twin decodes."""


@pytest.fixture(scope="module")
def enhanced() -> Codec:
    """The default bundle with its synthesis net on the CPU."""
    return Codec(threads=1, enhance=True)


@pytest.fixture
def twin_codec(monkeypatch: pytest.MonkeyPatch) -> Codec:
    """A codec that takes the CPU for another provider, and so runs the float twins there."""
    monkeypatch.setitem(PROVIDERS, "twin", Provider("CPUExecutionProvider", "onnxruntime"))
    return Codec(provider="twin", threads=1)


def near(decoded: np.ndarray, exact: np.ndarray) -> bool:
    difference = np.abs(decoded.astype(int) - exact)
    return difference.max() <= 1 and np.mean(difference > 0) < FEW


@pytest.mark.parametrize("name", OTHERS)
def test_another_provider_decodes_within_a_level_of_the_cpu(name: str, enhanced: Codec, photo: np.ndarray) -> None:
    """Really run where the provider is: a line says what to install, or that there is no device. Encoding is exact."""
    try:
        other = Codec(provider=name, threads=1)
    except InputError as error:
        pytest.skip(str(error))
    data = enhanced.encode(photo, 50)
    assert near(other.decode(data), enhanced.decode(data))
    assert other.encode(photo, 50) == data
    assert other.networks.session("synthesis").get_providers()[0] == PROVIDERS[name].name
    assert other.networks.session("fine_third").get_providers() == ["CPUExecutionProvider"]


def test_float_twins_decode_within_a_level_and_encode_to_the_same_bytes(
    enhanced: Codec, twin_codec: Codec, photo: np.ndarray
) -> None:
    data = enhanced.encode(photo, 50)
    assert near(twin_codec.decode(data), enhanced.decode(data))
    assert twin_codec.encode(photo, 50) == data
    assert "may differ by 1 of 255" in str(twin_codec.networks.note(enhance=True))
    assert "is not used" in str(twin_codec.networks.note(enhance=False))
    assert enhanced.networks.note(enhance=True) is enhanced.networks.note(enhance=False) is None


def test_pixels_are_enhanced_where_that_is_asked_for_or_another_provider_is(
    codec: Codec, enhanced: Codec, twin_codec: Codec, photo: np.ndarray
) -> None:
    assert (codec.enhance, enhanced.enhance, twin_codec.enhance) == (False, True, True)
    plainly = Codec(threads=1)
    data = plainly.encode(photo, 30)
    plain, better = plainly.decode(data), enhanced.decode(data)
    assert "synthesis" not in plainly.networks._sessions and "synthesis" in enhanced.networks._sessions
    assert not np.array_equal(plain, better) and np.abs(plain.astype(int) - better).max() < 32


def test_only_networks_that_need_not_be_exact_leave_the_cpu(
    twin_codec: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, made = [], Networks._on_other

    def noted(self: Networks, path: Path, to: Provider) -> Any:
        moved.append(path.stem)
        return made(self, path, to)

    monkeypatch.setattr(Networks, "_on_other", noted)
    twin_codec.decode(twin_codec.encode(photo, 30))
    assert moved == ["synthesis"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_missing_provider_is_refused_with_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr("importlib.import_module", lambda module: (_ for _ in ()).throw(ImportError(module)))
    with pytest.raises(InputError, match=f"pip install {PROVIDERS[name].package}"):
        Codec(provider=name)


def test_a_plugin_without_a_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    registered = []
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", lambda *given: registered.append(given))
    monkeypatch.setattr("importlib.import_module", lambda module: SimpleNamespace(get_library_path=lambda: "lib.so"))
    monkeypatch.setattr(onnxruntime, "get_ep_devices", list)
    monkeypatch.setattr(sessions, "_registered", set())
    for _ in range(2):
        with pytest.raises(InputError, match="finds no device of its kind here"):
            Codec(provider="webgpu")
    assert registered == [("webgpu", "lib.so")]


def test_a_session_that_fell_back_to_the_cpu_is_refused() -> None:
    session = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    with pytest.raises(InputError, match="would run on CPUExecutionProvider instead of CUDAExecutionProvider"):
        sessions._check_placement(session, "synthesis.onnx", PROVIDERS["cuda"])


def test_a_session_that_leaves_convolutions_to_the_cpu_is_refused() -> None:
    def part(provider: str, *kinds: str) -> SimpleNamespace:
        nodes = [SimpleNamespace(name=kind, op_type=kind) for kind in kinds]
        return SimpleNamespace(ep_name=provider, get_nodes=lambda: nodes)

    parts = [part("WebGpuExecutionProvider", "Conv", "Clip"), part("CPUExecutionProvider", "Transpose")]
    session = SimpleNamespace(
        get_providers=lambda: ["WebGpuExecutionProvider", "CPUExecutionProvider"],
        disable_fallback=lambda: None,
        get_provider_graph_assignment_info=lambda: parts,
    )
    sessions._check_placement(session, "synthesis.onnx", PROVIDERS["webgpu"])
    parts.append(part("CPUExecutionProvider", "Conv"))
    with pytest.raises(InputError, match="leaves 1 convolutions to the CPU"):
        sessions._check_placement(session, "synthesis.onnx", PROVIDERS["webgpu"])


def test_a_provider_that_onnxruntime_drops_in_silence_is_refused(
    codec: Codec, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime takes a provider that it lacks for a warning, and runs on the CPU."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("there is CUDA here")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    other, data = Codec(provider="cuda", threads=1), codec.encode(photo, 50)
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(InputError, match="use provider cpu"),
    ):
        other.decode(data)


def test_what_a_network_is_for_says_where_it_may_run_and_whether_streams_depend_on_it() -> None:
    kinds = {side: Network("net", side) for side in ("encode", "both", "decode", "enhance")}
    assert [side for side, network in kinds.items() if network.movable] == ["encode", "decode", "enhance"]
    assert [side for side, network in kinds.items() if network.decides] == ["both", "decode"]


def test_the_note_names_the_networks_that_leave_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "twin", Provider("CPUExecutionProvider", "onnxruntime"))
    nets = [
        Network("encoder", "encode"),
        Network("prior", "both"),
        Network("decoder", "decode"),
        Network("e", "enhance"),
    ]
    found = Networks(tmp_path, "twin", networks=nets)
    assert str(found.note(enhance=False)).startswith("encoder, decoder on CPUExecutionProvider, all else on the CPU;")
    assert str(found.note(enhance=True)).startswith("encoder, decoder, e on CPUExecutionProvider")


def test_an_unknown_provider_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="abacus.*auto, cpu"):
        Codec(provider="abacus")


def test_the_command_takes_the_provider_and_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cam.png").write_bytes(b"not read")
    assert compress.main([str(tmp_path / "cam.png"), "--provider", "abacus"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "cam.gar").exists()


def test_commands_say_whether_the_provider_is_used(
    twin_codec: Codec, tmp_path: Path, capsys: pytest.CaptureFixture[str], photo: np.ndarray
) -> None:
    write(tmp_path / "cam.png", photo)
    assert compress.main([str(tmp_path / "cam.png"), "--provider", "twin"]) == 0
    assert "is not used" in capsys.readouterr().err
    assert decompress.main([str(tmp_path / "cam.gar"), "--provider", "twin", "-f"]) == 0
    assert "may differ by 1 of 255" in capsys.readouterr().err
    assert compress.main([str(tmp_path / "cam.png"), "--bundle", "lite", "-f"]) == 0
    assert decompress.main([str(tmp_path / "cam.gar"), "--enhance", "-f"]) == 0
    error = capsys.readouterr().err
    assert "not enhanced: bundle lite has no synthesis net" in error and len(error.splitlines()) == 1


def test_threads_that_ask_for_a_session_at_once_get_the_same_one(codec: Codec) -> None:
    mine = Networks(codec.bundle.folder, threads=1)
    with ThreadPoolExecutor(4) as pool:
        assert len({id(session) for session in pool.map(mine.session, ["start"] * 8)}) == 1


def test_a_graph_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="coarse_first.onnx: there is no such file; reinstall the bundle$"):
        Networks(tmp_path).session("coarse_first")


def test_onnx_runtime_prints_nothing_where_it_fails(
    codec: Codec, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It has a banner for stdout, where a picture may go."""
    import onnxruntime

    if "enable_fallback" not in inspect.signature(onnxruntime.InferenceSession.__base__.__init__).parameters:
        pytest.skip(f"onnxruntime {onnxruntime.__version__} cannot be kept from it")

    def fail(*_: object) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", fail)
    with pytest.raises(BundleError, match="odd"):
        Networks(codec.bundle.folder).session("start")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("words", ["std::bad_alloc", "Failed to allocate memory for requested buffer of size 9"])
def test_a_lack_of_memory_is_a_memory_error_and_no_fault_of_the_bundle(
    words: str, codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(words)

    mine, given = Networks(codec.bundle.folder, threads=1), np.zeros((spec.SEEN_START, 2, 2), np.uint8)
    monkeypatch.setattr(onnxruntime.InferenceSession, "run", fail)
    with pytest.raises(MemoryError):
        mine.run("start", given)
    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    with pytest.raises(MemoryError, match="fine_first.onnx"):
        mine.session("fine_first")


def test_onnx_runtime_starts_no_thread(codec: Codec) -> None:
    """It has one pool a session, and never returns where it gets some threads of a pool but not all."""
    if not Path("/proc/self/task").exists():
        pytest.skip("reads Linux's /proc")
    before = len(os.listdir("/proc/self/task"))
    several = Codec(threads=8)
    sessions = [several.networks.session(name) for name in NAMES]
    assert len(sessions) == len(NAMES) and len(os.listdir("/proc/self/task")) == before


def test_what_one_side_needs_is_made_at_once(codec: Codec) -> None:
    made = Networks(codec.bundle.folder, threads=1, networks=NETWORKS)
    made.load("encode")
    assert made._sessions.keys() == {network.name for network in NETWORKS if network.side == "both"}


@pytest.mark.parametrize("name", NAMES)
def test_a_network_takes_and_gives_what_the_format_says(name: str, codec: Codec) -> None:
    """Channels of inputs and outputs, the state's being the bundle's own; a first network doubles rows and columns."""
    state = codec.networks.session("start").get_outputs()[0].shape[3]
    inputs = {
        "start": [spec.SEEN_START],
        "synthesis": [spec.SYNTHESIS_SEEN],
        "first": [state, spec.SEEN_FIRST],
    }.get(name.rpartition("_")[2], [state, spec.SEEN_OTHER])
    said = 2 * (spec.CHROMA if name.endswith("third") else spec.LUMA_HALF)
    outputs = {"synthesis": [48], "fine_third": [said]}.get(name, [state, said])
    given = [np.full((channels, 6, 10), 128, np.uint8) for channels in inputs]
    if len(given) == 2:  # a state has its channels last
        given[0] = given[0].transpose(1, 2, 0)
    found = codec.networks.run(name, *given)
    if len(found) == 2:
        found[0] = found[0].transpose(2, 0, 1)
    sides = (12, 20) if name.endswith("first") else (6, 10)
    assert [array.shape for array in found] == [(channels, *sides) for channels in outputs]
    assert all(array.dtype == np.uint8 for array in found)


def test_a_grid_of_one_position_is_no_special_case(codec: Codec) -> None:
    state, said = codec.networks.run("start", np.full((spec.SEEN_START, 1, 1), 128, np.uint8))
    assert state.shape[:2] == said.shape[1:] == (1, 1)


def test_an_arena_that_the_process_has_already_is_taken(codec: Codec, photo: np.ndarray) -> None:
    """Some versions refuse a second one: then that of other code in the process serves our sessions too."""
    expected = codec.encode(photo, 50)

    def refused(*given: Any) -> None:
        raise RuntimeError("An allocator for this device has already been registered for sharing.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onnxruntime.create_and_register_allocator", refused)
        sessions._share_arena.cache_clear()
        assert Codec(threads=1).encode(photo, 50) == expected
