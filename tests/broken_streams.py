"""Streams that every decoder must refuse, made from good ones: fields of any value under checksums that hold.

scripts/vectors writes those of `refused` and of `unbound`, whose picture may be shown, as vectors; test_hostile.py and
fuzz.py change more of them at random.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from runtime import container


@dataclass(frozen=True)
class Parts:
    """The fields of a file, legal or not; numbers that are varints may be given as bytes."""

    width: int | bytes
    height: int | bytes
    flags: int
    bundle_id: bytes
    level: int
    tile: int
    """log2 of the side of a tile in pixels"""
    sections: Sequence[tuple[int, bytes]]
    magic: bytes = container.MAGIC
    version: int = container.VERSION
    lengths: dict[int, int] = field(default_factory=dict)
    """lengths that the table tells instead of the right ones, by the section's place"""

    @classmethod
    def of(cls, stream: bytes) -> "Parts":
        """Return the fields of a good stream; unknown sections are lost."""
        header, sections = container.unpack(stream)
        flags = 1 * header.gray | 2 * header.alpha | 4 * header.subsampled
        tile = header.tile_px.bit_length() - 1
        return cls(header.width, header.height, flags, header.bundle_id, header.level, tile, [*sections.items()])

    def but(self, **changes: Any) -> bytes:
        """Return the file with some fields changed."""
        return replace(self, **changes).pack()

    def pack(self) -> bytes:
        """Return the file, all of its checksums right."""
        head = self.magic + bytes([self.version, self.flags]) + self.bundle_id + bytes([self.level, self.tile])
        head += varint(self.width) + varint(self.height) + bytes([len(self.sections)])
        for place, (kind, body) in enumerate(self.sections):
            head += bytes([kind]) + varint(self.lengths.get(place, len(body)))
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
        return head + b"".join(body + struct.pack("<I", zlib.crc32(body)) for _, body in self.sections)

    def with_section(self, kind: int, body: bytes) -> bytes:
        """Return the file with another body of a section that it has."""
        return self.but(sections=[(k, body if k == kind else old) for k, old in self.sections])


def varint(number: int | bytes) -> bytes:
    """Return a number as FORMAT.md section 1 has it; bytes as they are."""
    if isinstance(number, bytes):
        return number
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def flipped(data: bytes, bit: int) -> bytes:
    """Return data with one bit changed, counted from the lowest of the first byte."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def chunks_of(payload: bytes, tiles: int) -> list[bytes]:
    """Return the chunks of a LATENTS section of several tiles, layer by layer (FORMAT.md section 3)."""
    lengths, at = [], 0
    for _ in range(3 * tiles):
        number, shift = 0, 0
        while payload[at] > 0x7F:
            number, shift, at = number | (payload[at] & 0x7F) << shift, shift + 7, at + 1
        lengths.append(number | payload[at] << shift)
        at += 5
    at += 4
    chunks = []
    for length in lengths:
        chunks.append(payload[at : at + length])
        at += length
    return chunks


def joined(chunks: Sequence[bytes]) -> bytes:
    """Return a LATENTS section of such chunks, its checksums right."""
    index = b"".join(varint(len(chunk)) + struct.pack("<I", zlib.crc32(chunk)) for chunk in chunks)
    return b"".join([index, struct.pack("<I", zlib.crc32(index)), *chunks])


def refused(
    small: bytes, wild: bytes, alpha: bytes, tiled: bytes, top_level: int, reason_of: Callable[[bytes], str]
) -> dict[str, tuple[str, bytes]]:
    """Return what is wrong and the stream, by name, made of four good ones: `wild` has escapes, `tiled` 2 x 2 tiles.

    `reason_of` tells why reference_decoder refuses a stream, "" if it does not: three cases are searched with it, and
    left out where no single bit leads to them.
    """
    parts, latents = Parts.of(small), dict(Parts.of(small).sections)[container.LATENTS]
    see_through, tiles = Parts.of(alpha), Parts.of(tiled)
    opacity, squares = dict(see_through.sections)[container.ALPHA], dict(tiles.sections)[container.LATENTS]
    with_escapes, wild_latents = Parts.of(wild), dict(Parts.of(wild).sections)[container.LATENTS]
    both = [*parts.sections, *parts.sections]
    area = int(see_through.height * see_through.width + see_through.height)  # type: ignore[operator]
    chunks = chunks_of(squares, 4)

    subsampled = parts.flags & 4 > 0

    def first(byte: int, behind: bytes = b"", possible: bool = True) -> bytes | None:
        """Return the stream with another first byte of its latents, and more behind it."""
        return parts.with_section(container.LATENTS, bytes([byte]) + behind + latents[1:]) if possible else None

    def plane(data: bytes, behind: bytes = b"") -> bytes:
        return see_through.with_section(container.ALPHA, b"\1" + zlib.compress(data) + behind)

    def searched(reason: str, stream: Parts, body: bytes) -> bytes | None:
        """Return the stream with the first flipped bit of its latents, from the end, that this reason refuses."""
        tries = (stream.with_section(container.LATENTS, flipped(body, at)) for at in reversed(range(8 * len(body))))
        return next((data for data in tries if reason in reason_of(data)), None)

    found: dict[str, tuple[str, bytes | None]] = {
        "empty": ("no byte at all", b""),
        "magic": ("another magic", parts.but(magic=b"\x89PNG")),
        "version-3": ("a version of the past", parts.but(version=3)),
        "version-5": ("a version to come", parts.but(version=5)),
        "flag-3": ("an unknown flag", parts.but(flags=8)),
        "gray-and-alpha": ("flags that exclude each other", see_through.but(flags=3)),
        "gray-alpha-subsampled": ("the same and one more", see_through.but(flags=7)),
        "chroma": ("another number of parts than the flags say", parts.but(flags=parts.flags ^ 4)),
        "bundle-id": ("weights that nobody has", parts.but(bundle_id=bytes(8))),
        "level": ("a level above the bundle's last", parts.but(level=top_level + 1)),
        "tile-5": ("tiles of 32 pixels", parts.but(tile=5)),
        "tile-13": ("tiles of 8192 pixels", parts.but(tile=13)),
        "width-0": ("no column", parts.but(width=0)),
        "height-above": ("2**20 + 1 rows", parts.but(height=2**20 + 1)),
        "size-of-all-memory": ("2**20 x 2**20 pixels in few bytes", parts.but(width=2**20, height=2**20)),
        "size-larger": ("a larger picture than its latents", parts.but(width=640, height=640)),
        "size-smaller": ("a smaller picture than its latents", Parts.of(tiled).but(tile=7, width=1, height=1)),
        "varint-long": ("a width not in its shortest form", parts.but(width=b"\x81\x00")),
        "varint-endless": ("a width of six bytes", parts.but(width=b"\x81\x80\x80\x80\x80\x01")),
        "header-check": ("a wrong check of the header", flipped(small, 8 * (parts_end(small) - 1))),
        "section-crc": ("a wrong checksum of a section", flipped(small, 8 * len(small) - 1)),
        "section-longer": ("a section longer than the file", parts.but(lengths={0: len(latents) + 1})),
        "section-shorter": ("a section shorter than in the file", parts.but(lengths={0: len(latents) - 1})),
        "section-of-32-gib": ("a length that no file has", parts.but(lengths={0: 2**35 - 1})),
        "section-0": ("an unknown critical section", parts.but(sections=[*parts.sections, (0, b"")])),
        "section-127": ("another one", parts.but(sections=[(127, b"needed"), *parts.sections])),
        "latents-none": ("no picture", parts.but(sections=[])),
        "latents-twice": ("two pictures", parts.but(sections=both)),
        "exif-twice": ("two sections EXIF", parts.but(sections=[*parts.sections, (3, b"1"), (3, b"2")])),
        "alpha-unasked": ("ALPHA without its flag", parts.but(sections=[*parts.sections, (2, b"\0\1")])),
        "alpha-missing": ("the flag without ALPHA", parts.but(flags=2)),
        "cut": ("the last byte is missing", small[:-1]),
        "tail": ("a byte behind the end", small + b"\0"),
        "lanes": ("2**13 lanes", parts.with_section(container.LATENTS, bytes([13]) + latents[1:])),
        "corrections": ("an unknown kind of corrections", first(latents[0] | 64)),
        "corrections-none": ("corrections of no part", first(latents[0] | 32, b"\0\0")),
        "corrections-part": ("corrections of a part that is left out", first(16, b"\0\x80\1", subsampled)),
        "corrections-cut": ("corrections cut off", parts.with_section(container.LATENTS, bytes([48, 255]))),
        "least-0": ("a least index of 0", first(latents[0] | 16, b"\2\0\0")),
        "least-255": ("a least index that the bundle has not", first(latents[0] | 16, b"\2\0\xff")),
        "shifts-padding": ("bits behind the last shift", first(latents[0] & 15 | 32, b"\2\0\x88\x81")),
        "state": ("a state below 2**16", parts.with_section(container.LATENTS, latents[:3] + b"\0\0" + latents[5:])),
        "latents-cut": ("latents without their last byte", parts.with_section(container.LATENTS, latents[:-1])),
        "latents-tail": ("a byte behind the latents", parts.with_section(container.LATENTS, latents + b"\0")),
        "latents-empty": ("latents of no byte", parts.with_section(container.LATENTS, b"")),
        "final-state": ("a final state that is none", searched("final state", parts, latents)),
        "padding": ("raw bits padded with ones", searched("padding", parts, latents)),
        "escape": ("an escape for a magnitude that the table has", searched("escape", with_escapes, wild_latents)),
        "alpha-mode": ("an unknown mode of ALPHA", see_through.with_section(container.ALPHA, b"\2" + opacity[1:])),
        "alpha-filter": ("an unknown filter", plane(b"\4" + bytes(area - 1))),
        "alpha-short": ("a sample too few", plane(bytes(area - 1))),
        "alpha-long": ("a sample too many", plane(bytes(area + 1))),
        "alpha-tail": ("a byte behind the zlib stream", plane(bytes(area), b"\0")),
        "alpha-unchecked": (
            "a zlib stream with a wrong checksum",
            see_through.with_section(container.ALPHA, flipped(opacity, 8 * len(opacity) - 1)),
        ),
        "tiles-index-crc": (
            "a wrong checksum of the index of tiles",
            tiles.with_section(container.LATENTS, flipped(squares, 8 * 12 * 5 + 8)),
        ),
        "tiles-chunk-crc": (
            "a wrong checksum of a chunk",
            tiles.with_section(container.LATENTS, flipped(squares, 8 * len(squares) - 1)),
        ),
        "tiles-tail": ("a byte behind the last chunk", tiles.with_section(container.LATENTS, squares + b"\0")),
        "tiles-swapped": (
            "the layers of two tiles exchanged",
            tiles.with_section(container.LATENTS, joined([chunks[1], chunks[0], *chunks[2:]])),
        ),
        "tiles-states-missing": (
            "a first chunk that is empty",
            tiles.with_section(container.LATENTS, joined([b"", *chunks[1:]])),
        ),
    }
    return {name: (wrong, data) for name, (wrong, data) in found.items() if data is not None}


def unbound(coded: bytes, drawn: bytes) -> dict[str, tuple[str, bytes]]:
    """Return what is wrong and the stream, by name, of streams whose RESIDUAL is broken, made of two good ones of RGB
    pictures: `coded` in one strip, `drawn` with fewer colours than their numbers have room for.

    The picture without the section is whole: decoders show it and promise no bound, or refuse it.
    """
    parts, flat = Parts.of(coded), Parts.of(drawn)
    body, samples = (dict(each.sections)[container.RESIDUAL] for each in (parts, flat))
    classes = body[3]
    weights = 4 + classes - 1
    energies = weights + 2 * 14 * classes
    outside = energies + 2 * 10
    tables = outside + 2
    index = tables + 40 + sum(2 * (14 + 9 * p) * classes + classes - 1 + 2 * (10 + 3 * p) + 2 + 40 for p in (1, 2))
    strip = next(at for at in range(index, len(body)) if body[at] < 128) + 1 + 4
    colours, height, width = samples[2], flat.height, flat.width
    assert isinstance(height, int) and isinstance(width, int)
    bits = next(bits for bits in (1, 2, 4, 8) if colours <= 1 << bits)
    row, palette_end = -(-width * bits // 8), 3 + 3 * colours

    def with_body(changed: bytes) -> bytes:
        return parts.with_section(container.RESIDUAL, changed)

    def but(at: int, new: bytes) -> bytes:
        """Return the stream with other bytes in its section."""
        return with_body(body[:at] + new + body[at + len(new) :])

    def of_strip(new: bytes) -> bytes:
        """Return the stream with another strip, its length right."""
        return with_body(body[:index] + varint(len(new)) + body[strip - 4 : strip] + new)

    def draw(rows: bytes, behind: bytes = b"") -> bytes:
        """Return the stream of samples with other rows of numbers."""
        return flat.with_section(container.RESIDUAL, samples[:palette_end] + zlib.compress(rows) + behind)

    of_samples = partial(flat.with_section, container.RESIDUAL)
    falling = {"limits": ("limits that fall", but(4, b"\xff" + bytes(classes - 2)))} if classes > 2 else {}
    return falling | {
        "crc": ("a wrong checksum of the section", flipped(coded, 8 * len(coded) - 1)),
        "cut": ("the file ends inside the section", coded[: -len(body) // 2]),
        "gone": ("the file ends before the section", coded[: -len(body) - 4]),
        "empty": ("a section of no byte", with_body(b"")),
        "one-byte": ("a section of one byte", with_body(body[:1])),
        "bound": ("a bound of 128", but(0, b"\x80")),
        "kind": ("an unknown kind", but(1, b"\2")),
        "lanes": ("2**9 lanes", but(2, b"\x09")),
        "classes-0": ("no class", but(3, b"\0")),
        "classes-17": ("17 classes", but(3, b"\x11")),
        "energy": ("an energy of 2**12", but(energies, b"\0\x10")),
        "outside": ("a size outside of 2041", but(outside, struct.pack("<H", 2041))),
        "table": ("a table that there is not", but(tables, b"\xc0")),
        "parameters-cut": ("parameters cut off", with_body(body[:tables])),
        "index-cut": ("no length of the strip", with_body(body[:index])),
        "strip-longer": (
            "a strip longer than the section",
            with_body(body[:index] + b"\xff\xff\x7f" + body[strip - 4 :]),
        ),
        "strip-empty": ("a strip of no byte", of_strip(b"")),
        "strip-cut": ("a strip without its last word", of_strip(body[strip:-2])),
        "strip-tail": ("a word behind the last one of a strip", of_strip(body[strip:] + b"\0\0")),
        "strip-crc": ("a wrong checksum of the samples", but(strip - 4, flipped(body[strip - 4 : strip], 0))),
        "state": ("a state below 2**16", but(strip, b"\0\0\0\0")),
        "tail": ("a byte behind the strips", with_body(body + b"\0")),
        "samples-none": ("samples of no byte", of_samples(samples[:2])),
        "samples-palette": ("colours cut off", of_samples(samples[: palette_end - 1])),
        "samples-colour": ("a number of a colour that there is not", draw((b"\0" + b"\xff" * row) * height)),
        "samples-filter": ("an unknown filter", draw((b"\4" + bytes(row)) * height)),
        "samples-short": ("a row too few", draw(bytes((1 + row) * (height - 1)))),
        "samples-long": ("a byte too many", draw(bytes((1 + row) * height + 1))),
        "samples-tail": ("a byte behind the zlib stream", draw(bytes((1 + row) * height), b"\0")),
        "samples-adler": ("a zlib stream with a wrong checksum", of_samples(flipped(samples, 8 * len(samples) - 1))),
    }


def parts_end(stream: bytes) -> int:
    """Return the length of a good stream's header with its check."""
    return len(stream) - sum(len(body) + 4 for _, body in Parts.of(stream).sections)
