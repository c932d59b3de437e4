"""Pictures: pure functions from arrays to a matplotlib `Figure`, a file for each topic."""

from vqgen_utils.plots.codes import code_maps, heatmap, patch_sheets, scatter, usage
from vqgen_utils.plots.data import LABEL_NAMES, bar_counts, intensity_histograms, label_overlay
from vqgen_utils.plots.display import DPI, show, show_animation, show_source, to_png
from vqgen_utils.plots.prior import distributions, receptive_fields
from vqgen_utils.plots.slices import animation, axes_grid, draw_slice, maps, slice_rows, slice_sheet
from vqgen_utils.plots.training import lines, loss_curves
