"""A sweep runs every combination of settings once."""

import pytest

from vqgen_utils import cli
from vqgen_utils.errors import InputError
from vqgen_utils.series import combinations, parse_sweep, run_sweep


def test_every_combination_becomes_a_run_of_its_own():
    asked = parse_sweep(["num_embeddings=32,128", "seed=0,1"])
    done = []
    run_sweep(combinations("k", asked), lambda name, settings: done.append((name, settings)))
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
        parse_sweep([text])


def test_a_setting_given_twice_is_refused():
    with pytest.raises(InputError, match="given twice"):
        parse_sweep(["seed=1", "seed=2"])


def test_the_command_runs_the_series_for_each_value(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(cli.runner, "run_series", lambda **request: asked.append(request))
    command = ["run", "--run-name", "k", "--set", "seed=3", "--sweep", "num_embeddings=32,64"]
    with pytest.raises(SystemExit):
        cli.main(command)
    names = ["k-num_embeddings-32", "k-num_embeddings-64"]
    assert [request["run_name"] for request in asked] == names * 2
    assert [request["only_check"] for request in asked] == [True, True, False, False]
    assert asked[3]["settings"] == ["seed=3", "num_embeddings=64"]
