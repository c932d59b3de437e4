"""What every test stands on: one thread (the models are tiny) and a home of its own."""

import pytest
import torch
from commands import vqgen

torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)  # before xdist writes the groups into the names of tests
def pytest_collection_modifyitems(items):
    """Of several workers one gets all tests of the finished series, so that it runs only once."""
    for item in items:
        group = "series" if "finished" in item.fixturenames else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """`data/` and `runs/` of each test lie in a temporary folder."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VQGEN_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A home in which the whole series has run on `smoke`, under the name `smoke`."""
    home = tmp_path_factory.mktemp("series")
    done = vqgen(home, "run", "--profile", "smoke", "--run-name", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return home
