"""What the tests of data stand on: an empty folder to lay scans out in."""

from pathlib import Path

import pytest


@pytest.fixture
def scans(tmp_path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder
