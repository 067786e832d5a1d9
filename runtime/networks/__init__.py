"""The networks of a bundle and what each is for; beside this file are their sessions, providers and float twins."""

from typing import Literal, NamedTuple


class Network(NamedTuple):
    """A graph of a bundle, NAME.onnx."""

    name: str
    side: Literal["encode", "both", "decode", "enhance"]
    """Who runs it: the encoder alone; both sides, to tell what is coded next; the decoder, to make pixels of what it
    has decoded; or a decoder that is asked to enhance pixels."""
    optional: str = ""
    """The set it is one of, all or none of which a bundle has; "" where each bundle has it."""

    @property
    def decides(self) -> bool:
        """Whether the meaning of streams depends on the network, so that it is part of the bundle's id."""
        return self.side in ("both", "decode")

    @property
    def movable(self) -> bool:
        """Whether the network may run on another provider than the CPU, where its results may be off by a level."""
        return self.side != "both"
