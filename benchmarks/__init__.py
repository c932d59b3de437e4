"""What the numbers in `docs/` come from: one question a script, `python -m benchmarks.NAME`.

Every speed is a ratio of two things timed in one process on identical work, taken in turns, because
a machine that is busy with something else slows both. Each script prints a table and writes
`benchmarks/results/NAME.json`; its flat "headline" holds the numbers worth quoting.
`make benchmarks` runs them all; `python -m benchmarks.readme` puts the numbers into the pages.
"""
