"""Docstrings of functions begin with a verb in the imperative (PEP 257), which no rule of ruff sees."""

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1]
FOLDERS = ("gargalo", "runtime", "models", "export", "benchmarks", "tests")
VERBS = set(
    """add analyse answer append apply ask begin build change check choose close code compare compress copy
    count cut decode decompress do draw drop encode end fail fill find fit give join keep leave let listen load
    look make measure move open pad pick prepare print put raise read remove rename replace restart return round
    run save say send serve set show skip split stand start store switch take tell time turn update wait warn
    write yield""".split()
)
REFERENCES = ("reference_decoder.py", "reference_autoencoder.py", "reference_recurrent.py", "reference_thumbnail.py")
OTHERS = ("models/recurrent.py", *REFERENCES)
"""The first is still to be done; the others begin with the number of a section of the format."""


def first_words(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the first word of each function's docstring and its line; properties, fixtures and tests are things."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("test_"):
            continue
        decorators = " ".join(map(ast.unparse, node.decorator_list))
        text = ast.get_docstring(node)
        if text and "property" not in decorators and "fixture" not in decorators:
            yield text.split()[0], node.lineno


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    files = [path for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.py"))]
    others = [
        f"{path.relative_to(PROJECT)}:{line} begins with {word}"
        for path in files
        if not path.as_posix().endswith(OTHERS)
        for word, line in first_words(path)
        if word.lower().rstrip(",") not in VERBS
    ]
    assert len(files) > 200
    assert not others, "\n".join(["make it the imperative, or add the verb here:", *others])
