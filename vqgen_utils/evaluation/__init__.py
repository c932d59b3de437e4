"""Is it any good? What is asked of codes, of reconstructions, of the prior and of samples.

metrics       SSIM, perplexity, bits           domain        a network that reads slices
bootstrap     how far a mean can be trusted    anatomy       the rules of the body
codes         what each code means             fidelity      distances between sets of slices
code_lengths  what slices cost in bits         memorisation  are samples copies?
outliers      slices that should look odd      targets       what was asked, and what a run got
"""

from vqgen_utils.evaluation import (
    anatomy,
    bootstrap,
    code_lengths,
    codes,
    domain,
    fidelity,
    memorisation,
    metrics,
    outliers,
    targets,
)

__all__ = [
    *("anatomy", "bootstrap", "code_lengths", "codes", "domain", "fidelity", "memorisation"),
    *("metrics", "outliers", "targets"),
]
