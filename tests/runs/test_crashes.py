"""Killed anywhere and started again with the same command, it ends as if it had never been killed.

VQGEN_CRASHES=n kills n times as often; `make crash` does, and kills the real series too.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from crashing import BOTH, DATA, PRIOR, VQVAE, Child, train
from safetensors.torch import load_file

from vqgen_utils import cli
from vqgen_utils.errors import InputError
from vqgen_utils.machine import exclusive
from vqgen_utils.series import record, runner
from vqgen_utils.training import checkpoint

OFTEN = int(os.environ.get("VQGEN_CRASHES", 1))


# ---- What a home must look like ------------------------------------------------------------------

READERS = {
    ".json": lambda path: json.loads(path.read_text()),
    ".safetensors": load_file,
    ".pt": checkpoint.load_state,
    ".npz": lambda path: dict(np.load(path, allow_pickle=False)),
    ".npy": lambda path: np.load(path, allow_pickle=False).shape,
    ".csv": pd.read_csv,
    ".ipynb": lambda path: nbformat.read(path, as_version=4),
}


def read_all(home: Path) -> None:
    """Every file that a program would find under its name is whole."""
    for path in home.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(home).parts)
        if path.is_file() and not hidden and path.suffix in READERS:
            READERS[path.suffix](path)


def results(home: Path, run: str = "r") -> dict:
    """What a run left, without the seconds it took."""
    found = {}
    for path in sorted((home / "runs" / run).iterdir()):
        if path.suffix == ".safetensors":
            found[path.name] = {name: value.numpy() for name, value in load_file(path).items()}
        elif path.name == "codes.npz":
            found[path.name] = {"codes": np.load(path)["codes"]}
        elif path.suffix == ".csv":
            found[path.name] = dict(pd.read_csv(path).drop(columns="seconds"))
        elif path.name == "config.json":
            found[path.name] = {"text": np.array(path.read_text())}
        else:
            found[path.name] = {}
    return found


def assert_same(found: dict, expected: dict) -> None:
    """To the last bit."""
    assert found.keys() == expected.keys()
    for file, arrays in expected.items():
        assert found[file].keys() == arrays.keys(), file
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[file][name], array, f"{name} of {file}")


# ---- vqgen train ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Both models trained without a stop: results, seconds, how often a file reached the disk."""
    home = tmp_path_factory.mktemp("whole")
    Child(home, [["--version"]]).wait()  # starts the server that forks
    start = time.monotonic()
    code, log = Child(home, BOTH).wait()
    assert code == 0, log
    return results(home), time.monotonic() - start, int(log.split()[-2])


@pytest.mark.parametrize(("how", "kills"), [("at any time", 15), ("at the disk", 10)])
def test_training_that_is_killed_ends_as_if_it_had_not_been(how, kills, whole, tmp_path):
    expected, seconds, moments = whole
    rng, killed, homes = random.Random(how), 0, 0
    while killed < kills * OFTEN:
        homes += 1
        home = tmp_path / str(homes)
        home.mkdir()
        finished = False
        while not finished:  # in this home
            last = killed >= kills * OFTEN
            if how == "at the disk" and not last:
                child = Child(home, BOTH, dies_at=rng.randint(1, moments))
                child.wait()
                finished = child.process.exitcode != -signal.SIGKILL
            else:
                child = Child(home, BOTH)
                finished = not child.kill_after(60 if last else rng.uniform(0, seconds))
            killed += not finished
            read_all(home)
        code, log = child.wait()
        assert code == 0, log
        assert_same(results(home), expected)
        assert "Traceback" not in "".join(path.read_text() for path in home.glob("log*"))
    print(f"{killed} kills in {homes} homes")


@pytest.mark.parametrize("moment", [1, 6, 20, 26])
def test_a_full_disk_is_one_sentence_and_nothing_is_lost(moment, whole, tmp_path):
    expected, _, moments = whole
    assert moment < moments
    code, log = Child(tmp_path, BOTH, full_at=moment).wait()
    sentence = log.splitlines()[-1]
    assert code == 2 and "Traceback" not in log
    assert sentence.startswith("vqgen: ") and (
        "no space left" in sentence or "make room" in sentence
    )
    read_all(tmp_path)
    code, log = Child(tmp_path, BOTH).wait()
    assert code == 0, log
    assert_same(results(tmp_path), expected)


def test_ctrl_c_stops_training_in_a_sentence_and_it_goes_on(whole, tmp_path):
    expected, _, _ = whole
    child = Child(tmp_path, BOTH)
    state = tmp_path / "runs" / "r" / "prior.training.pt"
    wait_for(state.exists)
    os.kill(child.process.pid, signal.SIGINT)
    code, log = child.wait()
    assert code == 130 and "Traceback" not in log
    assert log.splitlines()[-1] == "stopped; the same command goes on from the last saved step."
    assert state.exists()
    code, log = Child(tmp_path, BOTH).wait()
    assert code == 0, log
    assert_same(results(tmp_path), expected)


def test_a_run_folder_does_not_grow(tmp_path):
    """Many saved states and many kills leave what one run leaves, and nothing hidden."""
    for moment in (20, 22, 24):
        Child(tmp_path, BOTH, dies_at=moment).wait()
    leftovers = list((tmp_path / "runs" / "r").glob(".*.tmp"))
    assert len(leftovers) <= 1
    assert Child(tmp_path, BOTH).wait()[0] == 0
    assert {path.name for path in (tmp_path / "runs" / "r").iterdir()} <= {
        *("config.json", "codes.npz", "vqvae.safetensors", "prior.safetensors", ".lock"),
        *("history_vqvae.csv", "history_prior.csv"),
        *("vqvae.best.safetensors", "prior.best.safetensors"),
    }


def wait_for(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---- vqgen run -----------------------------------------------------------------------------------

RUN = ["run", "--profile", "smoke", "--run-name", "r"]
PARAMETERS = 'profile: str = "smoke"\nrun_name: str = "r"\n'
NOTEBOOKS = {
    "01_first": "print(6 * 7)",
    "02_vqvae_training": f"""
from vqgen_utils.runs import train_vqvae
from vqgen_utils.training import loop
loop.SAVE_EVERY = 10
train_vqvae(run_name, profile, {DATA | VQVAE!r} | {{"steps": steps}})
""",
    "03_last": "print(name)",
}


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    """Three small notebooks, of which the second trains a VQ-VAE."""
    folder = tmp_path_factory.mktemp("notebooks")
    more = {"02_vqvae_training": "steps: int = 24", "03_last": 'name: str = "x"'}
    for name, cell in NOTEBOOKS.items():
        first = nbformat.v4.new_code_cell(PARAMETERS + more.get(name, ""))
        first.metadata.tags = ["parameters"]
        cells = [first, nbformat.v4.new_code_cell(cell)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    return folder


@pytest.fixture(scope="module")
def killed_series(notebooks, tmp_path_factory):
    """They are killed, and run again until they are done, in one home after the other: the last."""
    rng, killed = random.Random(0), 0
    while killed < 5 * OFTEN:
        home, done, code = tmp_path_factory.mktemp("killed_series"), 0, None
        while code != 0:  # in this home
            enough, at_the_disk = killed >= 5 * OFTEN, rng.random() < 0.6
            moment = rng.randint(1, 20) if at_the_disk and not enough else None
            child = Child(home, [RUN], notebooks=notebooks, dies_at=moment)
            if not at_the_disk and not enough:
                child.kill_after(rng.uniform(1, 4))
            code, log = child.wait()
            assert code in (0, -signal.SIGKILL), log
            killed += code != 0
            read_all(home)
            assert log.count("ok (done before)") == done, "a finished notebook was run again"
            path = home / "runs" / "r" / "finished.json"
            done = len(json.loads(path.read_text())) if path.exists() else 0
        assert "Traceback" not in "".join(path.read_text() for path in home.glob("log*"))
    return home


def test_a_series_that_is_killed_ends_as_if_it_had_not_been(killed_series, whole):
    found, expected = results(killed_series), whole[0]
    assert {"finished.json", "metrics.json", "notebooks"} <= found.keys()
    common = [name for name in expected if name != "config.json" and "prior" not in name]
    assert_same({name: found[name] for name in common}, {name: expected[name] for name in common})


def without_seconds(metrics: dict) -> dict:
    """Scores alone: what the clock says is never the same twice."""
    return {
        section: {name: value for name, value in values.items() if "seconds" not in name}
        for section, values in metrics.items()
    }


@pytest.mark.skipif(OFTEN == 1, reason="takes a quarter of an hour: make crash")
def test_the_real_series_that_is_killed_ends_with_the_same_metrics(tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    start = time.monotonic()
    code, log = Child(whole, [RUN]).wait()
    assert code == 0, log
    longest = (time.monotonic() - start) / 3  # time enough for some notebooks, and not for others
    rng, killed, homes = random.Random(0), 0, 0
    while killed < 3 * OFTEN:
        homes += 1
        home = tmp_path / str(homes)
        home.mkdir()
        while Child(home, [RUN]).kill_after(rng.uniform(0, longest)):
            killed += 1
            read_all(home)
        assert "Traceback" not in "".join(path.read_text() for path in home.glob("log*"))
        assert_same(results(home), results(whole))
        one, other = (json.loads((h / "runs/r/metrics.json").read_text()) for h in (whole, home))
        assert without_seconds(one) == without_seconds(other)
    print(f"{killed} kills in {homes} homes")


def test_finished_notebooks_are_left_alone_until_something_changes(
    killed_series, notebooks, tmp_path, monkeypatch, capsys
):
    """Which notebooks would run, and why; none is run here."""
    ran = []

    def pretend(notebook, output, parameters, again, lock):
        ran.append(notebook.stem[:2])
        output.write_bytes((home / "runs/r/notebooks" / notebook.name).read_bytes())
        return 1.0

    home = killed_series
    folder = tmp_path / "runs" / "r"
    subprocess.run(["cp", "-r", home / "runs", tmp_path], check=True)
    monkeypatch.setenv("VQGEN_HOME", str(tmp_path))
    monkeypatch.setattr(runner, "NOTEBOOKS", notebooks)
    monkeypatch.setattr(runner, "_run_notebook", pretend)
    package = json.loads((folder / "finished.json").read_text())["01_first"]["package"]
    monkeypatch.setattr(record, "package", lambda: package)  # which may be edited during the tests

    def again(*words) -> str:
        ran.clear()
        with contextlib.suppress(SystemExit):
            cli.main([*RUN, *words])
        return capsys.readouterr().out

    out = again()
    assert ran == [] and out.count("ok (done before)") == 3
    assert (
        "nothing to do; to run them again: vqgen run --profile smoke --run-name r --from 01" in out
    )

    out = again("--set", "name=y")  # the last one's
    assert ran == ["03"] and "again from 03: name: none before, y now" in out
    out = again()
    assert ran == ["03"] and "name: y before, none now" in out
    assert again() and ran == []

    assert "again from 02: steps: none before, 50 now" in again("--set", "steps=50")
    assert ran == ["02", "03"]
    again()
    assert again("--from", "02") and ran == ["02", "03"]
    assert again("--only", "01") and ran == ["01"]
    assert again() and ran == ["02", "03"], "what came after 01 stood on the old 01"

    text = (folder / "vqvae.safetensors").read_bytes()
    (folder / "vqvae.safetensors").write_bytes(text[:-1] + b"x")
    assert "again from 02: vqvae.safetensors is not the one that it made" in again()
    (folder / "codes.npz").unlink()
    assert "again from 02: codes.npz is not the one that it made" in again()
    source = notebooks / "01_first.ipynb"
    before = source.read_text()

    def edit(*arguments):
        source.write_text(before.replace("6 * 7", "6 * 8"))
        return pretend(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "_run_notebook", edit)
        again("--from", "01")
    assert "again from 01: its text changed" in again(), "edited while it ran"
    source.write_text(before)
    again()
    (folder / "notebooks" / "01_first.ipynb").unlink()
    assert "again from 01: 01_first.ipynb is gone" in again()
    assert ran == ["01", "02", "03"]
    monkeypatch.setattr(record, "package", lambda: "other")
    assert "again from 01: vqgen_utils changed" in again()
    assert again() and ran == []


def test_scans_that_changed_are_read_again(tmp_path):
    assert record._scans("") == ""
    (tmp_path / "a.nii").write_bytes(b"1")
    before = record._scans(str(tmp_path))
    assert record._scans(str(tmp_path)) == before
    (tmp_path / "a.nii").write_bytes(b"12")
    assert record._scans(str(tmp_path)) != before


# ---- One at a time -------------------------------------------------------------------------------


def refusal(capsys, *words) -> str:
    """The sentence with which a command is refused."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(words))
    err = capsys.readouterr().err
    assert stop.value.code == 2 and err.count("\n") == 1
    return err


def test_a_second_run_of_the_name_is_refused_and_a_dead_one_is_no_hindrance(
    notebooks, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("VQGEN_HOME", str(tmp_path))
    monkeypatch.setattr(runner, "NOTEBOOKS", notebooks)
    endless = train("vqvae", DATA | VQVAE | {"steps": 1_000_000})
    child = Child(tmp_path, [endless])
    wait_for((tmp_path / "runs" / "r" / "vqvae.training.pt").exists)
    for words in (train("prior", PRIOR), RUN):
        sentence = refusal(capsys, *words)
        assert f"run 'r' is in use by process {child.process.pid}" in sentence
    with exclusive(tmp_path / "runs" / "other"):
        pass  # another name is free
    assert child.kill_after(0)
    with exclusive(tmp_path / "runs" / "r") as file:
        assert file is not None
    assert str(child.process.pid) not in (tmp_path / "runs" / "r" / ".lock").read_text()


def test_a_lock_file_of_a_dead_process_or_another_boot_locks_nothing(tmp_path):
    (tmp_path / ".lock").write_text("999999999 elsewhere vqgen run\n")
    with exclusive(tmp_path):
        pass


def test_what_a_killed_run_started_keeps_the_lock_until_it_ends(tmp_path, monkeypatch):
    holder = f"""
import subprocess, time
from pathlib import Path
from vqgen_utils.machine import exclusive
with exclusive(Path({str(tmp_path)!r})) as file:
    subprocess.Popen(["sleep", "1"], pass_fds=[file.fileno()])
    print("ready", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.kill()
    monkeypatch.setattr("vqgen_utils.machine.lock.PATIENCE", 0.0)
    with pytest.raises(InputError, match=f"kernel that process {process.pid} .* left behind"):
        exclusive(tmp_path).__enter__()
    monkeypatch.setattr("vqgen_utils.machine.lock.PATIENCE", 10.0)
    with exclusive(tmp_path):
        pass


def test_the_lock_is_held_by_a_process_once_for_all(tmp_path):
    with exclusive(tmp_path) as outer, exclusive(tmp_path) as inner:
        assert outer and inner is None
    with exclusive(tmp_path) as outer, exclusive(tmp_path / "sub") as inner:
        assert outer and inner
        with exclusive(tmp_path / "sub") as innermost:
            assert innermost is None
    assert "VQGEN_LOCK" not in os.environ
