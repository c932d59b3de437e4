"""Commands as a user types them, with `data/` and `runs/` in a folder of the test's own."""

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def call(home: Path, folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run a command in `folder`, with `data/` and `runs/` in `home`."""
    # `make test` tells a `make` below it that it is not the first, and that one then says more
    own = {name: os.environ[name] for name in os.environ if not name.startswith(("MAKE", "MFLAGS"))}
    environment = {**own, "VQGEN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)


def vqgen(home: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The installed command, as a user calls it."""
    return call(home, home, str(BIN / "vqgen"), *arguments)
