"""Controls of notebooks 10 to 14, on top of the plots of the same names."""

__all__: list[str] = []
