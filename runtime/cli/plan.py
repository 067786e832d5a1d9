"""Which files go where: a job for each file that the arguments of a command stand for."""

import glob
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePath
from typing import TypeVar

from runtime.cli.jobs import Existing, Job
from runtime.cli.options import Batch
from runtime.console import STREAM, complain, shown
from runtime.errors import InputError
from runtime.pictures.suffixes import same_format
from runtime.spec import THUMBNAIL_SUFFIX

AnyPath = TypeVar("AnyPath", bound=PurePath)
_Entry = tuple[Path, Path | None]
"""A file, and its path below the folder that was given, None if it is skipped there."""


def plan(
    batch: Batch, suffix: str, accepted: Collection[str], check: Callable[[Path, Path], object] = lambda *_: None
) -> tuple[list[Job], list[Path]]:
    """Return a job for each input, once the cheap checks hold: inputs there, outputs free; and the skipped files.

    Outputs get the suffix; accepted are the suffixes that count in a folder, whose other files are skipped. A check
    that fails, as may the command's own of a source and its target, is the job's error. Raise InputError where the
    arguments do not go together.
    """
    if batch.output is None and len(batch.inputs) == 2 and Path(batch.inputs[1]).suffix.lower() == suffix:
        raise InputError(f"{batch.inputs[1]} is given as a second input; for an output give -o {batch.inputs[1]}")
    links: list[Path] = []
    entries = dict.fromkeys(entry for text in batch.inputs for entry in _expand(text, accepted, batch.recursive, links))
    warn_of_links(links, batch)
    wanted = [(source, below) for source, below in entries if below is not None]
    several = len(wanted) > 1 or any(Path(text).is_dir() for text in batch.inputs)
    into_folder = _into_folder(batch.output, several, suffix)
    jobs: list[Job] = []
    takers: dict[str, Path] = {}
    for source, below in wanted:
        target = _target(batch, source, below, suffix, into_folder)
        try:
            if source.suffix.lower() == suffix:
                already = f"{source} is a {suffix} file already"
                if batch.existing is Existing.SKIP:  # as when a command with a pattern for all files is run again
                    jobs.append(Job(source, target, batch.existing, needless=shown(already)))
                    continue
                raise InputError(f"{already}; compress takes pictures, decompress takes .gar files")
            if source == target == STREAM and several:
                raise InputError("several outputs cannot go to stdout; give a folder to -o")
            _check(source, target, into_folder, batch.recursive)
            check(source, target)
            taker = takers.setdefault(os.path.abspath(target), source)
            if taker != source:
                other = "name another with -o" if batch.keep_name else "give --keep-name, or name another with -o"
                raise InputError(f"{source}: its output {target} is also that of {taker}; {other}")
        except Exception as error:
            jobs.append(Job(source, target, batch.existing, error=error))
        else:
            copy = _copy(source, target) if batch.skip_larger and into_folder and source != STREAM else None
            jobs.append(Job(source, target, batch.existing, into_folder, copy=copy, keep_times=batch.keep_times))
    return jobs, [source for source, below in entries if below is None]


def warn_of_links(links: list[Path], batch: Batch) -> None:
    """Tell of folders that are left out."""
    if links and not batch.quiet:
        names = ", ".join(map(str, links))
        complain(f"warning: folders that are links are not followed, give them as inputs of their own: {names}")


# --- inputs -----------------------------------------------------------------------------------------------------------


def _expand(text: str, accepted: Collection[str], recursive: bool, links: list[Path]) -> Iterator[_Entry]:
    """Yield each file that an input stands for; `links` gets the folders that are not followed."""
    path = Path(text)
    if text == "-":
        yield STREAM, Path("stdin")
    elif path.is_dir() and recursive:
        files = list(_files(path, accepted, links))
        yield from files
        if all(below is None for _, below in files):
            yield path, Path(path.name)  # refused by _check
    elif not path.exists() and glob.has_magic(text):  # a shell that does not expand it, or one that was told not to
        matches = sorted(glob.glob(text, recursive=True))
        for match in matches:
            if not os.path.isdir(match) or recursive:
                yield from _expand(glob.escape(match) if os.path.isdir(match) else match, accepted, recursive, links)
        if not matches:
            yield path, Path(path.name)
    else:
        yield path, Path(path.name)


def files_of(folder: Path, links: list[Path]) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders in alphabetical order, but for hidden ones. `links` gets the
    subfolders that are links, which are not followed.

    Raise OSError for a folder that cannot be read.
    """
    unread: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unread.append):
        if unread:
            raise unread[0]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links += (path for path in (Path(parent, name) for name in folders) if path.is_symlink())
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def _files(folder: Path, accepted: Collection[str], links: list[Path]) -> Iterator[_Entry]:
    """Yield the files of a folder and its subfolders in alphabetical order, but for hidden ones; then the folders that
    cannot be read, which _check refuses. `links` gets the subfolders that are links.
    """
    unread: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unread.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links += (path for path in (Path(parent, name) for name in folders) if path.is_symlink())
        for path in (Path(parent, name) for name in sorted(names) if not name.startswith(".")):
            yield path, path.relative_to(folder) if path.suffix.lower() in accepted else None
    yield from ((path, path.relative_to(folder)) for path in (Path(error.filename) for error in unread))


# --- outputs ----------------------------------------------------------------------------------------------------------


def _into_folder(output: str | None, several: bool, suffix: str) -> bool:
    """Return whether -o names a folder; raise InputError where several outputs would need one."""
    if output is None:
        return False
    if several and output == "-":
        raise InputError("-o - takes one file; give a folder to -o")
    if several and Path(output).exists() and not Path(output).is_dir():
        raise InputError(f"{output} is a file; several outputs need a folder")
    if several and Path(output).suffix == suffix and not (Path(output).exists() or output.endswith(("/", os.sep))):
        raise InputError(f"{output} would be a {suffix} file; several outputs need a folder, such as {output}{os.sep}")
    return output != "-" and (several or Path(output).is_dir() or output.endswith(("/", os.sep)))


def _target(batch: Batch, source: Path, below: Path, suffix: str, into_folder: bool) -> Path:
    """Return where the output of a source goes."""
    if batch.output is None:
        return STREAM if source == STREAM else renamed(source, suffix, batch.keep_name)
    return Path(batch.output) / renamed(below, suffix, batch.keep_name) if into_folder else Path(batch.output)


def renamed(path: AnyPath, suffix: str, keep_name: bool) -> AnyPath:
    """Return the path with another suffix, or one more; `.` and `/`, folders that have no name, as they are.

    A picture whose name was kept gets it back: a.png.gar becomes a.png, and a.jpg.gar, as a PNG, a.jpg.png.
    """
    if path.suffix.lower() in (".gar", THUMBNAIL_SUFFIX) and same_format(path.with_suffix("").suffix, suffix):
        return path.with_suffix("")
    if keep_name and path.name:
        return path.with_name(path.name + suffix)
    return path.with_suffix(suffix) if path.name else path


def _copy(source: Path, target: Path) -> Path | None:
    """Return where a source that is better kept goes, beside its target; None where it lies there."""
    copy = target.with_name(source.name)
    return None if copy.exists() and copy.samefile(source) else copy


def _check(source: Path, target: Path, into_folder: bool, recursive: bool) -> None:
    """Raise InputError or OSError unless source is a file and target can be written."""
    if source != STREAM:
        source.stat()  # raises FileNotFoundError
        if source.is_dir():
            os.scandir(source).close()  # raises PermissionError
            hint = "it has no file of a format that we read" if recursive else "give -r to take the files in it"
            raise InputError(f"{source} is a folder; {hint}")
    if target == STREAM:
        return
    if target.is_dir():
        raise InputError(f"{target} is a folder; give a file name to -o")
    if target.exists() and source != STREAM and target.samefile(source):
        raise InputError(f"{source} is input and output at once; name another output with -o")
    if not into_folder and not target.parent.is_dir():
        raise InputError(f"{target.parent} is not a folder; create it first")
