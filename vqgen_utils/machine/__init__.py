"""The machine under it all: where things lie, whole files, one process a run, threads, progress.

places     the folders                  lock       one process at a time in a run's folder
files      whole or not there           processes  several that work together
speed      threads, memory, precision   progress   a bar that stays one line

`processes`, `speed` and `progress` are imported by those who need them: they take seconds to load.
"""

from vqgen_utils.machine.files import load_json, save_json, whole_folder, write_atomic
from vqgen_utils.machine.lock import exclusive
from vqgen_utils.machine.places import REPOSITORY, home, run_folder

__all__ = [
    *("REPOSITORY", "exclusive", "home", "load_json", "processes", "run_folder"),
    *("save_json", "speed", "whole_folder", "write_atomic"),
]
