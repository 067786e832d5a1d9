"""Which files go where, without doing anything; test_run.py has the same through the commands."""

import os
from pathlib import Path

import pytest

from runtime.cli.jobs import Existing
from runtime.cli.options import Batch
from runtime.cli.places import Place
from runtime.cli.plan import plan, renamed
from runtime.errors import InputError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in: a.png, in/b.jpg, in/sub/a.png, in/notes.txt, out/."""
    for name in ("a.png", "in/b.jpg", "in/sub/a.png", "in/notes.txt", "out/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def posix(place: Place) -> str:
    assert isinstance(place, Path)
    return place.as_posix()


def targets(*inputs: str, output: str | None = None) -> list[str]:
    """Return the targets of the jobs, none of which may have an error."""
    jobs, _ = plan(Batch(inputs, output, Existing.SKIP, recursive=True), ".gar", {".png", ".jpg"})
    assert all(job.error is None and job.existing is Existing.SKIP for job in jobs)
    return [posix(job.target) for job in jobs]


@pytest.mark.parametrize(
    "inputs, output, expected",
    [
        (["a.png"], None, ["a.gar"]),
        (["a.png"], "b", ["b"]),
        (["a.png"], "-", ["-"]),
        (["a.png"], "out", ["out/a.gar"]),
        (["a.png"], "new/", ["new/a.gar"]),
        (["a.png", "a.png"], "b", ["b"]),
        (["a.png", "in/b.jpg"], None, ["a.gar", "in/b.gar"]),
        (["a.png", "in/b.jpg"], "new", ["new/a.gar", "new/b.gar"]),
        (["in"], None, ["in/b.gar", "in/sub/a.gar"]),
        (["in"], "new", ["new/b.gar", "new/sub/a.gar"]),
        (["in", "a.png"], "new", ["new/b.gar", "new/sub/a.gar", "new/a.gar"]),
        (["*.png", "in/*.[jp]*"], None, ["a.gar", "in/b.gar"]),
        (["-"], None, ["-"]),
        (["-", "a.png"], "new", ["new/stdin.gar", "new/a.gar"]),
    ],
)
def test_targets(inputs: list[str], output: str | None, expected: list[str]) -> None:
    assert targets(*inputs, output=output) == expected


@pytest.mark.parametrize(
    "inputs, output, expected",
    [
        (["a.png"], None, ["a.png.gar"]),
        (["in"], "new", ["new/b.jpg.gar", "new/sub/a.png.gar"]),
        (["a.png", "a.jpg"], "new", ["new/a.png.gar", "new/a.jpg.gar"]),
        (["a.png"], "b", ["b"]),
        (["-"], None, ["-"]),
    ],
)
def test_keep_name_adds_a_suffix(inputs: list[str], output: str | None, expected: list[str], folder: Path) -> None:
    (folder / "a.jpg").touch()
    jobs, _ = plan(Batch(tuple(inputs), output, recursive=True, keep_name=True), ".gar", {".png", ".jpg"})
    assert [(posix(job.target), job.error) for job in jobs] == [(target, None) for target in expected]


@pytest.mark.parametrize(
    "name, suffix, target, kept",
    [
        ("a.gar", ".png", "a.png", "a.gar.png"),
        ("a.png.gar", ".png", "a.png", "a.png"),
        ("A.PNG.GAR", ".png", "A.PNG", "A.PNG"),
        ("a.jpeg.gar", ".jpg", "a.jpeg", "a.jpeg"),
        ("a.jpg.gar", ".png", "a.jpg.png", "a.jpg.gar.png"),
        ("a.png.gat", ".png", "a.png", "a.png"),
        ("a.b.gar", ".png", "a.b.png", "a.b.gar.png"),
        (".png.gar", ".png", ".png.png", ".png.gar.png"),
        ("a.gar.png", ".gar", "a.gar.gar", "a.gar.png.gar"),
    ],
)
def test_a_name_that_was_kept_is_given_back(name: str, suffix: str, target: str, kept: str) -> None:
    assert renamed(Path(name), suffix, False) == Path(target)
    assert renamed(Path(name), suffix, True) == Path(kept)


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
@pytest.mark.parametrize("quiet", [False, True])
def test_folders_that_are_links_are_told_and_not_followed(
    quiet: bool, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "in" / "link").symlink_to(folder / "out")
    (folder / "out" / "c.png").touch()
    jobs, _ = plan(Batch(("in",), recursive=True, quiet=quiet), ".gar", {".png", ".jpg"})
    assert [posix(job.source) for job in jobs] == ["in/b.jpg", "in/sub/a.png"]
    told = "gargalo: warning: folders that are links are not followed, give them as inputs of their own: in/link\n"
    assert capfd.readouterr().err == ("" if quiet else told)
    jobs, _ = plan(Batch(("in/link",), recursive=True), ".gar", {".png", ".jpg"})
    assert [posix(job.source) for job in jobs] == ["in/link/c.png"] and capfd.readouterr().err == ""


def test_files_of_other_suffixes_are_skipped_in_folders_alone() -> None:
    jobs, skipped = plan(Batch(("in", "in/notes.txt"), recursive=True), ".gar", {".png"})
    assert [posix(job.source) for job in jobs] == ["in/sub/a.png", "in/notes.txt"]
    assert [path.as_posix() for path in skipped] == ["in/b.jpg", "in/notes.txt"]


@pytest.mark.parametrize(
    "inputs, output, told",
    [
        (["a.png", "b.gar"], None, "for an output give -o b.gar"),
        (["a.png", "in"], "-", "-o - takes one file"),
        (["a.png", "in"], "a.png", "several outputs need a folder"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(inputs: list[str], output: str | None, told: str) -> None:
    with pytest.raises(InputError, match=told):
        targets(*inputs, output=output)


@pytest.mark.parametrize(
    "inputs, output, told",
    [
        (["none.png"], None, "No such file"),
        (["in"], None, "is a folder; give -r"),
        (["x.gar"], "y.gar", "is a .gar file already"),
        (["a.png"], "a.png", "is input and output at once"),
        (["a.png"], "new/b", "new is not a folder; create it first"),
        (["-", "a.png"], None, "several outputs cannot go to stdout"),
        (["a.png", "in/sub/a.png"], "out", "is also that of a.png"),
    ],
)
def test_what_is_wrong_with_one_file_is_its_own_error(inputs: list[str], output: str | None, told: str) -> None:
    jobs, _ = plan(Batch(tuple(inputs), output), ".gar", {".png"})
    errors = [str(job.error) for job in jobs if job.error]
    assert len(errors) == 1 and told in errors[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_plan_reads_no_file(folder: Path) -> None:
    """A pipe that nobody writes to would hang it."""
    os.mkfifo(folder / "in" / "pipe.png")
    assert targets("in") == ["in/b.gar", "in/pipe.gar", "in/sub/a.gar"]
