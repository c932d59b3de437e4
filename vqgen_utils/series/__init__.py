"""The notebooks as a series: what was asked for, papermill, and what is done already.

request   what a user asks for, checked      notebook  one notebook, executed
runner    notebook after notebook            record    what each finished one ran with
side_by_side   several runs at a time
"""

from vqgen_utils.series import record, runner, side_by_side
from vqgen_utils.series.request import combinations, notebook_parameters, parse_sweep
from vqgen_utils.series.runner import Stopped, run_series, run_sweep

__all__ = [
    *("Stopped", "combinations", "notebook_parameters", "parse_sweep", "record", "run_series"),
    *("run_sweep", "runner", "side_by_side"),
]
