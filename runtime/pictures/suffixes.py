"""Suffixes of picture files. What counts is what is in a file; its suffix decides in folders, and for outputs."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".avif", ".ppm", ".bmp")
"""Of files that are written."""
HEIF = (".heic", ".heif", ".hif")
READABLE = (*SUFFIXES, ".gif", ".jp2", ".j2k", ".pgm", ".pbm", ".pnm", *HEIF)
"""Suffixes that make a file in a folder a picture; any other is tried when it is named."""
RAW = frozenset(
    """.3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw
    .rw2 .rwl .sr2 .srf .srw .x3f""".split()
)
"""Camera raw: many are TIFF files whose first picture is a thumbnail."""
