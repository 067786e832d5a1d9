"""Everything that can go wrong with a picture, a stream or a bundle.

    CodecError
    ├── InputError       this picture or argument cannot be used
    ├── StreamError      these bytes are not a stream that we can decode
    │   └── TruncatedError   ... because they end too early
    └── BundleError      these weights are missing, damaged or not the ones that the stream needs

A message says what we got, what we need and what to do.
"""


class CodecError(Exception):
    """Base of all errors that a caller may want to catch."""


class InputError(CodecError):
    """The picture or an argument cannot be used."""


class StreamError(CodecError):
    """The bytes are foreign, of an unsupported version, or damaged."""


class TruncatedError(StreamError):
    """The bytes end before the stream does."""


class BundleError(CodecError):
    """The weights are missing, damaged, or not the ones that the stream needs."""
