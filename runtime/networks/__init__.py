"""The networks of a bundle: what each is for, and beside this file their sessions, providers and float twins."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Network:
    """A graph of a bundle, NAME.onnx."""

    name: str
    side: Literal["encode", "both", "decode", "enhance"]
    """Who runs it: the encoder alone; both sides, to tell what is coded next; the decoder, to make pixels of what it
    has decoded; or a decoder that is asked to enhance pixels, for which a bundle may lack it."""

    @property
    def decides(self) -> bool:
        """Whether streams mean something else with another network, so that it is part of the bundle's id."""
        return self.side in ("both", "decode")

    @property
    def movable(self) -> bool:
        """Whether it may run on another provider than the CPU: its results may then be off by a level."""
        return self.side != "both"
