"""A fleet's run does what the manifest does not tell of, and tells of all that it did; folders of this machine here."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from runtime.cli import fleet, manifest
from runtime.cli.engines import Prepare
from runtime.cli.fleet import run_fleet
from runtime.cli.jobs import Done, Existing, Job, Skipped, Work
from runtime.cli.options import Batch
from runtime.cli.process import deliver, take
from runtime.cli.run import Progress
from runtime.compress import main as compress
from runtime.decompress import main as decompress
from runtime.errors import InputError
from runtime.thumbnail import main as thumbnail

Capture = pytest.CaptureFixture[str]


def doubled() -> Work:
    """Return what doubles a file, and refuses an empty one."""

    def work(job: Job) -> Done:
        data = take(job.source)
        if not data:
            raise InputError(f"{job.source} is empty")
        deliver(job.target, 2 * data, job.overwrite, job.equal_is_done)
        return Done(len(data), 2 * len(data), 1.0, 2.0, (1, 1), [])

    return work


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder: a.in, b.in, empty.in, other.txt, .hidden.in, sub/c.in."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("a.in", "b.in", "sub/c.in", ".hidden.in", "other.txt"):
        (tmp_path / "in" / name).write_text(name)
    (tmp_path / "in" / "empty.in").touch()
    return tmp_path


def run(place: Path, made_with: object = 1, prepare: Prepare = doubled, **options: object) -> int:
    settings: dict[str, object] = {"inputs": (f"{place}/in",), "output": f"{place}/out", "recursive": True}
    batch = Batch(**settings | options)  # type: ignore[arg-type]
    return run_fleet(batch, ".out", (".in",), prepare, made_with)[0]


def outputs(place: Path) -> dict[str, str]:
    out = place / "out"
    return {path.relative_to(out).as_posix(): path.read_text() for path in sorted(out.rglob("*.out"))}


def rows(place: Path) -> list[dict[str, object]]:
    parts = sorted((place / "out" / manifest.FOLDER).glob("*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def test_each_file_has_a_row_and_a_bad_one_its_reason(folder: Path, capsys: Capture) -> None:
    assert run(folder) == 1
    assert outputs(folder) == {"a.out": "a.ina.in", "b.out": "b.inb.in", "sub/c.out": "sub/c.insub/c.in"}
    found = {PurePath(str(row["input"])).name: row for row in rows(folder)}
    assert len(found) == len(rows(folder)) == 4
    assert found["a.in"]["error"] is None and found["a.in"]["bytes_out"] == 8 and found["a.in"]["version"]
    assert found["empty.in"]["failure"] == "bad file" and "is empty" in str(found["empty.in"]["error"])
    out, err = capsys.readouterr()
    assert out.startswith("3 of 4 files, 1 failed (1 bad file), 16 B -> 32 B, ")
    assert err.splitlines() == [
        f"gargalo: {folder}/in/empty.in is empty",
        "gargalo: warning: skipped files that do not have a suffix of ours: 1 .txt",
    ]


def test_a_rerun_does_what_is_missing_changed_or_failed(folder: Path, capsys: Capture) -> None:
    run(folder)
    (folder / "in" / "b.in").write_text("other")
    (folder / "in" / "empty.in").write_text("mended")
    (folder / "in" / "new.in").write_text("new")
    (folder / "out" / "sub" / "c.out").unlink()
    capsys.readouterr()
    assert run(folder, json=True) == 0
    *lines, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert {PurePath(line["input"]).name for line in lines} == {"b.in", "empty.in", "new.in", "c.in"}
    assert last["summary"]["skipped"] == 1 and last["summary"]["done"] == 4
    assert outputs(folder)["b.out"] == "otherother" and len(outputs(folder)) == 5
    assert run(folder) == 0 and len(rows(folder)) == 8


def test_other_settings_make_outputs_of_ours_anew(folder: Path) -> None:
    run(folder)
    before = len(rows(folder))
    (folder / "in" / "empty.in").unlink()
    assert run(folder, made_with=2) == 0
    assert len(rows(folder)) == before + 3


def test_an_output_that_is_not_ours_is_kept_unless_it_is_what_would_be_written(folder: Path, capsys: Capture) -> None:
    (folder / "in" / "empty.in").unlink()
    (folder / "out").mkdir()
    (folder / "out" / "a.out").write_text("a.ina.in")
    (folder / "out" / "b.out").write_text("not ours")
    assert run(folder) == 1
    assert outputs(folder)["b.out"] == "not ours"
    assert [row["error"] is None for row in rows(folder)] == [True, False, True]
    assert "b.out exists, and is not what would be written; use -f" in capsys.readouterr().err
    assert run(folder, existing=Existing.SKIP) == 0 and outputs(folder)["b.out"] == "not ours"
    assert run(folder, existing=Existing.OVERWRITE) == 0 and outputs(folder)["b.out"] == "b.inb.in"


@pytest.mark.parametrize("existing", [Existing.KEEP, Existing.OVERWRITE])
@pytest.mark.parametrize("inputs", [1, 2])
def test_two_files_never_share_an_output(inputs: int, existing: Existing, folder: Path, capsys: Capture) -> None:
    """Also where their bytes are the same, and folders come between them in the alphabet."""
    (folder / "in" / "empty.in").unlink()
    (folder / "in" / "a.deep").mkdir()
    for name in ("a.deep/x.in", "a.IN"):
        (folder / "in" / name).write_text("a.in")
    for _ in range(2):
        batch = Batch((f"{folder}/in", f"{folder}/in/sub")[:inputs], f"{folder}/out", existing, True)
        assert run_fleet(batch, ".out", (".in",), doubled, 1) == (1, False)
        err = capsys.readouterr().err
        assert err.count("is also that of another file") == 1 and set(outputs(folder)) >= {"a.out", "a.deep/x.out"}


def test_what_was_not_told_when_a_run_ended_is_not_lost(folder: Path) -> None:
    """An output may be there without a row: the next run finds that it is what would be written."""

    def ending() -> Work:
        work, done = doubled(), []

        def until(job: Job) -> Done | Skipped:
            done.append(job)
            if len(done) == 3:
                raise KeyboardInterrupt
            return work(job)

        return until

    with pytest.raises(KeyboardInterrupt):
        run(folder, prepare=ending)
    assert len(rows(folder)) == 2
    for part in (folder / "out" / manifest.FOLDER).glob("*.jsonl"):
        part.unlink()
    (folder / "in" / "empty.in").unlink()
    assert run(folder) == 0 and len(outputs(folder)) == len(rows(folder)) == 3


@pytest.mark.parametrize(
    "text", ["{", '{"input": "a", "output": "b"}', '{"input": 1, "output": [], "error": null}', "[1]", "\0\xff", ""]
)
def test_rows_that_cannot_be_read_tell_nothing(text: str, folder: Path, capsys: Capture) -> None:
    """As of another version, or of a part that was cut off: their outputs are found to be equal, or made anew."""
    (folder / "in" / "empty.in").unlink()
    run(folder)
    part = max((folder / "out" / manifest.FOLDER).glob("*.jsonl"))
    whole = part.read_text().splitlines()
    part.write_text("\n".join([*whole[:2], whole[2][:40] if text == "{" else text, ""]), encoding="latin-1")
    capsys.readouterr()
    assert run(folder, json=True) == 0 and len(outputs(folder)) == 3
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["summary"]["skipped"] == 2
    assert f"gargalo: warning: {part}: rows that cannot be read: 1; " in err
    assert run(folder) == 0


def test_a_run_with_nothing_to_do_writes_nothing(folder: Path) -> None:
    (folder / "in" / "empty.in").unlink()
    run(folder)
    before = sorted(folder.rglob("*"))
    assert run(folder) == 0 and sorted(folder.rglob("*")) == before


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_are_not_left_out_without_a_word(folder: Path, capsys: Capture) -> None:
    (folder / "in" / "empty.in").unlink()
    (folder / "in" / "d.in").symlink_to("nothing")
    (folder / "in" / "link").symlink_to(folder / "in" / "sub")
    assert run(folder) == 1 and len(outputs(folder)) == 3
    err = capsys.readouterr().err
    assert f"{folder}/in/d.in: No such file" in err and f"give them as inputs of their own: {folder}/in/link" in err


def test_a_named_file_that_is_made_already_fails_and_one_named_twice_is_made_once(
    folder: Path, capsys: Capture
) -> None:
    (folder / "in" / "done.out").touch()
    named = (f"{folder}/in/done.out", f"{folder}/in/a.in", f"{folder}/in/a.in")
    assert run(folder, inputs=named) == 1 and set(outputs(folder)) == {"a.out"}
    err = capsys.readouterr().err
    assert "done.out is a .out file already" in err and err.count("\n") == 1


def test_a_dry_run_tells_what_would_be_made_and_makes_nothing(folder: Path, capsys: Capture) -> None:
    (folder / "in" / "empty.in").unlink()
    assert run(folder, dry_run=True) == 0 and not (folder / "out").exists()
    out, _ = capsys.readouterr()
    expected = [f"{folder}/in/{name}.in -> {folder}/out/{name}.out" for name in ("a", "b", "sub/c")]
    assert out.splitlines() == [*expected, "3 of 3 files would be made; nothing is done"]
    run(folder)
    (folder / "in" / "b.in").write_text("other")
    capsys.readouterr()
    assert run(folder, dry_run=True, json=True) == 0 and outputs(folder)["b.out"] == "b.inb.in"
    row, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert row["input"].endswith("b.in") and row["bytes_out"] is None and row["error"] is None
    assert last["summary"]["planned"] == 1 and last["summary"]["skipped"] == 2 and last["summary"]["done"] == 0


def test_names_and_times_are_kept_where_that_is_asked(folder: Path) -> None:
    (folder / "in" / "empty.in").unlink()
    (folder / "in" / "a.IN").write_text("a.IN")
    os.utime(folder / "in" / "a.in", (1e9, 1e9))
    assert run(folder, keep_name=True, keep_times=True) == 0
    assert set(outputs(folder)) == {"a.IN.out", "a.in.out", "b.in.out", "sub/c.in.out"}
    assert (folder / "out" / "a.in.out").stat().st_mtime == 1e9


@pytest.mark.parametrize("progress", [False, True])
def test_progress_is_told_also_into_a_log(progress: bool, folder: Path, capsys: Capture) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runtime.cli.run._PROGRESS_S", 0)
        run(folder, progress=progress)
    lines = [line for line in capsys.readouterr().err.splitlines() if "file/s" in line or "file [" in line]
    assert len(lines) == (4 if progress else 0)


def test_rows_are_written_by_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "_PART_ROWS", 2)
    run(folder)
    parts = sorted((folder / "out" / manifest.FOLDER).glob("*.jsonl"))
    assert [len(part.read_text().splitlines()) for part in parts] == [0, 2, 2]


def test_many_failures_are_told_by_few_lines(folder: Path, capsys: Capture) -> None:
    for number in range(50):
        (folder / "in" / f"{number}.in").touch()
    assert run(folder) == 1
    assert len(capsys.readouterr().err.splitlines()) == 22


def test_the_bar_learns_how_many_there_are(folder: Path) -> None:
    class Seen:
        total = 0

    class Joined(threading.Thread):
        def start(self) -> None:
            self.run()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runtime.cli.fleet.threading.Thread", Joined)
        fleet._expect(Progress(Seen), [folder / "in"], (".in",))
    assert Seen.total == 4


def test_jobs_come_one_after_the_other_as_files_are_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So memory does not grow with their number."""
    given = 0

    def endless(place: Path, links: list[Path]) -> Iterator[tuple[Path, str]]:
        nonlocal given
        while "in" in place.name:
            given += 1
            yield place / f"{given:09}.in", "1"

    monkeypatch.setattr(fleet, "_listed", endless)
    batch = Batch((f"{folder}/in",), f"{folder}/out", recursive=True)
    jobs = fleet._jobs(batch, [folder / "in"], folder / "out", ".out", (".in",), "", fleet._Sums())
    assert next(jobs).target == folder / "out" / "000000001.out"
    for _ in range(999):
        next(jobs)
    assert given <= 1001


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"output": None}, "give -o FOLDER"),
        ({"output": "x.out"}, "names a file"),
        ({"output": "-"}, "no stdin"),
        ({"recursive": False}, "is a folder; give -r"),
        ({"skip_larger": True}, "--skip-larger is for this machine's files"),
        ({"inputs": ("s3://bucket/x",), "keep_times": True}, "--keep-times gives files their times"),
        ({"inputs": ("/nonexistent/x",)}, "/nonexistent/x: there is no file"),
        ({"inputs": ("s3://",)}, "s3:// names no bucket"),
        ({"output": "s3:///"}, "s3:/// names no bucket"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_before_anything_is_written(
    options: dict[str, object], expected: str, folder: Path
) -> None:
    with pytest.raises(InputError, match=expected):
        run(folder, **options)  # type: ignore[arg-type]
    assert not (folder / "out").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions of POSIX do not bind root")
def test_a_folder_that_cannot_be_read_or_written_is_one_error(folder: Path) -> None:
    (folder / "in" / "sub").chmod(0)
    with pytest.raises(PermissionError):
        run(folder)
    (folder / "in" / "sub").chmod(0o700)


def test_without_the_extra_there_is_one_line(folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("ray", "fsspec", "fsspec.core"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    picture = Path(__file__).parents[2] / "docs" / "cam.jpg"
    assert compress([str(picture), "-o", f"{folder}/out", "--engine", "ray"]) == 1
    assert capsys.readouterr().err == "gargalo: --engine ray needs Ray; pip install 'gargalo[fleet]'\n"
    assert not (folder / "out").exists()
    assert decompress(["s3://bucket/in/", "-r", "-o", f"{folder}/out"]) == 1
    assert capsys.readouterr().err == "gargalo: s3://bucket/in needs fsspec; pip install 'gargalo[fleet]'\n"


@pytest.mark.parametrize(
    "command, words, expected",
    [
        (compress, ["x.png", "--address", "10.0.0.1:6379"], "add --engine ray"),
        (decompress, ["s3://bucket/x.gar", "-o", "out/", "--follow"], "--follow watches files of this machine"),
        (thumbnail, ["s3://bucket/x.png", "--base64"], "--base64 prints here"),
        (compress, ["x.png", "--engine", "ray", "-j", "0", "-o", "out/"], "-j"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    command: object, words: list[str], expected: str, capsys: Capture
) -> None:
    assert command(words) == 1  # type: ignore[operator]
    err = capsys.readouterr().err
    assert expected in err and err.count("\n") == 1
