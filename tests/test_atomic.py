"""Whole-file writes: what is on the disk before a name is given, what is never replaced, on real file systems."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import atomic
from runtime.atomic import make_folder, remove_drafts, write_whole

PROJECT = Path(__file__).parents[1]
OLD, NEW = b"what was here before", b"new"
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refuse(number: int) -> object:
    """Stand for a system call that a file system does not have."""

    def call(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


# --- without leave nothing is replaced --------------------------------------------------------------------------------

WAYS = {
    "link": [],
    "no links by another error": [("os.link", refuse(errno.EXDEV))],
    "renameat2": [("os.link", refuse(errno.EPERM))],
    "claim": [("os.link", refuse(errno.EPERM)), ("runtime.atomic._renamed", lambda *_: False)],
}
"""How a draft gets its name: what is missing on the file system for each."""


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "claim" and sys.platform != "linux":
        pytest.skip("as the system has it")
    for name, stand_in in WAYS[request.param]:
        monkeypatch.setattr(name, stand_in)
    return str(request.param)


@posix
def test_a_new_name_is_given_and_a_taken_one_is_not(way: str, tmp_path: Path) -> None:
    path = tmp_path / "cam.gar"
    write_whole(path, OLD, overwrite=False)
    with pytest.raises(FileExistsError) as raised:
        write_whole(path, NEW, overwrite=False)
    assert raised.value.filename == str(path)
    assert path.read_bytes() == OLD and names(tmp_path) == ["cam.gar"]
    write_whole(path, NEW)
    assert path.read_bytes() == NEW and names(tmp_path) == ["cam.gar"]


@posix
def test_a_file_that_appears_at_the_last_moment_is_kept(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, name_it = tmp_path / "cam.gar", atomic._name

    def late(draft: Path, place: Path) -> None:
        path.write_bytes(OLD)
        name_it(draft, place)

    monkeypatch.setattr(atomic, "_name", late)
    with pytest.raises(FileExistsError):
        write_whole(path, NEW, overwrite=False)
    assert path.read_bytes() == OLD and names(tmp_path) == ["cam.gar"]


def test_of_many_that_write_one_name_at_once_one_does(tmp_path: Path) -> None:
    path, won = tmp_path / "cam.gar", []
    gate = threading.Barrier(8)

    def write(number: int) -> None:
        gate.wait()
        try:
            write_whole(path, bytes([number]) * 9999, overwrite=False)
        except FileExistsError:
            return
        won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and path.read_bytes() == bytes(won) * 9999 and names(tmp_path) == ["cam.gar"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_error_names_a_device_too() -> None:
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write_whole(Path("/dev/full"), NEW)


@posix
def test_a_name_that_is_claimed_is_given_back_when_the_rest_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.link", refuse(errno.EPERM))
    monkeypatch.setattr(atomic, "_renamed", lambda *_: False)
    monkeypatch.setattr(Path, "replace", refuse(errno.EIO))
    with pytest.raises(OSError, match="cam.gar"):
        write_whole(tmp_path / "cam.gar", NEW, overwrite=False)
    assert names(tmp_path) == []


@posix
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_that_leads_nowhere_gets_its_file(overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "cam.gar").symlink_to("far/real.gar")
    write_whole(tmp_path / "cam.gar", NEW, overwrite)
    assert (tmp_path / "cam.gar").is_symlink() and (tmp_path / "far" / "real.gar").read_bytes() == NEW
    assert names(tmp_path / "far") == ["real.gar"]


@posix
def test_a_link_to_a_file_is_one_that_exists(tmp_path: Path) -> None:
    (tmp_path / "real.gar").write_bytes(OLD)
    (tmp_path / "cam.gar").symlink_to("real.gar")
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "cam.gar", NEW, overwrite=False)
    assert (tmp_path / "real.gar").read_bytes() == OLD and names(tmp_path) == ["cam.gar", "real.gar"]


# --- what is overwritten ----------------------------------------------------------------------------------------------


@posix
def test_an_output_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "cam.gar"
    path.write_bytes(OLD)
    path.chmod(0o600)
    write_whole(path, NEW)
    assert path.read_bytes() == NEW and stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
def test_a_link_stays_a_link_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real.gar").write_bytes(OLD)
    (tmp_path / "cam.gar").symlink_to("far/real.gar")
    write_whole(tmp_path / "cam.gar", NEW)
    assert (tmp_path / "cam.gar").is_symlink()
    assert names(tmp_path / "far") == ["real.gar"] and (tmp_path / "far" / "real.gar").read_bytes() == NEW


def test_a_file_system_without_permissions_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera's card may refuse chmod."""
    path = tmp_path / "cam.gar"
    path.write_bytes(OLD)
    monkeypatch.setattr(Path, "chmod", refuse(errno.EPERM))
    write_whole(path, NEW)
    assert path.read_bytes() == NEW and names(tmp_path) == ["cam.gar"]


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="needs /dev/null")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_device_is_written_to_and_not_replaced(overwrite: bool) -> None:
    write_whole(Path("/dev/null"), b"data", overwrite)
    assert Path("/dev/null").is_char_device()


# --- on the disk ------------------------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The order of what is synced and named, as `sync NAME`, `link NAME` or `rename NAME`."""
    found: list[str] = []
    real_sync, real_link, real_replace = os.fsync, os.link, Path.replace

    def name_of(descriptor: int) -> str:
        return Path(os.readlink(f"/proc/self/fd/{descriptor}")).name

    def sync(descriptor: int) -> None:
        found.append(f"sync {'draft' if name_of(descriptor).endswith('.part') else name_of(descriptor)}")
        real_sync(descriptor)

    def link(draft: Path, place: Path) -> None:
        assert draft.stat().st_size == len(NEW)
        found.append(f"link {place.name}")
        real_link(draft, place)

    def replace(draft: Path, place: Path) -> Path:
        assert draft.stat().st_size == len(NEW)
        found.append(f"rename {place.name}")
        return real_replace(draft, place)

    if not Path("/proc/self/fd").exists():
        pytest.skip("reads Linux's /proc")
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(Path, "replace", replace)
    return found


@pytest.mark.parametrize("overwrite, named", [(False, "link"), (True, "rename")])
def test_bytes_are_on_the_disk_before_the_name_and_the_name_when_it_returns(
    overwrite: bool, named: str, calls: list[str], tmp_path: Path
) -> None:
    write_whole(tmp_path / "cam.gar", NEW, overwrite)
    assert calls == ["sync draft", f"{named} cam.gar", f"sync {tmp_path.name}"]


def test_new_folders_are_on_the_disk_too(calls: list[str], tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir() and calls == ["sync a", f"sync {tmp_path.name}"]


def test_a_disk_that_fails_to_sync_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cam.gar"
    path.write_bytes(OLD)
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(OSError) as raised:
        write_whole(path, NEW)
    assert raised.value.filename == str(path) and path.read_bytes() == OLD and names(tmp_path) == ["cam.gar"]


def test_a_file_system_that_cannot_sync_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", refuse(errno.EINVAL))
    write_whole(tmp_path / "cam.gar", NEW)
    assert names(tmp_path) == ["cam.gar"]


@pytest.fixture
def card(tmp_path: Path) -> Iterator[tuple[Path, Path, Path]]:
    """An ext4 file system in a file, mounted, and a folder to mount a copy at."""
    if not shutil.which("mkfs.ext4") or os.name != "posix":
        pytest.skip("no mkfs.ext4 here")
    image, place, after = tmp_path / "card", tmp_path / "card.d", tmp_path / "after.d"
    place.mkdir()
    after.mkdir()
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(place)], capture_output=True).returncode:
        pytest.skip("this user may not mount")
    yield image, place, after
    for mounted in (place, after):
        subprocess.run(["umount", str(mounted)], capture_output=True)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("folder", ["", "new/deep"])
def test_a_power_cut_after_the_return_loses_nothing(
    overwrite: bool, folder: str, card: tuple[Path, Path, Path]
) -> None:
    """The image as it is at that moment is what a power cut leaves: what was not synced is not in it."""
    image, place, after = card
    data = os.urandom(50_000)
    make_folder(place / folder)
    write_whole(place / folder / "cam.gar", data, overwrite)
    copy = image.with_name("copy")
    shutil.copy(image, copy)
    subprocess.run(["mount", "-o", "loop", str(copy), str(after)], check=True)
    assert (after / folder / "cam.gar").read_bytes() == data


def test_no_temporary_folder_is_needed(tmp_path: Path) -> None:
    code = """
import sys, tempfile
from pathlib import Path
from runtime.atomic import write_whole
def nowhere(*_, **__): raise FileNotFoundError("no usable temporary directory")
tempfile._get_default_tempdir = tempfile.gettempdir = nowhere
write_whole(Path(sys.argv[1]), b"new", False)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "cam.gar")], cwd=PROJECT, check=True)
    assert (tmp_path / "cam.gar").read_bytes() == NEW


KILLED = """
import os, signal, sys
from pathlib import Path
from runtime import atomic

def parts():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)

atomic.owner = sys.argv[2]
atomic.write_whole(Path(sys.argv[1]), parts())
"""


@posix
def test_what_a_killed_process_leaves_can_be_removed_and_nothing_else(tmp_path: Path) -> None:
    for owner in ("one-", "two-"):
        words = [sys.executable, "-c", KILLED, str(tmp_path / "a.gar"), owner]
        assert subprocess.run(words, env=os.environ | {"PYTHONPATH": str(PROJECT)}).returncode == -9
    (tmp_path / "b.gar").touch()
    assert len(names(tmp_path)) == 3
    remove_drafts(tmp_path, "one-")
    draft, other = names(tmp_path)
    assert draft.startswith(".gargalo-two-") and other == "b.gar"
    remove_drafts(tmp_path / "none", "one-")
