"""The checks behind the exercises: a module a notebook, feedback in words."""
