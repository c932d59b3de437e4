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
    for path in sorted((REPOSITORY / "notebooks" / "py").glob("[0-9]*.py"))
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
BEYOND = [pair for pair in COMMANDS if pair[0] > "09"]
COMMANDS = [pair for pair in COMMANDS if pair not in BEYOND]
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
def test_it_says_which_notebooks_it_runs_and_no_number_that_goes_stale(number, command, asked):
    CliRunner().invoke(cli.app, shlex.split(command))
    last = asked["stop"]
    between = {1: "notebook 01", 2: "notebooks 01 and 02"}.get(last, f"notebooks 01 to {last:02d}")
    text = " ".join(EXPERIMENTS[number].replace("\n#", "").split())
    assert f"{between} once more" in text and "no longer than" in text
    assert not re.search(r"\d (second|minute)s?", text)


def test_runs_that_are_compared_are_found_by_their_name():
    names = [re.search(r"--run-name (\S+)", command)[1] for n, command in COMMANDS if n == "09"]
    (begin,) = re.findall(r"`vqgen compare (\w+)`", EXPERIMENTS["09"])
    assert len(names) == 2 and all(name.startswith(begin) for name in names)


def test_every_notebook_of_the_course_has_one():
    assert [number for number, _ in COMMANDS] == [f"{n:02d}" for n in (*range(1, 10), 9)]


@pytest.mark.parametrize(("number", "command"), BEYOND)
def test_beyond_the_course_a_command_is_accepted_too(number, command, asked):
    done = CliRunner().invoke(cli.app, shlex.split(command))
    assert done.exit_code == 0, done.output
    assert asked["profile"] == "quick"


def test_every_notebook_beyond_the_course_has_one():
    assert sorted({number for number, _ in BEYOND}) == ["10", "11", "12", "13", "14"]
