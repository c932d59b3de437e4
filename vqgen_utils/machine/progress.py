"""A progress bar that stays one line, on a terminal and in a notebook alike.

In a notebook, tqdm's text bar leaves a line for every refresh and its widget leaves nothing once
the kernel is gone. Here the bar is one displayed text, replaced in place and saved with the page.
"""

import sys

from IPython import get_ipython
from IPython.display import display
from tqdm import tqdm


class DisplayedText:
    """A file for tqdm to write to, shown as one text under the running cell."""

    def __init__(self):
        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text: str) -> None:
        """Replace the shown text by tqdm's latest line."""
        line = text.strip("\r\n ")
        if line:
            self.handle.update({"text/plain": line}, raw=True)

    def flush(self) -> None:
        """Nothing is held back."""


def progress_bar(total: int, name: str, unit: str, initial: int = 0, shown: bool = True) -> tqdm:
    """A tqdm bar over `total` steps, of which `initial` are done."""
    in_notebook = get_ipython() is not None and hasattr(get_ipython(), "kernel")
    return tqdm(
        total=total,
        initial=initial,
        desc=name,
        unit=unit,
        mininterval=1.0,
        disable=not shown,
        file=DisplayedText() if shown and in_notebook else sys.stderr,
        ncols=90 if in_notebook else None,
    )
