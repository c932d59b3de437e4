"""pyproject.toml, requirements.txt and environment.yml agree, with each other and with .venv."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions, requires, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from vqgen_utils.machine import REPOSITORY


def pins(lines) -> dict[str, Version]:
    """`name==version` lines as a dictionary."""
    pairs = (line.split("==") for line in lines)
    return {canonicalize_name(name): Version(number) for name, number in pairs}


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def direct(project) -> dict[str, Requirement]:
    """What pyproject.toml asks for, tools for developers and several machines included."""
    extras = project["optional-dependencies"]
    texts = project["dependencies"] + extras["dev"] + extras["machines"]
    return {canonicalize_name(Requirement(text).name): Requirement(text) for text in texts}


@pytest.fixture(scope="module")
def lock() -> dict[str, Version]:
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    return pins(line for line in lines if not line.startswith("#"))


@pytest.fixture(scope="module")
def conda() -> dict:
    return yaml.safe_load((REPOSITORY / "environment.yml").read_text())


def test_the_lock_satisfies_pyproject(direct, lock):
    for name, requirement in direct.items():
        assert lock[name] in requirement.specifier, name


def needs(requirement: Requirement) -> list[Requirement]:
    """What a package asks for in turn, on this machine and with the extras asked for."""
    found = [Requirement(text) for text in requires(requirement.name) or []]
    extras = requirement.extras or {""}
    return [
        r for r in found if not r.marker or any(r.marker.evaluate({"extra": e}) for e in extras)
    ]


def test_the_lock_holds_what_is_needed_and_nothing_else(direct, lock):
    needed, todo = set(), list(direct.values())
    while todo:
        requirement = todo.pop()
        key = (canonicalize_name(requirement.name), *sorted(requirement.extras))
        if key not in needed:
            needed.add(key)
            todo += needs(requirement)
    assert lock.keys() - {name for name, *_ in needed} == set(), "pinned without need"
    own_libraries = ("nvidia-", "cuda-", "triton")  # of a CUDA build of PyTorch
    missing = {name for name, *_ in needed} - lock.keys()
    assert {name for name in missing if not name.startswith(own_libraries)} == set()


def test_environment_yml_equals_the_lock(direct, lock, conda):
    *_, pip = conda["dependencies"]
    options = [line for line in pip["pip"] if line.startswith("--")]
    assert options == ["--constraint requirements.txt", "--editable ."]
    assert pins(line for line in pip["pip"] if line not in options) == {
        name: lock[name] for name in direct
    }


def test_environment_yml_takes_python_from_conda_forge_only(project, conda):
    assert conda["channels"] == ["conda-forge", "nodefaults"]
    python, pip, _ = conda["dependencies"]
    assert pip == "pip"
    assert python.removeprefix("python=") in project["requires-python"]


def test_what_is_installed_equals_the_lock(lock):
    installed = {name: Version(version(name)).public for name in lock}
    assert installed == {name: str(pinned) for name, pinned in lock.items()}


def test_every_pinned_package_has_its_licence_listed(lock):
    rows = (REPOSITORY / "licences.md").read_text().splitlines()
    cells = [[cell.strip() for cell in row.split("|")[1:4]] for row in rows if row[:1] == "|"]
    listed = {canonicalize_name(name): (number, text) for name, number, text in cells[2:]}
    assert {name: Version(number).public for name, (number, _) in listed.items()} == {
        name: str(number) for name, number in lock.items()
    }
    assert {name for name, (_, text) in listed.items() if text in ("", "UNKNOWN")} == set()


def test_every_import_is_declared(direct):
    distributions = packages_distributions()
    for path in sorted((REPOSITORY / "vqgen_utils").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module]
            else:
                continue
            for module in {name.partition(".")[0] for name in modules}:
                if module in sys.stdlib_module_names or module == "vqgen_utils":
                    continue
                names = {canonicalize_name(name) for name in distributions[module]}
                assert names & direct.keys(), f"{path.name} imports {module}"


@pytest.mark.parametrize(
    "name", ["torch", "tqdm", "numpy", "matplotlib", "pillow", "scikit-image", "nibabel"]
)
def test_the_packages_of_the_original_project_are_there(direct, name):
    assert name in direct
