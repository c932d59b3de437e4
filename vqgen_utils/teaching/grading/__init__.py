"""What a teacher grades with: submissions run one by one, judged with hidden variants.

submissions  which cells belong to what     kernel  a fresh one, with limits; it is no sandbox
judge        the kernel's side              hidden  the same questions with other values
grade        one after another, a table     page    of feedback
"""

from vqgen_utils.teaching.grading.grade import MEMORY_IS_LIMITED, Limits, grade_folder
from vqgen_utils.teaching.grading.hidden import try_hidden

__all__ = ["MEMORY_IS_LIMITED", "Limits", "grade_folder", "try_hidden"]
