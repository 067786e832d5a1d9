"""The compiled core as such; what its functions compute is tested where their numpy twins are, on both."""

import ast
import inspect
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import runtime.exact.strips  # noqa: F401
import runtime.families.pyramid.family  # noqa: F401  with the one above imports all modules with twins
from runtime import native

STUB = Path(native.__file__).with_name("_native.pyi")
WORDS = [sys.executable, "-m", "runtime"]

compiled: Any = native.core
needs_core = pytest.mark.skipif(native.core is None, reason=native.name)


def run(choice: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WORDS, *words], env=os.environ | {"GARGALO_NATIVE": choice}, capture_output=True, text=True, check=False
    )


@needs_core
def test_core_has_the_twins_and_nothing_else() -> None:
    assert {name for name in dir(compiled) if not name.startswith("_")} == {*native.TWINS, "SOURCE_CRC32"}


def test_stub_has_the_arguments_of_the_twins() -> None:
    functions = [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.FunctionDef)]
    told = {
        node.name: [(arg.arg, ast.unparse(arg.annotation or arg)) for arg in node.args.posonlyargs]
        for node in functions
    }
    found = {}
    for name, twin in native.TWINS.items():
        source = ast.parse(inspect.getsource(twin)).body[0]
        assert isinstance(source, ast.FunctionDef)
        found[name] = [(arg.arg, ast.unparse(arg.annotation or arg)) for arg in source.args.args]
    assert told == found


def test_variable_takes_numpy() -> None:
    done = run("0", "--version")
    assert done.returncode == 0 and done.stdout.endswith("array functions: numpy (GARGALO_NATIVE=0)\n")


def test_variable_takes_the_core_or_fails_in_a_line() -> None:
    done = run("1", "--version")
    if native.core is not None:
        assert done.returncode == 0 and done.stdout.endswith("array functions: compiled\n")
    else:
        assert done.returncode == 1 and "GARGALO_NATIVE" in done.stderr and done.stderr.count("\n") == 1


def test_variable_with_another_value_is_refused_in_a_line(tmp_path: Path) -> None:
    picture = Path(__file__).parents[1] / "docs" / "cam.jpg"
    done = run("yes", "compress", str(picture), "-o", str(tmp_path / "cam.gar"))
    assert done.returncode == 1 and "GARGALO_NATIVE=yes must be" in done.stderr and done.stderr.count("\n") == 1


def bytes_of(count: int) -> Any:
    return np.zeros(count, np.uint8)


@needs_core
@pytest.mark.parametrize(
    "arguments, message",
    [
        ((bytes_of(3), bytes_of(1)), "2 arguments"),
        ((bytes_of(3), bytes_of(1), np.zeros(1, np.int64), 1), "arguments"),
        ((np.zeros(3, np.int8), bytes_of(1), np.zeros(1, np.int64)), "kind B"),
        ((np.zeros(3, ">u2"), bytes_of(1), np.zeros(1, np.int64)), "kind B"),
        ((bytes_of(6)[::2], bytes_of(1), np.zeros(1, np.int64)), "contiguous"),
        ((bytes_of(3), bytes_of(1), np.zeros(1, np.int32)), "kind q"),
        ((bytes_of(3), bytes_of(1), np.zeros(1, np.float64)), "kind q"),
        ((bytes_of(3), bytes_of(1), bytes(8)), "writable"),
        ((bytes_of(3), bytes_of(1), None), "array"),
    ],
)
def test_arrays_of_other_kinds_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compiled.count_ranks(*arguments)


def uint32(*numbers: int) -> Any:
    return np.array(numbers, np.uint32)


def slots(table: Any, symbols: int) -> Any:
    """Return arguments of pop_symbols with one table."""
    intervals = np.zeros(256, np.uint32), np.ones(256, np.uint32)
    return uint32(65536), np.zeros(0, np.uint16), table, *intervals, uint32(), bytes_of(0), bytes_of(symbols)


def filling(ends: Sequence[int] = (0, 1), groups: int = 1) -> Any:
    """Return arguments of fill_runs for one value of scale index 1 of 2."""
    bounds = np.array([0, 1, 1, 1, 1, 1])
    return bytes_of(2), bytes_of(2), np.array(ends), bounds, bytes_of(1), bytes_of(1), bytes_of(groups)


def ordering(*index: int, rank: int = 1, first: int = 0) -> Any:
    """Return arguments of take_coded and put_coded for one value of scale index 1 of 2."""
    ranks, values = np.array([0, rank], np.uint8), np.zeros(len(index), np.int32)
    return np.array(index, np.uint8), ranks, np.array([first, 1]), np.zeros(0, np.intp), values, np.zeros(1, np.int32)


def adding(tops: Sequence[int], *shifted: tuple[int, int, int]) -> Any:
    """Return arguments of add_excesses for 5 values of one table."""
    runs, room = np.array(shifted, np.int64).reshape(-1, 3), (np.zeros(5, np.intp), np.zeros(5, np.int64))
    return np.zeros(5, np.int32), np.array(tops), bytes_of(5), np.zeros(1, np.int32), bytes_of(len(tops)), runs, *room


def joining(place: int, *shifted: tuple[int, int, int]) -> Any:
    """Return arguments of join_fields for 5 values and one field."""
    runs = np.array(shifted, np.int64).reshape(-1, 3)
    return np.zeros(5, np.int32), runs, np.array([place]), np.array([3]), np.array([1])


def digits(symbols: Any, *bounds: int) -> Any:
    """Return arguments of join_digits for 5 values."""
    return symbols, np.array(bounds), np.zeros(5, np.int32), np.zeros(5, np.intp)


def strip(decoding: bool = False, **others: Any) -> Any:
    """Return arguments of encode_strip or decode_strip for a plane of 2 x 3 errors after no other."""
    given = {
        "errors": np.zeros((4, 6), np.int16),
        "sizes": np.zeros((4, 6), np.uint16),
        "energy": np.zeros((2, 3), np.int32),
        "base": np.zeros((4, 5), np.int16),
        "before": np.zeros((0, 4, 5), np.int16),
        "weights": np.zeros((1, 14), np.int32),
        "energies": np.zeros(8, np.int32),
        "classes": bytes_of(40),
        "tables": np.zeros(40, np.int32),
        "step": 1,
    }
    intervals = np.zeros(8 * 256, np.uint32), np.ones(8 * 256, np.uint32)
    words = uint32(65536), np.zeros(0, np.uint16), *intervals, uint32(), bytes_of(0)
    return *(given | others).values(), *(words if decoding else (np.zeros(6, np.int32),))


@needs_core
@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("known_energy", (np.zeros((3, 5), np.int16), np.zeros((0, 4, 5), np.uint16), np.zeros(2, np.int32), np.zeros((2, 3), np.int32)), "framed"),
        ("known_energy", (np.zeros((4, 5), np.int16), np.zeros((1, 4, 5), np.uint16), np.zeros(2, np.int32), np.zeros((2, 3), np.int32)), "energies"),
        ("encode_strip", strip(errors=np.zeros((4, 5), np.int16)), "framed"),
        ("encode_strip", strip(sizes=np.zeros((4, 5), np.uint16)), "framed"),
        ("encode_strip", strip(before=np.zeros((1, 4, 5), np.int16)), "number of weights"),
        ("encode_strip", strip(classes=bytes_of(40) + 1), "class beyond"),
        ("encode_strip", strip(tables=np.zeros(39, np.int32)), "classes or tables"),
        ("encode_strip", strip(step=0), "step"),
        ("decode_strip", strip(True, base=np.zeros((4, 6), np.int16)), "framed"),
        ("decode_strip", strip(True, tables=np.full(40, 8, np.int32)), "beyond the intervals"),
        ("decode_strip", strip(True, tables=np.full(40, -9, np.int32)), "beyond the intervals"),
        ("push_symbols", (uint32(65536), uint32(0), uint32(0), np.zeros(1, np.uint16)), "freq"),
        ("push_symbols", (uint32(65536), uint32(0), uint32(1 << 14 | 1), np.zeros(1, np.uint16)), "freq"),
        ("push_symbols", (uint32(65536), uint32(0), uint32(1), np.zeros(0, np.uint16)), "alike"),
        ("push_symbols", (uint32(1, 1, 1), uint32(0), uint32(1), np.zeros(1, np.uint16)), "power of two"),
        ("push_symbols", (uint32(), uint32(0), uint32(1), np.zeros(1, np.uint16)), "power of two"),
        ("pop_symbols", slots(bytes_of(1) + 1, 1), "beyond the intervals"),
        ("pop_symbols", slots(np.full(1, -1), 1), "beyond the intervals"),
        ("pop_symbols", slots(np.zeros(1, np.intp), 2), "alike"),
        ("fill_runs", filling(ends=[0, 9]), "ends"),
        ("fill_runs", filling(ends=[2, 1]), "fall"),
        ("fill_runs", filling(groups=0), "little room"),
        ("fill_runs", filling(groups=2), "much room"),
        ("take_coded", ordering(1, rank=9), "rank"),
        ("take_coded", ordering(1, 1), "more indexes than places"),
        ("take_coded", ordering(9), "more indexes than places"),
        ("take_coded", ordering(1, first=-1), "places"),
        ("put_coded", ordering(1, rank=9), "rank"),
        ("put_coded", ordering(9), "more indexes than places"),
        ("put_coded", ordering(1, first=-1), "places"),
        ("count_ranks", (bytes_of(1), bytes_of(1) + 7, np.zeros(1, np.int64)), "rank"),
        ("count_ranks", (bytes_of(1), bytes_of(2), np.zeros(1, np.int64)), "alike"),
        ("add_excesses", adding([9]), "out of range"),
        ("add_excesses", adding([-1]), "out of range"),
        ("add_excesses", adding([3, 1], (2, 5, 1)), "must rise"),
        ("add_excesses", adding([1], (2, 9, 1)), "overlap"),
        ("add_excesses", adding([1], (0, 3, 1), (2, 4, 1)), "overlap"),
        ("add_excesses", adding([1], (0, 3, 31)), "too many"),
        ("join_fields", joining(9), "beyond the values"),
        ("join_fields", joining(-1), "beyond the values"),
        ("join_fields", joining(1, (0, 9, 1)), "low bits"),
        ("join_fields", joining(1, (0, 2, 99)), "low bits"),
        ("give_signs", (np.ones(9, np.int32), bytes_of(1)), "fewer signs"),
        ("pack_fields", (np.zeros(1, np.int64), np.full(1, 33), bytes_of(5)), "0 to 32"),
        ("pack_fields", (np.zeros(1, np.int64), np.full(1, 9), bytes_of(1)), "little room"),
        ("pack_fields", (np.zeros(1, np.int64), np.full(1, 8), bytes_of(2)), "much room"),
        ("unpack_fields", (bytes_of(1), np.full(1, 9), np.zeros(1, np.int64)), "little data"),
        ("unpack_fields", (bytes_of(9), np.full(1, 33), np.zeros(1, np.int64)), "0 to 32"),
        ("unpack_fields", (bytes_of(9), np.full(1, 3), np.zeros(2, np.int64)), "alike"),
        ("join_digits", digits(bytes_of(1) + 250, 0, 0, 5, 5, 5, 5), "symbol"),
        ("join_digits", digits(bytes_of(0), 0, 0, 5, 5, 5, 5), "symbol"),
        ("join_digits", digits(bytes_of(2), 0, 0, 5, 5, 5, 5), "symbols"),
        ("join_digits", digits(bytes_of(1), 0, 9, 5, 5, 5, 5), "fall"),
        ("join_digits", digits(bytes_of(1), 0, 0, 9, 9, 9, 9), "cover"),
    ],
)  # fmt: skip
def test_arrays_that_would_lead_elsewhere_are_refused(name: str, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(compiled, name)(*arguments)
