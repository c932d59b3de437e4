"""Notebook 14: exercises answer in words, figures say what they show, the test keeps score."""

import numpy as np
import pandas as pd
import pytest
from notebook_cells import refusal
from scipy import stats

from vqgen_utils.plots.beyond import together
from vqgen_utils.teaching.exercises.beyond import together as exercises
from vqgen_utils.teaching.widgets.beyond import together as controls


def front(scores, strict=True):
    worse = (scores[:, None] >= scores[None]).all(2)
    one = (scores[:, None] > scores[None]).any(2)
    return ~(worse & one if strict else worse & ~np.eye(len(scores), dtype=bool)).any(1)


def lowest_in_one(scores):
    return (scores == scores.min(0)).any(1)


def test_the_chance_of_fifteen_is_right_and_its_neighbours_are_told_apart(capsys):
    exercises.check_luck(0.0207)
    assert "✓" in capsys.readouterr().out
    for wrong, words in (
        (stats.binom.sf(15, 20, 0.5), "15 counts"),
        (stats.binom.pmf(15, 20, 0.5), "no other"),
        (0.75, "share that was right"),
        (100 * stats.binom.sf(14, 20, 0.5), "no percent"),
        (0.4, "binomial"),
    ):
        assert words in refusal(exercises.check_luck, wrong)


def test_the_front_is_right_and_wrong_ones_are_told_why(capsys):
    exercises.check_front(front)
    assert "✓" in capsys.readouterr().out
    for wrong, words in (
        (lambda scores: ~front(scores), "Turn it round"),
        (lowest_in_one, "best in neither"),
        (lambda scores: front(scores, strict=False), "neither beats the other"),
        (lambda scores: [1, 2], "booleans"),
    ):
        assert words in refusal(exercises.check_front, wrong)


@pytest.mark.parametrize("letter", "ABC")
def test_no_generator_is_for_a_diagnosis(letter, capsys):
    assert refusal(exercises.check_use, letter)
    exercises.check_use("d")
    assert "✓" in capsys.readouterr().out


def test_a_blind_figure_does_not_say_which_are_real_until_it_is_opened():
    slices, real = np.zeros((4, 16, 8)), [True, False, True, False]
    shut = together.blind(slices, real, {1, 2})
    assert [ax.get_title() for ax in shut.axes[:4]] == ["1 (real?)", "2 (real?)", "3", "4"]
    opened = together.blind(slices, real, {1, 2}, opened=True)
    titles = [" ".join(ax.get_title().split()) for ax in opened.axes[:4]]
    assert titles == ["1 real: right", "2 drawn: wrong", "3 real: wrong", "4 drawn: right"]
    assert "2 of 4 right" in opened.get_suptitle()


def test_the_first_answer_to_a_set_counts_and_marks_go_with_the_next_set():
    sets = [(np.zeros((4, 16, 8)), np.array([True, False, True, False]))] * 2
    widget = controls.blind_test(sets)
    which, marked, opened = widget.children[0].children[0].children
    score = widget.children[1]
    assert "No set" in score.value
    marked.value, opened.value = (1, 3), True
    assert "4 of 4 right" in score.value and "6.2%" in score.value.replace("6.3%", "6.2%")
    marked.value = (2,)  # too late
    assert "4 of 4 right" in score.value
    which.value = 2
    assert marked.value == () and not opened.value
    opened.value = True
    assert "6 of 8 right" in score.value


def test_variants_have_a_panel_a_measure_and_what_was_asked_is_shaded():
    table = pd.DataFrame({"mean": [0.1, np.nan], "low": [0.0, np.nan], "high": [0.2, np.nan]},
                         index=["plain", "critic"])  # fmt: skip
    figure = together.variants({"a": table, "b": table}, {"a": (0.15, np.inf)})
    shown, plain = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]
    assert len(shown.patches) == 1 and not plain.patches
