"""What a family of codecs is to the rest of the runtime: the seam between the two.

A family turns a picture into parts and back. A part is a run of whole numbers that are coded at a time, each with a
scale index that both sides know by then; shared code turns parts into bytes. The parts of a tile come in layers, coarse
to fine: each that has come makes a better picture. A family gets pictures as RGB; gray, alpha, metadata, checksums, and
streams that are not whole are for shared code. On the CPU provider a family decodes the same on every machine.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from runtime.areas import Area
from runtime.arrays import U8
from runtime.bundle import Bundle
from runtime.container import Header
from runtime.entropy.rans import Slots
from runtime.entropy.tile_stream import CodedPart, PartReader
from runtime.networks import Network
from runtime.networks.sessions import Networks


class Traits(NamedTuple):
    """What shared code must know of a family."""

    networks: tuple[Network, ...]
    """Those that a bundle holds or may hold, in the order of its id."""
    stride_px: int
    """The sides of what is coded of a picture are multiples of this power of two, 64 at most."""
    tile_flags: int = 0
    """Which of the 4 flags of a tile's stream have a meaning."""
    header_flag: bool = False
    """Whether the family's flag of the header has a meaning."""
    options: frozenset[str] = frozenset()
    """The options that its encoder knows."""
    continuous: bool = False
    """Whether its analyses are Continuous."""
    any_part: bool = False
    """Whether a tile makes a picture that ends behind any part, and not only behind a layer."""


class Coded(NamedTuple):
    """A tile coded by its family, ready for the entropy coder."""

    parts: Sequence[CodedPart]
    """All parts of the tile, in coding order."""
    flags: int = 0
    """4 bits."""
    side: bytes = b""
    """What a decoder must know before the first part."""


class Analysis(Protocol):
    """An analysed picture, ready to be coded at any level."""

    def flag(self, level: int) -> bool:
        """Return the family's flag of the header at a level."""
        ...

    def code(self, level: int, tile: Area) -> Coded:
        """Return the coded parts of a tile at a level, independent of all other tiles."""
        ...


@runtime_checkable
class Continuous(Analysis, Protocol):
    """An analysis whose streams can have any number of bytes between those of two levels."""

    def code_more(self, level: int, tile: Area, more: float) -> Coded:
        """Return the coded parts of a tile: at 0 those of `code`, up to 1 with more bits, down to -1 with fewer."""
        ...


class Family(Protocol):
    """The encoder and decoder with the weights of one bundle; threads may share it."""

    traits: Traits

    def __init__(self, bundle: Bundle, networks: Networks, window_px: int) -> None:
        """Open a bundle; `window_px` is about the side of what may be computed at a time, a multiple of the stride."""
        ...

    @property
    def tables(self) -> Slots:
        """The entropy coder's tables."""
        ...

    @property
    def top_level(self) -> int:
        """The highest level that the bundle has, 255 at most."""
        ...

    def layer_ends(self, header: Header) -> tuple[int, ...]:
        """Return the number of parts up to the end of each layer; the last is that of all parts."""
        ...

    def analyse(self, rgb: U8, options: Mapping[str, Any]) -> Analysis:
        """Analyse a picture (H, W, 3); raise InputError. Options are those of the traits that were given."""
        ...

    def read(self, header: Header, tile: Area, reader: PartReader) -> Any:
        """Return a decoded tile: all parts are read in order, or those that the reader has more of.

        Values of parts of missing layers are 0. Raises StreamError.
        """
        ...

    def guess(self, header: Header, known: Iterable[tuple[Area, Any]]) -> Callable[[Area], Any]:
        """Return a function that guesses what `read` would return for a lost tile.

        `known` yields the tiles that are not lost, with what `read` returns for their first layers.
        """
        ...

    def render(
        self, header: Header, tiles: Callable[[Area], Any], wanted: Area, enhance: bool
    ) -> Iterator[tuple[Area, U8]]:
        """Yield areas that make up the wanted one, in pixels, row by row, and the RGB (h, w, 3) of each.

        `tiles` returns what `read` does for a tile, computed at each call: a caller that needs it twice keeps it.
        `enhance` says whether enhancing networks are run.
        """
        ...


@runtime_checkable
class Stacks(Protocol):
    """A family that computes pictures of one size together, as a GPU wants it; other families compute one by one."""

    def analyse_stack(self, rgb: U8, options: Mapping[str, Any]) -> Sequence[Analysis]:
        """Analyse pictures (N, H, W, 3) as `analyse` does."""
        ...

    def render_stack(
        self, headers: Sequence[Header], tiles: Sequence[Callable[[Area], Any]], wanted: Area, enhance: bool
    ) -> Iterator[tuple[Area, U8]]:
        """Yield areas that make up the wanted one, and the RGB (N, h, w, 3) of each, as `render` does.

        The headers are alike but for levels.
        """
        ...
