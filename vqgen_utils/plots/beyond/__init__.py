"""Pictures of notebooks 10 to 14, a file for each notebook.

alphabets  cells of a plane, codes in use, bits against likeness (10)
levels     what each level of codes leaves and holds (11)
attention  where a prior pays and looks (12)
critic     a decoder and its critics (13)
together   every variant on every measure (14)
"""

from vqgen_utils.plots.beyond import alphabets, attention, critic, levels, together

__all__ = ["alphabets", "attention", "critic", "levels", "together"]
