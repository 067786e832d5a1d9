"""Header and sections to the bytes of a .gar file and back (FORMAT.md, section 1).

    magic "\\x89GAR" | version u8 | flags u8 | bundle id 8 bytes | level u8 | log2 of tile side u8
    width varint | height varint | number of sections u8 | a section: kind u8, length varint | ...
    low 16 bits of the CRC-32 of all bytes so far
    a section: its bytes, their CRC-32 | ...

Numbers are little-endian, varints LEB128 in their shortest form. What a section holds
is known elsewhere (`entropy/tile_stream.py`, `alpha.py`), only how the chunks of several tiles share one is
told here. Every length is compared with the bytes that are there before anything is taken out.
"""

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runtime import spec
from runtime.errors import InputError, ResidualError, StreamError, TruncatedError
from runtime.quantities import number

MAGIC = b"\x89GAR"
THUMBNAIL_MARKS = range(0xA0, 0xC0)
"""The first byte of a .gat file, which is another format (`gat.py`)."""
VERSION = spec.FORMAT

FILE = 0
"""No section has this kind."""
LATENTS = 1
ALPHA = 2
EXIF = 3
ICC = 4
XMP = 5
ANCILLARY = 128
"""Sections of unknown kind are skipped from here on, and refused below."""
RESIDUAL = 128
SECTION_NAMES = {LATENTS: "LATENTS", ALPHA: "ALPHA", EXIF: "EXIF", ICC: "ICC", XMP: "XMP", RESIDUAL: "RESIDUAL"}

MAX_SIDE_PX = 1 << 20
MAX_PIXELS = 256_000_000
"""Default limit on width * height, so that a small file cannot ask for all memory."""
MIN_TILE_BITS, MAX_TILE_BITS = 6, 12
MAX_VARINT_BYTES = 5
"""Enough for lengths up to 32 GiB."""

BUNDLE_ID_BYTES = 8
CRC_BYTES = 4
HEADER_CRC_BYTES = 2
MIN_SECTION_ENTRY_BYTES = 2
MIN_CHUNK_ENTRY_BYTES = 1 + CRC_BYTES

_GRAY_FLAG, _ALPHA_FLAG, _FAMILY_FLAG = 1, 2, 4


class Header(NamedTuple):
    """What a decoder must know before it reads any section."""

    width: int
    """Pixels, 1 to 2**20."""
    height: int
    """Pixels, 1 to 2**20."""
    level: int
    """The quantisation level, 0 to 255; the bundle knows what it means."""
    bundle_id: bytes
    """8 bytes that name the weights."""
    tile_px: int
    """Side of a tile in pixels, a power of two from 64 to 4096."""
    gray: bool
    """The picture has one channel of colour."""
    alpha: bool
    """There is an ALPHA section."""
    flag: bool = False
    """What the family of the bundle says with it."""

    @property
    def subsampled(self) -> bool:
        """What the flag says of a wavelet pyramid: the finest details of chroma are left out, 4:2:0."""
        return self.flag


def checked_metadata(metadata: object) -> dict[int, bytes]:
    """Return the payloads of sections that encoders take, by kind; raise InputError for anything else."""
    possible = {EXIF, ICC, XMP, *range(RESIDUAL + 1, 256)}
    if not isinstance(metadata, Mapping) or not all(isinstance(body, bytes) for body in metadata.values()):
        raise InputError("metadata is not a dict of bytes by section kind; give one, as imread returns it")
    if impossible := set(metadata) - possible:
        raise InputError(f"metadata has kinds {impossible}; possible are EXIF, ICC, XMP and {RESIDUAL + 1} to 255")
    return dict(metadata)


def pack(header: Header, sections: Sequence[tuple[int, bytes]]) -> bytes:
    """Return the file: header and sections, each followed by its checksum.

    One section under 2 MiB of a picture under 16384 pixels a side grows by 31 bytes at most.
    """
    tile_bits = header.tile_px.bit_length() - 1
    assert header.tile_px == 1 << tile_bits and MIN_TILE_BITS <= tile_bits <= MAX_TILE_BITS
    assert 1 <= header.width <= MAX_SIDE_PX and 1 <= header.height <= MAX_SIDE_PX
    assert len(header.bundle_id) == BUNDLE_ID_BYTES and len(sections) < 256
    assert header.alpha == any(kind == ALPHA for kind, _ in sections)
    flags = _GRAY_FLAG * header.gray | _ALPHA_FLAG * header.alpha | _FAMILY_FLAG * header.flag
    head = bytearray(MAGIC + bytes([VERSION, flags]))
    head += header.bundle_id + bytes([header.level, tile_bits])
    head += varint(header.width) + varint(header.height) + bytes([len(sections)])
    for kind, body in sections:
        head += bytes([kind]) + varint(len(body))
    head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    bodies = [body + struct.pack("<I", zlib.crc32(body)) for _, body in sections]
    return b"".join([bytes(head), *bodies])


def with_section(data: bytes, kind: int, body: bytes) -> bytes:
    """Return a file that pack has made with one more section, behind all others."""
    reader = Reader(data)
    header, entries = _unpack_header(reader, math.inf)
    return pack(header, [*((each, _unpack_section(reader, each, length)) for each, length in entries), (kind, body)])


def unpack(data: bytes, max_pixels: float = MAX_PIXELS) -> tuple[Header, dict[int, bytes]]:
    """Return the header and the sections of known kinds, the inverse of pack.

    Raises TruncatedError where the file ends early, StreamError for everything else: foreign bytes,
    another version, a wrong checksum, an illegal value, a picture of more than max_pixels. It is a ResidualError where
    the RESIDUAL section alone is damaged or cut.
    """
    header, sections, lost = unpack_unbound(data, max_pixels)
    if lost:
        raise lost
    return header, sections


def unpack_unbound(
    data: bytes, max_pixels: float = MAX_PIXELS
) -> tuple[Header, dict[int, bytes], ResidualError | None]:
    """Return what unpack returns, and what is wrong with the RESIDUAL section, without which there is a picture."""
    header, sections, faults = unpack_damaged(data, max_pixels)
    lost = faults.pop(RESIDUAL, None)
    for fault in faults.values():
        raise fault
    return header, sections, ResidualError(str(lost)) if lost else None


def unpack_damaged(
    data: bytes, max_pixels: float = MAX_PIXELS
) -> tuple[Header, dict[int, bytes], dict[int, StreamError]]:
    """Return the header, the sections of known kinds, and by kind what is wrong with them, if anything is.

    A section is what there is of it: TruncatedError stands for one that is cut, and kind FILE for the
    end of the file. Raises as unpack does for a header that is not whole and right.
    """
    reader = Reader(data)
    header, entries = _unpack_header(reader, max_pixels)
    sections, faults = {}, {}
    for kind, length in entries:
        at = reader.at
        try:
            body = _unpack_section(reader, kind, length)
        except StreamError as error:
            body = data[at : at + length]
            faults[kind] = error
            reader.at = min(at + length + CRC_BYTES, len(data))
        if kind in SECTION_NAMES:
            sections[kind] = body
    if reader.at < len(data):
        faults[FILE] = StreamError(f"{len(data) - reader.at} bytes after the end, which are not ours: get another copy")
    return header, sections, faults


def _unpack_header(reader: "Reader", max_pixels: float) -> tuple[Header, list[tuple[int, int]]]:
    """Return the header, checked, and the kind and the length of each section."""
    magic = reader.data[: len(MAGIC)]
    if not magic:
        raise TruncatedError("is empty (0 bytes); give a .gar file")
    if magic != MAGIC[: len(magic)]:
        hint = "; if it is a .gat file, gargalo thumbnail reads it" if magic[0] in THUMBNAIL_MARKS else ""
        raise StreamError(f"not a .gar file (it begins with {magic.hex(' ')}){hint}")
    reader.take(len(MAGIC))
    version = reader.byte()
    if version != VERSION:
        newer = f"newer than {VERSION}, which this gargalo reads: get a newer gargalo"
        older = (
            f"older than {VERSION}, which this gargalo reads; made by gargalo 0.1 or a version under development: "
            "decode it with that one, and compress it anew"
        )
        raise StreamError(f"the file has format version {version}, {newer if version > VERSION else older}")
    flags = reader.byte()
    bundle_id = reader.take(BUNDLE_ID_BYTES)
    level, tile_bits = reader.byte(), reader.byte()
    width, height = reader.varint(), reader.varint()
    count = reader.byte()
    reader.need(count * MIN_SECTION_ENTRY_BYTES)
    entries = [(reader.byte(), reader.varint()) for _ in range(count)]
    crc = zlib.crc32(reader.data[: reader.at]) & 0xFFFF
    if crc != int.from_bytes(reader.take(HEADER_CRC_BYTES), "little"):
        raise StreamError("the header does not match its checksum: the file is damaged")

    if flags & ~(_GRAY_FLAG | _ALPHA_FLAG | _FAMILY_FLAG):
        raise StreamError(f"flags {flags:#04x} are from a newer format: get a newer gargalo")
    if flags & _GRAY_FLAG and flags & _ALPHA_FLAG:
        raise StreamError("flags say gray and alpha, which exclude each other: the header is corrupt")
    if not MIN_TILE_BITS <= tile_bits <= MAX_TILE_BITS:
        raise StreamError(f"tile side 2**{tile_bits} px is out of range: must be 2**6 to 2**12")
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
        raise StreamError(
            f"a picture of {width}x{height} pixels, a side must have 1 to {MAX_SIDE_PX}: the header is corrupt"
        )
    if width * height > number(max_pixels, "max_pixels", 1, math.inf):
        raise StreamError(
            f"a picture of {width}x{height} pixels, the limit is {max_pixels:.0f}; "
            "raise max_pixels (--max-pixels) if you trust the file"
        )
    gray, alpha, flag = (bool(flags & bit) for bit in (_GRAY_FLAG, _ALPHA_FLAG, _FAMILY_FLAG))
    _check_kinds([kind for kind, _ in entries], alpha)
    return Header(width, height, level, bundle_id, 1 << tile_bits, gray, alpha, flag), entries


def _unpack_section(reader: "Reader", kind: int, length: int) -> bytes:
    """Return the next section, which matches its checksum."""
    body = reader.take(length)
    if zlib.crc32(body) != reader.u32():
        name = SECTION_NAMES.get(kind, f"kind {kind}")
        raise StreamError(f"section {name} does not match its checksum: the file is damaged")
    return body


def pack_tiles(chunks: Sequence[Sequence[bytes]]) -> bytes:
    """Return chunks[tile][layer] as one payload.

    One tile: its chunks joined. More: an index, its CRC-32, all chunks of layer 0, of layer 1...
    The index has the varint length and the CRC-32 of each chunk, in the same order.
    """
    if len(chunks) == 1:
        return b"".join(chunks[0])
    ordered = [chunk for layer in zip(*chunks, strict=True) for chunk in layer]
    index = b"".join(varint(len(chunk)) + struct.pack("<I", zlib.crc32(chunk)) for chunk in ordered)
    return b"".join([index, struct.pack("<I", zlib.crc32(index)), *ordered])


def unpack_tiles(payload: bytes, tiles: int, layers: int) -> list[list[bytes]]:
    """Return chunks[tile][layer], the inverse of pack_tiles; [[payload]] for one tile.

    Raises TruncatedError where the payload ends early, StreamError where it is damaged.
    """
    if tiles == 1:
        return [[payload]]
    reader = Reader(payload)
    reader.need(tiles * layers * MIN_CHUNK_ENTRY_BYTES + CRC_BYTES)
    index = [(reader.varint(), reader.u32()) for _ in range(tiles * layers)]
    crc = zlib.crc32(payload[: reader.at])
    if crc != reader.u32():
        raise StreamError("the index of tiles does not match its checksum: the file is damaged")
    reader.need(sum(length for length, _ in index))
    chunks: list[list[bytes]] = [[] for _ in range(tiles)]
    for at, (length, crc) in enumerate(index):
        layer, tile = divmod(at, tiles)
        chunk = reader.take(length)
        if zlib.crc32(chunk) != crc:
            raise StreamError(f"layer {layer} of tile {tile} does not match its checksum: the file is damaged")
        chunks[tile].append(chunk)
    reader.end()
    return chunks


class CutChunkError(TruncatedError):
    """A chunk that is not whole."""

    def __init__(self, message: str, left: bytes):
        super().__init__(message)
        self.left = left
        """What there is of it."""


def unpack_damaged_tiles(payload: bytes, tiles: int, layers: int) -> list[list[bytes | StreamError]]:
    """Return chunks[tile][layer], or what is wrong with a chunk; [[payload]] for one tile, which has no checksums.

    A chunk counts if it is where the index says and matches its own checksum, even if the index does not.
    """
    if tiles == 1:
        return [[payload]]
    reader = Reader(payload)
    chunks: list[list[bytes | StreamError]] = [[] for _ in range(tiles)]
    index: list[tuple[int, int]] = []
    error: StreamError = TruncatedError("the file ends before the index of its tiles does")
    try:
        reader.need(tiles * layers * MIN_CHUNK_ENTRY_BYTES + CRC_BYTES)
        index = [(reader.varint(), reader.u32()) for _ in range(tiles * layers)]
        reader.take(CRC_BYTES)
    except StreamError as wrong:
        error, index = wrong, []
    for at in range(tiles * layers):
        layer, tile = divmod(at, tiles)
        chunk: bytes | StreamError = error
        if index:
            length, crc = index[at]
            chunk = payload[reader.at : reader.at + length]
            if len(chunk) < length:
                chunk = CutChunkError(f"the file ends before layer {layer} of tile {tile} does", chunk)
            elif zlib.crc32(chunk) != crc:
                chunk = StreamError(f"layer {layer} of tile {tile} does not match its checksum: the file is damaged")
            reader.at = min(reader.at + length, len(payload))
        chunks[tile].append(chunk)
    return chunks


def section_bytes(data: bytes) -> dict[str, int]:
    """Return how the bytes of a file are spent: on the header with all checksums, and on each kind of section.

    Raises as unpack does for a header that is not whole and right.
    """
    reader = Reader(data)
    _, entries = _unpack_header(reader, math.inf)
    spent, left = {"header": len(data)}, len(data) - reader.at
    for kind, length in entries:
        name, there = SECTION_NAMES.get(kind, f"section {kind}"), min(length, left)
        spent[name] = spent.get(name, 0) + there
        spent["header"] -= there
        left = max(0, left - length - CRC_BYTES)
    return spent


def _check_kinds(kinds: list[int], alpha: bool) -> None:
    """Raise StreamError unless the sections are ones that we can make a picture from."""
    for kind in kinds:
        if kind not in SECTION_NAMES and kind < ANCILLARY:
            raise StreamError(f"section kind {kind} is needed, and unknown to this gargalo: get a newer one")
        if kind in SECTION_NAMES and kinds.count(kind) > 1:
            raise StreamError(
                f"{kinds.count(kind)} {SECTION_NAMES[kind]} sections, at most one is allowed: the file is damaged"
            )
    if LATENTS not in kinds:
        raise StreamError("no LATENTS section: there is no picture in this file")
    if alpha != (ALPHA in kinds):
        raise StreamError("the alpha flag and the ALPHA section must come together: the file is damaged")


def varint(number: int) -> bytes:
    """Return LEB128: 7 bits a byte, lowest first, the high bit set in all but the last byte."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


class Reader:
    """Takes numbers and bytes from the front of data; TruncatedError where they run out."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def need(self, count: int) -> None:
        left = len(self.data) - self.at
        if count > left:
            raise TruncatedError(f"ends early: {count} more bytes are needed, {left} are left; get a whole copy")

    def take(self, count: int) -> bytes:
        self.need(count)
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def varint(self) -> int:
        number = 0
        for position in range(MAX_VARINT_BYTES):
            byte = self.byte()
            number |= (byte & 0x7F) << 7 * position
            if byte < 0x80:
                if byte == 0 and position:
                    raise StreamError("a number is not in its shortest form: the file is damaged")
                return number
        raise StreamError(f"a number has more than {MAX_VARINT_BYTES} bytes: the file is damaged")

    def end(self) -> None:
        if self.at != len(self.data):
            raise StreamError(f"{len(self.data) - self.at} bytes after the end, which are not ours: get another copy")
