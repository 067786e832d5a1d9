"""What the viewer and thumbnailers show of a .gar or .gat file: a small picture, its facts, the picture itself."""

from base64 import b64encode
from typing import Any

from runtime import container, gat
from runtime.arrays import U8
from runtime.codec import suited
from runtime.files import decode, shared_codec
from runtime.incomplete import preview
from runtime.pictures import write
from runtime.pictures.square import on_white, within

PAYLOADS = {"exif": container.EXIF, "icc": container.ICC, "xmp": container.XMP}


def small(data: bytes, side_px: int) -> U8:
    """Return a picture whose longer side is at most so long, made of no more layers than that takes.

    Raise StreamError, BundleError.
    """
    if gat.is_thumbnail(data):
        return within(gat.decode(data), side_px)
    header, _, _ = container.unpack_unbound(data)
    family = suited(shared_codec(), header).family
    layers = len(family.layer_ends(header))
    if not family.traits.any_part:  # without the last layers there are details of 2, 4 ... pixels
        unneeded = (max(header.width, header.height) // side_px).bit_length() - 1
        layers = max(layers - max(unneeded, 0), 1)
    return within(preview(shared_codec(), data, layers), side_px)


def facts(data: bytes) -> dict[str, Any]:
    """Return what a file says of itself, ready for JSON; rows are names and texts. Raise StreamError."""
    if gat.is_thumbnail(data):
        family, message = gat.opened(data)
        rows = [("Kind", "thumbnail"), ("Weights", family.bundle.id.hex())]
        return _facts(gat.SIDE_PX, gat.SIDE_PX, data, rows, [("Message", len(message))], {})
    header, sections, lost = container.unpack_unbound(data)
    rows = [
        ("Colours", "gray" if header.gray else "RGB and alpha" if header.alpha else "RGB"),
        *([] if header.gray else [("Chroma", "4:2:0" if header.subsampled else "4:4:4")]),
        ("Level", f"{header.level}, more is finer"),
        ("Tiles", f"{header.tile_px} px"),
        ("Weights", header.bundle_id.hex()),
        *([("Damage", str(lost))] if lost else []),
    ]
    lengths = [(container.SECTION_NAMES[kind], len(body)) for kind, body in sections.items()]
    return _facts(header.width, header.height, data, rows, lengths, sections)


def _facts(
    width: int,
    height: int,
    data: bytes,
    rows: list[tuple[str, str]],
    lengths: list[tuple[str, int]],
    sections: dict[int, bytes],
) -> dict[str, Any]:
    payloads = {name: b64encode(sections[kind]).decode() for name, kind in PAYLOADS.items() if kind in sections}
    return {"width": width, "height": height, "bytes": len(data), "rows": rows, "sections": lengths} | payloads


def saved(data: bytes, suffix: str) -> bytes:
    """Return the picture as a file, .png or .jpg, with its metadata; in .jpg what is transparent becomes white.

    Raise StreamError, BundleError, InputError where the format cannot hold the picture.
    """
    if gat.is_thumbnail(data):
        return write.encode(gat.decode(data), suffix)
    header, sections, _ = container.unpack_unbound(data)
    pixels, _ = decode(data)
    if header.alpha and suffix == ".jpg":
        pixels = on_white(pixels)
    return write.encode(pixels, suffix, sections)
