"""`python -m vqgen_utils` is `vqgen`: for `torchrun -m vqgen_utils`, which starts modules."""

from vqgen_utils.cli import main

main()
