"""A sweep runs every combination once; a comparison shows where runs differ."""

import json

import pandas as pd
import pytest

from vqgen_utils import cli, plots
from vqgen_utils.config import get_profile, home
from vqgen_utils.errors import InputError
from vqgen_utils.plots.runs import BY_PATIENTS
from vqgen_utils.series import sweep


def finished_run(name: str, ssim: float, **changes) -> None:
    folder = home() / "runs" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(get_profile("smoke", **changes).to_dict()))
    metrics = {"vqvae": {"ssim": ssim}, "series": {"seconds": {"total": 12.5}}}
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_every_combination_becomes_a_run_of_its_own():
    asked = sweep.parse_sweep(["num_embeddings=32,128", "seed=0,1"])
    done = []
    sweep.run_sweep("k", asked, lambda name, settings: done.append((name, settings)))
    assert done == [
        ("k-num_embeddings-32-seed-0", ["num_embeddings=32", "seed=0"]),
        ("k-num_embeddings-32-seed-1", ["num_embeddings=32", "seed=1"]),
        ("k-num_embeddings-128-seed-0", ["num_embeddings=128", "seed=0"]),
        ("k-num_embeddings-128-seed-1", ["num_embeddings=128", "seed=1"]),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("num_embeddings", "NAME=VALUE"),
        ("=1,2", "NAME=VALUE"),
        ("seed=1,,2", "NAME=VALUE"),
        ("seed=1,1", "listed twice"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(text, words):
    with pytest.raises(InputError, match=words):
        sweep.parse_sweep([text])


def test_a_setting_given_twice_is_refused():
    with pytest.raises(InputError, match="given twice"):
        sweep.parse_sweep(["seed=1", "seed=2"])


def test_a_comparison_shows_the_settings_that_differ_and_the_scores():
    finished_run("k-32", 0.8, num_embeddings=32)
    finished_run("k-64", 0.9, num_embeddings=64)
    finished_run("other", 0.1, num_embeddings=8)
    table = sweep.compare(["k"])
    assert list(table.index) == ["k-32", "k-64"]
    assert table["vqvae.num_embeddings"].tolist() == [32, 64]
    assert table["ssim"].tolist() == [0.8, 0.9]
    assert table["seconds"].tolist() == [12.5, 12.5]
    assert not [name for name in table if name.startswith("data.")]
    assert len(sweep.compare()) == 3


def test_the_command_prints_the_comparison_and_keeps_table_and_figure(capsys):
    finished_run("k-32", 0.8, num_embeddings=32)
    finished_run("k-64", 0.9, num_embeddings=64)
    with pytest.raises(SystemExit) as end:
        cli.main(["compare", "k"])
    assert end.value.code == 0
    assert "num_embeddings" in capsys.readouterr().out
    assert "k-64" in (home() / "runs" / "comparison.csv").read_text()
    assert (home() / "runs" / "comparison.png").stat().st_size > 1000


def test_the_command_runs_the_series_for_each_value(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(cli.runner, "run_series", lambda **request: asked.append(request))
    command = ["run", "--run-name", "k", "--set", "seed=3", "--sweep", "num_embeddings=32,64"]
    with pytest.raises(SystemExit):
        cli.main(command)
    assert [request["run_name"] for request in asked] == [
        "k-num_embeddings-32",
        "k-num_embeddings-64",
    ]
    assert asked[1]["settings"] == ["seed=3", "num_embeddings=64"]


def test_a_run_without_a_prior_has_no_score_there():
    finished_run("half", 0.8)
    assert sweep.compare(["half"])["bits_per_code"].isna().all()


def test_comparing_nothing_says_so():
    with pytest.raises(InputError, match="no run called x"):
        sweep.compare(["x"])


def test_more_patients_are_drawn_against_every_stage():
    names = [name for _, _, columns in BY_PATIENTS for name in columns]
    table = pd.DataFrame({"patients": [15, 30], **{name: [0.5, None] for name in names}})
    figure = plots.by_patients(table)
    assert [ax.get_title() for ax in figure.axes] == ["reconstruction", "prior", "samples"]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["15", "30"]
