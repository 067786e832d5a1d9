"""The settings of the options that compress and decompress share."""

from pathlib import Path

import pytest

from runtime import gat
from runtime.bundle import shipped_names
from runtime.cli.jobs import Existing
from runtime.cli.options import Batch, add_arguments, parser, picture_bundles, read_batch
from runtime.errors import InputError


def settings(*words: str) -> Batch:
    arguments = parser("x", "", "")
    add_arguments(arguments, "a file", "beside it")
    return read_batch(**vars(arguments.parse_args(["a.png", *words])))


def test_help_names_every_shipped_bundle_of_whole_pictures() -> None:
    assert picture_bundles() == [name for name in shipped_names() if name not in gat.MODELS]
    arguments = parser("x", "", "")
    add_arguments(arguments, "a file", "beside it")
    told = " ".join(arguments.format_help().split())
    assert f"weights: standard (the default), {', '.join(picture_bundles()[1:])}, or a folder of your own" in told


def test_without_options_all_is_as_by_default() -> None:
    assert settings() == Batch(("a.png",))


@pytest.mark.parametrize(
    "words, existing", [([], Existing.KEEP), (["-f"], Existing.OVERWRITE), (["--skip-existing"], Existing.SKIP)]
)
def test_what_becomes_of_outputs_that_exist(words: list[str], existing: Existing) -> None:
    assert settings(*words).existing is existing


@pytest.mark.parametrize(
    "words, at_a_time, threads",
    [
        ([], 1, None),
        (["-j", "4"], 4, 1),
        (["-j", "4", "--threads", "2"], 4, 2),
        (["--threads", "2"], 1, 2),
    ],
)
def test_several_files_at_a_time_have_a_thread_each_by_default(
    words: list[str], at_a_time: int, threads: int | None
) -> None:
    assert (settings(*words).at_a_time, settings(*words).threads) == (at_a_time, threads)


def test_options_may_stand_anywhere(capfd: pytest.CaptureFixture[str]) -> None:
    words = parser("x", "", "")
    add_arguments(words, "", "")
    for order in (["a", "b", "-f", "-j", "2"], ["a", "-f", "b", "-j", "2"], ["-f", "-j", "2", "a", "b"]):
        found = words.parse_args(order)
        assert (found.input, found.force, found.jobs) == (["a", "b"], True, "2")
    assert words.parse_args(["-f", "--", "-a", "-b"]).input == ["-a", "-b"]
    assert words.parse_args(["-"]).input == ["-"]
    for wrong, told in ((["-f"], "required: IN"), (["a", "--none"], "unrecognized arguments: --none")):
        with pytest.raises(SystemExit):
            words.parse_args(wrong)
        assert told in capfd.readouterr().err


@pytest.mark.parametrize("option", ["--jobs", "--threads", "--tile", "--max-pixels"])
def test_a_fraction_is_refused_where_a_whole_number_is_wanted(option: str) -> None:
    with pytest.raises(InputError, match=r" 1\.5 is not a whole number; give one from 1 to "):
        settings(f"{option}=1.5")


def test_a_fleets_bundle_is_named_for_workers_that_begin_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for fleet in (["--engine", "ray"], ["-o", "s3://bucket/x"]):
        assert settings("--bundle", "mine", *fleet).bundle == tmp_path / "mine"
        assert settings("--bundle", "lite", *fleet).bundle == Path("lite")
    assert settings("--bundle", "mine").bundle == Path("mine")


@pytest.mark.parametrize("option", ["--jobs", "--threads", "--tile", "--max-pixels"])
@pytest.mark.parametrize("text", ["0", "-1", "many", "nan", "1e99"])
def test_numbers_out_of_range_are_refused(option: str, text: str) -> None:
    with pytest.raises(InputError, match=f" {text} is (out of range|not a number); give a number from 1 to "):
        settings(f"{option}={text}")
