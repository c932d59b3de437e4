"""Pictures of notebooks 10 to 14, a file for each notebook."""

__all__: list[str] = []
