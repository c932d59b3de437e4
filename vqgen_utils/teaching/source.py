"""The package's own text in a notebook, so that what is read is what runs."""

import inspect
import textwrap


def show_source(*functions) -> None:
    """Display the text of functions and classes of the package."""
    from IPython.display import Markdown, display

    texts = [textwrap.dedent(inspect.getsource(function)) for function in functions]
    display(Markdown("```python\n" + "\n".join(texts) + "```"))
