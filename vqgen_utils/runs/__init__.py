"""One run: its folder, what is trained and drawn in it, and runs side by side.

run         the folder, and what it holds      compare     finished runs side by side
train       the training of 02 and 04 alone    model_card  what a run's model is, and is not for
sample      many slices from a trained run         start      from the weights of another run
"""

from vqgen_utils.runs import compare, start
from vqgen_utils.runs.model_card import model_card
from vqgen_utils.runs.run import Run
from vqgen_utils.runs.train import (
    codes_of,
    new_prior,
    new_vqvae,
    prior_lesson,
    train_vqvae,
    vqvae_lesson,
)

__all__ = [
    *("Run", "codes_of", "compare", "model_card", "new_prior", "new_vqvae", "prior_lesson"),
    *("start", "train_vqvae", "vqvae_lesson"),
]
