"""The five networks as ONNX Runtime sessions, made when first used; the only file that knows onnxruntime."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runtime.errors import BundleError, InputError

if TYPE_CHECKING:
    import onnxruntime

PROVIDERS = {"auto": "CPUExecutionProvider", "cpu": "CPUExecutionProvider"}


class Networks:
    """Runs analysis, hyper_analysis, hyper_synthesis, context and synthesis of a bundle folder.

    Arrays have no batch axis. Sessions may be shared by threads. Raises BundleError where a graph does not load.
    """

    def __init__(self, folder: Path, provider: str = "auto", threads: int | None = None):
        if provider not in PROVIDERS:
            raise InputError(f"provider={provider!r} is not one of {', '.join(PROVIDERS)}")
        if threads is not None and threads < 1:
            raise InputError(f"threads={threads} is not a positive number")
        self.folder, self.provider, self.threads = folder, PROVIDERS[provider], threads
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}

    def session(self, name: str) -> "onnxruntime.InferenceSession":
        """The session of a network, made on the first call."""
        if name not in self._sessions:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            options.inter_op_num_threads = 1
            if self.threads:
                options.intra_op_num_threads = self.threads
            path = self.folder / f"{name}.onnx"
            try:
                session = onnxruntime.InferenceSession(str(path), options, providers=[self.provider])
            except Exception as error:  # onnxruntime raises its own, undocumented classes
                raise BundleError(f"{path}: does not load as an ONNX graph ({error}); reinstall the bundle") from error
            self._sessions[name] = session
        return self._sessions[name]

    def run(self, name: str, *inputs: NDArray[np.generic]) -> NDArray[np.generic]:
        """The network's one output for its inputs in graph order, all without the batch axis."""
        session = self.session(name)
        names = [i.name for i in session.get_inputs()]
        output: NDArray[np.generic] = session.run(None, {n: x[None] for n, x in zip(names, inputs, strict=True)})[0]
        return output[0]
