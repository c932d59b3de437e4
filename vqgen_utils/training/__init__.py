"""One loop for every model, what it leaves, and what it goes on from after a stop.

loop        `fit`                            resuming    the files of a training run
checkpoint  weights and states as files    augmentation  pictures changed a little
"""

from vqgen_utils.training import augmentation, checkpoint, resuming
from vqgen_utils.training.loop import (
    CLIP_NORM,
    Fit,
    Schedule,
    batches,
    evaluate,
    fit,
    learning_rate,
)

__all__ = [
    *("CLIP_NORM", "Fit", "Schedule", "augmentation", "batches", "checkpoint", "evaluate"),
    *("fit", "learning_rate", "resuming"),
]
