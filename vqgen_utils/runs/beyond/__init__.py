"""What notebooks 10 to 14 train on top of a finished run, and how its variants are judged.

judging   every measure of any generator    variants   what was measured of each
critic    a decoder that learned from critics
"""

from vqgen_utils.runs.beyond import critic, variants
from vqgen_utils.runs.beyond.judging import MEASURES, Judge

__all__ = ["MEASURES", "Judge", "critic", "variants"]
