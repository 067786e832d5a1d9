"""What all families of codecs share, in export as in the runtime. Everything here is part of FORMAT.md."""

FORMAT = 4
"""Version of the stream format, the byte after the magic, and of bundles."""

DEFAULT_BUNDLE = "standard"
THUMBNAIL_BUNDLES = ("thumbnail",)
"""The shipped bundles of thumbnails by their numbers, which stay theirs; all others are for whole pictures."""

KEPT_BUNDLE = r".+-\d+"
"""The name of a folder of weights in whose place others have come: NAME-N, for files of earlier releases."""

THUMBNAIL_SUFFIX = ".gat"
THUMBNAIL_BYTES = (16, 128, 2048)
"""Of a thumbnail's whole file: at least, usually, and at most (docs/format/thumbnail.md)."""

MIME_TYPES = {".gar": "image/x-gargalo", THUMBNAIL_SUFFIX: "image/x-gargalo-thumbnail"}
"""By the suffixes of files."""

SUBSAMPLING = ("auto", "4:4:4", "4:2:0")
"""What an encoder may be asked for: all of chroma or, as in 4:2:0, not its finest details; by default it chooses."""

MOST_ERROR = 127
"""The largest bound on what a sample is off by; 0 is lossless."""

GRID_ZERO = 128
"""Zero point of all 8-bit values that networks take and give."""

INDEX_ZERO_LOG2 = -3.5
"""Scale index 0 stands for a scale of 2 ** -3.5 steps and less: such residuals are zero and are not coded."""
INDEX_PER_OCTAVE = 4
"""Scale indexes in an octave of scales."""
