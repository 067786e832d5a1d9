"""Whole files: what bears a name is complete and on the disk, and without leave nothing that exists is replaced.

A draft beside the target is written and synced first; then it gets the name in one step, and the folder is synced.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_NO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
"""Of Linux's renameat2."""

owner = ""
"""What the names of this process's drafts have, so that others can remove them once it was killed."""


def write_whole(path: Path, data: bytes | Iterable[bytes], overwrite: bool = True) -> int:
    """Write all of data to path, on the disk when this returns, or leave path as it was; return how many bytes it is.

    Data may come in parts, and be made meanwhile.

    What is overwritten keeps its permissions, and a link to it stays one. Raises OSError, which names path:
    FileExistsError for a file that exists, whenever it appeared, unless overwrite is set.
    """
    if path.exists() and not path.is_file():  # a device such as /dev/null must stay one
        try:
            with path.open("wb") as file:
                return _write(file, data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
    target = Path(os.path.realpath(path))
    draft = target.with_name(f".gargalo-{owner}{os.urandom(4).hex()}.part")
    try:
        with draft.open("xb") as file:
            written = _write(file, data)
            if overwrite and target.exists():
                with suppress(OSError):  # some cards' file systems have no permissions
                    draft.chmod(stat.S_IMODE(target.stat().st_mode))
            file.flush()
            _sync(file.fileno())
        if overwrite:
            draft.replace(target)
        else:
            _name(draft, target)
        _sync_folder(target.parent)
        return written
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def _write(file: BinaryIO, data: bytes | Iterable[bytes]) -> int:
    """Write data to a file, and return how many bytes it is."""
    return sum(file.write(part) for part in ([data] if isinstance(data, bytes) else data))


def remove_drafts(folder: Path, owner: str) -> None:
    """Remove what a process that was killed has left in a folder, as far as the system lets us."""
    with suppress(OSError):
        for draft in folder.glob(f".gargalo-{owner}*.part"):
            draft.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, on the disk when this returns."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        _sync_folder(folder.parent)


def _name(draft: Path, target: Path) -> None:
    """Give a draft its name in one step; FileExistsError where that is taken."""
    if os.name == "nt":
        draft.rename(target)  # which replaces nothing there
        return
    try:
        os.link(draft, target)
    except FileExistsError:
        raise
    except OSError:  # what file systems without hard links, as on a camera's card, answer to one, differs
        if not _renamed(draft, target):
            _claimed(draft, target)


def _renamed(draft: Path, target: Path) -> bool:
    """Rename a draft where the system can do that without replacing anything, and return whether it can."""
    if sys.platform != "linux":
        return False
    import ctypes  # 5 ms that a file system with links does not need

    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(draft), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE) == 0:
        return True
    if ctypes.get_errno() == errno.EEXIST:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    return False


def _claimed(draft: Path, target: Path) -> None:
    """Take the name with an empty file, which is left there for as long as replacing that takes."""
    target.open("xb").close()
    try:
        draft.replace(target)
    finally:
        if draft.exists():
            target.unlink()


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name == "nt":  # has no way to ask for that
        return
    with suppress(OSError):  # a folder that one may write but not list
        opened = os.open(folder, os.O_RDONLY)
        try:
            _sync(opened)
        finally:
            os.close(opened)


def _sync(descriptor: int) -> None:
    """Wait until a file is on the disk, unless its file system cannot tell."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
