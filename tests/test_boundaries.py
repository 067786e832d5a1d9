"""Who may know whom, read from the imports of every file."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FOLDERS = ("runtime", "models", "export", "benchmarks")
HEAVY = {"torch", "onnx", "matplotlib", "scipy"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def files(folder: str) -> list[Path]:
    return sorted((PROJECT / folder).rglob("*.py"))


@pytest.mark.parametrize(
    "folder, forbidden",
    [
        ("runtime", {"models", "export", "benchmarks", *HEAVY}),
        ("models", {"runtime", "export", "benchmarks", "onnx", "onnxruntime", "cv2"}),
        ("export", {"benchmarks", "cv2"}),
        ("benchmarks", {"models", "export"}),
    ],
)
def test_imports_point_one_way(folder: str, forbidden: set[str]) -> None:
    assert files(folder)
    for path in files(folder):
        roots = {name.split(".")[0] for name in imports(path)}
        assert not roots & forbidden, f"{path.relative_to(PROJECT)} imports {sorted(roots & forbidden)}"


@pytest.mark.parametrize(
    "package, doors",
    [
        ("cv2", {"capture.py", "pictures", "wavelet.py"}),
        ("onnxruntime", {"networks.py"}),
        ("PIL", {"pictures", "pillow.py"}),
    ],
)
def test_outside_libraries_have_few_doors(package: str, doors: set[str]) -> None:
    users = {path for path in files("runtime") if package in {name.split(".")[0] for name in imports(path)}}
    assert {path.relative_to(PROJECT / "runtime").parts[0] for path in users} == doors


def test_nothing_of_ours_imports_the_plugin() -> None:
    """It is for users of Pillow, who import it."""
    for path in [p for folder in FOLDERS for p in files(folder)]:
        assert not imports(path) & {"runtime.pillow"}, path


def test_the_package_itself_imports_nothing_that_is_not_there() -> None:
    assert imports(PROJECT / "runtime" / "__init__.py") == {"os"}
