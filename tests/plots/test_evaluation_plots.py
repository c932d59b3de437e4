"""Figures of notebooks 06 to 08: they can be drawn, and show what they were given."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from vqgen_utils import plots
from vqgen_utils.plots import evaluation as drawn

RNG = np.random.default_rng(0)
SLICES = RNG.random((3, 32, 16)).astype(np.float32)
TISSUES = RNG.integers(0, 6, (3, 32, 16))
INTERVALS = pd.DataFrame({"mean": [0.5, 0.9], "low": [0.4, np.nan], "high": [0.6, np.nan]})
CODECS = pd.DataFrame(
    {"codec": np.repeat(["JPEG", "JPEG 2000", "WebP"], 2), "bits_per_pixel": [0.1, 0.4] * 3,
     "ssim": [0.3, 0.8] * 3}
)  # fmt: skip
RUNS = pd.DataFrame(
    {"run": ["a", "mine"], "plain_bits": 0.4, "prior_bits": [0.1, 0.2], "ssim": [0.7, 0.9]}
)
SWEEP = pd.DataFrame(
    {"stride": [4, 4, 8], "num_embeddings": [32, 512, 32], "prior_bits": [0.1, 0.2, 0.05],
     "ssim": [0.8, 0.9, 0.7]}
)  # fmt: skip
SETS = pd.DataFrame({"near": [0.1, 0.2], "far": [0.1, 40.0]}, index=["real", "drawn"])
HEIGHTS = np.array([0.1, 0.5]), np.array([0.1, 0.9])  # asked for, read back
DISTANCES = {"real": RNG.random(20), "drawn": RNG.random(30)}


def texts(figure: Figure) -> str:
    """Every word of a figure."""
    figure.canvas.draw()
    return " | ".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: drawn.scores_with_intervals({"one": INTERVALS}, "SSIM"), ["one", "SSIM"]),
        (
            lambda: drawn.rate_distortion(CODECS, RUNS, "mine", SWEEP),
            [
                *("stride 4, K = 32, 512", "stride 8, K = 32", "JPEG 2000", "bits a pixel"),
                *("run mine, plain", "other runs, with the prior"),
            ],
        ),
        (
            lambda: drawn.rate_distortion(CODECS, RUNS[RUNS["run"] == "mine"], "mine", SWEEP[:0]),
            ["run mine, with the prior"],
        ),
        (lambda: drawn.bars(pd.Series({"a": 7.0, "b": 1.88}), "bits"), ["7.00", "1.88", "bits"]),
        (
            lambda: drawn.measure_panels(SETS, "real", {"near": "is near", "far": "is far"}),
            ["is near", "is far", "drawn"],
        ),
        (lambda: drawn.share_table(SETS.clip(0, 1), "kept (%)"), ["10.0", "100.0", "kept (%)"]),
        (
            lambda: drawn.height_scatter({"drawn": HEIGHTS}, 0.05),
            ["drawn: 50.0% within the band"],
        ),
        (lambda: drawn.tissues_of(SLICES, TISSUES, list("abc")), ["a", "b", "c"]),
        (
            lambda: drawn.told_apart({"half resolution": INTERVALS, "full": INTERVALS}),
            ["half resolution", "full", "0.5: cannot tell"],
        ),
        (lambda: drawn.octaves(SETS), ["real", "drawn", "near", "far", "power over"]),
        (lambda: drawn.nearness_strips({"metres": (DISTANCES, 0.1)}), ["metres", "drawn"]),
        (
            lambda: drawn.surprise_maps(
                SLICES, list(RNG.random((3, 8, 4))), [(4, 2)] * 3, list("abc")
            ),
            ["a", "b", "c", "bits a code"],
        ),
    ],
)  # fmt: skip
def test_a_figure_can_be_drawn_and_says_what_it_shows(draw, words):
    figure = draw()
    assert isinstance(figure, Figure)
    assert Image.open(io.BytesIO(plots.to_png(figure, dpi=40))).size[0] > 50
    said = texts(figure)
    assert all(word in said for word in words), said


def test_other_runs_are_named_only_where_there_are_some():
    alone = drawn.rate_distortion(CODECS, RUNS[RUNS["run"] == "mine"], "mine", SWEEP[:0])
    assert "other runs" not in texts(alone)


def test_every_stride_of_a_sweep_has_its_line():
    strides = pd.concat([SWEEP[:1].assign(stride=stride) for stride in (1, 2, 4, 8, 16)])
    words = texts(drawn.rate_distortion(CODECS, RUNS, "mine", strides))
    assert all(f"stride {stride}," in words for stride in (1, 2, 4, 8, 16))


def test_the_oddest_window_is_marked_where_it_lies():
    """In codes on the map below, in pixels on the slice above."""
    figure = drawn.surprise_maps(SLICES[:1], [np.ones((8, 4))], [(3, 1)], ["one"], side=3)
    slice_, map_ = figure.axes[:2]
    for ax, cell in ((slice_, 4), (map_, 1)):
        square = ax.patches[-1]
        centre = np.array(square.get_xy()) + np.array([square.get_width(), square.get_height()]) / 2
        assert centre == pytest.approx(np.array([3.5, 1.5]) * cell - 0.5)
        assert square.get_width() == 3 * cell


def test_heights_outside_the_band_have_another_marker():
    asked, read = np.array([0.1, 0.5, 0.9]), np.array([0.12, 0.5, 0.5])
    (ax,) = drawn.height_scatter({"x": (asked, read)}, 0.05).axes
    inside, outside = ax.lines
    assert len(inside.get_xdata()) == 2 and outside.get_xdata().tolist() == [0.9]
    assert inside.get_marker() != outside.get_marker()
