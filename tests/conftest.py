"""What every test stands on: one thread (the models are tiny) and a home of its own."""

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """`data/` and `runs/` of each test lie in a temporary folder."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VQGEN_HOME", str(folder))
    return folder
