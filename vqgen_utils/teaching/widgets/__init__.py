"""What moves in a notebook: the live loss plot, and controls on top of the pure plots.

Every widget stands under a static figure drawn by the same function, so a page without a kernel
loses the control and not the picture.
"""

from vqgen_utils.teaching.widgets import evaluation, panel, prior, samples
from vqgen_utils.teaching.widgets.codes import code_painter, codebook_pages, swap_figure
from vqgen_utils.teaching.widgets.live import LivePlot
from vqgen_utils.teaching.widgets.slices import slice_browser, slice_figure

__all__ = [
    *("LivePlot", "code_painter", "codebook_pages", "evaluation", "panel", "prior", "samples"),
    *("slice_browser", "slice_figure", "swap_figure"),
]
