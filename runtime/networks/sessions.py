"""The networks as ONNX Runtime sessions, made when first used; the only file that knows onnxruntime.

What an exact stream depends on (FORMAT.md, section 6) runs on the CPU whatever is asked for; another provider
(`providers.py`) takes the other networks, as the float twins of `float_twin.py`. Threads are used as `strips.py` tells.
"""

import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from runtime.errors import BundleError, InputError, out_of_memory
from runtime.networks import Network, strips
from runtime.networks.providers import CPU, PROVIDERS, Provider
from runtime.quantities import positive
from runtime.threads import most_threads, spare

if TYPE_CHECKING:
    import onnxruntime

_STRICT: dict[str, Any] = {"enable_fallback": 0}
"""Otherwise ONNX Runtime tries the CPU where a session cannot be made, and prints that on stdout."""

_registered: set[str] = set()
"""Plugins that this process has loaded: onnxruntime takes each only once."""


class Networks:
    """The networks of a bundle folder, ready to run; `networks` says which may run elsewhere than on the CPU.

    Sessions may be shared by threads. Raises InputError for a provider that is not there and
    BundleError where a graph does not load.
    """

    def __init__(
        self,
        folder: Path,
        provider: str = "auto",
        threads: int | None = None,
        networks: Sequence[Network] = (),
    ):
        if provider not in PROVIDERS:
            raise InputError(f"provider={provider!r} is not one of {', '.join(PROVIDERS)}")
        wanted = None if threads is None else positive(threads, "threads")
        self.folder, self.threads = folder, most_threads(wanted)
        self._networks = networks
        self.provider = PROVIDERS[provider]
        self._devices = _devices(provider, self.provider) if self.provider is not CPU else []
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        self._names: dict[str, tuple[list[str], list[str]]] = {}
        """Of the inputs and outputs of a session: it makes them anew at each call."""
        self._reaches: dict[str, int | None] = {}
        self._making = threading.Lock()

    @property
    def at_a_time(self) -> int:
        """How many parts of a picture may be computed at a time: what is not a CPU gets one after the other."""
        return spare(self.threads) if self.provider is CPU else 1

    def note(self, enhance: bool) -> str | None:
        """Return a sentence for the user on what does not run on the CPU provider; None for the CPU provider.

        `enhance` says whether pixels are enhanced.
        """
        if self.provider is CPU:
            return None
        moved = [each.name for each in self._networks if each.movable and (enhance or each.side != "enhance")]
        if not moved:
            return f"{self.provider.name} is not used: it only enhances decoded pixels, all else runs on the CPU"
        return (
            f"{', '.join(moved)} on {self.provider.name}, all else on the CPU; "
            f"decoded pixels may differ by 1 of 255 from those of --provider cpu{' --enhance' if enhance else ''}"
        )

    def session(self, name: str) -> "onnxruntime.InferenceSession":
        """Return the session of a network, made on the first call."""
        if name not in self._sessions:
            with self._making:  # and not at each call: in a forked process the lock would be as it was, for good
                if name not in self._sessions:
                    self._sessions[name] = self._load(name, self._provider(name))
        return self._sessions[name]

    def load(self, side: Literal["encode", "decode"]) -> None:
        """Make the sessions that one side needs."""
        for network in self._networks:
            if network.side in (side, "both"):
                self.session(network.name)

    def run(self, name: str, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the network's outputs for its inputs, both in graph order and without the batch axis."""
        threads = spare(self.threads)
        if threads == 1:
            return self._run(name, inputs)
        session = self.session(name)
        axes = [_rows_axis(grid) for grid in session.get_inputs()]
        sides = {grid.shape[axis : axis + 2] for grid, axis in zip(inputs, axes, strict=True)}
        alike = len(sides) == 1 and all(grid.ndim == 3 for grid in inputs)
        count = strips.worth(threads, *sides.pop()) if alike else 1
        reach = self._reach(name) if count > 1 else None
        if reach is None:
            return self._run(name, inputs)
        axes_out = [_rows_axis(grid) for grid in session.get_outputs()]
        return strips.run(lambda grids: self._run(name, grids), inputs, axes, axes_out, reach, count)

    def run_stack(self, name: str, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the network's outputs for its inputs, both in graph order and with a batch axis.

        Only some networks take a batch axis longer than 1.
        """
        session = self.session(name)
        if name not in self._names:
            self._names[name] = (
                [grid.name for grid in session.get_inputs()],
                [grid.name for grid in session.get_outputs()],
            )
        names, outputs = self._names[name]
        try:
            return session.run(outputs, dict(zip(names, inputs, strict=True)))
        except Exception as error:  # onnxruntime raises its own, undocumented classes
            if out_of_memory(error):
                raise MemoryError("a network needs more memory than there is") from error
            raise

    def _run(self, name: str, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        return [output[0] for output in self.run_stack(name, *[x[None] for x in inputs])]

    def _provider(self, name: str) -> Provider:
        movable = any(network.movable for network in self._networks if network.name == name)
        return self.provider if movable else CPU

    def _reach(self, name: str) -> int | None:
        """Return how many rows beyond its own an output of a network depends on, None where strips would be wrong."""
        if self._provider(name) is not CPU:
            return None
        if name not in self._reaches:
            from runtime.networks.float_twin import reach

            self._reaches[name] = reach((self.folder / f"{name}.onnx").read_bytes())
        return self._reaches[name]

    def _load(self, name: str, provider: Provider) -> "onnxruntime.InferenceSession":
        path = self.folder / f"{name}.onnx"
        if not path.is_file():
            raise BundleError(f"{path}: there is no such file; reinstall the bundle")
        try:
            if provider is CPU:
                return self._on_cpu(path)
            session = self._on_other(path, provider)
        except Exception as error:  # onnxruntime raises its own, undocumented classes
            if out_of_memory(error):
                raise MemoryError(f"{path.name} needs more memory than there is") from error
            if provider is CPU:
                raise BundleError(f"{path}: does not load as an ONNX graph ({error}); reinstall the bundle") from error
            text = f"{path.name} does not load on {provider.name} ({error}); use provider cpu"
            raise InputError(text) from error
        _check_placement(session, path.name, provider)
        return session

    def _on_cpu(self, path: Path) -> "onnxruntime.InferenceSession":
        import onnxruntime

        options = self._options()
        _share_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
        return onnxruntime.InferenceSession(str(path), options, providers=[CPU.name], **_STRICT)

    def _on_other(self, path: Path, provider: Provider) -> "onnxruntime.InferenceSession":
        import onnxruntime

        from runtime.networks.float_twin import float_twin

        options, model = self._options(), float_twin(path.read_bytes())
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if not self._devices:
            chosen = [(provider.name, provider.options)]
            return onnxruntime.InferenceSession(model, options, providers=chosen, **_STRICT)
        options.add_provider_for_devices(self._devices, provider.plugin_options)
        return onnxruntime.InferenceSession(model, options, **_STRICT)

    def _options(self) -> "onnxruntime.SessionOptions":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # it would plan room for all activations at once, and is no faster
        return options


def version() -> str:
    """Return the version of ONNX Runtime."""
    import onnxruntime

    return str(onnxruntime.__version__)


@cache
def _share_arena() -> None:
    """Give the process an arena for all sessions: one for each would keep all that each has ever needed."""
    import onnxruntime

    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    as_requested, default = 1, -1
    try:
        onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(0, as_requested, default, default))
    except Exception:  # onnxruntime raises its own, undocumented classes, where other code has made one before
        return


def _rows_axis(grid: Any) -> int:
    """Return the axis of rows, without the batch, of an input or output, whose channels stand first or last."""
    return 0 if isinstance(grid.shape[-1], int) else 1


def _devices(option: str, provider: Provider) -> list[Any]:
    """Return the device of a plugin to run on, [] for a built-in provider; raise InputError where there is none."""
    import onnxruntime

    if provider.name in onnxruntime.get_available_providers():
        return []
    install = f"install it with: pip install {provider.package}"
    if provider.plugin is None:
        raise InputError(f"provider {option}: this onnxruntime has no {provider.name}; {install}")
    if not hasattr(onnxruntime, "register_execution_provider_library"):
        raise InputError(f"provider {option}: onnxruntime {onnxruntime.__version__} cannot load plugins; update it")
    from importlib import import_module

    try:
        module = import_module(provider.plugin)
    except ImportError:
        raise InputError(f"provider {option}: {provider.plugin} is not installed; {install}") from None

    def devices() -> list[Any]:
        usable = [device for device in onnxruntime.get_ep_devices() if device.ep_name == provider.name]
        return sorted(usable, key=lambda device: device.ep_metadata.get("ov_device", "CPU") != "CPU")

    try:
        if option not in _registered:
            onnxruntime.register_execution_provider_library(option, module.get_library_path())
            _registered.add(option)
    except Exception as error:  # onnxruntime raises its own, undocumented classes
        raise InputError(f"provider {option}: {provider.plugin} does not load ({error}); use provider cpu") from error
    if not devices():
        raise InputError(f"provider {option}: {provider.plugin} finds no device of its kind here; use provider cpu")
    return devices()[:1]


def _check_placement(session: "onnxruntime.InferenceSession", name: str, provider: Provider) -> None:
    """Raise InputError unless the provider has got all convolutions: ONNX Runtime falls back to the CPU in silence."""
    first = session.get_providers()[0]
    if first != provider.name:
        raise InputError(f"{name} would run on {first} instead of {provider.name}: no such device; use provider cpu")
    session.disable_fallback()
    if not hasattr(session, "get_provider_graph_assignment_info"):
        raise InputError(f"onnxruntime does not tell what {provider.name} runs; update it, or use provider cpu")
    stray = [
        node.name
        for subgraph in session.get_provider_graph_assignment_info()
        if subgraph.ep_name != provider.name
        for node in subgraph.get_nodes()
        if node.op_type == "Conv"
    ]
    if stray:
        raise InputError(f"{name}: {provider.name} leaves {len(stray)} convolutions to the CPU; use provider cpu")
