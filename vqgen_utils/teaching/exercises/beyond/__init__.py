"""The checks of notebooks 10 to 14, a module a notebook.

alphabets    10: the floor of a penalty, the cheapest code, two alphabets
"""

__all__ = ["alphabets", "together"]
