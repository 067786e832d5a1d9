"""Everything that can go wrong with a picture, a stream or a bundle.

    CodecError
    ├── InputError       this picture or argument cannot be used
    ├── StreamError      these bytes are not a stream that we can decode
    │   ├── TruncatedError   ... because they end too early
    │   └── ResidualError    ... as exactly as they promise, but without that there is a picture
    └── BundleError      these weights are missing, damaged or not the ones that the stream needs

A message says what we got, what we need and what to do. A lack of memory is no CodecError but Python's MemoryError;
libraries that say it in another way are understood by `out_of_memory`.
"""

import errno
from collections.abc import Iterator

_NO_MEMORY = (
    "bad_alloc",
    "bad allocation",
    "out of memory",
    "outofmemory",
    "insufficient memory",
    "cannot allocate memory",
    "failed to allocate",
    "unable to allocate",
    "failed to map segment",
    "decoder error -9",  # libtiff through Pillow
)
"""How libraries say that memory ran out, in exceptions of all kinds."""


class CodecError(Exception):
    """Base of all errors that a caller may want to catch."""


class InputError(CodecError):
    """The picture or an argument cannot be used."""


class StreamError(CodecError):
    """The bytes are foreign, of an unsupported version, or damaged."""


class TruncatedError(StreamError):
    """The bytes end before the stream does."""


class ResidualError(StreamError):
    """What makes the picture exact is damaged; `incomplete.salvage` returns the picture without it."""


class BundleError(CodecError):
    """The weights are missing, damaged, or not the ones that the stream needs."""


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or one that it came from, says that memory ran out."""
    kinds = (isinstance(one, MemoryError) or getattr(one, "errno", None) == errno.ENOMEM for one in _chain(error))
    return any(kinds) or mentions(error, _NO_MEMORY)


def mentions(error: BaseException, phrases: tuple[str, ...]) -> bool:
    """Return whether an error, or one that it came from, has one of the phrases, in small letters.

    Ours and the system's do not count, as they speak of files, which may have any name.
    """
    libraries = (one for one in _chain(error) if not isinstance(one, CodecError) and not getattr(one, "errno", None))
    return any(phrase in str(one).lower() for one in libraries for phrase in phrases)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it came from, each once: some libraries close the chain to a ring."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
