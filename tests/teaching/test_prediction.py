"""A prediction is chosen before, compared after, and then stays as it is."""

import pytest

from vqgen_utils.teaching import predict


@pytest.fixture
def shown(monkeypatch):
    """What `display` was given."""
    bundles = []
    place = "vqgen_utils.teaching.prediction.display"
    monkeypatch.setattr(place, lambda bundle, raw: bundles.append(bundle))
    return bundles


def test_a_page_without_a_kernel_lists_the_options(shown):
    predict("Which?", ["this", "that"])
    assert shown[0]["text/plain"] == "Predict: Which?\n  ( ) this\n  ( ) that"
    assert "application/vnd.jupyter.widget-view+json" in shown[0]


def test_a_choice_is_compared_and_then_locked(shown, capsys):
    guess = predict("Which", ["this", "that"])
    guess.compare("that")
    assert "no prediction" in capsys.readouterr().out and not guess.buttons.disabled
    guess.buttons.value = "this"
    guess.compare("that")
    assert capsys.readouterr().out == "Which: that (your prediction: this)\n"
    assert guess.buttons.disabled


def test_a_right_choice_is_marked(shown, capsys):
    guess = predict("Which", ["this", "that"])
    guess.buttons.value = "that"
    guess.compare("that")
    assert capsys.readouterr().out.startswith("✓ ")


@pytest.mark.parametrize(("number", "option"), [(9, "few"), (10, "some"), (30, "many")])
def test_a_number_falls_into_an_option(number, option, shown, capsys):
    predict("How many", ["few", "some", "many"]).compare_number(number, [10, 30])
    assert capsys.readouterr().out == f"How many: {option} (no prediction was made)\n"
