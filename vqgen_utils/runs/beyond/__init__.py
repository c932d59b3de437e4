"""What notebooks 10 to 14 train on top of a finished run, and how its variants are judged.

judging    every measure of any generator       variants  what was measured of each
alphabets  VQ-VAEs with another alphabet (10)   levels    codes in two levels, and their priors (11)
attention  a prior that looks farther (12)      critic    a decoder that learned from critics (13)
together   generators put together from these parts (14)
"""

from vqgen_utils.runs.beyond import alphabets, attention, critic, levels, together, variants
from vqgen_utils.runs.beyond.judging import MEASURES, Judge

__all__ = [
    *("MEASURES", "Judge", "alphabets", "attention", "critic", "levels", "together", "variants"),
]
