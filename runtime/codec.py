"""Pictures to the bytes of .gar files and back, with the weights of any bundle. Read this first.

encode   pixels ─ alpha apart ─ family: analyse ─ for each tile: code ─ parts ─ entropy ─ layers ─ container
decode   the same line from right to left: container ─ layers ─ entropy ─ family: read, render ─ pixels

A family (`families/base.py`) says how a picture becomes the numbers that are coded, and how these become a picture; the
bundle says which family it is of. Tiles are coded without knowledge of each other. `incomplete.py` decodes streams that
are not whole, `exact/` makes pictures lossless.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from runtime import alpha, channels, container, families, spec
from runtime.areas import Area, Region, padded, region_in, squares
from runtime.arrays import U8
from runtime.bundle import Bundle
from runtime.container import LATENTS, MAX_PIXELS, Header
from runtime.entropy.tile_stream import PartReader, encode_parts
from runtime.errors import InputError, StreamError, TruncatedError
from runtime.families.base import Analysis, Coded, Continuous, Stacks
from runtime.networks.providers import CPU
from runtime.networks.sessions import Networks
from runtime.quantities import positive
from runtime.threads import each

TILE_PX = 1024
"""Side of the squares that are coded independently."""

WINDOW_PX = 1024
"""About the side of the squares that are computed at a time: smaller ones take less memory, larger less time."""

AUTO = spec.SUBSAMPLING[0]

QUALITY = 75
"""Of pictures for which none is asked."""

Pixels = U8


class Encoder(Protocol):
    """A picture that is ready to be encoded."""

    def __call__(self, level: int, more: float = 0) -> bytes:
        """Return its stream at a level; `more`, from -1 to 1, is for families whose analyses are Continuous."""
        ...


class Codec:
    """Encodes and decodes pictures with one bundle of weights.

    `bundle` is a folder or the name of a shipped bundle, `provider` where the networks run, `threads` how many threads
    share a picture, a tile each while there are so many (default: all cores), `tile_px` about the side of the squares
    that are computed at a time: both change memory and time, but no byte and no decoded pixel. `enhance` corrects
    decoded pixels with the network of a bundle that has one for it (default: where `provider` is not the CPU). A Codec
    may be shared by threads. Raises InputError, and BundleError for unusable weights.
    """

    def __init__(
        self,
        bundle: str | Path | None = None,
        provider: str = "auto",
        threads: int | None = None,
        tile_px: int = WINDOW_PX,
        enhance: bool | None = None,
    ):
        _keep_freed_memory()
        self.bundle = Bundle.open(bundle)
        family = families.find(self.bundle)
        networks = self.bundle.networks(family.traits.networks)
        self.bundle.check_id(networks)
        if positive(tile_px, "tile_px") % family.traits.stride_px:
            raise InputError(
                f"tile_px={tile_px} is not a multiple of {family.traits.stride_px}; use 512 or {WINDOW_PX}"
            )
        self.networks = Networks(self.bundle.folder, provider, threads, networks)
        self.family = family(self.bundle, self.networks, tile_px)
        self.enhance = self.networks.provider is not CPU if enhance is None else enhance
        self._settings = provider, threads, tile_px, enhance
        self._others: dict[bytes, Codec] = {}

    def encode(
        self,
        pixels: Pixels,
        quality: float | None = None,
        metadata: Mapping[int, bytes] | None = None,
        subsampling: str = AUTO,
        *,
        target_size: int | str | None = None,
        target_bpp: float | None = None,
        target_psnr: float | None = None,
        target_ssimulacra2: float | None = None,
        max_error: int | None = None,
        **options: Any,
    ) -> bytes:
        """Return the .gar stream of a picture: uint8 gray (H, W), RGB (H, W, 3) or RGBA (H, W, 4).

        `quality` runs from 1 to 100 (default 75) and gives, up to about 90, the PSNR of a JPEG of that quality. In its
        place there may be one target, for which several qualities are tried: `target_size`, the most bytes of the whole
        stream, a number or a text such as "20KB"; `target_bpp`, the most bits a pixel; `target_psnr`, a PSNR in dB, and
        `target_ssimulacra2`, 0 to 100, met as nearly as levels allow, with a warning where that is not near.

        With `max_error`, 0 to 127, the stream also holds what makes sure that no decoded sample is off by more; 0 is
        lossless. A quality is then that of the picture for decoders that skip this; by default what takes least bytes.

        `metadata` holds the payloads of further sections by kind (container.EXIF, ICC, XMP). `subsampling` is "4:4:4",
        "4:2:0", which leaves out the finest details of chroma and saves time, or "auto": 4:2:0 where one would hardly
        see them. Further options are those of the bundle's family.

        Raises InputError for a picture or an option that cannot be used, and for a size that cannot be met.
        """
        if any(target is not None for target in (target_size, target_bpp, target_psnr, target_ssimulacra2)):
            from runtime import search  # which encodes through this module

            target = search.parse(target_size, target_bpp, target_psnr, quality, target_ssimulacra2)
            assert target is not None
            if max_error is not None:
                raise InputError("max_error and a target exclude each other: the bound says how large the file is")
            found = search.find(self, pixels, target, metadata, subsampling, **options)
            if found.note:
                warnings.warn(found.note, stacklevel=2)
            return found.stream
        if max_error is not None:
            from runtime.exact import picture as exact  # which encodes through this module

            return exact.encode(self, pixels, max_error, quality, metadata, subsampling, **options)
        level = self.bundle.level(QUALITY if quality is None else quality)
        return self._encoder(pixels, metadata, subsampling, **options)(level)

    def _encoder(
        self, pixels: Pixels, metadata: Mapping[int, bytes] | None = None, subsampling: str = AUTO, **options: Any
    ) -> "Encoder":
        """Return a function of the level byte that gives the picture's stream; what no level changes is done once."""
        options = self._options(subsampling, options)
        rgb, opacity = channels.split(pixels)
        analysis, others = self.family.analyse(rgb, options), _sections(opacity, metadata or {})
        return lambda level, more=0: self._stream(analysis, pixels, others, level, more)

    def encode_batch(
        self,
        pictures: Sequence[Pixels],
        quality: float | None = None,
        subsampling: str = AUTO,
        *,
        max_error: int | None = None,
        **options: Any,
    ) -> list[bytes]:
        """Return the streams of pictures of one size and kind, each as `encode` takes them.

        A family that can computes them together, which is what a GPU wants, but with `max_error`; on a CPU it saves
        nothing. Raises InputError.
        """
        if isinstance(pictures, np.ndarray) and pictures.ndim == 3 and pictures.shape[2] in (3, 4):
            raise InputError(
                f"pictures of shape {pictures.shape} are one picture in colour, or {len(pictures)} gray ones of so few "
                "columns; give [picture], or list(pictures)"
            )
        family_options = self._options(subsampling, options)
        level = self.bundle.level(QUALITY if quality is None else quality)
        planes = [channels.split(pixels) for pixels in pictures]
        if len(shapes := {pixels.shape for pixels in pictures}) > 1:
            raise InputError(f"a batch has pictures of shapes {sorted(shapes)}; all must have one shape")
        if not planes:
            return []
        if max_error is not None:
            return [self.encode(each, quality, None, subsampling, max_error=max_error, **options) for each in pictures]
        rgb = np.stack([rgb for rgb, _ in planes])
        analyses: Sequence[Analysis]
        if isinstance(self.family, Stacks):
            analyses = self.family.analyse_stack(rgb, family_options)
        else:
            analyses = [self.family.analyse(each, family_options) for each in rgb]
        return [
            self._stream(analysis, pixels, _sections(opacity, {}), level)
            for analysis, pixels, (_, opacity) in zip(analyses, pictures, planes, strict=True)
        ]

    def _stream(
        self,
        analysis: Analysis,
        pixels: Pixels,
        others: list[tuple[int, bytes]],
        level: int,
        more: float = 0,
    ) -> bytes:
        """Return the stream of a picture at a level, with its other sections; `more` is as Continuous has it."""
        height, width = pixels.shape[:2]
        gray, see_through, flag = pixels.ndim == 2, pixels.shape[2:] == (4,), analysis.flag(level)
        header = Header(width, height, level, self.bundle.id, TILE_PX, gray, see_through, flag)

        def code(tile: Area) -> Coded:
            if not more:
                return analysis.code(level, tile)
            assert isinstance(analysis, Continuous)
            return analysis.code_more(level, tile, more)

        def packed(tile: Area) -> list[bytes]:
            return pack_tile(self, header, code(tile))

        tiles = each(packed, tiles_of(self, header), self.networks.at_a_time)
        return container.pack(header, [(LATENTS, container.pack_tiles(tiles)), *others])

    def decode(self, data: bytes, region: Region | None = None, max_pixels: float = MAX_PIXELS) -> Pixels:
        """Return the picture of a .gar stream, in the shape it was encoded from; or a region of it, which is all then
        decoded. No sample is off by more than a stream with a bound promises; it is computed on the CPU then.

        The stream may be of any bundle that is shipped: its header says which. Raises StreamError, also for a picture
        of more than `max_pixels`, and ResidualError where but for the bound it could be decoded; BundleError, and
        InputError for a region that is not in the picture.
        """
        return _within_bound(*self._opened(data, max_pixels), region)

    def decode_strips(
        self, data: bytes, region: Region | None = None, max_pixels: float = MAX_PIXELS
    ) -> tuple[tuple[int, ...], Iterator[Pixels]]:
        """Return the shape of the picture that `decode` returns, and its rows in strips from top to bottom, each
        decoded when it is asked for: that takes less memory than the picture.

        Raises what `decode` raises, and so may each strip.
        """
        codec, header, read, opacity, residual = self._opened(data, max_pixels)
        if residual is not None:  # all of it, so that damage is seen at once
            pixels = _within_bound(codec, header, read, opacity, residual, region)
            return pixels.shape, iter([pixels])
        return strips(codec, header, read, opacity, region)

    def decode_batch(self, streams: Sequence[bytes], max_pixels: float = MAX_PIXELS) -> Pixels:
        """Return the pictures of .gar streams of one size and kind, uint8 (N, H, W), (N, H, W, 3) or (N, H, W, 4), as
        `decode` does; a family that can computes them together.

        Raises what decode raises, and InputError where they differ in more than what they show.
        """
        opened = [self._opened(data, max_pixels) for data in streams]
        kinds = {header._replace(level=0, flag=False) for _, header, *_ in opened}
        if len(kinds) != 1:
            raise InputError(
                f"a batch of {len(streams)} streams has {len(kinds)} sizes, kinds or bundles; it must have one"
            )
        codecs, headers, tiles, opacities, residuals = zip(*opened, strict=True)
        if any(residual is not None for residual in residuals):
            return np.stack([_within_bound(*each) for each in opened])
        return pictures(codecs[0], headers, tiles, opacities)

    def _opened(
        self, data: bytes, max_pixels: float
    ) -> tuple["Codec", Header, Callable[[Area], Any], U8 | None, bytes | None]:
        """Return the codec that suits a stream, its header, what reads a tile of it, its alpha plane, its residual."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InputError(f"decode takes the bytes of a .gar file, not {type(data).__name__}; read the file first")
        header, sections = container.unpack(bytes(data), max_pixels)
        residual = sections.get(container.RESIDUAL)
        codec = self._suited(header) if residual is None else self._suited(header).exact
        tiles = tiles_of(codec, header)
        layers = container.unpack_tiles(sections[LATENTS], len(tiles), len(codec.family.layer_ends(header)))
        chunks = dict(zip(tiles, layers, strict=True))
        opacity = alpha.unpack(sections[container.ALPHA], header.height, header.width) if header.alpha else None

        def read(tile: Area) -> Any:
            return read_tile(codec, header, tile, b"".join(chunks[tile]))

        return codec, header, read, opacity, residual

    @cached_property
    def exact(self) -> "Codec":
        """This codec as it decodes the same on every machine: on the CPU, not enhanced."""
        provider, threads, tile_px, _ = self._settings
        if self.networks.provider is not CPU:
            return Codec(self.bundle.folder, "cpu", threads, tile_px, enhance=False)
        plain = copy(self)
        plain.enhance = False
        return plain

    def _suited(self, header: Header) -> "Codec":
        """Return this codec, or that of the shipped bundle which a stream names.

        Raises StreamError where none can decode the stream.
        """
        codec = self
        if header.bundle_id != self.bundle.id:
            codec = self._other(header.bundle_id)
        if header.level > codec.family.top_level:
            raise StreamError(
                f"level {header.level} is above the bundle's highest, {codec.family.top_level}: the header is corrupt"
            )
        if header.flag and not codec.family.traits.header_flag:
            raise StreamError(f"a flag is set that means nothing to bundle {codec.bundle.name}: the header is corrupt")
        return codec

    def _other(self, bundle_id: bytes) -> "Codec":
        if bundle_id not in self._others:
            folder = Bundle.shipped(bundle_id)
            if folder is None:
                raise StreamError(
                    f"the stream needs bundle {bundle_id.hex()}, this is {self.bundle.name} {self.bundle.id.hex()}; "
                    "give the bundle it was made with"
                )
            self._others[bundle_id] = Codec(folder, *self._settings)
        return self._others[bundle_id]

    def _options(self, subsampling: str, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options that are not left to the family, or InputError for one that it does not know."""
        if subsampling not in spec.SUBSAMPLING:
            raise InputError(f"subsampling={subsampling!r} is not one of {', '.join(spec.SUBSAMPLING)}")
        asked = options if subsampling == AUTO else options | {"subsampling": subsampling}
        if unknown := asked.keys() - self.family.traits.options:
            known = ", ".join(sorted(self.family.traits.options)) or "it has none"
            names = ", ".join(sorted(unknown))
            raise InputError(f"bundle {self.bundle.name} has no option {names}, leave it out; its options: {known}")
        return asked


# -- for the modules around this one -----------------------------------------------------------------------------------

encoder, suited = Codec._encoder, Codec._suited


# -- tiles -------------------------------------------------------------------------------------------------------------


def tiles_of(codec: Codec, header: Header) -> list[Area]:
    """Return the tiles of a picture, row by row."""
    return squares(padded(header.height, header.width, codec.family.traits.stride_px), header.tile_px)


def pack_tile(codec: Codec, header: Header, coded: Coded) -> list[bytes]:
    """Return the stream of a tile in layers."""
    chunks = encode_parts(codec.family.tables, coded.parts, coded.flags, coded.side)
    return [b"".join(chunks[start:end]) for start, end in pairwise((0, *codec.family.layer_ends(header)))]


def read_tile(codec: Codec, header: Header, tile: Area, data: bytes, layers: int | None = None) -> Any:
    """Return what the family reads of a tile's stream, or of its first layers; raises StreamError."""
    ends = codec.family.layer_ends(header)
    return read_parts(codec, header, tile, data, ends[-1] if layers is None else ends[layers - 1])


def read_parts(codec: Codec, header: Header, tile: Area, data: bytes, end: int) -> Any:
    """Return what the family reads of the parts of a tile's stream before `end`; raises StreamError."""
    reader = _reader(codec, header, data, end)
    decoded = codec.family.read(header, tile, reader)
    reader.close()
    return decoded


def parts_in(codec: Codec, header: Header, tile: Area, data: bytes) -> int:
    """Return how many parts of a tile's stream, which may be cut, are whole; 0 where it is damaged."""
    reader = None
    try:
        reader = _reader(codec, header, data)
        codec.family.read(header, tile, reader)
        reader.close()
    except TruncatedError:
        pass
    except StreamError:
        return 0
    return reader.parts_read if reader else 0


def _reader(codec: Codec, header: Header, data: bytes, end: int | None = None) -> PartReader:
    parts = codec.family.layer_ends(header)[-1]
    return PartReader(codec.family.tables, data, parts, end, codec.family.traits.tile_flags)


def _within_bound(
    codec: Codec,
    header: Header,
    tiles: Callable[[Area], Any],
    opacity: U8 | None,
    residual: bytes | None,
    region: Region | None = None,
) -> Pixels:
    """Return what `picture` returns, within the bound of its residual if it has one."""
    if residual is None:
        return picture(codec, header, tiles, opacity, region)
    from runtime.exact import picture as exact  # which decodes through this module

    return exact.decode(codec, header, tiles, opacity, residual, region)


def picture(
    codec: Codec,
    header: Header,
    tiles: Callable[[Area], Any],
    opacity: U8 | None = None,
    region: Region | None = None,
) -> Pixels:
    """Return the picture, or a region of it, of what was read of its tiles. Without opacity alpha is 255."""
    (pixels,) = pictures(codec, [header], [tiles], [opacity], region)
    return pixels


def pictures(
    codec: Codec,
    headers: Sequence[Header],
    tiles: Sequence[Callable[[Area], Any]],
    opacities: Sequence[U8 | None],
    region: Region | None = None,
) -> Pixels:
    """Return pictures whose headers differ in level and flag alone, along a new first axis, as `picture` does."""
    wanted, shape = wanted_area(headers[0], region)
    stack = np.empty((len(headers), *shape), np.uint8)
    for area, each_rgb in _rendered(codec, headers, tiles, wanted):
        for pixels, rgb in zip(stack, each_rgb, strict=True):
            channels.paint(pixels[area.within(wanted, 1)], rgb)
    if headers[0].alpha:
        for pixels, opacity in zip(stack, opacities, strict=True):
            pixels[:, :, 3] = 255 if opacity is None else opacity[wanted.on(1)]
    return stack


def strips(
    codec: Codec,
    header: Header,
    tiles: Callable[[Area], Any],
    opacity: U8 | None = None,
    region: Region | None = None,
) -> tuple[tuple[int, ...], Iterator[Pixels]]:
    """Return the shape of a picture, or of a region of it, and strips of its rows from top to bottom."""
    wanted, shape = wanted_area(header, region)

    def painted() -> Iterator[Pixels]:
        strip = np.empty(0, np.uint8)
        for area, (rgb,) in _rendered(codec, [header], [tiles], wanted):
            row = Area(area.top, wanted.left, area.bottom, wanted.right)
            if area.left == wanted.left:
                strip = np.empty((area.bottom - area.top, *shape[1:]), np.uint8)
            channels.paint(strip[area.within(row, 1)], rgb)
            if area.right == wanted.right:
                if header.alpha:
                    strip[:, :, 3] = 255 if opacity is None else opacity[row.on(1)]
                yield strip

    return shape, painted()


def wanted_area(header: Header, region: Region | None) -> tuple[Area, tuple[int, ...]]:
    """Return the area of a region, by default of the whole picture, and the shape of its pixels."""
    whole = Area(0, 0, header.height, header.width)
    wanted = whole if region is None else region_in(whole, region)
    return wanted, (*wanted.shape(1), *(() if header.gray else (3 + header.alpha,)))


def _rendered(
    codec: Codec, headers: Sequence[Header], tiles: Sequence[Callable[[Area], Any]], wanted: Area
) -> Iterator[tuple[Area, Iterable[U8]]]:
    """Yield areas that make up the wanted one, and the RGB (h, w, 3) of each picture there."""
    family = codec.family
    if isinstance(family, Stacks):
        yield from family.render_stack(headers, tiles, wanted, codec.enhance)
        return
    each = [family.render(header, read, wanted, codec.enhance) for header, read in zip(headers, tiles, strict=True)]
    for rendered in zip(*each, strict=True):
        yield rendered[0][0], [rgb for _, rgb in rendered]


def _keep_freed_memory() -> None:
    """Make glibc, in the whole process, keep up to 32 MiB that were freed for what comes next.

    Getting them anew, page by page, was a tenth of all time. It keeps twice the largest block that was ever freed; this
    one is never touched.
    """
    np.empty(16 << 20, np.uint8)


def _sections(opacity: U8 | None, metadata: Mapping[int, bytes]) -> list[tuple[int, bytes]]:
    """Return the sections of alpha and of metadata, by kind; raise InputError for what is no metadata."""
    others = [(container.ALPHA, alpha.pack(opacity))] if opacity is not None else []
    return others + sorted(container.checked_metadata(metadata).items())
