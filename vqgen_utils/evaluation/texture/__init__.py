"""What features of organs need not show: texture and wholeness, and a score that can be cheated.

judges   can a network tell it from a real slice?     octaves  how much fine detail is there?
classes  the Inception Score, and what it misses     invented  what is painted and was never there
"""

from vqgen_utils.evaluation.texture import classes, invented, judges, octaves

__all__ = ["classes", "invented", "judges", "octaves"]
