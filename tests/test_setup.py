"""pyproject.toml, the lock and environment.yml agree, with each other and with .venv."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from vqgen_utils.machine import REPOSITORY


def pins(name: str) -> list[str]:
    """The `name==version ; marker` lines of a lock, without its hashes."""
    text = re.sub(r" \\\n +--hash=sha256:[0-9a-f]{64}", "", (REPOSITORY / name).read_text())
    return [line for line in text.splitlines() if not line.startswith("#")]


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
    """What is pinned for this system and this Python."""
    every = [Requirement(line) for line in pins("constraints.txt")]
    here = [pin for pin in every if not pin.marker or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): Version(str(pin.specifier)[2:]) for pin in here}


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


def test_everything_but_pytorch_has_its_hashes():
    text = (REPOSITORY / "requirements.txt").read_text()
    for pin in re.split(r"\n(?=\S)", text)[1:]:
        assert "--hash=sha256:" in pin, pin
    without = [pin for pin in pins("constraints.txt") if not pin.startswith("torch==")]
    assert pins("requirements.txt") == without


def test_environment_yml_takes_the_versions_of_the_lock(conda):
    *_, pip = conda["dependencies"]
    assert pip == {"pip": ["--constraint constraints.txt", "--editable .[dev,machines]"]}


def test_environment_yml_takes_python_from_conda_forge_only(project, conda):
    assert conda["channels"] == ["conda-forge", "nodefaults"]
    python, pip, _ = conda["dependencies"]
    assert pip == "pip"
    assert python.removeprefix("python=") in project["requires-python"]


def test_the_container_has_the_python_of_conda_and_sets_up_by_make(conda):
    container = json.loads((REPOSITORY / ".devcontainer" / "devcontainer.json").read_text())
    assert container["image"].replace(":", "=") == conda["dependencies"][0]
    assert container["postCreateCommand"] == "make setup"


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
