"""What goes wrong, small enough to watch: each module is one mistake or failure, and its cure.

leakage          patients on both sides of a split    receptive_field  what a position can see
collapse         a codebook that loses its codes      forgotten_mask   a prior that sees its answer
"""

from vqgen_utils.teaching.demos import collapse, forgotten_mask, leakage, receptive_field

__all__ = ["collapse", "forgotten_mask", "leakage", "receptive_field"]
