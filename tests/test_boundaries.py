"""Who may know whom, read from the imports of every file."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FOLDERS = ("runtime", "models", "export", "benchmarks")
HEAVY = {"torch", "onnx", "matplotlib", "scipy"}


def modules(folder: str) -> set[str]:
    """Return the modules in a folder of runtime."""
    return {f"runtime.{folder}.{path.stem}" for path in (PROJECT / "runtime" / folder).glob("*.py")}


COMMANDS = {
    f"runtime.{name}"
    for name in (
        "bench",
        "budget",
        "bundles",
        "capture",
        "completion",
        "compress",
        "console",
        "decompress",
        "desktop",
        "info",
        "man",
        "thumbnail",
        "view",
    )
}
COMMANDS |= modules("cli") | modules("cameras") | modules("viewer")
PICTURES = {"runtime.files", "runtime.pillow"} | modules("pictures")


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, and what it takes from them, as MODULE.NAME."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
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
        ("argparse", {"cli/options.py"}),
        ("cv2", {"cameras/feeds.py", "latents/colours.py", "latents/wavelet.py", "metrics", "pictures"}),
        ("onnxruntime", {"networks/sessions.py"}),
        ("PIL", {"pictures", "pillow.py"}),
        ("fsspec", {"cli/stores.py"}),
        ("ray", {"cli/cluster.py"}),
        ("shtab", {"completion.py"}),
        ("tqdm", {"cli/run.py"}),
    ],
)
def test_outside_libraries_have_few_doors(package: str, doors: set[str]) -> None:
    users = {path for path in files("runtime") if package in {name.split(".")[0] for name in imports(path)}}
    places = {path.relative_to(PROJECT / "runtime").as_posix() for path in users}
    folders = ("metrics", "pictures")
    assert {place.split("/")[0] if place.startswith(folders) else place for place in places} == doors


@pytest.mark.parametrize("name", ["codec", "incomplete", "search", "bundle", "container", "areas", "alpha", "channels"])
def test_shared_code_knows_families_only_by_the_seam(name: str) -> None:
    found = imports(PROJECT / "runtime" / f"{name}.py")
    assert families_in(found) <= {"base"}
    assert not found & (COMMANDS | PICTURES)


def families_in(found: set[str]) -> set[str]:
    """Return the modules of runtime.families among imports."""
    return {module.split(".")[2] for module in found if module.startswith("runtime.families.")}


@pytest.mark.parametrize("folder", ["entropy", "networks", "latents"])
def test_coder_and_networks_know_nothing_of_what_they_are_used_for(folder: str) -> None:
    assert files(f"runtime/{folder}")
    for path in files(f"runtime/{folder}"):
        found = imports(path) - ({"runtime.bundle"} if folder == "latents" else set())  # whose arrays it reads
        assert not found & (COMMANDS | PICTURES | {"runtime.codec", "runtime.container", "runtime.bundle"}), path
        assert not families_in(found), path


def test_a_family_knows_no_other_and_nothing_of_files() -> None:
    """A family is a file or a folder beside base.py."""
    paths = [path for path in files("runtime/families") if path.stem != "__init__" or path.parent.name != "families"]
    assert any(path.parent.name == "pyramid" for path in paths)
    for path in paths:
        found, name = imports(path), path.relative_to(PROJECT / "runtime" / "families").parts[0].removesuffix(".py")
        assert not found & (COMMANDS | PICTURES | {"runtime.codec", "runtime.incomplete", "runtime.search"}), path
        assert families_in(found) <= {"base", name}, path


def test_only_the_commands_know_what_they_share() -> None:
    """Nor does what they share know them."""
    knowing = {path for path in files("runtime") if imports(path) & (modules("cli") | modules("cameras"))}
    places = {path.relative_to(PROJECT / "runtime").as_posix() for path in knowing}
    names = "__main__ bench bundles capture completion compress decompress desktop info man thumbnail view".split()
    commands = {f"{name}.py" for name in names}
    assert commands <= places
    assert {place for place in places if not place.startswith(("cli/", "cameras/"))} == commands
    for path in [*files("runtime/cli"), *files("runtime/cameras")]:
        found = {name.removeprefix("runtime.") + ".py" for name in imports(path)}
        assert not found & commands, path


def test_nothing_of_ours_imports_the_plugin() -> None:
    """It is for users of Pillow, who import it."""
    for path in [p for folder in FOLDERS for p in files(folder)]:
        assert not imports(path) & {"runtime.pillow"}, path


def test_the_package_itself_imports_nothing_that_is_not_there() -> None:
    assert imports(PROJECT / "runtime" / "__init__.py") == {"os"}
