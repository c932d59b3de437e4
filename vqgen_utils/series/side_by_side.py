"""Runs side by side: several at a time on this machine, or on many through a Dask scheduler.

Each run is a `vqgen run` in a process of its own, on its share of the threads. Whatever is killed
is started again and goes on where it was, for that is what a run does; one that fails stops none.
Both ways are a pool of `concurrent.futures`: Dask hands the runs to its workers, and the run of a
worker that died to another one.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from vqgen_utils.errors import InputError
from vqgen_utils.machine.places import home
from vqgen_utils.series import record
from vqgen_utils.series.notebook import duration
from vqgen_utils.series.runner import Stopped

OUTPUT = "output.txt"  # in a run's folder: what it printed
TRIES = 3  # of a run that is killed
POLL = 0.5  # seconds between two looks at whether the runs are still wanted
PATIENCE = 60  # seconds for a run that is told to stop
CONNECT = 10  # seconds for a scheduler to answer
PROGRAM = """
import signal, sys
from vqgen_utils.series.side_by_side import end_with_parent
end_with_parent()
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where we were started with `&`
sys.argv[0] = "vqgen"
from vqgen_utils.cli import main
main()
"""


@dataclass(frozen=True)
class Job:
    """One run."""

    name: str
    words: list[str]  # of its command, after `vqgen`
    wanted: Path  # a file in runs/ that is there for as long as the runs are wanted
    threads: str  # OMP_NUM_THREADS where the command was given; "": its share of the machine's
    program: str = PROGRAM


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    seconds: float
    said: str  # on standard error


def run_side_by_side(
    commands: dict[str, list[str]], jobs: int | None = None, scheduler: str | None = None
) -> None:
    """Run `vqgen WORDS` for every name -> words, with a line for each run as it ends.

    Args:
        commands: the runs.
        jobs: how many at a time on this machine.
        scheduler: address of a Dask scheduler whose workers do it instead.

    Raises:
        InputError: for both or a number below 1; for a scheduler that does not answer, or whose
            workers lack our folder or our version.
        Stopped: some runs failed, or the user pressed Ctrl-C.
    """
    if jobs is not None and (scheduler or jobs < 1):
        raise InputError(
            "--jobs and --scheduler exclude each other: a scheduler's workers say how many runs go "
            "at a time."
            if scheduler
            else f"--jobs {jobs}: give 1 or more."
        )
    with _wanted() as wanted, _pool(jobs, scheduler, wanted) as (submit, at_a_time):
        print(f"{len(commands)} runs, {at_a_time} at a time; runs/NAME/{OUTPUT} has what each says")
        threads = os.environ.get("OMP_NUM_THREADS", "")
        futures = {
            submit(Job(name, words, wanted, threads, PROGRAM)): name
            for name, words in commands.items()
        }
        try:
            failed = _report(futures)
        except KeyboardInterrupt:
            raise Stopped("stopped; the same command goes on.", 130) from None
        finally:  # whatever ends this, the runs are told
            wanted.unlink()
            for future in futures:
                future.cancel()
    if failed:
        listed = [f"  {name}: {reason}" for name, reason in failed.items()]
        count = f"{len(failed)} of {len(commands)} runs failed; the same command goes on with them:"
        raise Stopped("\n".join([count, *listed]))


def _report(futures: dict[Future, str]) -> dict[str, str]:
    """A line for each run as it ends; why, of those that failed."""
    failed, width = {}, max(map(len, futures.values()))
    for number, future in enumerate(as_completed(futures), 1):
        name, error = futures[future], future.exception()
        ended = Ended(1, 0.0, f"its worker: {error}") if error else future.result()
        how = "FAILED" if ended.code else "ok"
        line = f"{name:<{width}} {how:<7} {duration(ended.seconds):>12}"
        print(f"{line}   ({number} of {len(futures)})", flush=True)
        if ended.code:
            place = home() / "runs" / name / OUTPUT
            reason = ended.said.strip() or f"it ended with code {ended.code}, see {place}"
            failed[name] = reason.replace("\n", "\n  ")
    return failed


@contextlib.contextmanager
def _wanted() -> Iterator[Path]:
    """A file that is there while this process wants the runs, for all machines to see."""
    path = home().resolve() / "runs" / f".side-by-side-{socket.gethostname()}-{os.getpid()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


# ---- The pools -----------------------------------------------------------------------------------

Submit = Callable[[Job], Future]


@contextlib.contextmanager
def _pool(jobs: int | None, scheduler: str | None, wanted: Path) -> Iterator[tuple[Submit, int]]:
    """What takes a job, and how many it does at a time."""
    if not scheduler:
        free: SimpleQueue[dict] = SimpleQueue()
        for number in range(jobs):
            free.put(_gpu(number))
        with ThreadPoolExecutor(jobs) as pool:
            yield lambda job: pool.submit(_on_this_machine, job, jobs, free), jobs
        return
    with _client(scheduler) as client:
        slots = _slots(client, scheduler, wanted)
        pool: Executor = client.get_executor(pure=False)
        yield lambda job: pool.submit(_on_a_worker, job, slots), sum(slots.values())


def _on_this_machine(job: Job, jobs: int, free: SimpleQueue) -> Ended:
    gpu = free.get()
    try:
        return run_one(job, gpu | {"OMP_NUM_THREADS": job.threads or _share(jobs)})
    finally:
        free.put(gpu)


def _on_a_worker(job: Job, slots: dict[str, int]) -> Ended:
    """In a Dask worker, whose own GPU is the run's."""
    from distributed import get_worker

    here = slots.get(_host(get_worker().address), 1)
    return run_one(job, {"OMP_NUM_THREADS": job.threads or _share(here)})


def _share(runs: int) -> str:
    """Of this machine's cores, for each of so many runs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return str(max(1, cores // runs))


def _gpu(number: int) -> dict[str, str]:
    """The environment that gives the run in this place a GPU of its own, or shares out the few."""
    import torch

    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = listed.split(",") if listed else [str(i) for i in range(torch.cuda.device_count())]
    return {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {}


@contextlib.contextmanager
def _client(scheduler: str) -> Iterator:
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--scheduler needs Dask: pip install 'vqgen[machines]'.") from error
    try:
        client = Client(scheduler, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler {scheduler}: no Dask scheduler answers there; start one with `dask "
            "scheduler`, which says its address."
        ) from error
    with client:
        yield client


def _slots(client, scheduler: str, wanted: Path) -> dict[str, int]:
    """Host -> how many runs its workers do at a time; every worker must be able to help."""
    workers = client.scheduler_info()["workers"]
    if not workers:
        raise InputError(
            f"--scheduler {scheduler}: it has no workers; start some with `dask worker {scheduler} "
            "--nthreads 1`."
        )
    answers = client.run(why_not, str(wanted), record.package(), on_error="return")
    for worker, reason in answers.items():
        if reason:
            raise InputError(f"worker {worker} cannot help: {reason}.")
    slots: dict[str, int] = {}
    for address, worker in workers.items():
        slots[_host(address)] = slots.get(_host(address), 0) + worker["nthreads"]
    return slots


def why_not(wanted: str, package: str) -> str:
    """Asked of every worker: why it cannot do runs; "" if it can."""
    if not Path(wanted).exists():
        return f"it does not see {Path(wanted).parents[1]}; set VQGEN_HOME to a folder all share"
    if record.package() != package:
        return "it has another version of vqgen; install the same"
    return ""


def _host(address: str) -> str:
    """`tcp://10.0.0.7:4321` -> `tcp://10.0.0.7`."""
    return address.rpartition(":")[0]


# ---- One run -------------------------------------------------------------------------------------


def run_one(job: Job, environment: dict[str, str]) -> Ended:
    """Run a job in a process of its own, again if it is killed; stop it once it is not wanted.

    What it prints goes to the end of output.txt in the run's folder.
    """
    begin = time.perf_counter()
    output = job.wanted.parent / job.name / OUTPUT
    output.parent.mkdir(exist_ok=True)
    environment = {**os.environ, "VQGEN_HOME": str(job.wanted.parents[1]), **environment}
    with open(output, "ab") as out, tempfile.TemporaryFile() as errors:
        for _ in range(TRIES):
            if not job.wanted.exists():
                return Ended(130, time.perf_counter() - begin, "stopped")
            with subprocess.Popen(
                [sys.executable, "-c", job.program, *job.words],
                env=environment,
                stdin=subprocess.PIPE,  # it ends when this pipe does
                stdout=out,
                stderr=errors,
                start_new_session=True,  # Ctrl-C reaches us alone, and we tell it once
            ) as process:
                code = _wait(process, job.wanted)
            if code != -signal.SIGKILL:
                break
        errors.seek(0)
        said = errors.read()
        out.write(said)
    return Ended(code, time.perf_counter() - begin, said.decode(errors="replace"))


def _wait(process: subprocess.Popen, wanted: Path) -> int:
    """The exit code of a run, which is told to stop once it is not wanted any more."""
    while wanted.exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(POLL)
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def end_with_parent() -> None:
    """Have this process end when the one that holds the other end of standard input does."""

    def watch() -> None:
        os.read(0, 1)  # nothing is ever written: it returns at the end
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
