"""`vqgen train` and `vqgen sample`: what the notebooks leave, by one process or by several."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jupytext
import numpy as np
import pandas as pd
import pytest
import share_work
import torch
from crashing import DATA, PRIOR, VQVAE, train
from safetensors.torch import load_file

from vqgen_utils import cli
from vqgen_utils.config import get_profile
from vqgen_utils.data import Slices, load_slices
from vqgen_utils.machine import REPOSITORY
from vqgen_utils.runs import Run, new_vqvae, prior_lesson
from vqgen_utils.training import checkpoint

SMALL = DATA | VQVAE | PRIOR
FILES = {
    *("config.json", "vqvae.safetensors", "history_vqvae.csv", "codes.npz"),
    *("prior.safetensors", "history_prior.csv"),
}


def vqgen(home: Path, *words: str) -> None:
    """The command, in this process."""
    with pytest.raises(SystemExit) as stop, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQGEN_HOME", str(home))
        cli.main([str(word) for word in words])
    assert stop.value.code == 0


TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc_per_node=2")
ACCELERATE = (  # --multi_gpu means several processes, on CPUs too; with --cpu it starts only one
    *("accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1"),
    *("--mixed_precision=no", "--dynamo_backend=no"),
)


def launch(home: Path, *words: str, launcher: tuple[str, ...] = TORCHRUN) -> None:
    """A program in two processes."""
    environment = {**os.environ, "VQGEN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *words],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("\n") <= 2 and "arning" not in done.stderr, done.stdout + done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home in which one process trained both models and drew some slices."""
    home = tmp_path_factory.mktemp("trained")
    vqgen(home, *train("vqvae", DATA | VQVAE))
    vqgen(home, *train("prior", PRIOR))
    vqgen(home, "sample", "--run-name", "r", "--images", 70, "--seed", 5)
    return home


@pytest.fixture(scope="module")
def shared(trained, tmp_path_factory):
    """The jobs of share_work.py done by one process, and by two: two folders."""
    alone, both = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("both")
    share_work.codebook(alone)
    share_work.training(alone)
    subprocess.run(["cp", "-r", trained / "runs", trained / "data", both], check=True)
    (both / "runs" / "r" / "generated.npz").unlink()
    launch(both, "tests/share_work.py", str(both))
    return alone, both


# ---- One process ---------------------------------------------------------------------------------


def test_training_leaves_what_the_notebooks_leave(trained):
    there = {path.name for path in (trained / "runs" / "r").iterdir()}
    assert there >= FILES
    assert there - FILES <= {
        *(".lock", "vqvae.best.safetensors", "prior.best.safetensors"),
        *("generated.npz", "generated.png"),
    }
    config = json.loads((trained / "runs" / "r" / "config.json").read_text())
    assert config["vqvae"]["num_embeddings"] == SMALL["num_embeddings"]
    assert config["prior_training"]["steps"] == SMALL["prior_steps"]
    vqvae, prior = (
        checkpoint.load_settings(trained / "runs" / "r" / f"{m}.safetensors")
        for m in ("vqvae", "prior")
    )
    assert vqvae["model"] == config["vqvae"] and prior["model"] == config["prior"]
    assert vqvae["data"] == prior["data"]


def run_up_to_training(number: str, parameters: dict) -> None:
    """Execute a notebook's cells, in this process, as far as the one that trains its model."""
    model = {"02": "vqvae.safetensors", "04": "prior.safetensors"}[number]
    path = next((REPOSITORY / "notebooks" / "py").glob(f"{number}_*.py"))
    namespace = {"__name__": "__main__"}
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, path.name, "exec"), namespace)
            if "parameters" in cell.metadata.get("tags", []):
                namespace |= parameters
            if "= fit(" in cell.source and model in cell.source:
                return
    raise AssertionError(f"{path.name} does not train")


@pytest.mark.parametrize(("number", "model"), [("02", "vqvae"), ("04", "prior")])
def test_the_notebooks_load_what_was_trained(number, model, trained, monkeypatch, capsys):
    monkeypatch.setenv("VQGEN_HOME", str(trained))
    settings = VQVAE if model == "vqvae" else PRIOR
    run_up_to_training(number, {"profile": "smoke", "run_name": "r", **settings})
    assert f"{model}.safetensors was trained with these settings already" in capsys.readouterr().out


def test_the_notebook_trains_to_the_same_weights(trained, tmp_path, monkeypatch, capsys):
    subprocess.run(["cp", "-r", trained / "data", tmp_path], check=True)
    run = tmp_path / "runs" / "r"
    run.mkdir(parents=True)
    (run / "config.json").write_bytes((trained / "runs" / "r" / "config.json").read_bytes())
    monkeypatch.setenv("VQGEN_HOME", str(tmp_path))
    run_up_to_training("02", {"profile": "smoke", "run_name": "r", **VQVAE})
    assert "already" not in capsys.readouterr().out
    ours = load_file(trained / "runs" / "r" / "vqvae.safetensors")
    theirs = load_file(run / "vqvae.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_trained_model_is_not_trained_again(trained, capsys):
    vqgen(trained, *train("prior", PRIOR))
    assert "was trained with these settings already: loaded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["train", "vqvae", "--set", "prior_steps=3"],
            "the VQ-VAE and its training have no parameter",
        ),
        (["train", "prior", "--set", "steps=3"], "did you mean prior_steps"),
        (["train", "vqvae", "--set", "steps=-1"], "'steps' is -1"),
        (["train", "vqvae", "--set", "data_dir=x"], "use the option --data-dir"),
        (["train", "vqvae", "--data-dir", "nowhere"], "is not a folder"),
        (["train", "vqvae", "--profile", "huge"], "profile 'huge' does not exist"),
        (["train", "vqvae", "--run-name", "../x"], "run name '../x'"),
        (["train", "prior", "--run-name", "new"], "run notebook 02_vqvae_training first"),
        (["sample", "--run-name", "new"], "run notebook 02_vqvae_training first"),
        (["sample", "--images", "0"], "--images 0: give 1 or more"),
        (["sample", "--temperature", "-1"], "give zero or more"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_sentence(
    words, sentence, trained, monkeypatch, capsys
):
    monkeypatch.setenv("VQGEN_HOME", str(trained))
    run = [] if "--run-name" in words else ["--run-name", "r"]
    with pytest.raises(SystemExit) as stop:
        cli.main([*words, *run])
    err = capsys.readouterr().err
    assert stop.value.code == 2
    assert sentence in err and err.count("\n") == 1 and err.startswith("vqgen: ")


def test_slices_depend_on_their_own_seed_alone(trained):
    before = dict(np.load(trained / "runs" / "r" / "generated.npz"))
    vqgen(trained, "sample", "--run-name", "r", "--images", 64, "--seed", 6)
    after = dict(np.load(trained / "runs" / "r" / "generated.npz"))
    assert before["images"].shape == (70, 32, 16)
    for name in ("codes", "heights", "seeds"):
        np.testing.assert_array_equal(before[name][1:65], after[name])
    vqgen(trained, "sample", "--run-name", "r", "--images", 70, "--seed", 5)
    for name, array in np.load(trained / "runs" / "r" / "generated.npz").items():
        np.testing.assert_array_equal(array, before[name])


def test_slices_are_asked_for_where_training_slices_lie_as_densely_as_they_do(trained, monkeypatch):
    monkeypatch.setenv("VQGEN_HOME", str(trained))
    asked = np.load(trained / "runs" / "r" / "generated.npz")["heights"]
    run = Run("r")
    index = run.load_slices(run.settings("smoke")).index
    known = index["height"][index["split"] == "train"].to_numpy(np.float32)
    assert set(asked) <= set(known)
    middles = [np.median(heights) for heights in (asked, known)]
    assert abs(middles[0] - middles[1]) < 0.15


def test_a_prior_can_learn_from_some_of_the_patients():
    settings = get_profile("smoke", augment="off", patients_train=3, slice_step=30)
    slices = load_slices(settings.data)
    codes = torch.arange(len(slices.index))[:, None, None]  # (N, 1, 1), a number of its own each
    train = slices.to_learn_from()[0].rows
    one = train["patient"].iloc[-1]
    untrained = new_vqvae(settings, slices.subset("train"))
    lesson = prior_lesson(settings, slices, codes, untrained, patients=[one])
    theirs = codes[train.index[train["patient"] == one]]
    assert 0 < len(theirs) < len(train)
    assert torch.equal(lesson.train.tensors[0], theirs)


def test_places_are_as_dense_as_the_training_slices():
    heights = [0.5] * 30 + [0.6] * 60 + [0.9] * 10 + [0.1] * 100
    index = pd.DataFrame({"height": heights, "split": ["train"] * 100 + ["test"] * 100})
    places = Slices.places.fget(SimpleNamespace(index=index))
    assert [places.count(place) for place in (0.5, 0.6, 0.9, 0.1)] == [30, 60, 10, 0]


# ---- Two processes -------------------------------------------------------------------------------


def test_every_process_has_the_codebook_that_one_process_would_have(shared):
    alone, both = shared
    one = torch.load(alone / "codebook-0.pt", weights_only=True)
    first, second = (torch.load(both / f"codebook-{rank}.pt", weights_only=True) for rank in (0, 1))
    revived = 0
    for size, expected, mine, other in zip(share_work.BATCHES, one, first, second, strict=True):
        for name, value in expected.items():
            assert torch.equal(mine[name], other[name]), name
            torch.testing.assert_close(mine[name], value, rtol=1e-4, atol=1e-5)
        even_share = size * 3 * 2 / len(expected["ema_count"])  # 3 x 2 vectors a slice
        revived += int((expected["ema_count"] == even_share).sum())
    assert revived > 3, "what is compared must include revival"


@pytest.mark.parametrize("slices", [18, 17])
@pytest.mark.parametrize("model", ["vqvae", "prior"])
def test_two_processes_train_the_model_that_one_would(shared, model, slices):
    alone, both = shared
    one = torch.load(alone / f"{model}{slices}-0.pt", weights_only=True)
    mine, other = (torch.load(both / f"{model}{slices}-{r}.pt", weights_only=True) for r in (0, 1))
    for name, value in one["model"].items():
        assert torch.equal(mine["model"][name], other["model"][name]), name
        torch.testing.assert_close(mine["model"][name], value, rtol=1e-3, atol=1e-4)
    written = pd.read_csv(both / f"history_{model}{slices}.csv")
    for name in set(written) - {"seconds"}:
        ours, theirs = np.array(one["history"][name]), np.array(mine["history"][name])
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-6, err_msg=name)
        np.testing.assert_array_equal(theirs, written[name])
        assert not all(math.isnan(value) for value in ours)
    assert load_file(both / f"{model}{slices}.safetensors").keys() == one["model"].keys()


def test_two_processes_draw_the_same_slices_as_one(shared, trained):
    expected = np.load(trained / "runs" / "r" / "generated.npz")
    drawn = np.load(shared[1] / "runs" / "r" / "generated.npz")
    for name in expected:
        np.testing.assert_array_equal(drawn[name], expected[name], name)


@pytest.mark.parametrize("launcher", [TORCHRUN, ACCELERATE], ids=["torchrun", "accelerate"])
def test_a_launcher_trains_a_run_that_the_notebooks_load(
    launcher, trained, tmp_path, monkeypatch, capsys
):
    launch(tmp_path, "-m", "vqgen_utils", *train("vqvae", DATA | VQVAE), launcher=launcher)
    run = tmp_path / "runs" / "r"
    assert {name for name in FILES if "prior" not in name} <= {path.name for path in run.iterdir()}
    ours, theirs = (
        pd.read_csv(home / "runs" / "r" / "history_vqvae.csv").drop(columns="seconds")
        for home in (trained, tmp_path)
    )
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-3)
    assert not ours["loss"].equals(theirs["loss"]), "sums in one order: one process worked alone"
    monkeypatch.setenv("VQGEN_HOME", str(tmp_path))
    run_up_to_training("02", {"profile": "smoke", "run_name": "r", **VQVAE})
    assert "was trained with these settings already: loaded" in capsys.readouterr().out


def test_importing_the_package_or_its_command_loads_nothing_heavy():
    script = (
        "import sys, vqgen_utils, vqgen_utils.cli\n"
        "import vqgen_utils.series.runner, vqgen_utils.machine.lock\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "numpy", "pandas", "scipy", "matplotlib", "nibabel", "papermill", "IPython"}
    assert not heavy & set(done.stdout.split())
