"""Stores that fsspec opens: listed by pages, read, and written whole at once under the final name.

A store that does not answer, or does not want us any more, is asked again for minutes. This is the only door to fsspec.
"""

import errno
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, TypeVar

from runtime.cli.places import Address
from runtime.console import complain
from runtime.errors import InputError

Result = TypeVar("Result")

_S3 = ("s3", "s3a")
PATIENCE_S = 300.0
"""How long an operation is tried again before its file fails; once one was, others are not until one succeeds."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_TELL_S = 10.0
"""How long it is asked again without a word."""
_FINAL = (FileNotFoundError, PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError)
_FINAL_NUMBERS = {errno.EINVAL, errno.ENAMETOOLONG, errno.EPERM, errno.ENOSYS}
_PASSING = (
    *("Timeout", "Connect", "ServerDisconnected", "HTTPClient", "IncompleteRead", "ResponseStreaming", "Payload"),
    *("Checksum", "CredentialRetrieval"),
)
"""In the names of exceptions, how the libraries below fsspec call what may be over soon."""
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}

_given_up = _told = False


# --- listing ----------------------------------------------------------------------------------------------------------


def listed(folder: Address) -> Iterator[tuple[Address, str]]:
    """Yield the files below an address, but for hidden ones, each with what tells it from a later one of its name.

    That is its ETag, or else size and time. An address of a file yields that file. Raise OSError, InputError.
    """
    found = False
    for name, info in _pages(folder) if folder.protocol in _S3 else _walked(folder):
        found = True
        below = PurePosixPath(name).relative_to(folder.path)
        if not any(part.startswith(".") for part in below.parts):
            odd = str(PurePosixPath(name)) != name or "?versionId=" in name  # what s3fs takes for an older version
            yield Address(folder.protocol, PurePosixPath(name), name if odd else ""), _version(info)
    if not found and len(folder.path.parts) > 1 and (file := _file(folder)):
        yield folder, _version(file)


def _pages(folder: Address) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects below an address of S3 by pages: s3fs itself would keep all of them in memory."""
    bucket, *parts = folder.path.parts or ("",)
    prefix = "/".join(parts) + "/" if parts else ""
    asked = {"Bucket": bucket, "Prefix": prefix}
    while True:
        page = _patiently(folder, lambda store, _: store.call_s3("list_objects_v2", asked))
        for entry in page.get("Contents", ()):
            if not entry["Key"].endswith("/"):  # what consoles make for a folder
                yield f"{bucket}/{entry['Key']}", entry
        if not page.get("IsTruncated"):
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]


def _walked(folder: Address) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the files below an address of any other store, folder by folder; of one that is not there, none."""
    try:
        entries = _patiently(folder, lambda store, path: store.ls(path, detail=True))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in sorted(entries, key=lambda entry: str(entry["name"])):
        below = folder / PurePosixPath(entry["name"]).name
        if entry["type"] == "directory":
            yield from _walked(below)
        elif below.name != folder.name or len(entries) > 1:  # some list a file as a folder of itself
            yield str(below.path), entry


def _file(address: Address) -> dict[str, Any] | None:
    """Return what a store tells of a file, None of one that is not there."""
    try:
        info: dict[str, Any] = _patiently(address, lambda store, path: store.info(path))
    except FileNotFoundError:
        return None
    return info if info["type"] == "file" else None


def _version(info: dict[str, Any]) -> str:
    """Return what tells a file from a later one of the same name."""
    tag = info.get("ETag") or info.get("etag") or info.get("md5Hash")
    size = info.get("Size", info.get("size"))
    times = (info[key] for key in ("mtime", "LastModified", "last_modified", "updated", "created") if info.get(key))
    return str(tag).strip('"') if tag else f"{size}-{next(times, '')}"


# --- reading and writing ----------------------------------------------------------------------------------------------


def read(address: Address) -> bytes:
    """Return the bytes of a file; raise OSError, InputError, which name it."""
    return bytes(_patiently(address, lambda store, path: store.cat_file(path)))


def write(address: Address, data: bytes, overwrite: bool) -> None:
    """Write a whole file in one request; FileExistsError where overwrite would be needed, whoever was first."""
    mode = "overwrite" if overwrite else "create"
    _patiently(address, lambda store, path: store.pipe_file(path, data, mode=mode))


# --- patience ---------------------------------------------------------------------------------------------------------


def _patiently(address: Address, act: Callable[[Any, str], Result]) -> Result:
    """Return what act makes of the store and the path in it, tried again for minutes if what fails may pass."""
    global _given_up, _told
    began_s, pause_s = time.monotonic(), _FIRST_PAUSE_S
    while True:
        store, path = _opened(address)
        try:
            result = act(store, path)
            _given_up = _told = False
            return result
        except Exception as error:
            patience_s = 0.0 if _given_up else PATIENCE_S
            if not _passes(error):
                raise _named(error, address) from error
            if time.monotonic() - began_s + pause_s > patience_s:
                _given_up = True
                raise _named(error, address) from error
            if _code(error) in _EXPIRED:
                store.clear_instance_cache()  # the next one asks for credentials anew
            if time.monotonic() - began_s > _TELL_S and not _told:
                _told = True
                complain(f"warning: {address}: {_line(error)}; asking again for {PATIENCE_S:.0f} s")
        time.sleep(pause_s * random.uniform(0.75, 1.25))  # so that many workers do not come back at once
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _opened(address: Address) -> tuple[Any, str]:
    """Return the store of an address and the path in it; raise InputError where there is no such kind of store."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise InputError(f"{address} needs fsspec; pip install 'gargalo[fleet]'") from error
    root, *parts = address.path.parts or ("",)
    options: dict[str, int] = {}
    if address.protocol in _S3:
        options = {"max_concurrency": 1}  # else a read is two requests
        os.environ.setdefault("AWS_MAX_ATTEMPTS", "1")  # as for patience, we have our own
    try:  # of the root alone, as a name may hold what fsspec takes for a chain of stores
        store, path = url_to_fs(f"{address.protocol}://{root}", use_listings_cache=False, **options)
    except (ImportError, ValueError) as error:
        raise InputError(f"{address}: {error}") from error
    if address.protocol in _S3:
        store.retries = 1
    return store, "/".join((path.rstrip("/"), *parts))


def _passes(error: BaseException) -> bool:
    """Return whether what went wrong may be over in a while."""
    if _code(error) in _EXPIRED:
        return True
    if isinstance(error, OSError):
        return not isinstance(error, _FINAL) and error.errno not in _FINAL_NUMBERS
    return any(word in kind.__name__ for kind in type(error).__mro__ for word in _PASSING)


def _code(error: BaseException) -> str:
    """Return the code that S3 gave to an error, or to one that it came from."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def _line(error: Exception) -> str:
    """Return what a library says of an error, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _named(error: Exception, address: Address) -> Exception:
    """Return an error that names the address and says in one line what to do."""
    text, code = _line(error), _code(error)
    if code == "NoSuchBucket":
        return FileNotFoundError(f"{address}: there is no bucket {address.path.parts[0]}")
    if isinstance(error, FileExistsError) or code == "PreconditionFailed":
        return FileExistsError(errno.EEXIST, "File exists", str(address))
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(errno.ENOENT, "No such file", str(address))
    if code in _EXPIRED:
        return PermissionError(f"{address}: credentials expired ({text}); renew them and run the command again")
    if isinstance(error, PermissionError):
        return PermissionError(f"{address}: no permission ({text}); check the credentials and the bucket's policy")
    if "Credentials" in type(error).__name__:
        return InputError(f"{address}: {text.rstrip('.')}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a role")
    if _passes(error):
        return OSError(f"{address}: the store did not answer for {PATIENCE_S:.0f} s ({text}); run the command again")
    return OSError(f"{address}: {text}") if isinstance(error, OSError) else error
