"""One notebook, executed by papermill, and the line that says how it goes."""

import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from vqgen_utils.machine.files import write_atomic


def execute(
    notebook: Path, output: Path, parameters: dict, line: "ProgressLine", lock: TextIO | None
) -> None:
    """papermill, with this very Python as the kernel and without its log.

    What the kernel's process says on its own account (its cells' output goes into the notebook) is
    shown if it dies: otherwise that is the noise of its threads when they end.
    """
    import papermill
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from papermill.iorw import LocalHandler, papermill_io

    class SamePython(AsyncKernelManager):
        # Without folders to search, "python3" is the interpreter we run in; otherwise a kernelspec
        # of that name in the user's folders could point to another one, without this package.
        def _kernel_spec_manager_default(self):
            return KernelSpecManager(kernel_dirs=[])

        async def _async_launch_kernel(self, kernel_cmd, **options):
            # a kernel that outlives this process by a moment keeps the run locked
            options["pass_fds"] = [lock.fileno()] if lock else []
            await super()._async_launch_kernel(kernel_cmd, stderr=said, **options)

    class WholeFiles(LocalHandler):
        def write(self, buf, path):
            write_atomic(Path(path), buf.encode())

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    papermill_io.register(str(output), WholeFiles())
    with tempfile.TemporaryFile() as said:
        try:
            papermill.execute_notebook(
                *(str(path).replace("{", "{{").replace("}", "}}") for path in (notebook, output)),
                parameters,
                kernel_name="python3",
                language="python",
                cwd=notebook.parent,
                progress_bar=False,
                kernel_manager_class=SamePython,
                extra_arguments=["--log-level=CRITICAL"],  # of the kernel
                on_cell_execute=line.next_cell,
            )
        except RuntimeError:  # it died, or did not start
            said.seek(0)
            sys.stderr.write(said.read().decode(errors="replace"))
            raise


class ProgressLine:
    """One line for a notebook: how it ended, and on a terminal which cell is running."""

    def __init__(self, notebook: Path):
        self.start = self.title(notebook)
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"])]
        self.cells = len(code) + 1  # papermill adds a cell with the parameters
        self.cell = 0  # the running one, as numbered in the notebook's margin
        self.live = sys.stdout.isatty()
        print(self.start, end="", flush=True)

    @staticmethod
    def title(notebook: Path) -> str:
        """`02 vqvae_training`, as wide as all."""
        number, _, name = notebook.stem.partition("_")
        return f"{number} {name:<24}"

    def next_cell(self, cell: dict, cell_index: int) -> None:
        """Called by nbclient before it executes a cell."""
        self.cell += 1
        if self.live:
            print(
                f"\r\x1b[K{self.start} running, cell {self.cell} of {self.cells}",
                end="",
                flush=True,
            )

    def end(self, how: str, seconds: float) -> None:
        start = f"\r\x1b[K{self.start}" if self.live else ""
        print(f"{start} {how:<7} {duration(seconds):>12}", flush=True)


def duration(seconds: float) -> str:
    """`8 s`, `1 min 52 s` or `3 h 05 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_of_hour:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
