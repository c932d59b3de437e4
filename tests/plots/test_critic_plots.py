"""Figures of notebook 13 show what they are given."""

import numpy as np
import pandas as pd

from vqgen_utils.plots.beyond import critic as figures


def test_the_game_shows_when_the_critics_join():
    history = pd.DataFrame(
        {"step": [10, 20, 30, 40], "truth": [1, 0.5, np.nan, 0.4], "critics": [np.nan] * 2 + [4, 3]}
    )
    left, right = figures.game(history, 25, 4.0).axes
    assert list(left.lines[0].get_xdata()) == [10, 20, 40]
    assert list(right.lines[0].get_ydata()) == [4, 3]
    assert "step 25" in left.get_legend().get_texts()[-1].get_text()


def test_each_octave_has_its_place_in_each_panel():
    table = pd.DataFrame([[0.5, 0.9], [1.4, 1.0]], ["smooth", "sharp"], ["2 to 4 pixels", "4 to 8"])
    power, agreement = figures.by_octave({"power": table, "agreement": table * np.nan}).axes
    assert power.get_ylim()[1] > 1.4 and agreement.get_ylim()[1] > 1
    assert [label.get_text() for label in power.get_xticklabels()] == ["2 to 4", "4 to 8"]


def test_the_plane_names_each_point():
    points = pd.DataFrame({"setting": ["0", "1"], "distortion": [1, 2], "perception": [0.9, 0.6]})
    ax = figures.plane({"weights": points, "noise": points + points}, "error", "AUC").axes[0]
    assert [text.get_text() for text in ax.texts] == ["0", "1", "00", "11"]
    assert len(ax.get_legend().get_texts()) == 2


def test_the_dialled_picture_has_an_enlarged_piece_of_both():
    x = np.random.default_rng(0).random((16, 8))
    axes = figures.dialled(x, 1 - x, "painted: SSIM 0.1", (2, 1)).axes
    assert axes[1].get_title() == "painted: SSIM 0.1"
    assert np.allclose(axes[3].images[0].get_array(), (1 - x)[2:10, 1:5].T)


def test_both_maps_of_what_may_be_wrong_have_one_scale():
    x = np.random.default_rng(0).random((16, 8))
    axes = figures.warned(x, x, 0.01 * x, x).axes
    assert axes[2].images[0].get_clim() == axes[3].images[0].get_clim()
    assert axes[0].images[0].get_cmap().name == "gray"
