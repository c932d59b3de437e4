"""Pictures: pure functions from arrays to a matplotlib `Figure`, a file for each topic."""

from vqgen_utils.plots.codes import (
    code_maps,
    codebook_page,
    edit,
    heatmap,
    patch_plane,
    patch_sheets,
    perplexity_by_size,
    scatter,
    usage,
)
from vqgen_utils.plots.data import (
    LABEL_NAMES,
    bar_counts,
    intensity_histograms,
    label_overlay,
    one_slice,
    slices_and_histograms,
)
from vqgen_utils.plots.display import DPI, show, show_animation, show_source, to_png
from vqgen_utils.plots.evaluation import (
    bars,
    height_scatter,
    measure_panels,
    nearness_strips,
    rate_distortion,
    scores_with_intervals,
    share_table,
    surprise_maps,
    tissues_of,
)
from vqgen_utils.plots.prior import distributions, receptive_fields
from vqgen_utils.plots.runs import by_patients, rate_of_runs
from vqgen_utils.plots.samples import distance_strips, samples_row, sampling_step
from vqgen_utils.plots.slices import animation, axes_grid, draw_slice, maps, slice_rows, slice_sheet
from vqgen_utils.plots.training import batch_scores, codebook_stages, lines, loss_curves
