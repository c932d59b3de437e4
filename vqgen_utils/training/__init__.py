"""One loop for every model, what it leaves, and what it goes on from after a stop.

loop        `fit`                            resuming    the files of a training run
checkpoint  weights and states as files
"""

from vqgen_utils.training import checkpoint, resuming
from vqgen_utils.training.loop import CLIP_NORM, Fit, batches, evaluate, fit, learning_rate

__all__ = [
    *("CLIP_NORM", "Fit", "batches", "checkpoint", "evaluate", "fit", "learning_rate"),
    "resuming",
]
