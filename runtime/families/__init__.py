"""The families of codecs, each behind the same seam."""
