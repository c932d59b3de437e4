"""Reads a notebook for the website: MyST-NB has its own place for alt texts."""

import nbformat


def read(text: str) -> nbformat.NotebookNode:
    """A notebook whose figures keep their alt text."""
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        figures = [
            output.get("metadata", {}).get("image/png", {}) for output in cell.get("outputs", [])
        ]
        alt = " ".join(figure["alt"] for figure in figures if "alt" in figure)
        if alt:
            cell.metadata["mystnb"] = {"image": {"alt": alt}}
    return notebook


def setup(app) -> dict:
    """Makes this file a Sphinx extension, so that `_config.yml` can name `read`."""
    return {"parallel_read_safe": True}
