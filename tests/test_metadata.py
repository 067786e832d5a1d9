"""EXIF, ICC and XMP from file to .gar to file: what is kept, what is left out, what is hostile."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import metadata, pixels, structure, tiff
from runtime.codec import Codec
from runtime.compress import main as compress
from runtime.container import EXIF, ICC, XMP, unpack
from runtime.decompress import main as decompress

SUFFIXES = [".jpg", ".png", ".webp", ".tif"]
PACKET = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"1\"/></x:xmpmeta>"
SECRET = b"53.5503N"


def table(fields: list[tuple[int, int, int, bytes]], order: str, following: int = 0) -> bytes:
    """A directory of entries with 4 bytes of value or place."""
    body = b"".join(struct.pack(f"{order}HHI", tag, kind, count) + value for tag, kind, count, value in fields)
    return struct.pack(f"{order}H", len(fields)) + body + struct.pack(f"{order}I", following)


def camera(order: str = "<", orientation: int = 6) -> bytes:
    """EXIF as a telephone writes it: make, orientation, exposure, position, thumbnail, in this order of places."""

    def long(value: int) -> bytes:
        return struct.pack(f"{order}I", value)

    def short(value: int) -> bytes:
        return struct.pack(f"{order}HH", value, 0)

    make, exposure, position, thumbnail = (
        b"Gargalo\0",
        struct.pack(f"{order}II", 1, 250),
        SECRET,
        b"\xff\xd8thumb\xff\xd9",
    )
    make_at = 8 + 2 + 12 * 4 + 4
    exif_at = make_at + len(make)
    exposure_at = exif_at + 2 + 12 * 2 + 4
    gps_at = exposure_at + len(exposure)
    position_at = gps_at + 2 + 12 * 2 + 4
    second_at = position_at + len(position)
    thumbnail_at = second_at + 2 + 12 * 2 + 4
    main = [
        (271, 2, len(make), long(make_at)),
        (274, 3, 1, short(orientation)),
        (34665, 4, 1, long(exif_at)),
        (34853, 4, 1, long(gps_at)),
    ]
    return b"".join(
        [
            b"II*\0" if order == "<" else b"MM\0*",
            long(8),
            table(main, order, second_at),
            make,
            table([(33434, 5, 1, long(exposure_at)), (34855, 3, 1, short(200))], order),
            exposure,
            table([(1, 2, 2, b"N\0\0\0"), (2, 7, len(position), long(position_at))], order),
            position,
            table([(513, 4, 1, long(thumbnail_at)), (514, 4, 1, long(len(thumbnail)))], order),
            thumbnail,
        ]
    )


def profile(colours: bytes = b"RGB ", length: int = 200) -> bytes:
    """The header of an ICC profile and nothing that a colour engine could use."""
    head = struct.pack(">I", length) + bytes(12) + colours + b"XYZ " + bytes(12) + b"acsp"
    return head.ljust(length, b"\x5a")


def photo(*shape: int) -> np.ndarray:
    noise = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 3)


def kept(payloads: dict[int, bytes], gray: bool = False) -> tuple[dict[int, bytes], list[str]]:
    notes: list[str] = []
    return metadata.fitting(payloads, gray, notes), notes


def file_with(suffix: str, payloads: dict[int, bytes], *shape: int) -> bytes:
    """A picture file with payloads as they are, unchecked."""
    return structure.embed(pixels.encode(photo(*shape), suffix), suffix, payloads, [])


# --- the way through --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(24, 40, 3), (24, 40, 4), (1, 1, 3)])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_put_into_a_file_is_found_in_it(suffix: str, shape: tuple[int, ...]) -> None:
    if suffix == ".jpg" and shape[2] == 4:
        pytest.skip("JPEG has no alpha")
    payloads = {EXIF: camera(orientation=1), ICC: profile(length=150_000 if suffix == ".jpg" else 201), XMP: PACKET}
    plain = pixels.encode(photo(*shape), suffix)
    data = structure.embed(plain, suffix, payloads, [])
    picture = pixels.decode(data, "p")
    assert picture.notes == () and picture.pixels.shape == shape
    assert np.array_equal(picture.pixels, pixels.decode(plain, "p").pixels)
    if suffix == ".tif":  # its EXIF is its own tags
        assert tiff.numbers(picture.metadata[EXIF])[tiff.EXIF_IFD] > 0
        payloads[EXIF] = picture.metadata[EXIF]
    assert picture.metadata == payloads


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_pillow_sees_the_metadata_after_the_whole_way(source: str, target: str, order: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    colours = profile()
    (tmp_path / f"in{source}").write_bytes(
        file_with(source, {EXIF: camera(order), ICC: colours, XMP: PACKET}, 40, 24, 3)
    )
    assert compress([str(tmp_path / f"in{source}"), "-o", str(tmp_path / "x.gar")]) == 0
    assert decompress([str(tmp_path / "x.gar"), "-o", str(tmp_path / f"out{target}")]) == 0
    with image.open(tmp_path / f"out{target}") as seen:
        seen.load()
        found = seen.getexif()
        assert found[271] == "Gargalo" and found.get(274, 1) == 1
        assert float(found.get_ifd(34665)[33434]) == pytest.approx(1 / 250) and found.get_ifd(34665)[34855] == 200
        assert SECRET in found.get_ifd(34853)[2]
        assert seen.info["icc_profile"] == colours
        packet = seen.tag_v2[700] if target == ".tif" else seen.info["xmp"]
        assert PACKET.rstrip() in packet
        upright = (40, 24) if source != ".tif" else (24, 40)  # a TIFF's own orientation was 1
        assert seen.size == upright


def test_the_stream_has_the_payloads_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(file_with(".jpg", {EXIF: camera(orientation=1), ICC: profile(), XMP: PACKET}, 24, 40, 3))
    assert compress([str(path)]) == 0
    _, sections = unpack(path.with_suffix(".gar").read_bytes())
    assert (sections[EXIF], sections[ICC], sections[XMP]) == (camera(orientation=1), profile(), PACKET)


def test_strip_keeps_only_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(file_with(".jpg", {EXIF: camera(), ICC: profile(), XMP: PACKET}, 24, 40, 3))
    assert compress([str(path), "--strip"]) == 0
    _, sections = unpack(path.with_suffix(".gar").read_bytes())
    assert sections[ICC] == profile() and EXIF not in sections and XMP not in sections


@pytest.mark.parametrize("source", SUFFIXES)
def test_no_gps_leaves_no_trace_of_the_position(source: str, tmp_path: Path) -> None:
    path = tmp_path / f"p{source}"
    path.write_bytes(file_with(source, {EXIF: camera()}, 24, 40, 3))
    assert SECRET in path.read_bytes()
    assert compress([str(path), "--no-gps"]) == 0
    data = path.with_suffix(".gar").read_bytes()
    assert SECRET not in data and b"Gargalo" in data


# --- EXIF -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_orientation_becomes_1_and_the_turned_thumbnail_goes(order: str) -> None:
    upright = tiff.upright(camera(order, 6))
    same = camera(order, 1)
    end = same.index(SECRET) + len(SECRET)
    link = 8 + 2 + 12 * 4  # of the first directory, zeroed
    assert upright == same[:link] + bytes(4) + same[link + 4 : end]
    assert tiff.upright(same) == same
    assert tiff.numbers(tiff.upright(camera(order, 0)))[274] == 1


def test_a_thumbnail_that_is_not_last_is_only_unlinked() -> None:
    note = struct.pack("<II", 1, 250)
    made = table([(271, 2, 8, struct.pack("<I", 8 + 30 + 6)), (274, 3, 1, b"\x06\0\0\0")], "<", 8 + 30) + table([], "<")
    exif = b"II*\0" + struct.pack("<I", 8) + made + note
    assert tiff.upright(exif) == exif.replace(b"\x06\0\0\0\x26\0\0\0", b"\x01\0\0\0\0\0\0\0")


@pytest.mark.parametrize("order", ["<", ">"])
def test_without_gps_nothing_else_moves(order: str) -> None:
    exif = camera(order)
    cleaned = tiff.without_gps(exif)
    assert len(cleaned) == len(exif) and SECRET not in cleaned
    before, after = tiff.Tiff(exif), tiff.Tiff(cleaned)
    main = after.directory(after.first)
    assert [e.tag for e in main.entries] == [271, 274, 34665]
    assert main.next == before.directory(before.first).next
    at = tiff.numbers(cleaned)[tiff.EXIF_IFD]
    assert list(after.fields(at, 1000)) == list(before.fields(at, 1000))
    gps_at = tiff.numbers(exif)[tiff.GPS_IFD]
    assert not any(cleaned[gps_at : exif.index(SECRET) + len(SECRET)])
    assert tiff.without_gps(cleaned) == cleaned


def test_exif_that_may_still_hold_a_position_is_left_out() -> None:
    """The pointer leads into the first directory, or out of the data: nothing is certain."""
    exif = camera()
    pointer = exif.index(struct.pack("<HHI", 34853, 4, 1)) + 8
    for place in (8, 9, 20, len(exif) - 1, len(exif), 2**32 - 1):
        forged = exif[:pointer] + struct.pack("<I", place) + exif[pointer + 4 :]
        notes: list[str] = []
        assert metadata.reduced({EXIF: forged}, False, True, notes) == {}
        assert "position" in notes[0]


def test_xmp_with_a_position_is_left_out_by_no_gps() -> None:
    notes: list[str] = []
    packet = b"<rdf:Description exif:GPSLatitude='53,33N'/>"
    assert metadata.reduced({XMP: packet, ICC: profile()}, False, True, notes) == {ICC: profile()}
    assert len(notes) == 1
    assert metadata.reduced({XMP: PACKET}, False, True, []) == {XMP: PACKET}
    assert metadata.reduced({XMP: packet}, False, False, []) == {XMP: packet}


def test_the_orientation_in_xmp_becomes_1_too() -> None:
    turned = PACKET.replace(b'"1"', b'"8"') + b"<tiff:Orientation>6</tiff:Orientation>"
    assert kept({XMP: turned})[0][XMP] == PACKET + b"<tiff:Orientation>1</tiff:Orientation>"


# --- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("colours", "gray", "fits"),
    [
        (b"RGB ", False, True),
        (b"GRAY", True, True),
        (b"CMYK", False, False),
        (b"GRAY", False, False),
        (b"RGB ", True, False),
    ],
)
def test_a_profile_stays_only_with_its_own_colours(colours: bytes, gray: bool, fits: bool) -> None:
    left, notes = kept({ICC: profile(colours)}, gray)
    assert (ICC in left) == fits and (notes == []) == fits


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_the_profile_of_a_cmyk_picture_is_left_out(suffix: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / f"p{suffix}"
    image.fromarray(photo(16, 16, 4), "CMYK").save(path, icc_profile=profile(b"CMYK"))
    picture = pixels.read(path)
    assert picture.metadata == {} and any("CMYK" in note for note in picture.notes)


def test_a_gray_profile_goes_into_gray_files_only(
    tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "g.gar").write_bytes(codec.encode(photo(16, 16), metadata={ICC: profile(b"GRAY")}))
    assert decompress([str(tmp_path / "g.gar"), "-o", str(tmp_path / "g.png")]) == 0
    assert capfd.readouterr().err == ""
    assert pixels.read(tmp_path / "g.png").metadata == {ICC: profile(b"GRAY")}
    assert decompress([str(tmp_path / "g.gar"), "-o", str(tmp_path / "g.webp")]) == 0
    err = capfd.readouterr().err
    assert err.startswith("gargalo: warning: ") and "ICC" in err and err.count("\n") == 1
    assert pixels.read(tmp_path / "g.webp").metadata == {}


def test_a_padded_profile_loses_its_padding() -> None:
    assert kept({ICC: profile() + b"\0\0"})[0] == {ICC: profile()}


# --- formats that cannot hold it --------------------------------------------------------------------------------------


def test_what_does_not_fit_into_the_format_is_told(
    tmp_path: Path, codec: Codec, capfd: pytest.CaptureFixture[str]
) -> None:
    long = PACKET + b" " * 70_000
    (tmp_path / "p.gar").write_bytes(codec.encode(photo(16, 16, 3), metadata={XMP: long}))
    for suffix in (".jpg", ".ppm", ".bmp"):
        assert decompress([str(tmp_path / "p.gar"), "-o", str(tmp_path / f"p{suffix}")]) == 0
        err = capfd.readouterr().err
        assert "XMP" in err and "left out" in err and err.count("\n") == 1
    assert decompress([str(tmp_path / "p.gar")]) == 0
    assert pixels.read(tmp_path / "p.png").metadata == {XMP: long}


# --- hostile ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payloads",
    [
        {EXIF: b"MM"},
        {EXIF: b"II*\0\xff\xff\xff\xff"},
        {EXIF: camera()[:60]},
        {EXIF: b"II+\0" + camera()[4:]},
        {EXIF: b"II*\0" + bytes(structure.MAX_PAYLOAD_BYTES)},
        {ICC: b"short"},
        {ICC: profile()[:150]},
        {ICC: profile().replace(b"acsp", b"....")},
        {ICC: profile(b"\xff\xfe\xfd\xfc")},
        {XMP: b"\xff\xfe<\0"},
        {XMP: b"<\0>"},
    ],
)
def test_bad_payloads_are_left_out_with_a_note(payloads: dict[int, bytes]) -> None:
    left, notes = kept(payloads)
    assert left == {} and len(notes) == 1
    assert "left out" in notes[0] and notes[0].isascii() and "\n" not in notes[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bad_metadata_never_keeps_a_picture_from_being_compressed(
    suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"p{suffix}"
    payloads = {ICC: b"rubbish", XMP: b"\xff\xff"} | ({} if suffix == ".tif" else {EXIF: b"rubbish"})
    path.write_bytes(file_with(suffix, payloads, 24, 40, 3))
    assert compress([str(path)]) == 0
    warnings = capfd.readouterr().err.splitlines()
    assert len(warnings) == len(payloads) and all(line.startswith("gargalo: warning: ") for line in warnings)
    _, sections = unpack(path.with_suffix(".gar").read_bytes())
    assert not sections.keys() & {EXIF, ICC, XMP}


def test_a_profile_that_inflates_without_end_is_left_out() -> None:
    bomb = zlib.compress(bytes(64 << 20), 9)
    body = b"x\0\0" + bomb
    chunk = struct.pack(">I", len(body)) + b"iCCP" + body + struct.pack(">I", zlib.crc32(b"iCCP" + body))
    plain = pixels.encode(photo(8, 8, 3), ".png")
    found = structure.examine(plain[:33] + chunk + plain[33:])
    assert found.whole and found.metadata == {} and "too long" in found.notes[0]


def test_a_jpeg_profile_with_a_part_missing_is_left_out() -> None:
    data = file_with(".jpg", {ICC: profile(length=150_000)}, 8, 8, 3)
    at = data.index(b"ICC_PROFILE\0\2")
    found = structure.examine(data[: at + 12] + b"\7" + data[at + 13 :])
    assert found.whole and found.metadata == {} and "missing" in found.notes[0]


def test_a_tiff_whose_tags_all_claim_the_same_large_value_stays_small() -> None:
    """4000 tags of 1 MB each at the same place would make 4 GB of EXIF."""
    exif_at = 8 + table([(0, 0, 0, b"....")], "<").__len__()
    claims = [(40000 + i, 7, 1_000_000, struct.pack("<I", 8)) for i in range(4000)]
    data = b"II*\0" + struct.pack("<I", 8) + table([(34665, 4, 1, struct.pack("<I", exif_at))], "<")
    data += table(claims, "<") + bytes(1_000_000)
    assert len(tiff.exif_of(data, 2_500_000)) < 2_600_000


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_edit_of_exif_crashes_anything(data: st.DataObject) -> None:
    exif = bytearray(camera(data.draw(st.sampled_from("<>"))))
    for _ in range(data.draw(st.integers(1, 4))):
        exif[data.draw(st.integers(0, len(exif) - 1))] = data.draw(st.integers(0, 255))
    block = bytes(exif[: data.draw(st.integers(0, len(exif)))])
    payloads, _ = kept({EXIF: block})
    reduced = metadata.reduced(payloads, False, True, [])
    if EXIF in reduced:
        assert all(e.tag != tiff.GPS_IFD for d in tiff.Tiff(reduced[EXIF]).walk() for e in d.entries)
    for suffix in SUFFIXES:
        pixels.decode(pixels.encode(np.zeros((2, 2, 3), np.uint8), suffix, payloads), "p")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_edit_of_a_file_crashes_the_walkers(data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from(SUFFIXES))
    file = bytearray(file_with(suffix, {EXIF: camera(), ICC: profile(), XMP: PACKET}, 4, 4, 3))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    found = structure.examine(bytes(file[: data.draw(st.integers(0, len(file)))]))
    kept(found.metadata)
