"""What the machine needs to be fast, found out and set here so that nobody has to know it.

best_device()                where models live
training_settings(device)    around a training run: threads, memory and precision
UsableThreads(every)         how many threads are worth using, asked again now and then
numpy_on_one_thread()        around small products in NumPy, which has threads of its own
exact_products()             around what is compared digit by digit
in_eval_mode(model)          around what must not train it
"""

import contextlib
import ctypes
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator

import torch
from threadpoolctl import ThreadpoolController
from torch import nn

PROBE_SECONDS = 0.1  # for each number of threads
CHECK_EVERY = 20.0  # seconds between two probes of a training run
CLEARLY_FASTER = 1.3  # times as fast as one thread, at least, or the others are not worth it
KEPT = 2**30  # bytes: memory blocks up to this size are kept for the next tensor


def best_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def training_settings(device: torch.device) -> Iterator[Callable[[], None]]:
    """Fast settings for a training run on `device`; as they were before afterwards.

    CPU: as many threads as are worth using, and large tensors in memory that is reused. Call what
    this yields after every step: it looks again now and then, for other programs come and go. Sums
    depend on the number of threads in their last digits; OMP_NUM_THREADS, if set, fixes it.
    GPU: convolutions may round their inputs to TensorFloat-32, and are tuned for their shapes.
    """
    threads = UsableThreads(CHECK_EVERY)
    cudnn = torch.backends.cudnn

    def choose_threads() -> None:
        if device.type != "cpu":
            return
        before, usable = torch.get_num_threads(), threads.count()
        torch.set_num_threads(usable)
        if usable != before:
            busy = usable < threads.all
            why = "Other work keeps this machine busy" if busy else "The work is over"
            print(f"{why}: training on {usable} of {threads.all} threads.")

    try:
        choose_threads()
        if device.type == "cpu":
            reuse_memory()
        with cudnn.flags(enabled=cudnn.enabled, benchmark=True, allow_tf32=True):
            yield choose_threads
    finally:
        torch.set_num_threads(threads.all)


class UsableThreads:
    """How many threads are worth using. Other programs come and go, so it looks again.

    OMP_NUM_THREADS, if set, settles it.

    Args:
        every: seconds for which an answer holds.
        probe: seconds that either number of threads is tried for.
    """

    def __init__(self, every: float, probe: float = PROBE_SECONDS):
        self.all = torch.get_num_threads()
        self.every, self.probe = every, probe
        self.usable, self.checked = self.all, -float("inf")

    def count(self) -> int:
        """All of PyTorch's threads, or one."""
        due = time.perf_counter() - self.checked >= self.every
        if due and "OMP_NUM_THREADS" not in os.environ:
            before = torch.get_num_threads()
            torch.set_num_threads(self.all)
            self.usable = worthwhile_threads(self.probe)
            torch.set_num_threads(before)
            self.checked = time.perf_counter()
        return self.usable


def numpy_on_one_thread() -> contextlib.AbstractContextManager:
    """NumPy's matrix products on one thread: it would start more from a modest size on."""
    return _libraries().limit(limits=1, user_api="blas")


@functools.cache
def _libraries() -> ThreadpoolController:
    """The loaded libraries that have threads; looking for them takes milliseconds."""
    return ThreadpoolController()


def exact_products() -> contextlib.AbstractContextManager:
    """Full single precision in convolutions on a GPU, where PyTorch's default is TensorFloat-32."""
    return torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False)


@contextlib.contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """The model in eval mode inside, and as it was before afterwards, however that ends."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def worthwhile_threads(probe: float = PROBE_SECONDS) -> int:
    """All of PyTorch's threads, or one where all together are not clearly faster than it.

    Either is tried for `probe` seconds.

    Threads wait for each other after every operation. If another program holds one of the cores,
    they wait for their turn on it, which can make a step several times slower than on one thread.
    For moments they get away with it: two threads beside a busy core came out up to 1.2 times as
    fast as one, and 1.7 to 2 times where both cores were free.
    """
    threads = torch.get_num_threads()
    if threads == 1:
        return 1
    a, b = torch.ones(2, 256, 256).unbind()

    def products_a_second(number: int) -> float:
        torch.set_num_threads(number)
        torch.mm(a, b)
        count, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < probe:
            torch.mm(a, b)
            count += 1
        return count / elapsed

    try:
        together, alone = (products_a_second(number) for number in (threads, 1))
    finally:
        torch.set_num_threads(threads)
    return threads if together >= CLEARLY_FASTER * alone else 1


def reuse_memory() -> None:
    """Have the C library keep the memory of freed tensors for the next ones.

    glibc maps every block above 32 MiB anew, and clearing its pages costs more than what a layer
    does with them. Elsewhere than on glibc nothing is changed.
    """
    mallopt = sys.platform == "linux" and getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        m_trim_threshold, m_mmap_threshold = -1, -3  # malloc.h
        mallopt(m_mmap_threshold, KEPT)
        mallopt(m_trim_threshold, KEPT)


@contextlib.contextmanager
def threads(number: int, device: torch.device) -> Iterator[None]:
    """So many CPU threads, if that is where the work is; as before afterwards."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread(device: torch.device) -> contextlib.AbstractContextManager:
    """One CPU thread: for tiny products a second one costs more than it brings."""
    return threads(1, device)
