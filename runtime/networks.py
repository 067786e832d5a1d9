"""The networks as ONNX Runtime sessions, made when first used; the only file that knows onnxruntime.

A provider is what ONNX Runtime runs a graph on. What an exact stream depends on (FORMAT.md, section 6) runs on the CPU
whatever is asked for; another provider takes the synthesis net, as the float twin of `twins.py`.

Threads are ours, not ONNX Runtime's: a grid is cut into strips of rows, which overlap by what the network sees beyond
them. ONNX Runtime has a pool for each session, whose making never returns where a limit of the system lets it have some
threads but not all; the one that sessions can share belongs to the whole process, and its threads spin while they wait.
"""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BundleError, InputError, out_of_memory

if TYPE_CHECKING:
    import onnxruntime

T = TypeVar("T")

MOVABLE = ("synthesis",)
"""Networks that need not be exact: pixels may be off by a level."""


class Provider(NamedTuple):
    """How to come by one of ONNX Runtime's execution providers."""

    name: str
    """ONNX Runtime's name of it."""
    package: str
    """What to install with pip."""
    options: dict[str, str] = {}
    """Its options: whatever keeps float32 at 24 bits."""
    plugin: str | None = None
    """Module of the package, where that is a plugin."""
    plugin_options: dict[str, str] = {}
    """The options as the plugin wants them."""


CPU = Provider("CPUExecutionProvider", "onnxruntime")
PROVIDERS = {
    "auto": CPU,
    "cpu": CPU,
    "openvino": Provider(
        "OpenVINOExecutionProvider",
        "onnxruntime-ep-openvino",
        {"device_type": "CPU", "precision": "ACCURACY"},
        "onnxruntime_ep_openvino",
        {"load_config": '{"CPU": {"INFERENCE_PRECISION_HINT": "f32"}}'},
    ),
    "cuda": Provider("CUDAExecutionProvider", "onnxruntime-gpu", {"use_tf32": "0"}),
    "webgpu": Provider("WebGpuExecutionProvider", "onnxruntime-ep-webgpu", {}, "onnxruntime_ep_webgpu"),
}

_STRIP_ROWS, _STRIP_POSITIONS = 32, 1 << 13
"""What a strip has at least: then it takes several times as long as starting a thread, and overlaps by little."""

_STRICT: dict[str, Any] = {"enable_fallback": 0}
"""Otherwise ONNX Runtime tries the CPU where a session cannot be made, and prints that on stdout."""

_registered: set[str] = set()
"""Plugins that this process has loaded: onnxruntime takes each only once."""


class Networks:
    """Runs the networks (spec.NETWORKS) of a bundle folder.

    Arrays have no batch axis. Sessions may be shared by threads. Raises InputError for a provider that is not there and
    BundleError where a graph does not load.
    """

    def __init__(self, folder: Path, provider: str = "auto", threads: int | None = None):
        if provider not in PROVIDERS:
            raise InputError(f"provider={provider!r} is not one of {', '.join(PROVIDERS)}")
        if threads is not None and threads < 1:
            raise InputError(f"threads={threads} is not a positive number")
        self.folder, self.threads = folder, 1 if _address_space_is_short() else threads or _cores()
        self.provider = PROVIDERS[provider]
        self._devices = _devices(provider, self.provider) if self.provider is not CPU else []
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        self._reaches: dict[str, int | None] = {}
        self._making = threading.Lock()

    def note(self, enhance: bool) -> str | None:
        """A sentence for the user on what does not run on the CPU provider where pixels are enhanced, or are not; None
        for the CPU provider.
        """
        if self.provider is CPU:
            return None
        if not enhance:
            return f"{self.provider.name} is not used: it only enhances decoded pixels, all else runs on the CPU"
        return (
            f"{', '.join(MOVABLE)} enhances decoded pixels on {self.provider.name}, the rest runs on the CPU; "
            "they may differ by a level from those of --provider cpu --enhance"
        )

    def session(self, name: str) -> "onnxruntime.InferenceSession":
        """The session of a network, made on the first call."""
        with self._making:
            if name not in self._sessions:
                self._sessions[name] = self._load(name, self.provider if name in MOVABLE else CPU)
            return self._sessions[name]

    def run(self, name: str, *inputs: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """The network's outputs for its inputs, both in graph order and without the batch axis."""
        session = self.session(name)
        axes = [_rows_axis(grid) for grid in session.get_inputs()]
        rows, columns = inputs[0].shape[axes[0] : axes[0] + 2]
        count = min(self.threads, rows // _STRIP_ROWS, rows * columns // _STRIP_POSITIONS)
        reach = self._reach(name) if count > 1 else None
        if reach is None:
            return _run(session, inputs)
        edges = [rows * strip // count for strip in range(count + 1)]
        axes_out = [_rows_axis(grid) for grid in session.get_outputs()]

        def work(strip: int) -> list[NDArray[np.uint8]]:
            first, last = max(0, edges[strip] - reach), min(rows, edges[strip + 1] + reach)
            seen = [grid[_rows(axis, first, last)] for grid, axis in zip(inputs, axes, strict=True)]
            outputs = []
            for grid, axis in zip(_run(session, seen), axes_out, strict=True):
                scale = grid.shape[axis] // (last - first)
                start, end = scale * (edges[strip] - first), scale * (edges[strip + 1] - first)
                outputs.append(grid[_rows(axis, start, end)])
            return outputs

        strips = _together(work, count)
        return [np.concatenate(parts, axis) for parts, axis in zip(zip(*strips, strict=True), axes_out, strict=True)]

    def _reach(self, name: str) -> int | None:
        """How many rows beyond its own an output of a network depends on, None where strips would be wrong."""
        if name in MOVABLE and self.provider is not CPU:
            return None
        if name not in self._reaches:
            from runtime.twins import reach

            self._reaches[name] = reach((self.folder / f"{name}.onnx").read_bytes())
        return self._reaches[name]

    def _load(self, name: str, provider: Provider) -> "onnxruntime.InferenceSession":
        path = self.folder / f"{name}.onnx"
        try:
            if provider is CPU:
                return self._on_cpu(path)
            session = self._on_other(path, provider)
        except Exception as error:  # onnxruntime raises its own, undocumented classes
            if out_of_memory(error):
                raise MemoryError(f"{path.name} needs more memory than there is") from error
            if provider is CPU:
                raise BundleError(f"{path}: does not load as an ONNX graph ({error}); reinstall the bundle") from error
            text = f"{path.name} does not load on {provider.name} ({error}); use --provider cpu"
            raise InputError(text) from error
        _check_placement(session, path.name, provider)
        return session

    def _on_cpu(self, path: Path) -> "onnxruntime.InferenceSession":
        import onnxruntime

        return onnxruntime.InferenceSession(str(path), self._options(), providers=[CPU.name], **_STRICT)

    def _on_other(self, path: Path, provider: Provider) -> "onnxruntime.InferenceSession":
        import onnxruntime

        from runtime.twins import float_twin

        options, model = self._options(), float_twin(path.read_bytes())
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if not self._devices:
            return onnxruntime.InferenceSession(
                model, options, providers=[(provider.name, provider.options)], **_STRICT
            )
        options.add_provider_for_devices(self._devices, provider.plugin_options)
        return onnxruntime.InferenceSession(model, options, **_STRICT)

    def _options(self) -> "onnxruntime.SessionOptions":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # it would plan room for all activations at once, and is no faster
        return options


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _address_space_is_short() -> bool:
    """Return whether ulimit -v is set: a new thread that gets no memory for libraries' variables aborts the process."""
    if os.name == "nt":
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def _run(session: "onnxruntime.InferenceSession", inputs: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    named = {i.name: x[None] for i, x in zip(session.get_inputs(), inputs, strict=True)}
    try:
        return [output[0] for output in session.run(None, named)]
    except Exception as error:  # onnxruntime raises its own, undocumented classes
        if out_of_memory(error):
            raise MemoryError("a network needs more memory than there is") from error
        raise


def _rows_axis(grid: Any) -> int:
    """Return the axis of rows, without the batch, of an input or output, whose channels stand before or behind."""
    return 0 if isinstance(grid.shape[-1], int) else 1


def _rows(axis: int, start: int, end: int) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, slice(start, end))


def _together(work: Callable[[int], T], count: int) -> list[T]:
    """Return what work gives for 0, 1, ... count - 1: the first in this thread, the others in threads of their own.

    Where the system gives no more threads, this one does what is left.
    """
    results: dict[int, T] = {}
    errors: list[Exception] = []

    def note(number: int) -> None:
        try:
            results[number] = work(number)
        except Exception as error:
            errors.append(error)

    started: list[threading.Thread] = []
    try:
        for number in range(1, count):
            thread = threading.Thread(target=note, args=(number,))
            try:
                thread.start()
            except RuntimeError:  # "can't start new thread"
                break
            started.append(thread)
        for number in (0, *range(1 + len(started), count)):
            note(number)
    finally:
        for thread in started:
            thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(count)]


def _devices(option: str, provider: Provider) -> list[Any]:
    """The device of a plugin to run on, none where the provider is built in; InputError where it cannot be had."""
    import onnxruntime

    if provider.name in onnxruntime.get_available_providers():
        return []
    install = f"install it with: pip install {provider.package}"
    if provider.plugin is None:
        raise InputError(f"provider {option}: this onnxruntime has no {provider.name}; {install}")
    if not hasattr(onnxruntime, "register_execution_provider_library"):
        raise InputError(f"provider {option}: onnxruntime {onnxruntime.__version__} has no plugins; update it")
    from importlib import import_module

    try:
        module = import_module(provider.plugin)
    except ImportError:
        raise InputError(f"provider {option}: {provider.plugin} is not there; {install}") from None

    def found() -> list[Any]:
        devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == provider.name]
        return sorted(devices, key=lambda device: device.ep_metadata.get("ov_device", "CPU") != "CPU")

    try:
        if option not in _registered:
            onnxruntime.register_execution_provider_library(option, module.get_library_path())
            _registered.add(option)
    except Exception as error:  # onnxruntime raises its own, undocumented classes
        raise InputError(f"provider {option}: {provider.plugin} does not load ({error}); use --provider cpu") from error
    if not found():
        raise InputError(f"provider {option}: {provider.plugin} finds no device of its kind here; use --provider cpu")
    return found()[:1]


def _check_placement(session: "onnxruntime.InferenceSession", name: str, provider: Provider) -> None:
    """Raises InputError unless the provider has got all convolutions: ONNX Runtime falls back to the CPU in silence."""
    first = session.get_providers()[0]
    if first != provider.name:
        raise InputError(f"{name} would run on {first} instead of {provider.name}: no such device; use --provider cpu")
    session.disable_fallback()
    if not hasattr(session, "get_provider_graph_assignment_info"):
        raise InputError(f"onnxruntime does not tell what {provider.name} runs; update it, or use --provider cpu")
    stray = [
        node.name
        for subgraph in session.get_provider_graph_assignment_info()
        if subgraph.ep_name != provider.name
        for node in subgraph.get_nodes()
        if node.op_type == "Conv"
    ]
    if stray:
        raise InputError(f"{name}: {provider.name} leaves {len(stray)} convolutions to the CPU; use --provider cpu")
