"""Pictures: pure functions from arrays to a matplotlib `Figure`, a file for each topic.

slices      pictures side by side             codes       a codebook, code by code
data        labels, intensities, patients     prior       what positions see and expect
training    curves and scores                 samples     drawing, and distances to known slices
evaluation  scores, shares, odd places        runs        several runs in one figure

`show(figure, alt)` puts one into a notebook, `to_png(figure)` into a file.
"""

from vqgen_utils.plots import codes, data, evaluation, prior, runs, samples, slices, training
from vqgen_utils.plots.display import show, to_png

__all__ = [
    *("codes", "data", "evaluation", "prior", "runs", "samples", "slices", "training"),
    *("show", "to_png"),
]
