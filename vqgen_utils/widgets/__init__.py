"""What moves in a notebook: the live loss plot, and controls on top of the pure plots.

Every widget stands under a static figure drawn by the same function, so a page without a kernel
loses the control and not the picture.
"""

from vqgen_utils.widgets.codes import code_swap, swap_figure
from vqgen_utils.widgets.live import LivePlot
