"""The boxes of AVIF files: turn, depth and metadata, from boxes made here and from real files, and hostile ones."""

import io
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import avif, pixels
from runtime.container import EXIF, ICC, XMP

needs_avif = pytest.mark.skipif(not cv2.haveImageWriter("x.avif"), reason="this OpenCV was built without AVIF")


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def item(number: int, kind: bytes, name: bytes = b"\0") -> bytes:
    return full(b"infe", struct.pack(">HH", number, 0), kind, name, version=2)


def made(
    properties: list[bytes], exif: bytes = b"", xmp: bytes = b"", brand: bytes = b"avif", idat: bool = False
) -> bytes:
    """A file of a picture with these properties, and metadata as items 2 and 3; there are no samples in it."""
    payloads = {2: struct.pack(">I", 6) + b"Exif\0\0" + exif if exif else b"", 3: xmp}
    items = [item(1, b"av01"), item(2, b"Exif"), item(3, b"mime", b"\0application/rdf+xml\0")]
    owned = b"".join(bytes([0x80 | number]) for number in range(1, len(properties) + 1))
    property_boxes = box(
        b"iprp",
        box(b"ipco", *properties),
        full(b"ipma", struct.pack(">IHB", 1, 1, len(properties)), owned),
    )
    head = box(b"ftyp", brand, bytes(4))
    body = payloads[2] + payloads[3]

    def meta(start: int) -> bytes:
        places, at = [], start
        for number, payload in payloads.items():
            method = struct.pack(">H", 1) if idat else b""
            places.append(struct.pack(">H", number) + method + struct.pack(">HHII", 0, 1, at, len(payload)))
            at += len(payload)
        located = full(b"iloc", b"\x44\x00", struct.pack(">H", 2), *places, version=1 if idat else 0)
        parts = [full(b"pitm", struct.pack(">H", 1)), full(b"iinf", struct.pack(">H", 3), *items), located]
        return full(b"meta", *parts, property_boxes, *([box(b"idat", body)] if idat else []))

    if idat:
        return head + meta(0)
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", body)


@pytest.mark.parametrize(
    "turn, mirror, orientation",
    [(None, None, 1), (None, 1, 2), (2, None, 3), (None, 0, 4), (1, 0, 5), (3, None, 6), (3, 0, 7), (1, None, 8)],
)
def test_turn_and_mirror_are_one_orientation(turn: int | None, mirror: int | None, orientation: int) -> None:
    properties = [box(b"irot", bytes([turn]))] if turn is not None else []
    properties += [box(b"imir", bytes([mirror]))] if mirror is not None else []
    assert avif.examine(made(properties), 1000).orientation == orientation


@pytest.mark.parametrize("idat", [False, True])
def test_depth_and_metadata_are_found(idat: bool) -> None:
    properties = [full(b"pixi", b"\3\x0a\x0a\x0a"), box(b"colr", b"prof", b"profile")]
    told = avif.examine(made(properties, exif=b"II*\0exif", xmp=b"<x/>", idat=idat), 1000)
    assert (told.depth, told.icc, told.exif, told.xmp) == (10, b"profile", b"II*\0exif", b"<x/>")
    assert told.whole and not told.animated


def test_what_is_too_long_is_left_out() -> None:
    told = avif.examine(made([box(b"colr", b"prof", bytes(99))], exif=bytes(99), xmp=bytes(99)), 50)
    assert (told.icc, told.exif, told.xmp) == (b"", b"", b"")


def test_parts_that_take_no_bytes_are_refused_before_they_take_memory() -> None:
    items = b"".join(struct.pack(">HHH", number, 0, 65535) for number in range(1, 4000))
    located = full(b"iloc", b"\0\0", struct.pack(">H", 3999), items)
    data = box(b"ftyp", b"avif", bytes(4)) + full(b"meta", full(b"pitm", struct.pack(">H", 1)), located)
    with pytest.raises(ValueError, match="parts"):
        avif.examine(data, 1000)


def test_a_sequence_is_animated() -> None:
    assert avif.examine(made([], brand=b"avis"), 1000).animated


def test_properties_of_other_items_do_not_count() -> None:
    data = made([box(b"irot", b"\1")]).replace(struct.pack(">IHB", 1, 1, 1), struct.pack(">IHB", 1, 2, 1))
    assert avif.examine(data, 1000).orientation == 1


WHOLE = made([full(b"pixi", b"\1\x08"), box(b"irot", b"\1"), box(b"colr", b"prof", b"icc")], b"II*\0", b"<x/>")


def test_every_truncation_is_found_out_or_harmless() -> None:
    meta = 16 + int.from_bytes(WHOLE[16:20], "big")
    for length in range(len(WHOLE)):
        try:
            told = avif.examine(WHOLE[:length], 1000)
        except ValueError:
            continue
        assert not told.whole or any(0 <= length - end < 8 for end in (0, 16, meta)), "only between boxes of the file"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_changed_bytes_are_a_value_error_or_harmless(data: st.DataObject) -> None:
    changed = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.sampled_from([0, 1, 2, 127, 128, 254, 255]))
    try:
        told = avif.examine(bytes(changed), 1000)
    except ValueError:
        return
    assert len(told.exif) <= 1000 and len(told.xmp) <= 1000 and told.orientation in range(1, 9)


# --- with OpenCV ------------------------------------------------------------------------------------------------------


@needs_avif
@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3), (48, 64, 4)])
def test_avif_is_written_and_read(shape: tuple[int, ...]) -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8), (9, 9), 3)
    back = pixels.decode(pixels.encode(picture, ".avif"), "p.avif")
    assert back.pixels.shape == shape and back.notes == ()
    assert np.abs(back.pixels.astype(int) - picture).max() < 24


@needs_avif
@pytest.mark.parametrize("depth", [10, 12])
def test_deep_samples_are_brought_to_8_bits(depth: int) -> None:
    """OpenCV hands over 0 .. 1023 in samples of 16 bits; taken for 0 .. 65535 the picture would be black."""
    ramp = np.repeat(np.arange(64)[None, :] * ((1 << depth) - 1) // 63, 48, 0).astype(np.uint16)
    options = [cv2.IMWRITE_AVIF_QUALITY, 100, cv2.IMWRITE_AVIF_DEPTH, depth]
    data = cv2.imencode(".avif", np.dstack([ramp] * 3), options)[1].tobytes()
    picture = pixels.decode(data, "p.avif")
    assert np.abs(picture.pixels[..., 1].astype(int) - np.arange(64) * 255 // 63).max() <= 3
    assert any("16-bit" in note for note in picture.notes)


@needs_avif
def test_metadata_goes_into_avif_and_comes_back() -> None:
    picture = np.full((32, 32, 3), 80, np.uint8)
    profile = (132).to_bytes(4, "big") + b"\0" * 12 + b"RGB XYZ " + b"\0" * 12 + b"acsp" + b"\0" * 92
    exif = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 271, 2, 4, 0x656D, 0)
    payloads = {EXIF: exif, ICC: profile, XMP: b"<x:xmpmeta/>"}
    notes: list[str] = []
    data = pixels.encode(picture, ".avif", payloads, notes)
    if hasattr(cv2, "imencodeWithMetadata"):
        assert notes == [] and pixels.decode(data, "p.avif").metadata == payloads
    else:
        assert len(notes) == 1 and pixels.decode(data, "p.avif").metadata == {}


@needs_avif
@pytest.mark.parametrize("orientation", range(1, 9))
def test_files_of_another_library_are_turned_upright(orientation: int) -> None:
    image = pytest.importorskip("PIL.Image")
    if not pytest.importorskip("PIL.features").check("avif"):
        pytest.skip("this Pillow has no AVIF")
    operations = pytest.importorskip("PIL.ImageOps")
    y, x = np.mgrid[:40, :64]
    source = image.fromarray(np.stack([4 * x, 6 * y, 128 + 0 * x], -1).astype(np.uint8))
    exif, buffer = image.Exif(), io.BytesIO()
    exif[274] = orientation
    exif[271] = "Gargalo"
    source.save(buffer, "AVIF", quality=95, subsampling="4:4:4", exif=exif, xmp=b"<x/>")
    ours = pixels.decode(buffer.getvalue(), "p.avif")
    theirs = np.asarray(operations.exif_transpose(image.open(buffer)))
    assert ours.pixels.shape == theirs.shape and np.abs(ours.pixels.astype(int) - theirs).max() <= 4
    assert b"Gargalo" in ours.metadata[EXIF] and ours.metadata[XMP] == b"<x/>"
