"""Whole-file writes. What reads and writes pictures is in `pictures`."""

import os
import stat
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Writes all of data to path or leaves path as it was: a draft beside it is renamed last.

    What is overwritten keeps its permissions, and a link to it stays one. Raises OSError that names path.
    """
    if path.exists() and not path.is_file():  # a device such as /dev/null must stay one
        path.write_bytes(data)
        return
    place = Path(os.path.realpath(path))
    draft = place.with_name(f".gargalo-{os.urandom(4).hex()}.part")
    try:
        with draft.open("xb") as file:
            file.write(data)
            if place.exists():
                with suppress(OSError):  # some cards' file systems have no permissions
                    draft.chmod(stat.S_IMODE(place.stat().st_mode))
                file.flush()
                os.fsync(file.fileno())  # a power cut may lose the new picture, but not both
        draft.replace(place)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink()
