"""The compiled core as such; what its functions compute is tested where their numpy twins are, on both."""

import ast
import ctypes
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import twin_arguments

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


def uint32(*numbers: int) -> Any:
    return np.array(numbers, np.uint32)


@needs_core
@pytest.mark.parametrize(
    "arguments, message",
    [
        ((bytes_of(3), 0, 0, np.ones(3, np.float32)), "4 arguments"),
        ((bytes_of(3), 0, 0, np.ones(3, np.float32), np.zeros(3, np.float32), 1), "arguments"),
        ((np.zeros(3, np.int8), 0, 0, np.ones(1, np.float32), np.zeros(3, np.float32)), "kind B"),
        ((np.zeros(3, ">u2"), 0, 0, np.ones(1, np.float32), np.zeros(3, np.float32)), "kind B"),
        ((bytes_of(6)[::2], 0, 0, np.ones(3, np.float32), np.zeros(3, np.float32)), "contiguous"),
        ((bytes_of(3), 0, 0, np.ones(3, np.float64), np.zeros(3, np.float32)), "kind f"),
        ((bytes_of(3), 0, 0, np.ones(3, np.int32), np.zeros(3, np.float32)), "kind f"),
        ((bytes_of(3), 0, 0, np.ones(3, np.float32), bytes(12)), "writable"),
        ((bytes_of(3), 0, 0, np.ones(3, np.float32), None), "array"),
        ((bytes_of(3), 0, 0, np.ones(3, np.float32), np.frombuffer(bytearray(13), np.float32, 3, 1)), "aligned"),
        (((ctypes.c_uint8 * 0 * (1 << 62) * 4)(), 0, 0, np.ones(3, np.float32), np.zeros(0, np.float32)), "at most"),
        (((shared := bytes_of(12))[:3], 0, 0, np.ones(3, np.float32), shared.view(np.float32)), "overlap"),
    ],
)
def test_arrays_of_other_kinds_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compiled.split_colours(*arguments)


def slots(table: Any, symbols: int, numbers: int = 1) -> Any:
    """Return arguments of pop_symbols with one table."""
    intervals = np.zeros(256, np.uint32), np.ones(256, np.uint32)
    return uint32(65536), np.zeros(0, np.uint16), table, *intervals, uint32(), bytes_of(numbers), bytes_of(symbols)


CODING = [[0, 0, 0, -1, 0], [2, 0, 0, 0, 1], [1, 0, 3, 2, 1]]
"""Of two scale indexes: 2 has groups of 8 digits, 1 of 4, and three low bits."""


def splitting(*index: int, coding: Any = CODING, coded: int = 1, values: int = 1, room: int = 9) -> Any:
    """Return arguments of split_values for one value with tables of their own."""
    outputs = np.zeros(room, np.intp), np.zeros(room, np.intp), bytes_of(room), np.zeros(4, np.int64)
    inputs = np.ones(values, np.int32), np.array(index, np.uint8), np.array(coding, np.int32), np.zeros(512, np.int64)
    return *inputs, np.zeros(coded + 1, np.int32), *outputs


def reading(
    *index: int,
    at: int = 0,
    coding: Any = CODING,
    coded: int = 1,
    states: Any = None,
    freq: int = 512,
    numbers: int = 2,
) -> Any:
    """Return arguments of read_values for one value with tables of one symbol."""
    starts = np.full(512, 1 << 14, np.uint32)
    starts[::256] = 0
    tables = starts, np.full(freq, 1 << 14, np.uint32), uint32(), bytes_of(numbers)
    states = uint32(65536) if states is None else states
    inputs = bytes_of(8), at, states, 1, np.array(index, np.uint8), np.array(coding, np.int32)
    return *inputs, *tables, np.zeros(coded + 8, np.int32), np.zeros(len(index), np.int32)


def pushing(*codes: int, words: int = 1, freq: int = 1) -> Any:
    """Return arguments of push_passes for codes of two symbols."""
    none = np.zeros(0, np.intp)
    return uint32(65536), np.array(codes, np.intp), none, uint32(0, 1), uint32(freq, freq), np.zeros(words, np.uint16)


def with_row(*row: int) -> list[list[int]]:
    """Return a table of coding with another last row."""
    return [*CODING[:2], list(row)]


def masking(low: int = 1, found: int = 4) -> Any:
    """Return arguments of find_masking for one position and one channel."""
    grids = np.zeros((1, 1, 1), np.int16), np.ones(1, np.int32), np.zeros(low, np.float32)
    return *grids, np.zeros(12, np.int32), np.zeros(4, np.float32), 2047, 5, -10, np.zeros(found, np.int16)


def colouring(top: int = 0, left: int = 0, planes: int = 3) -> Any:
    """Return arguments of split_colours for a picture of 2 x 4 pixels, from a row and a column on."""
    return np.zeros((2, 4, 3), np.uint8), top, left, np.ones(3, np.float32), np.zeros((planes, 2, 4), np.float32)


def packing(*window: int, details: int = 4, at: tuple[int, int] = (0, 0)) -> Any:
    """Return arguments of pack_rounded for a window of 4 x 6 details: top, left, height and width."""
    return np.zeros((1, 4, 6), np.float32), *window, 99, np.zeros((details, 2, 3), np.int16), *at


def knowing(rows: int = 4, planes: int = 0, level: int = 0) -> Any:
    """Return arguments of known_energy for a plane of 2 x 3 pixels."""
    base, sizes = np.full((rows, 5), level, np.int16), np.zeros((planes, 4, 5), np.uint16)
    return base, sizes, np.zeros(2, np.int32), np.zeros((2, 3), np.int32)


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
    words = uint32(65536), np.zeros(0, np.uint16), *intervals, uint32(), bytes_of(8)
    return *(given | others).values(), *(words if decoding else (np.zeros(6, np.int32),))


@needs_core
@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("split_colours", colouring(planes=2), "three colours"),
        ("split_colours", colouring(top=2), "within the pixels"),
        ("split_colours", colouring(top=-1), "within the pixels"),
        ("split_colours", colouring(left=4), "within the pixels"),
        ("split_colours", colouring(left=-1), "within the pixels"),
        ("pack_rounded", packing(0, 0, 4, 6, details=3), "four channels"),
        ("pack_rounded", packing(0, 0, 3, 6), "even"),
        ("pack_rounded", packing(0, 0, 4, -2), "even"),
        ("pack_rounded", packing(1, 0, 4, 6), "within the details"),
        ("pack_rounded", packing(0, 2, 4, 6), "within the details"),
        ("pack_rounded", packing(-1, 0, 2, 2), "within the details"),
        ("pack_rounded", packing(0, 0, 4, 6, at=(1, 0)), "within what is packed"),
        ("pack_rounded", packing(0, 0, 4, 6, at=(0, 1)), "within what is packed"),
        ("pack_rounded", packing(0, 0, 2, 2, at=(0, -1)), "within what is packed"),
        ("known_energy", knowing(rows=3), "framed"),
        ("known_energy", knowing(planes=1), "energies"),
        ("known_energy", knowing(level=256), "0 to 255"),
        ("encode_strip", strip(errors=np.zeros((4, 5), np.int16)), "framed"),
        ("encode_strip", strip(sizes=np.zeros((4, 5), np.uint16)), "framed"),
        ("encode_strip", strip(before=np.zeros((1, 4, 5), np.int16)), "number of weights"),
        ("encode_strip", strip(classes=bytes_of(40) + 1), "class beyond"),
        ("encode_strip", strip(tables=np.zeros(39, np.int32)), "classes or tables"),
        ("encode_strip", strip(step=0), "step"),
        ("encode_strip", strip(base=np.full((4, 5), -1, np.int16)), "0 to 255"),
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
        ("pop_symbols", slots(np.zeros(1, np.intp), 1, numbers=0), "slots of all tables"),
        ("pop_symbols", slots(np.zeros(1, np.intp), 1, numbers=3), "slots of all tables"),
        ("split_values", splitting(1, 1), "alike"),
        ("split_values", splitting(1, room=4), "little room"),
        ("split_values", splitting(1, coded=0), "wrong number"),
        ("split_values", splitting(0, coded=1), "wrong number"),
        ("split_values", splitting(1, coding=CODING[1:]), "come first"),
        ("split_values", splitting(1, coding=with_row(3, 0, 0, 2, 1)), "no such scale index"),
        ("split_values", splitting(1, coding=with_row(2, 0, 0, 2, 1)), "or twice"),
        ("split_values", splitting(1, coding=with_row(1, 1, 0, 2, 1)), "no such table"),
        ("split_values", splitting(1, coding=with_row(1, -1, 0, 2, 1)), "no such table"),
        ("split_values", splitting(1, coding=with_row(1, 0, 16, 2, 1)), "shift or symbol"),
        ("split_values", splitting(1, coding=with_row(1, 0, 0, 2, 256)), "shift or symbol"),
        ("split_values", splitting(1, coding=with_row(1, 0, 0, 5, 1)), "must not fall"),
        ("split_values", splitting(1, coding=with_row(1, 0, 0, -1, 1)), "must not fall"),
        ("split_values", splitting(1, coding=[CODING[0], [2, 0, 0, 3, 1], CODING[2]]), "must not fall"),
        ("read_values", reading(1, at=9), "place"),
        ("read_values", reading(1, at=-1), "place"),
        ("read_values", reading(1, coded=0), "alike"),
        ("read_values", reading(1, freq=256), "alike"),
        ("read_values", reading(1, numbers=0), "slots of all tables"),
        ("read_values", reading(1, states=uint32(1, 1, 1)), "power of two"),
        ("read_values", reading(1, coding=with_row(1, 1, 0, 2, 1)), "no such table"),
        ("push_passes", pushing(2), "code beyond"),
        ("push_passes", pushing(-1), "code beyond"),
        ("push_passes", pushing(1, freq=0), "freq"),
        ("push_passes", pushing(1, words=0), "alike"),
        ("find_masking", masking(low=0), "low band"),
        ("find_masking", masking(low=2), "low band"),
        ("find_masking", masking(found=3), "sizes"),
        ("find_gains", (np.ones(1, np.int16), np.zeros(1, np.int32), 0, np.zeros(1, np.int32)), "beyond the gains"),
        ("find_gains", (np.zeros(1, np.int16), np.zeros(1, np.int32), 1, np.zeros(1, np.int32)), "beyond the gains"),
        ("find_gains", (np.zeros(1, np.int16), np.zeros(1, np.int32), 0, np.zeros(2, np.int32)), "like masking"),
    ],
)  # fmt: skip
def test_arrays_that_would_lead_elsewhere_are_refused(name: str, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(compiled, name)(*arguments)


def differing(one: Any, other: Any) -> bool:
    """Return whether an argument is another one; nan is nan, and 0 is not -0."""
    return (
        isinstance(one, np.ndarray)
        and one.tobytes() != other.tobytes()
        and not bool(np.all((one == other) & (np.signbit(one) == np.signbit(other)) | (one != one) & (other != other)))
    )


@needs_core
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, about such numbers
@pytest.mark.parametrize("name", native.TWINS)
def test_core_is_its_twin_whatever_the_numbers(name: str) -> None:
    for seed in range(30):
        given = [twin_arguments.arguments(name, seed) for _ in range(2)]
        with native.using(False):
            told = native.TWINS[name](*given[0])
        assert getattr(compiled, name)(*given[1]) == (told or 0), f"seed {seed}"
        if told is None or told >= 0:
            given = [meaningful(name, arguments, told) for arguments in given]
            assert not [place for place, pair in enumerate(zip(*given, strict=True)) if differing(*pair)], (
                f"seed {seed}"
            )


def meaningful(name: str, arguments: list[Any], told: int) -> list[Any]:
    """Return the arguments of a function, after it, as far as they mean anything."""
    found: list[Any] = [
        None if place in twin_arguments.ROOM.get(name, ()) else each for place, each in enumerate(arguments)
    ]
    if name in ("push_symbols", "push_passes"):
        found[-1] = found[-1][told:]
    if name == "split_values":
        found[5:8] = [array[:count] for array, count in zip(found[5:8], found[8], strict=False)]
    return found


@needs_core
@pytest.mark.parametrize("name", native.TWINS)
def test_core_takes_no_two_arrays_in_one_place(name: str) -> None:
    """Else an index that was checked could change before it is used."""
    for seed in range(20):
        given = twin_arguments.arguments(name, seed)
        arrays = [each for each in given if isinstance(each, np.ndarray)]
        if all(each.size for each in arrays):
            break
    place = np.zeros(sum(each.nbytes for each in arrays), np.uint8)
    same = [place[: e.nbytes].view(e.dtype).reshape(e.shape) if isinstance(e, np.ndarray) else e for e in given]
    with pytest.raises(ValueError, match="overlap"):
        getattr(compiled, name)(*same)
