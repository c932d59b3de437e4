"""The checks behind the exercises: a module a notebook, feedback in words."""

__all__ = [
    *("codebook", "data", "evaluation", "feedback", "few_patients", "generation", "outliers"),
    *("pixelcnn", "reconstructions", "vqvae"),
]
