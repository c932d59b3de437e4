"""Pictures: every plot gives a figure that can be drawn, turned the right way up."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vqgen_utils import plots
from vqgen_utils.teaching import widgets
from vqgen_utils.teaching.demos import collapse

RNG = np.random.default_rng(0)
SLICES = RNG.random((4, 24, 16)).astype(np.float32)
GRIDS = RNG.integers(0, 8, (4, 6, 4))
HISTORY = pd.DataFrame(
    {"step": range(10, 101, 10), "loss": np.linspace(2, 1, 10), "val_loss": [np.nan, 1.5] * 5}
)
TABLE = pd.DataFrame(RNG.random((3, 8)), index=["a", "b", "c"])
PATCHES, PLACES = RNG.random((9, 4, 4)), [(0, 0), (2, 3)]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.slices.rows({"one": SLICES[:3], "two": SLICES[1:]}, ["a", "b", "c"]),
        lambda: plots.slices.sheet(SLICES, list("abcd"), columns=3),
        lambda: plots.data.label_overlay(SLICES[:2], RNG.integers(0, 6, (2, 24, 16))),
        lambda: plots.data.intensity_histograms({"x": SLICES.ravel() * 900}, {"x": SLICES.ravel()}),
        lambda: plots.data.bar_counts(TABLE.T, "patient", "slices"),
        lambda: plots.training.loss_curves(HISTORY, ["loss"], "nats"),
        lambda: plots.slices.maps(SLICES[:2], ["one", "two"], label="bits"),
        lambda: plots.codes.code_maps(SLICES[:2], GRIDS[:2], 8),
        lambda: plots.codes.patch_sheets(
            {"one": RNG.random((9, 4, 4)), "two": RNG.random((9, 4, 4))}, 4
        ),
        lambda: plots.codes.usage(np.array([5, 0, 3]), 1.9),
        lambda: plots.codes.heatmap(TABLE, "code", "tissue", "share"),
        lambda: plots.codes.scatter(RNG.random((5, 2)), np.full(5, 9.0), list("aabbc"), "codes"),
        lambda: plots.prior.receptive_fields({"one": np.eye(5), "two": np.eye(5) / 2}, (2, 2)),
        lambda: plots.prior.distributions(
            SLICES[0], PLACES, TABLE.to_numpy()[:2], [1, 2], RNG.random((8, 4, 4))
        ),
        lambda: plots.prior.bits_beside_slice(SLICES[0], GRIDS[0], GRIDS[1], "place 0.50"),
        lambda: plots.training.before_and_after_quantising(*SLICES[:3]),
        lambda: plots.training.lines(TABLE.T, "x", "y"),
    ],
)
def test_every_plot_returns_a_figure_that_can_be_drawn(draw):
    figure = draw()
    assert isinstance(figure, Figure)
    assert Image.open(io.BytesIO(plots.to_png(figure, dpi=40))).size[0] > 50
    assert all(ax.title.get_fontsize() >= 10 for ax in figure.axes if ax.get_title())


def test_a_picture_has_110_pixels_an_inch():
    assert Image.open(io.BytesIO(plots.to_png(Figure(figsize=(4, 3))))).size == (440, 330)


LONG_NAMES = [f"Ασθενής_ohne_Namen_from_the_third_site_{n:02d}" for n in range(30)] + ["a$b", "$c"]


def drawn_boxes(figure: Figure, texts) -> list:
    """Where texts lie once the figure is drawn, in pixels."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    return [text.get_window_extent(renderer) for text in texts() if text.get_text()]


def overlaps(boxes) -> int:
    return sum(
        one.x0 < other.x1 - 1 and other.x0 < one.x1 - 1 and one.y0 < other.y1 - 1
        and other.y0 < one.y1 - 1
        for n, one in enumerate(boxes) for other in boxes[:n]
    )  # fmt: skip


def test_long_names_of_patients_do_not_overlap_under_bars():
    table = pd.DataFrame({"train": 5}, index=LONG_NAMES)
    figure = plots.data.bar_counts(table, "patient", "slices")
    boxes = drawn_boxes(figure, figure.axes[0].get_xticklabels)
    assert len(boxes) > 20 and overlaps(boxes) == 0
    assert min(box.y0 for box in boxes) >= 0 and figure.axes[0].get_position().height > 0.3


def test_long_names_of_patients_do_not_overlap_above_slices():
    titles = [f"place 0.50, patient {name}" for name in LONG_NAMES[-12:]]
    figure = plots.slices.sheet([SLICES[0]] * 12, titles)
    boxes = drawn_boxes(figure, lambda: [ax.title for ax in figure.axes])
    assert len(boxes) == 12 and overlaps(boxes) == 0


def test_long_names_of_patients_do_not_overlap_beside_scores():
    table = pd.DataFrame({"mean": np.arange(90.0), "low": 0.0, "high": 90.0},
                         index=[f"{n} {LONG_NAMES[n % 30]}" for n in range(90)])  # fmt: skip
    figure = plots.evaluation.scores_with_intervals({"by patient": table, "none": table[:0]}, "x")
    boxes = drawn_boxes(figure, figure.axes[0].get_yticklabels)
    assert len(boxes) == 40 and overlaps(boxes) == 0
    assert boxes[0].y0 != boxes[-1].y0


@pytest.mark.parametrize("shape", [(8, 64), (64, 8), (32, 32), (64, 32)])
def test_titles_beside_a_colour_bar_do_not_overlap_on_slices_of_any_shape(shape):
    images, grids = RNG.random((5, *shape)), np.zeros((5, shape[0] // 4, shape[1] // 4))
    odd = ["bladder missing", "upside down", "mirrored", "heavy noise", "a head"]
    places = [f"place {n / 4:.2f}" for n in range(5)]
    for figure in (
        plots.evaluation.surprise_maps(images, grids + 1, [(0, 0)] * 5, odd),
        plots.codes.code_maps(images, grids, 8, places),
        plots.evaluation.tissues_of(images, np.ones(images.shape, int), odd),
    ):
        boxes = drawn_boxes(figure, lambda drawn=figure: [ax.title for ax in drawn.axes])
        assert len(boxes) == 5 and overlaps(boxes) == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(48, 8), (128, 8), (8, 8), (8, 64)])
def test_names_of_rows_do_not_overlap_beside_slices_of_any_shape(shape):
    names = ("last layer not masked", "every layer masked", "held-out codes")
    figure = plots.slices.rows({name: [np.zeros(shape)] * 4 for name in names}, list("abcd"))
    boxes = drawn_boxes(figure, lambda: [text for ax in figure.axes for text in ax.texts])
    assert len(boxes) == 3 and overlaps(boxes) == 0


@pytest.mark.parametrize("shape", [(8, 128), (128, 8), (8, 8)])
def test_slices_of_any_shape_make_pictures_that_fit_on_a_page(shape):
    image = np.zeros(shape, np.float32)
    for figure in (
        plots.slices.rows({"a": [image] * 3, "b": [image] * 3}),
        plots.slices.maps([image], ["one"]),
        plots.data.one_slice(image, None, "one"),
        plots.samples.row([image] * 3, list("abc"), "below"),
    ):
        assert figure.get_figheight() < 15
        plots.to_png(figure)


def test_what_is_not_measured_is_said_in_its_panel():
    table = pd.DataFrame({"frechet": [np.nan] * 2, "recall": [0.5, np.nan]}, index=["a", "b"])
    better = {"frechet": "less", "recall": "more"}
    figure = plots.evaluation.measure_panels(table, "a", better)
    plots.to_png(figure)
    said = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert said == [["not measured"], []]


def test_a_slice_is_drawn_with_the_front_at_the_top_and_the_right_side_left():
    """The array's last column is the front of the body, its first row the patient's right."""
    body = np.zeros((10, 10), np.float32)
    body[0, -1] = 1
    figure = Figure()
    ax = figure.subplots()
    plots.slices.draw_slice(ax, body)
    drawn, extent = ax.images[0].get_array(), ax.get_ylim()
    assert drawn[-1, 0] == 1  # picture row 9, picture column 0
    assert extent[0] < extent[1]  # rows count upwards, so row 9 is at the top


def test_the_animation_opens_on_its_last_frame_and_has_the_same_orientation():
    body = np.zeros((10, 6), np.float32)
    body[0, -1] = 1
    movie = Image.open(io.BytesIO(plots.slices.animation([np.zeros_like(body), body], zoom=1)))
    assert movie.n_frames == 2 and movie.size == (10, 6)
    assert movie.convert("L").getpixel((0, 0)) > 200


def test_a_mean_over_few_last_steps_is_not_drawn():
    short = pd.DataFrame({"step": [101], "loss": [9.0], "val_loss": [1.4]})
    history = pd.concat([HISTORY, short], ignore_index=True)
    means, held_out, *_ = plots.training.loss_curves(history, ["loss"], "nats").axes[0].lines
    assert list(means.get_xdata()) == list(range(10, 101, 10))
    assert held_out.get_xdata()[-1] == 101


def test_curves_side_by_side_leave_out_a_mean_over_few_last_steps():
    short = pd.DataFrame({"step": [101], "loss": [9.0], "val_loss": [1.4]})
    history = pd.concat([HISTORY, short], ignore_index=True)
    seen = plots.training.curves_apart({"a": history}, {"a": 100}).axes[0].lines[0]
    assert list(seen.get_xdata()) == list(range(10, 101, 10))


def test_curves_are_said_in_words():
    history = pd.DataFrame({"step": [10, 20], "loss": [2.0, 1.0], "val_loss": [3.0, 2.0]})
    assert plots.training.ways(history * [1, np.log(2), np.log(2)], 1020) == (
        "what it sees 2.00 to 1.00, validation 3.00 to 2.00, kept: step 1,020"
    )


def test_curves_that_part_are_drawn_in_bits_with_the_step_that_is_kept():
    rows = {"step": [10, 20, 30], "loss": [2.0, 1.0, 0.5], "val_loss": [2.0, None, 1.5]}
    whole = pd.DataFrame(rows)
    alone = whole.drop(columns="val_loss")
    figure = plots.training.curves_apart({"a": whole, "b": alone}, {"a": 10, "b": 30})
    seen, looks, kept = figure.axes[0].lines
    assert list(seen.get_ydata() * np.log(2)) == pytest.approx([2.0, 1.0, 0.5])
    assert list(looks.get_xdata()) == [10, 30] and kept.get_xdata()[0] == 10
    assert len(figure.axes[1].lines) == 2  # nothing was validated


def test_whole_numbers_are_marked_by_whole_numbers():
    layers = pd.DataFrame({"codes": [3, 4]}, index=[1, 2])
    ax = plots.training.lines(layers, "layers", "codes").axes[0]
    assert all(tick == int(tick) for tick in (*ax.get_xticks(), *ax.get_yticks()))


def test_few_slices_are_counted_in_whole_numbers_and_an_empty_split_is_not_in_the_key():
    table = pd.DataFrame({"train": [1, 2], "validate": [0, 0]}, index=["a", "b"])
    figure = plots.data.bar_counts(table, "patient", "slices")
    assert all(tick == int(tick) for tick in figure.axes[0].get_yticks())
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train"]


def test_loss_is_marked_by_plain_numbers():
    ax = plots.training.loss_curves(HISTORY, ["loss"], "nats").axes[0]
    ax.figure.draw_without_rendering()
    marks = [tick.get_text() for tick in ax.get_yticklabels(which="both")]
    assert "2" in marks and not any("10^" in mark for mark in marks)


def test_the_next_code_has_its_patch_at_the_foot_of_its_bar():
    patches, p = np.sort(RNG.random((8, 4, 4)), axis=0), np.full(8, 1 / 8)
    figure = plots.samples.step(SLICES[0], np.full((6, 4), np.nan), (0, 0), p, 3, patches)
    foot = figure.axes[2].images[-1]
    left, right, _, top = foot.get_extent()
    assert (left, right) == (-0.5, 7.5) and top < 0
    assert np.array_equal(foot.get_array(), np.concatenate(patches).T)


def test_the_legend_of_codes_names_what_is_there():
    stage = collapse.Stage(0, np.zeros((3, 2)), np.zeros((2, 2)), np.ones(2, int))
    figure = plots.training.codebook_stages({"all alive": [stage]})
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["points", "code in use"]


def test_one_set_far_away_does_not_press_the_others_together():
    table = pd.DataFrame({"frechet": [0.2, 0.3, 0.3, 0.8, 4.2]}, index=list("abcde"))
    ax = plots.evaluation.measure_panels(table, "a", {"frechet": "Fréchet"}).axes[0]
    left, right = ax.transData.transform([(0.2, 0), (0.3, 0)])[:, 0]
    assert right - left > 0.05 * ax.bbox.width
    assert overlaps(drawn_boxes(ax.figure, ax.get_xticklabels)) == 0


def test_numbers_close_to_each_other_leave_their_marks_apart():
    table = pd.DataFrame({name: [0.9632, 0.982] for name in ("a", "b", "c")}, index=["one", "two"])
    figure = plots.evaluation.measure_panels(table, "one", {name: name for name in table})
    assert overlaps(drawn_boxes(figure, figure.axes[2].get_xticklabels)) == 0


def test_nothing_is_drawn_on_a_figure_shared_by_all():
    """Pure functions leave pyplot's list of open figures alone."""
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    plots.training.loss_curves(HISTORY, ["loss"], "nats")
    assert pyplot.get_fignums() == before


def test_the_live_plot_draws_rarely_while_training_and_always_at_the_end(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "vqgen_utils.teaching.widgets.live.display", lambda *args, **kwargs: FakeHandle(drawn)
    )
    live = widgets.LivePlot(["loss"], "nats", "alt", seconds=1000)
    for _ in range(5):
        live(HISTORY.to_dict("records"))
    live.draw(HISTORY)
    assert drawn == ["shown", "updated"]


def test_the_live_plot_says_where_its_curves_begin_and_end(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "vqgen_utils.teaching.widgets.live.display", lambda picture, **_: shown.append(picture.data)
    )
    widgets.LivePlot(["loss"], "nats", "Learning curve.").draw(HISTORY)
    assert 'alt="Learning curve. Step 10 to 100: loss 2 to 1 (nats)."' in shown[0]


class FakeHandle:
    def __init__(self, drawn):
        self.drawn = drawn
        drawn.append("shown")

    def update(self, *args, **kwargs):
        self.drawn.append("updated")


SEVEN = {f"group {number}": RNG.random(20) for number in range(7)}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.samples.distance_strips(SEVEN, "distance"),
        lambda: plots.evaluation.nearness_strips({"pixels": (SEVEN, 0.1)}),
    ],
)
def test_every_group_has_its_dots(draw):
    (ax,) = draw().axes
    dots = [line for line in ax.get_lines() if len(line.get_xdata()) == 20]
    assert len(dots) == len(ax.get_yticks()) == 7


def test_every_volume_has_its_histogram():
    figure = plots.data.intensity_histograms(SEVEN, SEVEN)
    assert len(figure.axes[0].get_legend().get_texts()) == 7


def test_every_group_of_codes_has_its_points():
    names = [f"tissue {number:02d}" for number in range(10)]
    figure = plots.codes.scatter(RNG.random((10, 2)), np.full(10, 9.0), names, "codes")
    assert len(figure.axes[0].collections) == 10


@pytest.mark.parametrize("picture", [Figure(), b"GIF89a"])
def test_a_picture_is_shown_with_its_text_as_html_and_as_plain_text(picture, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    plots.show(picture, 'bits "fall" to < 2')
    ((data,)) = shown
    assert 'alt="bits &quot;fall&quot; to &lt; 2"' in data["text/html"]
    assert data["text/plain"] == 'bits "fall" to < 2'
