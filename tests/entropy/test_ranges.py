"""Messages of any length: what is whole, what is cut, what it costs."""

import numpy as np
import pytest

from runtime.arrays import Intp
from runtime.entropy.plain import PlainTables
from runtime.entropy.ranges import Reader, encode
from runtime.entropy.rans import COST_UNITS
from runtime.entropy.tables import SYMBOLS

SLOTS = 1 << 14
TABLES = PlainTables(
    np.array([[8192, 8192, 0], [SLOTS - 1, 1, 0], [100, 284, 16000], [SLOTS, 0, 0], [1, 1, SLOTS - 2]], np.uint16)
)


def drawn(count: int, seed: int) -> Intp:
    """Return codes of random tables, as probable as these say."""
    random = np.random.default_rng(seed)
    tables = random.integers(0, len(TABLES.frequencies), count)
    slots = random.integers(0, SLOTS, (count, 1))
    symbols = (slots >= TABLES.frequencies.cumsum(1)[tables]).sum(1)
    return np.array(tables * SYMBOLS + symbols, np.intp)


def read(data: bytes, codes: Intp) -> list[int]:
    """Return what bytes tell of codes, by their tables, up to the first one that they do not."""
    reader, told = Reader(TABLES, data), []
    for table in (codes // SYMBOLS).tolist():
        symbol = reader.read(table)
        if symbol is None:
            break
        told.append(table * SYMBOLS + symbol)
    return told


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100, 3000])
def test_all_codes_come_back(count: int) -> None:
    for seed in range(5):
        codes = drawn(count, seed)
        assert read(encode(TABLES, codes), codes) == codes.tolist()


def test_every_cut_tells_the_first_codes_and_no_wrong_one() -> None:
    codes = drawn(400, 1)
    whole = encode(TABLES, codes)
    counts = []
    for length in range(len(whole) + 1):
        data = encode(TABLES, codes, length)
        assert len(data) == length
        told = read(data, codes)
        assert told == codes[: len(told)].tolist()
        counts.append(len(told))
    assert counts == sorted(counts) and counts[-1] == len(codes)


def test_a_cut_loses_few_bits() -> None:
    """Those of a last symbol in whose share and in another's the number may lie."""
    codes = drawn(2000, 2)
    bits = np.append(0, TABLES.cost.take(codes).cumsum()) / COST_UNITS
    lengths = range(1, len(encode(TABLES, codes)), 7)
    lost = [8 * length - bits[len(read(encode(TABLES, codes, length), codes))] for length in lengths]
    assert 0 <= np.mean(lost) < 3


def test_a_message_has_hardly_more_bits_than_its_codes() -> None:
    for seed in range(5):
        codes = drawn(2000, seed)
        bits = TABLES.cost.take(codes).sum() / COST_UNITS
        assert bits / 8 <= len(encode(TABLES, codes)) <= bits / 8 + 1.5


def test_certain_codes_cost_nothing() -> None:
    assert encode(TABLES, np.full(500, 3 * SYMBOLS)) == b""
    assert read(b"", np.full(500, 3 * SYMBOLS)) == [3 * SYMBOLS] * 500


def test_the_bytes_are_these() -> None:
    """Halves are bits, the first one the highest: 1, 0, 1, 1 is 0.1011 in base 2, and eight zeros more are a byte."""
    halves = np.array([1, 0, 1, 1])
    assert encode(TABLES, halves) == b"\xb0"
    assert encode(TABLES, np.concatenate([halves, np.zeros(8, np.intp)])) == b"\xb0\x00"
    assert encode(TABLES, np.array([2 * SYMBOLS + 2, 2 * SYMBOLS, 1 * SYMBOLS + 1, 1])).hex(" ") == "07 86 9d"


def test_any_bytes_can_be_read() -> None:
    random = np.random.default_rng(3)
    for length in (0, 1, 5, 6, 7, 60):
        for _ in range(20):
            assert len(read(random.bytes(length), drawn(300, length))) <= 300
    assert read(b"\xff" * 40, drawn(300, 4))


class FromThePage:
    """A reader written from docs/format/thumbnail.md, with its names."""

    def __init__(self, data: bytes):
        self.data, self.at, self.missing = data, 0, 0
        self.span, self.number = 2**48, 0
        for _ in range(6):
            self.number = self.number * 256 + self.byte()

    def byte(self) -> int:
        self.at += 1
        if self.at > len(self.data):
            self.missing += 1
            return 0
        return self.data[self.at - 1]

    def read(self, table: int) -> int | None:
        ends = np.cumsum(TABLES.frequencies[table].astype(int)).tolist()
        unit, u = self.span >> 14, 256**self.missing
        slots = min(self.number // unit, 2**14 - 1), min((self.number + u - 1) // unit, 2**14 - 1)
        symbol, other = (next(s for s, end in enumerate(ends) if slot < end) for slot in slots)
        if symbol != other:
            return None
        start = ends[symbol - 1] if symbol else 0
        self.number -= start * unit
        self.span = (ends[symbol] - start) * unit
        while self.span < 2**40:
            self.span, self.number = self.span * 256, self.number * 256 + self.byte()
        return symbol


def test_a_reader_written_from_the_page_reads_the_same() -> None:
    random = np.random.default_rng(5)
    for length in range(60):
        data, tables = random.bytes(length), random.integers(0, len(TABLES.frequencies), 300).tolist()
        reader, page = Reader(TABLES, data), FromThePage(data)
        for table in tables:
            symbol = reader.read(table)
            assert symbol == page.read(table)
            if symbol is None:
                break
