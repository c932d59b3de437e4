"""The experiments: each command is accepted as it is printed, and sets something else."""

import re
import shlex

import pytest
from typer.testing import CliRunner

from vqgen_utils import cli
from vqgen_utils.config import PARAMETERS, get_profile
from vqgen_utils.machine import REPOSITORY
from vqgen_utils.series import runner

TEXTS = {
    path.name[:2]: path.read_text("utf-8")
    for path in sorted((REPOSITORY / "notebooks" / "py").glob("0*.py"))
}
EXPERIMENTS = {
    number: re.search(r"^# ### Experiment · .*?^# ## Summary", text, re.M | re.S)[0]
    for number, text in TEXTS.items()
}
COMMANDS = [
    (number, command)
    for number, text in EXPERIMENTS.items()
    for command in re.findall(r"`vqgen (run [^`]+)`", text)
]
each_command = pytest.mark.parametrize(("number", "command"), COMMANDS)


@pytest.fixture
def asked(monkeypatch) -> dict:
    """What `vqgen run` was asked for; it looks at the request, and runs nothing."""
    request, run_series = {}, runner.run_series

    def look_only(**given):
        request.update(given)
        run_series(**given | {"only_check": True})

    monkeypatch.setattr(runner, "run_series", look_only)
    return request


@each_command
def test_its_command_is_accepted_and_runs_up_to_its_notebook(number, command, asked):
    done = CliRunner().invoke(cli.app, shlex.split(command))
    assert done.exit_code == 0, done.output
    assert asked["profile"] == "quick" and asked["run_name"] != runner.DEFAULT_RUN_NAME
    assert asked["stop"] == min(int(number), asked["stop"])
    if number != "09":  # which compares two short runs
        assert asked["stop"] == int(number)
        assert f"`runs/{asked['run_name']}/notebooks/`" in EXPERIMENTS[number]


@each_command
def test_it_sets_what_the_profile_does_not_have(number, command, asked):
    CliRunner().invoke(cli.app, shlex.split(command))
    usual = get_profile("quick")
    for setting in asked["settings"]:
        name, _, value = setting.partition("=")
        section, field = PARAMETERS[name]
        own = getattr(getattr(usual, section), field)
        assert type(own)(value) != own, setting


@each_command
def test_it_says_how_long_its_notebooks_take_in_all(number, command, asked):
    CliRunner().invoke(cli.app, shlex.split(command))
    said = 60 * int(re.search(r"(\d+) minutes? on 2 CPU", EXPERIMENTS[number])[1])
    times = [
        re.search(r"to run:\*\* about (\d+) (second|minute)", TEXTS[f"{one:02d}"]).groups()
        for one in range(1, asked["stop"] + 1)
    ]
    together = sum(int(count) * (60 if unit == "minute" else 1) for count, unit in times)
    assert together <= said <= together + 90


def test_runs_that_are_compared_are_found_by_their_name():
    names = [re.search(r"--run-name (\S+)", command)[1] for n, command in COMMANDS if n == "09"]
    (begin,) = re.findall(r"`vqgen compare (\w+)`", EXPERIMENTS["09"])
    assert len(names) == 2 and all(name.startswith(begin) for name in names)


def test_every_notebook_of_the_course_has_one():
    assert [number for number, _ in COMMANDS] == [f"{n:02d}" for n in (*range(1, 10), 9)]
