"""A fresh kernel for a submission. It is no sandbox: code in it may do what you may."""

import contextlib
import os
import queue
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from vqgen_utils.errors import InputError

START = 60  # seconds for a kernel to answer
POLL = 0.2  # seconds between two looks at whether it is alive


class Stopped(Exception):
    """Why a kernel had to be ended, or ended itself, in a sentence."""


class Kernel:
    """This very Python as a kernel, working in `folder`, which is also its VQGEN_HOME."""

    def __init__(self, folder: Path):
        from jupyter_client import KernelManager
        from jupyter_client.kernelspec import KernelSpecManager

        # without folders to search, "python3" is the interpreter we run in
        same_python = KernelSpecManager(kernel_dirs=[])
        self.manager = KernelManager(kernel_name="python3", kernel_spec_manager=same_python)
        own = {"VQGEN_HOME": str(folder), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        self.manager.start_kernel(
            cwd=str(folder), env={**os.environ, **own}, extra_arguments=["--log-level=CRITICAL"],
            stdout=-3, stderr=-3,
        )  # fmt: skip
        self.client = self.manager.client()
        self.client.start_channels(iopub=False, stdin=False, hb=False)  # nobody reads what it says

    def run(self, code: str, seconds: float) -> None:
        """Execute code, to its end.

        Raises:
            Stopped: it did not end in time, ended in an error, or the kernel died.
        """
        message = self.client.execute(code, store_history=False, allow_stdin=False)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                reply = self.client.get_shell_msg(timeout=POLL)
                if reply["parent_header"].get("msg_id") != message:
                    continue
                if reply["content"]["status"] == "ok":
                    return
                raise Stopped("it ended in {ename}: {evalue}".format(**reply["content"]))
            if not self.manager.is_alive():
                raise Stopped(self._why_it_died())
        raise Stopped(f"it was stopped after {seconds:g} seconds by the clock: does it wait?")

    def _why_it_died(self) -> str:
        code = self.manager.provisioner.process.returncode
        if code == -getattr(signal, "SIGXCPU", 0):
            return "it used up its time: does a loop never end?"
        return "it ended its kernel; where memory runs out, the system does so."

    def end(self) -> None:
        """Kill the kernel, and whatever it has started."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@contextlib.contextmanager
def kernel(folder: Path) -> Iterator[Kernel]:
    """A kernel for a `with` statement.

    Raises:
        InputError: when none starts.
    """
    try:
        one = Kernel(folder)
        try:
            one.run("None", START)
        except Stopped as stopped:
            one.end()
            raise RuntimeError(str(stopped)) from None
    except (RuntimeError, OSError) as error:
        raise InputError(f"no kernel starts here ({error}), and nothing runs without.") from error
    try:
        yield one
    finally:
        one.end()
