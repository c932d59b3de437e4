# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,jupyter,-all
#     formats: ipynb,py//py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=[]
# # 03 · What the codes mean
#
# The VQ-VAE invented its own alphabet. Nobody told it about bones or bladders. In this notebook we
# read the alphabet: how much of it is in use, where each code stands, how it looks, and how much
# it knows about anatomy.
#
# **You will learn**
#
# - to measure how well a codebook is used, and what perplexity says;
# - to connect codes to tissues, and to put a number on that connection;
# - to change a slice by changing one code.
#
# **You need** notebook 02 to have run. **Time to learn:** 20 minutes.
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $e_k$ | (D,) | code number $k$ of $K$ |
# | $n_k$ | | how often code $k$ is used on the held-out slices |
# | $p_k = n_k / \sum n$ | | its share |

# %% tags=["parameters"]
profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run to analyse

# %% tags=[]
import numpy as np
import torch

from vqgen_utils import codebook, metrics, plots
from vqgen_utils.plots import show
from vqgen_utils.run import Run
from vqgen_utils.widgets import code_swap, swap_figure

run = Run(run_name)
settings = run.settings(profile)
model, all_codes = run.load_vqvae(), run.load_codes()
slices = run.load_slices(settings)
test = slices.subset("test")
codes = all_codes[test.rows.index]  # (N, h, w)
images = slices.images[test.rows.index]  # (N, H, W)
K = model.num_embeddings
print(f"{len(codes)} held-out slices, each a grid of {tuple(codes.shape[1:])} codes out of {K}")

# %% [markdown] tags=[]
# ## How much of the codebook is in use
#
# A code that is never chosen is a wasted entry; in the worst case all slices share two or three codes
# and the reconstructions are mush. **Perplexity** puts one number on it:
#
# $$\text{perplexity} = 2^{H}, \qquad H = -\sum_k p_k \log_2 p_k$$
#
# It runs from 1 (a single code) to $K$ (all equally often), and reads as "the codebook works like
# this many equally frequent codes".
#
# **Predict:** on two codes used 50:50 the perplexity is 2. Is it closer to 2 or to 1 at 99:1?

# %% tags=["nbval-check-output"]
for counts in ([50, 50, 0, 0], [99, 1, 0, 0], [25, 25, 25, 25]):
    print(counts, "-> perplexity", round(metrics.perplexity(torch.tensor(counts)), 3))

# %% tags=[]
counts = metrics.code_counts(codes, K)  # (K,)
show(
    plots.usage(counts.numpy(), metrics.perplexity(counts)),
    "Bar chart of how often each code is used on held-out slices, most used first.",
)

# %% [markdown] tags=[]
# *Share of each code over all held-out slices, most used first; the dashed line is an even share. The
# steep part on the left is mostly air: it fills a good part of every slice and needs few codes. The
# more even the rest, the less of the alphabet is wasted.*

# %% [markdown] tags=[]
# Count over the whole held-out set, never over a batch: a few slices cannot contain all codes, so their
# perplexity is lower, and it grows with their number until all codes have been seen.

# %% tags=[]
order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(0))
for batch in (1, 4, 16, 64, len(codes)):
    in_batch = metrics.code_counts(codes[order[:batch]], K)
    print(
        f"{batch:4d} slices: {int((in_batch > 0).sum()):4d} codes, perplexity {metrics.perplexity(in_batch):6.1f}"
    )

# %% [markdown] tags=[]
# ## Where each code stands
#
# **Predict:** a code's number is arbitrary. Will the map of codes still look like a pelvis?

# %% tags=[]
heights = test.rows["height"].to_numpy()
chosen = np.argsort(heights)[np.linspace(0, len(test) - 1, 5).astype(int)]
patches = codebook.decoded_codes(model)  # (K, 4, 4)
by_brightness = patches.mean((1, 2)).argsort()  # (K,), the darkest code first
rank = torch.empty_like(by_brightness)
rank[by_brightness] = torch.arange(K)
show(
    plots.code_maps(images[chosen], rank[codes[chosen]].numpy(), K),
    "Five slices above their code grids, coloured by the brightness rank of the code.",
)

# %% [markdown] tags=[]
# *Slices (top) and their codes (bottom). A code's own number means nothing, so the colour is its rank
# from dark to bright when decoded. Outline and organs can be recognised in a grid of a few hundred codes.*

# %% [markdown] tags=[]
# ## What each code looks like
#
# Two ways to ask. Decoded alone, in a field filled with one code. And in use: the mean of all held-out
# 4×4 blocks that the code stands for.
#
# **Predict:** will the two look the same?

# %% tags=[]
in_use = codebook.codes_in_use(codes, images, K)  # (K, 4, 4)
sheets = {"decoded alone": patches[by_brightness].numpy(), "in use": in_use[by_brightness].numpy()}
show(plots.patch_sheets(sheets), "All codes decoded alone, and the mean block under each code.")

# %% [markdown] tags=[]
# *Every code from dark to bright: decoded alone (top) and the mean block it stands for (bottom; a blank
# was never used here). Alone most are flat greys. In use many carry an edge or a slope: a code says
# little by itself, and the decoder reads it together with its neighbours, like letters in a word.*

# %% [markdown] tags=[]
# ## Codes and tissues
#
# The labels know which tissue each 4×4 block of pixels belongs to. Counting code and tissue together
# gives a table; normalised by column it says: *given this code, which tissue is it?*

# %% tags=[]
if slices.labels is None:
    print("these data have no labels")
else:
    labels = slices.labels[test.rows.index]
    table = codebook.code_tissue_table(codes, labels, plots.LABEL_NAMES, K)  # (tissues, K)
    order = (table / table.sum()).fillna(0).T.sort_values(list(table.index), ascending=False).index
    share = (table / table.sum().clip(lower=1))[order]
    show(
        plots.heatmap(share, "code", "tissue", "share of the code's uses"),
        "Heat map: tissue by code.",
    )

# %% [markdown] tags=[]
# *For each code (column), how its uses divide among the tissues. A bright cell is a code that belongs to
# one tissue; a column of middling cells is a boundary or an ambiguous grey.*
#
# **Mutual information** turns the table into one number: how many bits does the code tell us about the
# tissue? $I = H(\text{tissue}) + H(\text{code}) - H(\text{tissue}, \text{code})$.

# %% tags=[]
if slices.labels is not None:
    tissue_bits = metrics.entropy_bits(torch.tensor(table.sum(axis=1).tolist()))
    shared_bits = codebook.mutual_information_bits(table)
    print(
        f"the tissue of a block is worth {tissue_bits:.2f} bits; its code alone tells {shared_bits:.2f} of them"
    )
    for tissue, row in table.iterrows():
        best = (row / table.sum().clip(lower=1)).idxmax()
        print(
            f"{tissue:>10}: code {best} means it in {row[best] / table[best].sum():.0%} of its uses"
        )

# %% [markdown] tags=[]
# The codes were learned without labels and yet know much about tissue, since tissue and brightness go
# together. Where tissues look alike (the label "body" is fat as well as muscle), a code alone cannot
# tell, and its neighbours would be needed.

# %% [markdown] tags=[]
# ## The codebook in a plane
#
# Each code is a point in D dimensions. We turn the cloud so that its widest spread faces us (principal
# component analysis) and mark each point with its commonest tissue.

# %% tags=[]
points, variance = codebook.principal_components(model.codebook.embedding)
groups = ["code"] * K if slices.labels is None else list(table.idxmax())
sizes = 15 + 300 * (counts / counts.sum()).sqrt().numpy()
title = f"two components hold {variance[:2].sum():.0%} of the variance"
show(
    plots.scatter(points, sizes, groups, title),
    "Codes in the plane of their two principal components.",
)

# %% [markdown] tags=[]
# *Codes in the plane of their two widest directions; marker: commonest tissue, size: use. Codes of a
# tissue gather, so near codes mean like things, and the widest direction is mostly brightness. The share of variance in the title tells how much of
# the cloud's shape a flat picture can show.*

# %% [markdown] tags=[]
# ## Change one code
#
# **Predict:** we swap one code in the middle of a slice. How far does the change reach, one block of
# 4×4 pixels or more?

# %% tags=[]
grid = codes[chosen[2]]  # (h, w)
i, j = grid.shape[0] // 2, grid.shape[1] // 2
nearest_first = codebook.neighbours(model.codebook.embedding, int(grid[i, j]), K - 1)
other = nearest_first[-1]  # the code least like the one there
show(
    swap_figure(model, grid, i, j, other),
    "A slice, the slice with one code swapped, the difference.",
)

# %% [markdown] tags=[]
# *Before, after, and where it changed. The change reaches beyond its block: the decoder's convolutions
# look at neighbouring codes as well.*
#
# Now you: choose a place and a code. (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
code_swap(model, grid)

# %% [markdown] tags=[]
# ## Summary
#
# - Use and perplexity are counted over the whole held-out set.
# - Codes are names for kinds of local texture; many belong to one tissue.
# - A slice can be edited by editing codes.
#
# **What's next:** if codes are an alphabet, `04_pixelcnn_training` learns its spelling.
