"""EXIF, XMP and ICC payloads made byte by byte; EXIF is that of a Canon with its note, a position and a thumbnail."""

import re
import struct

from runtime.pictures import exif

SECRET = b"53.5503N"
OWNER = b"Anna Gargalo\0"
THUMBNAIL = b"\xff\xd8\xff\xdb" + b"thumbnail" * 20 + b"\xff\xd9"
_KIND_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 10: 8}

Field = tuple[int, int, bytes]


def directory(fields: list[Field], order: str, at: int, following: int = 0) -> bytes:
    """Return a directory to stand at a place, followed by those of its values that do not fit into it."""
    values_at = at + 2 + 12 * len(fields) + 4
    table, values = struct.pack(f"{order}H", len(fields)), b""
    for tag, kind, stored in sorted(fields):
        table += struct.pack(f"{order}HHI", tag, kind, len(stored) // _KIND_BYTES[kind])
        if len(stored) > 4:
            table += struct.pack(f"{order}I", values_at + len(values))
            values += stored + bytes(len(stored) % 2)
        else:
            table += stored.ljust(4, b"\0")
    return table + struct.pack(f"{order}I", following) + values


def camera(order: str = "<", orientation: int = 1, width: int = 64, height: int = 48, thumbnail: bool = True) -> bytes:
    """Return EXIF in the order of a camera: first directory, exposure, note, position, thumbnail.

    The note's value has its place in the whole of EXIF, as Canon does it: it is lost when anything moves.
    """

    def short(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}H", *values)

    def long(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}I", *values)

    resolution: list[Field] = [(282, 5, long(300, 1)), (283, 5, long(300, 1)), (296, 3, short(2))]

    def main(exif_at: int, gps_at: int, second_at: int) -> bytes:
        fields: list[Field] = [
            *resolution,
            (270, 2, "Straße in Gårdsjö\0".encode()),
            (271, 2, b"Canon\0"),
            (272, 2, b"Canon EOS 5D\0"),
            (274, 3, short(orientation)),
            (531, 3, short(1)),
            (0x9C9B, 1, "Title é".encode("utf-16le") + b"\0\0"),
            (34665, 4, long(exif_at)),
            (34853, 4, long(gps_at)),
        ]
        return directory(fields, order, 8, second_at)

    def exposure(at: int, note: bytes) -> bytes:
        fields: list[Field] = [
            (33434, 5, long(1, 250)),
            (34855, 3, short(200)),
            (36864, 7, b"0232"),
            (37121, 7, b"\1\2\3\0"),
            (37396, 3, short(30, 20, 8, 6)),
            (37500, 7, note),
            (40960, 7, b"0100"),
            (40961, 3, short(1)),
            (40962, 3, short(width)),
            (40963, 3, short(height)),
        ]
        return directory(fields, order, at)

    position: list[Field] = [
        (0, 1, b"\2\3\0\0"),
        (1, 2, b"N\0"),
        (2, 5, long(53, 1, 33, 1, 1, 1)),
        (27, 7, b"ASCII\0\0\0GPS"),
        (28, 7, b"ASCII\0\0\0" + SECRET),
    ]
    exif_at = 8 + len(main(0, 0, 0))
    blank = directory([(9, 2, OWNER)], order, 0)
    note_at = exif_at + exposure(exif_at, blank).index(blank)
    told = exposure(exif_at, directory([(9, 2, OWNER)], order, note_at))
    gps_at = exif_at + len(told)
    gps = directory(position, order, gps_at)
    second_at = gps_at + len(gps) if thumbnail else 0

    def second(place: int) -> bytes:
        fields: list[Field] = [*resolution, (259, 3, short(6)), (513, 4, long(place)), (514, 4, long(len(THUMBNAIL)))]
        return directory(fields, order, second_at)

    tail = second(second_at + len(second(0))) + THUMBNAIL if thumbnail else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + long(8)
    return head + main(exif_at, gps_at, second_at) + told + gps + tail


def listed(block: bytes, at: int | None = None) -> list[int]:
    """Return the tags of a directory, by default the first one."""
    tiff = exif.Tiff(block)
    return [entry.tag for entry in tiff.directory(tiff.first if at is None else at).entries]


def value(block: bytes, tag: int) -> list[int]:
    """Return the whole numbers of a tag, wherever it is."""
    tiff = exif.Tiff(block)
    return next((tiff.numbers(e) for d in tiff.walk() for e in d.entries if e.tag == tag), [])


SPACES = {
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "HDRGainMap": "http://ns.apple.com/HDRGainMap/1.0/",
    "apdi": "http://ns.apple.com/pixeldatainfo/1.0/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/",
    "Device": "http://ns.google.com/photos/dd/1.0/device/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "GPano": "http://ns.google.com/photos/1.0/panorama/",
    "GDepth": "http://ns.google.com/photos/1.0/depthmap/",
    "OpCamera": "http://ns.oplus.com/photos/1.0/camera/",
    "MiCamera": "http://ns.xiaomi.com/photos/1.0/camera/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "acdsee-rs": "http://ns.acdsee.com/regions/",
    "apple-fi": "http://ns.apple.com/faceinfo/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "drone-dji": "http://www.dji.com/drone-dji/1.0/",
    "geo": "http://www.w3.org/2003/01/geo/wgs84_pos#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
}


def packet(attributes: str = "", properties: str = "") -> bytes:
    """Return an XMP packet of a rating and other properties."""
    used = [prefix for prefix in SPACES if f"{prefix}:" in f"xmp: {attributes} {properties}"]
    spaces = " ".join(f'xmlns:{prefix}="{SPACES[prefix]}"' for prefix in used)
    return f"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" {spaces} xmp:Rating="4" {attributes}>{properties}</rdf:Description>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()


def said(xmp: bytes) -> bytes:
    """Return what a packet says: without its declarations of namespaces, and white space."""
    return b"".join(re.sub(rb'xmlns:\S+="[^"]*"', b"", xmp).split())


def profile(colours: bytes = b"RGB ", length: int = 200) -> bytes:
    """Return the header of an ICC profile and nothing that a colour engine could use."""
    head = length.to_bytes(4, "big") + bytes(12) + colours + b"XYZ " + bytes(12) + b"acsp"
    return head.ljust(length, b"\x5a")


FACES = (
    '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList/></mwg-rs:Regions><MP:RegionInfo>1</MP:RegionInfo>'
    "<acdsee-rs:Regions>1</acdsee-rs:Regions><apple-fi:FaceID>7</apple-fi:FaceID>"
    "<Iptc4xmpExt:ImageRegion><rdf:Bag/></Iptc4xmpExt:ImageRegion>"
)
