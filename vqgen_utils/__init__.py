"""What the notebooks stand on. Each room knows those above it, and arrows point one way:

data/        scans -> slices                     training/  the loop
models/      slices -> codes -> a prior over them -> samples
evaluation/  is it any good?                     plots/     arrays -> figures
teaching/    exercises, mistakes, widgets        runs/      one run's folder
series/      the notebooks by papermill          cli.py     the `vqgen` command

Below them all: machine/ (files, threads, processes), config.py, made_from.py, errors.py.
"""
