"""What every test stands on: one thread (the models are tiny) and a home of its own."""

import os
import shutil

import pytest
import torch
from commands import vqgen
from filelock import FileLock

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """`data/` and `runs/` of each test lie in a temporary folder."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VQGEN_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A home in which the whole series has run on `smoke`, under the name `smoke`.

    Of several workers the first one runs it, and the others get copies.
    """
    home, of_all = tmp_path_factory.mktemp("series"), tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        of_all = of_all.parent  # the folder that the workers of this session share
    with FileLock(of_all / "series.lock"):
        if (of_all / "series").exists():
            return shutil.copytree(of_all / "series", home, dirs_exist_ok=True)
        done = vqgen(home, "run", "--profile", "smoke", "--run-name", "smoke")
        assert done.returncode == 0, done.stdout + done.stderr
        shutil.copytree(home, of_all / "series")
    return home
