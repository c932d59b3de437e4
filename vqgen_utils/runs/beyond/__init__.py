"""What notebooks 10 to 14 train on top of a finished run, and how its variants are judged."""

__all__: list[str] = []
