"""Runs side by side: each as if it ran alone, whatever is killed meanwhile."""

import json
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from crashing import DATA, VQVAE
from safetensors.numpy import load_file

from vqgen_utils import cli
from vqgen_utils.series import runner, side_by_side

# folds of a run on the phantom; what a notebook prints goes into it
PARAMETERS = """
profile: str = "smoke"
run_name: str = "tutorial"
data_source: str = "phantom"
data_dir: str = ""
from_run: str = ""
seed: int = 0
folds: int = 0
fold: int = 0
"""
HELPERS = """
import os, pathlib, signal, time
home = pathlib.Path(os.environ["VQGEN_HOME"])

def first_time(name):
    path = home / name
    return not path.exists() and not path.touch()

def wait_for(name):
    deadline = time.monotonic() + 60
    while not (home / name).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
"""

HERE = """
from pathlib import Path
from vqgen_utils.series import runner
runner.NOTEBOOKS = Path({folder!r})
main()
"""


@pytest.fixture
def notebooks(tmp_path, monkeypatch, home):
    """Writes the notebooks that every run has, by this process or by a process of its own."""
    monkeypatch.setattr(runner, "NOTEBOOKS", tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    elsewhere = HERE.format(folder=str(tmp_path))
    monkeypatch.setattr(side_by_side, "PROGRAM", side_by_side.PROGRAM.replace("main()", elsewhere))

    def write(*cells: str) -> None:
        for number, cell in enumerate(cells, 1):
            first = nbformat.v4.new_code_cell(PARAMETERS.strip(), metadata={"tags": ["parameters"]})
            code = [nbformat.v4.new_code_cell(text) for text in (HELPERS, textwrap.dedent(cell))]
            book = nbformat.v4.new_notebook(cells=[first, *code])
            nbformat.write(book, tmp_path / f"{number:02d}_part.ipynb")

    return write


def vqgen(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "--profile", "smoke", "--run-name", "k", *words])
    return stop.value.code


def printed(home: Path, run: str) -> str:
    cells = nbformat.read(home / "runs" / run / "notebooks" / "01_part.ipynb", as_version=4).cells
    return "".join(o.get("text", "") for c in cells for o in c.get("outputs", []))


def test_a_killed_run_goes_on_and_a_failed_one_stops_no_other(notebooks, home, capfd):
    notebooks(
        """
        print(seed, os.environ["OMP_NUM_THREADS"])
        if seed == 1 and first_time("killed"):
            os.kill(os.getppid(), signal.SIGKILL)  # `vqgen run`, and not the kernel alone
            time.sleep(30)
        if seed == 2:
            raise ValueError("too low")
        """
    )
    assert vqgen("--sweep", "seed=1,2,3", "--jobs", "2") == 1
    out, err = capfd.readouterr()
    assert "3 runs, 2 at a time" in out
    ended = dict(re.findall(r"^(k-seed-\d) +(ok|FAILED) ", out, re.M))
    assert ended == {"k-seed-1": "ok", "k-seed-2": "FAILED", "k-seed-3": "ok"}
    assert "1 of 3 runs failed" in err and "01_part.ipynb, cell [4]: ValueError: too low" in err
    assert "vqgen run --profile smoke --run-name k-seed-2 --set seed=2 --from 01" in err
    assert [printed(home, f"k-seed-{n}") for n in (1, 3)] == ["1 1\n", "3 1\n"]
    assert "01 part" in (home / "runs" / "k-seed-3" / "output.txt").read_text()
    assert not list((home / "runs").glob(".side*"))

    assert vqgen("--sweep", "seed=1,3", "--jobs", "2") == 0
    assert "ok (done before)" in (home / "runs" / "k-seed-3" / "output.txt").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--jobs", "2"], "need several runs: give --folds or --sweep"),
        (["--sweep", "seed=1,2", "--jobs", "0"], "--jobs 0: give 1 or more"),
        (["--folds", "1"], "'folds' is 1: give 2 or more"),
        (["--folds", "0"], "--folds 0: give 2 or more"),
        (["--folds", "3", "--sweep", "fold=0,1"], "fold is given twice"),
        (["--sweep", "seed=1,-2", "--jobs", "2"], "'seed' is -2"),
        (["--sweep", "seed=1,2", "--jobs", "2", "--scheduler", "x"], "exclude each other"),
        (["--sweep", "seed=1,2", "--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler answers"),
        (["--from-run", "k"], "a run cannot start from itself"),
        (["--from-run", "nobody"], "there is no trained VQ-VAE"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_before_any_run(
    words, sentence, notebooks, home, capfd, monkeypatch
):
    notebooks("1 / 0")
    monkeypatch.setattr(side_by_side, "CONNECT", 1)
    assert vqgen(*words) == 2
    err = capfd.readouterr().err
    last = err.splitlines()[-1]
    assert last.startswith("vqgen: ") and sentence in last and "Traceback" not in err
    assert not list((home / "runs").glob("k*"))


def test_a_run_starts_again_if_the_run_it_starts_from_changed(notebooks, home, capsys):
    notebooks("print(from_run)")
    weights = home / "runs" / "a" / "vqvae.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"1")
    assert vqgen("--from-run", "a") == 0
    assert printed(home, "k") == "a\n"
    assert vqgen("--from-run", "a") == 0
    assert (
        "vqgen run --profile smoke --run-name k --from-run a --from 01" in capsys.readouterr().out
    )
    weights.write_bytes(b"2")
    assert vqgen("--from-run", "a") == 0
    assert "again from 01: the run to start from changed" in capsys.readouterr().out


def test_ctrl_c_stops_all_runs_and_the_same_command_goes_on(notebooks, home, tmp_path):
    notebooks("first_time(f'here-{seed}'); wait_for('go')")
    script = tmp_path / "command.py"
    script.write_text(
        "import signal, pathlib; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from vqgen_utils import cli; from vqgen_utils.series import runner, side_by_side\n"
        f"runner.NOTEBOOKS = pathlib.Path({str(tmp_path)!r})\n"
        f"side_by_side.PROGRAM = {side_by_side.PROGRAM!r}\n"
        "words = ['run', '--run-name', 'k', '--sweep', 'seed=1,2,3', '--jobs', '2']\n"
        "cli.main([*words, '--profile', 'smoke'])\n"
    )
    process = subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE, text=True)
    wait(lambda: len(list(home.glob("here-*"))) == 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == "stopped; the same command goes on.\n"
    assert not (home / "here-3").exists(), "what waits must not start"
    for seed in (1, 2):
        assert (home / "runs" / f"k-seed-{seed}" / "output.txt").read_text().count("stopped") == 1
    (home / "go").touch()
    assert vqgen("--sweep", "seed=1,2,3", "--jobs", "2") == 0


def wait(true, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


# ---- Several machines ----------------------------------------------------------------------------

REAL = f"""
from vqgen_utils.runs import train_vqvae
changes = {DATA | VQVAE | {"patients_train": 4, "folds": 2}}
train_vqvae(run_name, profile, changes | dict(fold=fold), progress=None)
"""
WAIT = "first_time(f'here-{fold}'); wait_for('go')"


@pytest.fixture
def two_workers(home, tmp_path):
    """The address of a Dask scheduler, and its two workers, each a process."""
    file, log = tmp_path / "scheduler.json", tmp_path / "log"
    common = ("--scheduler-file", file, "--no-dashboard", "--host", "127.0.0.1")
    worker = ("dask_worker", "--nthreads", "1", "--no-nanny", *common)
    commands = [("dask_scheduler", "--port", "0", *common), worker, worker]
    with open(log, "wb") as out:
        scheduler, *workers = (
            subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{name}", *map(str, words)],
                stdout=out,
                stderr=out,
                cwd=tmp_path,
            )
            for name, *words in commands
        )
    try:
        wait(lambda: log.read_text().count("Registered to") == 2)
        yield json.loads(file.read_text())["address"], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def results(home: Path) -> dict:
    found = {}
    for fold in range(2):
        run = home / "runs" / f"k-fold-{fold}"
        found |= {
            (fold, name): value for name, value in load_file(run / "vqvae.safetensors").items()
        }
        found[fold, "codes"] = np.load(run / "codes.npz")["codes"]
        metrics = json.loads((run / "metrics.json").read_text())
        metrics["series"]["seconds"] = sorted(metrics["series"]["seconds"])
        found[fold, "metrics"] = metrics
    return found


def test_two_workers_of_which_one_is_killed_leave_what_one_after_the_other_leaves(
    notebooks, home, two_workers, monkeypatch, tmp_path_factory, capfd
):
    notebooks(REAL, WAIT)
    alone = tmp_path_factory.mktemp("alone")
    (alone / "go").touch()
    with monkeypatch.context() as patch:
        patch.setenv("VQGEN_HOME", str(alone))
        assert vqgen("--folds", "2") == 0

    address, workers = two_workers

    def kill_one() -> None:
        wait(lambda: len(list(home.glob("here-*"))) == 2)
        workers[0].kill()
        workers[0].wait()
        (home / "go").touch()

    killer = threading.Thread(target=kill_one)
    killer.start()
    assert vqgen("--folds", "2", "--scheduler", address) == 0
    killer.join()
    monkeypatch.setattr(side_by_side.record, "package", lambda: "x")
    assert vqgen("--folds", "2", "--scheduler", address) == 2
    assert "has another version of vqgen" in capfd.readouterr().err
    there = [(home / "runs" / f"k-fold-{n}" / "output.txt").read_text() for n in range(2)]
    assert sum("01 part                     ok (done before)" in text for text in there) == 1
    ours, expected = results(home), results(alone)
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(ours[name], value, str(name))
    assert not np.array_equal(ours[0, "codes"], ours[1, "codes"])
