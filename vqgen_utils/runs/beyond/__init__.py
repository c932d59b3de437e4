"""What notebooks 10 to 14 train on top of a finished run, and how its variants are judged.

levels      11: codes in two levels, and a prior in two stages
"""

from vqgen_utils.runs.beyond import levels

__all__ = ["levels"]
