"""Which EXIF, ICC and XMP may stand beside which pixels: what is made true, what goes, what is told."""

import pytest
from made_payloads import FACES, OWNER, SECRET, SPACES, THUMBNAIL, camera, directory, packet, profile, said
from PIL import Image

from runtime.container import EXIF, ICC, XMP
from runtime.pictures import exif, metadata, xmp


def fitting(
    payloads: dict[int, bytes], gray: bool = False, size: tuple[int, int] = (64, 48)
) -> tuple[dict[int, bytes], list[str]]:
    notes: list[str] = []
    return metadata.fitting(payloads, gray, notes, size), notes


def told(block: bytes, tag: int) -> object:
    """Return what Pillow reads of a tag in the first or the Exif directory."""
    seen = Image.Exif()
    seen.load(block)
    return seen.get(tag, seen.get_ifd(exif.EXIF_IFD).get(tag))


# --- turning ----------------------------------------------------------------------------------------------------------


def test_true_metadata_stays_byte_for_byte() -> None:
    payloads = {EXIF: camera(), ICC: profile(), XMP: packet('tiff:Orientation="1" tiff:ImageWidth="64"')}
    assert fitting(payloads) == (payloads, [])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_after_turning_exif_tells_of_upright_pixels(orientation: int, order: str) -> None:
    """Of 64 x 48 stored pixels; the thumbnail and the place of the subject belong to these."""
    kept, notes = fitting({EXIF: camera(order, orientation)}, size=(48, 64))
    block = kept[EXIF]
    assert notes == [] and metadata.orientation(kept) == 1
    assert (told(block, exif.ORIENTATION), told(block, exif.PIXEL_WIDTH), told(block, exif.PIXEL_HEIGHT)) == (1, 48, 64)
    assert THUMBNAIL not in block and told(block, exif.SUBJECT_AREA) is None
    assert block.index(OWNER) == camera(order).index(OWNER) and SECRET in block
    assert fitting(kept, size=(48, 64)) == (kept, [])


def test_sizes_that_were_wrong_become_right() -> None:
    fields = [(tag, 3, b"\5\0") for tag in (exif.WIDTH, exif.HEIGHT)]
    block = b"II*\0\x08\0\0\0" + directory(fields, "<", 8)
    kept, _ = fitting({EXIF: block, XMP: packet('exif:PixelXDimension="5"', "<tiff:ImageLength>5</tiff:ImageLength>")})
    assert (told(kept[EXIF], exif.WIDTH), told(kept[EXIF], exif.HEIGHT)) == (64, 48)
    assert xmp.value(kept[XMP], SPACES["exif"], "PixelXDimension") == "64"
    assert xmp.value(kept[XMP], SPACES["tiff"], "ImageLength") == "48"


@pytest.mark.parametrize("orientation, turned", [("6", 6), ("1", 1), ("0", 1), ("9", 1), ("66", 1), ("x", 1)])
def test_xmp_tells_the_orientation_where_exif_does_not(orientation: str, turned: int) -> None:
    packets = [packet(f'tiff:Orientation="{orientation}"')]
    packets.append(packet("", f"<tiff:Orientation>{orientation}</tiff:Orientation>"))
    silent = b"II*\0\x08\0\0\0" + directory([(271, 2, b"Gargalo\0")], "<", 8)
    for told_so in packets:
        assert metadata.orientation({XMP: told_so}) == metadata.orientation({XMP: told_so, EXIF: silent}) == turned
        assert metadata.orientation({XMP: told_so, EXIF: camera(orientation=3)}) == 3
        kept, _ = fitting({XMP: told_so, EXIF: camera()})
        assert xmp.value(kept[XMP], SPACES["tiff"], "Orientation") == "1"


def test_turning_by_xmp_alone_takes_the_thumbnail_too() -> None:
    block = camera().replace(b"\x12\x01\x03\0\x01\0\0\0\x01\0", b"\x13\x01\x03\0\x01\0\0\0\x01\0")  # no orientation
    turned = packet('tiff:Orientation="6"', "<xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails>")
    kept, _ = fitting({EXIF: block, XMP: turned}, size=(48, 64))
    assert THUMBNAIL in block and THUMBNAIL not in kept[EXIF] and b"<xmp:Thumbnails" not in kept[XMP]


def test_places_of_faces_stay_true_or_go_with_a_note() -> None:
    kept, notes = fitting({XMP: packet("", FACES)})
    assert kept[XMP] == packet("", FACES) and notes == []
    kept, notes = fitting({XMP: packet('tiff:Orientation="3"', FACES)})
    assert said(kept[XMP]) == said(packet('tiff:Orientation="1"'))
    assert len(notes) == 1 and "positions" in notes[0]


# --- what else was in the file ----------------------------------------------------------------------------------------

GONE = {
    'hdrgm:Version="1.0" hdrgm:GainMapMax="2"': ("", "a gain map"),
    'HDRGainMap:HDRGainMapVersion="65536"': ("", "a gain map"),
    'apdi:AuxiliaryImageType="urn:com:apple:photo:2020:aux:hdrgainmap"': ("", "a gain map"),
    'GCamera:MicroVideo="1" GCamera:MicroVideoVersion="1" GCamera:MicroVideoOffset="5020"': ("", "a video"),
    'GCamera:MotionPhoto="1" GCamera:MotionPhotoPresentationTimestampUs="1"': ("", "a video"),
    'OpCamera:VideoLength="3" OpCamera:OLivePhotoVersion="2"': ("", "a video"),
    'MiCamera:XMPMeta="&lt;subimage offset=&quot;5&quot;/&gt;"': ("", "further pictures"),
    'dcterms:provenance="self#jumbf=/c2pa/urn:uuid:1"': ("", "content credentials"),
    'xmpNote:HasExtendedXMP="0123456789ABCDEF0123456789ABCDEF"': ("", "a longer XMP"),
    "": (
        "<Container:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'><Container:Item Item:Semantic='GainMap' "
        "Item:Mime='image/jpeg' Item:Length='5'/></rdf:li></rdf:Seq></Container:Directory>",
        "further pictures",
    ),
    " ": ("<GCamera:MotionPhoto>1</GCamera:MotionPhoto>", "a video"),
    "  ": ("<Device:Container rdf:parseType='Resource'><Device:a>1</Device:a></Device:Container>", "further pictures"),
}


@pytest.mark.parametrize("attributes", GONE)
def test_xmp_does_not_promise_what_is_gone(attributes: str) -> None:
    properties, word = GONE[attributes]
    kept, notes = fitting({XMP: packet(attributes, properties + "<dc:title>GainMap</dc:title>")})
    rest = packet("", "<dc:title>GainMap</dc:title>")
    assert said(kept[XMP]) == said(rest)
    assert len(notes) == 1 and word in notes[0]
    assert fitting(kept) == (kept, [])
    assert not any(f'="{SPACES[prefix]}"'.encode() in kept[XMP] for prefix in ("hdrgm", "HDRGainMap", "Container"))


def test_what_a_camera_says_of_its_pixels_stays() -> None:
    given = packet('GCamera:BurstID="7" tiff:Make="Google" dcterms:provenance="attic"')
    assert fitting({XMP: given}) == ({XMP: given}, [])


# --- a part of the picture --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_region_shows_nothing_of_the_whole(order: str) -> None:
    whole = packet(
        'GPano:FullPanoWidthPixels="9000" GDepth:Data="/9j/" tiff:ImageWidth="64"',
        "<xmp:Thumbnails><rdf:Alt><rdf:li>/9j/</rdf:li></rdf:Alt></xmp:Thumbnails>" + FACES,
    )
    notes: list[str] = []
    part = metadata.of_region({EXIF: camera(order), ICC: profile(), XMP: whole}, notes)
    assert THUMBNAIL not in part[EXIF] and OWNER not in part[EXIF]  # a maker's note may have a preview
    assert told(part[EXIF], exif.SUBJECT_AREA) is None and SECRET in part[EXIF]
    assert part[ICC] == profile() and said(part[XMP]) == said(packet('tiff:ImageWidth="64"'))
    assert [note.split()[2] for note in notes] == ["EXIF", "XMP"]
    kept, _ = fitting(part, size=(20, 10))
    assert (told(kept[EXIF], exif.PIXEL_WIDTH), told(kept[EXIF], exif.PIXEL_HEIGHT)) == (20, 10)
    assert xmp.value(kept[XMP], SPACES["tiff"], "ImageWidth") == "20"


# --- what a user wants to keep ----------------------------------------------------------------------------------------


def test_strip_keeps_the_profile_alone() -> None:
    payloads = {EXIF: camera(), ICC: profile(), XMP: packet()}
    assert metadata.reduced(payloads, True, False, []) == {ICC: profile()}
    assert metadata.reduced(payloads, False, False, []) == payloads


@pytest.mark.parametrize("order", ["<", ">"])
def test_no_gps_leaves_no_trace_of_the_position(order: str) -> None:
    where = 'exif:GPSLatitude="53,33N" drone-dji:GpsLongtitude="9" drone-dji:Latitude="53" geo:lat="53"'
    created = "<dc:location rdf:parseType='Resource'><exif:GPSLongitude>9,59E</exif:GPSLongitude></dc:location>"
    notes: list[str] = []
    kept = metadata.reduced({EXIF: camera(order), ICC: profile(), XMP: packet(where, created)}, False, True, notes)
    assert notes == [] and SECRET not in kept[EXIF] and OWNER in kept[EXIF] and THUMBNAIL in kept[EXIF]
    rest = packet("", "<dc:location rdf:parseType='Resource'></dc:location>")
    assert said(kept[XMP]) == said(rest)


def test_exif_of_a_position_alone_is_gone_without_a_word() -> None:
    block = b"II*\0\x08\0\0\0" + directory([(exif.GPS_IFD, 4, b"\x1a\0\0\0")], "<", 8)
    block += directory([(1, 2, b"N\0")], "<", 26)
    notes: list[str] = []
    assert metadata.reduced({EXIF: block}, False, True, notes) == {} and notes == []


def test_xmp_in_which_a_word_of_the_position_is_left_is_left_out() -> None:
    notes: list[str] = []
    assert metadata.reduced({XMP: packet('dc:source="GPS 53,33N"')}, False, True, notes) == {}
    assert len(notes) == 1 and "position" in notes[0]


def test_exif_that_may_still_hold_a_position_is_left_out() -> None:
    block = camera()
    at = block.index(b"\x25\x88\x04\0\x01\0\0\0") + 8
    notes: list[str] = []
    assert metadata.reduced({EXIF: block[:at] + b"\xff" * 4 + block[at + 4 :]}, False, True, notes) == {}
    assert len(notes) == 1 and "EXIF is left out" in notes[0]


# --- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("colours", "gray", "fits"),
    [(b"RGB ", False, True), (b"GRAY", True, True), (b"CMYK", False, False), (b"GRAY", False, False)]
    + [(b"RGB ", True, False)],
)
def test_a_profile_stays_only_with_its_own_colours(colours: bytes, gray: bool, fits: bool) -> None:
    kept, notes = fitting({ICC: profile(colours)}, gray)
    assert (ICC in kept) == fits and (notes == []) == fits


def test_a_padded_payload_loses_its_padding() -> None:
    assert fitting({ICC: profile() + b"\0\0", XMP: packet() + b"\0"})[0] == {ICC: profile(), XMP: packet()}


@pytest.mark.parametrize(
    "payloads",
    [
        {EXIF: b"MM"},
        {EXIF: b"II*\0\xff\xff\xff\xff"},
        {EXIF: camera(orientation=6)[:300]},
        {EXIF: b"II+\0" + camera()[4:]},
        {EXIF: b"II*\0" + bytes(metadata.MAX_PAYLOAD_BYTES)},
        {ICC: b"short"},
        {ICC: profile()[:150]},
        {ICC: profile().replace(b"acsp", b"....")},
        {ICC: profile(b"\xff\xfe\xfd\xfc")},
        {XMP: b"\xff\xfe<\0"},
        {XMP: b"<\0>"},
        {XMP: b"<!DOCTYPE a><a/>"},
    ],
)
def test_bad_payloads_are_left_out_with_a_note(payloads: dict[int, bytes]) -> None:
    kept, notes = fitting(payloads)
    assert kept == {} and len(notes) == 1
    assert "left out" in notes[0] and notes[0].isascii() and "\n" not in notes[0]
