"""The functions of `_native.c`; each has the arguments of its numpy twin."""

from runtime.arrays import F32, F64, I16, I32, I64, U8, U16, U32, Intp

SOURCE_CRC32: int

def push_symbols(states: U32, start: U32, freq: U32, words: U16, /) -> int: ...
def pop_symbols(
    states: U32, words: U16, table: U8 | Intp, start: U32, freq: U32, entries: U32, numbers: U8, symbols: U8, /
) -> int: ...
def split_values(
    values: I32, index: U8, coding: I32, cost: I64, coded: I32, first: Intp, second: Intp, raw: U8, counts: I64, /
) -> int: ...
def read_values(
    data: U8,
    at: int,
    states: U32,
    last: int,
    index: U8,
    coding: I32,
    start: U32,
    freq: U32,
    entries: U32,
    numbers: U8,
    coded: I32,
    values: I32,
    /,
) -> int: ...
def push_passes(states: U32, first: Intp, second: Intp, start: U32, freq: U32, words: U16, /) -> int: ...
def sum_chroma(pixels: U8, rows: I64, across: int, side: int, squares: I64, /) -> int: ...
def find_indexes(said: U8, halves: I16, less: I16, top: int, index: U8, /) -> int: ...
def see_values(values: I16, channels: Intp, table: U8, planes: U8, zero: int, seen: U8, /) -> int: ...
def find_masking(
    luma: I16,
    steps: I32,
    low: F32,
    thresholds: I32,
    dark: F32,
    largest: int,
    shift: int,
    least: int,
    masking: I16,
    /,
) -> int: ...
def find_gains(masking: I16, gains: I32, least: int, gain: I32, /) -> int: ...
def split_colours(pixels: U8, top: int, left: int, factors: F32, planes: F32, /) -> int: ...
def join_colours(signals: F32, factors: F32, correction: I16, pixels: U8, /) -> int: ...
def pack_rounded(
    details: F32, top: int, left: int, height: int, width: int, largest: int, packed: I16, row: int, column: int, /
) -> int: ...
def split_level(x: F32, factors: F32, low: F32, details: F32, scratch: F32, /) -> int: ...
def join_level(low: F32, details: F32, factors: F32, scratch: F32, x: F32, /) -> int: ...
def quantise_values(exact: F32, index: U8, dead: F32, savings: F32, symbols: I32, largest: int, /) -> int: ...
def find_residuals(
    coefficients: I16 | F32,
    channels: Intp,
    factor: F32,
    mean: U8 | I16,
    inverse_gain: F32,
    zero: int,
    rows: int,
    columns: int,
    exact: F32,
    /,
) -> int: ...
def find_values(mean: U8 | I16, symbols: I32, gain: I32, zero: int, channels: Intp, into: I16, /) -> int: ...
def scale_values(values: I16, units: F32, found: F32, /) -> int: ...
def find_slopes(details: I16, units: F32, ridges: F32, limit: float, sums: F32, slopes: F32, /) -> int: ...
def add_guesses(mean: U8, luma: I16, slopes: F32, factors: F32, limit: int, found: I16, /) -> int: ...
def join_packed(low: F32, packed: I16, units: F32, factors: F32, scratch: F32, joined: F32, /) -> int: ...
def correct_indexes(index: U8, least: int, shifts: I16, top: int, corrected: U8, /) -> int: ...
def choose_corrections(
    exact: F32, index: U8, every: int, bits: F64, shifted: F64, errors: F64, much: float, counts: I64, shifts: I64, /
) -> int: ...
def known_energy(base: I16, sizes: U16, energies: I32, energy: I32, /) -> int: ...
def encode_strip(
    errors: I16,
    sizes: U16,
    energy: I32,
    base: I16,
    before: I16,
    weights: I32,
    energies: I32,
    classes: U8,
    tables: I32,
    step: int,
    codes: I32,
    /,
) -> int: ...
def decode_strip(
    errors: I16,
    sizes: U16,
    energy: I32,
    base: I16,
    before: I16,
    weights: I32,
    energies: I32,
    classes: U8,
    tables: I32,
    step: int,
    states: U32,
    words: U16,
    start: U32,
    freq: U32,
    entries: U32,
    numbers: U8,
    /,
) -> int: ...
