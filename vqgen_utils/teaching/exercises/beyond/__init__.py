"""The checks of notebooks 10 to 14, a module a notebook."""

__all__ = ["attention", "together"]
