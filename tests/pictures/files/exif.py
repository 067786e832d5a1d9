"""EXIF and XMP that tell nothing but an orientation."""

import struct


def exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """Return EXIF from its TIFF header on; kind is 3 for SHORT, as it must be, or 4 for LONG, as some write it."""
    if order == ">":
        orientation <<= 16 if kind == 3 else 0
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "HHHIII", 1, 0x0112, kind, 1, orientation, 0)


def xmp(orientation: int, element: bool = False) -> bytes:
    """Return an XMP packet with tiff:Orientation as an attribute or an element."""
    told = f'tiff:Orientation="{orientation}"/>'
    if element:
        told = f"><tiff:Orientation>{orientation}</tiff:Orientation></rdf:Description>"
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {told}'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()
