"""The layout is the picture: rooms that know those below, each with a face of ten names at most."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from vqgen_utils.machine import REPOSITORY

PACKAGE = REPOSITORY / "vqgen_utils"
# from the ground up: a room may import those named before it
FLOORS = (
    *("errors", "config", "made_from", "machine", "data", "models", "training", "evaluation"),
    *("plots", "teaching", "runs", "series", "cli"),
)
FACES = sorted(
    ".".join(path.parent.relative_to(REPOSITORY).parts)
    for path in PACKAGE.rglob("__init__.py")
    if path.parent != PACKAGE
)


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of whatever a file imports from the package, inside functions as well."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vqgen_utils"):
            yield from ((node.module, alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((a.name, "") for a in node.names if a.name.startswith("vqgen_utils"))


def room(module: str) -> str:
    """`vqgen_utils.data.phantom` -> `data`."""
    return module.split(".")[1]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_imports_lead_down(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts[0] in ("__init__", "__main__"):
        return
    for module, name in imports(path):
        imported = room(f"{module}.{name}" if module == "vqgen_utils" else module)
        assert FLOORS.index(imported) <= FLOORS.index(parts[0]), f"{module} {name}"


def test_no_two_files_import_each_other():
    graph = {}
    for path in PACKAGE.rglob("*.py"):
        file = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        graph[file] = {
            module
            if (REPOSITORY / (module.replace(".", "/") + ".py")).exists()
            else f"{module}.{name}"
            for module, name in imports(path)
        }
    done: set[str] = set()

    def visit(file: str, way: tuple[str, ...] = ()) -> None:
        assert file not in way, " -> ".join((*way, file))
        if file not in done:
            for other in graph.get(file, ()):
                visit(other, (*way, file))
            done.add(file)

    for file in graph:
        visit(file)


@pytest.mark.parametrize("face", FACES)
def test_a_room_has_a_face_of_ten_names_at_most(face):
    names = importlib.import_module(face).__all__
    assert len(names) <= 10
    for name in names:
        assert hasattr(importlib.import_module(face), name) or importlib.import_module(
            f"{face}.{name}"
        )


@pytest.mark.parametrize(
    "path",
    [
        *sorted((REPOSITORY / "notebooks" / "py").glob("*.py")),
        *sorted((REPOSITORY / "benchmarks").glob("*.py")),
        *sorted((REPOSITORY / "tests").rglob("*.py")),
    ],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_from_outside_a_room_is_entered_by_its_face(path):
    alone = {"vqgen_utils", "vqgen_utils.errors", "vqgen_utils.config", "vqgen_utils.cli"}
    for module, name in imports(path):
        if module in alone:
            continue
        assert module in FACES, f"{module}: import {name} from the room's face"
        assert name in importlib.import_module(module).__all__, f"{module} does not show {name}"


def test_a_folder_of_tests_for_each_room():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms <= {path.name for path in (REPOSITORY / "tests").iterdir()}
