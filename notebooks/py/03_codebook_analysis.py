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
# The VQ-VAE (van den Oord et al. 2017) made an alphabet of its own. Nobody told it what is bone and what is fat. In
# this notebook we read the alphabet: how much of it is in use, where each code stands, how it looks, and how much it
# says about anatomy.
#
# **You will learn**
#
# - to measure how well a codebook is used, and what perplexity shows and does not show;
# - to connect codes to tissues, and to put an honest number on that connection;
# - to edit a slice by editing its codes, and why a code's number must never be treated as a value.
#
# **You need** notebook 02 to have run. **Time to learn:** 70 minutes. **Time to run:** about 15 seconds on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $x$ | (N, H, W) | the held-out slices, values in [0, 1] |
# | $c$ | (N, h, w) | their grids of codes, integers in $[0, K)$ |
# | $e_k$ | (D,) | code number $k$ of $K$: one row of the codebook |
# | $n_k$, $p_k = n_k / \sum n$ | (K,) | how often code $k$ is used on the held-out slices, and its share |
# | $H(\cdot)$ | | entropy, in bits (not the H of a shape) |

# %% tags=["parameters"]
profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run to analyse

# %% tags=[]
import numpy as np
import torch

from vqgen_utils import plots
from vqgen_utils.evaluation import codes as codebook
from vqgen_utils.evaluation import metrics
from vqgen_utils.plots import show
from vqgen_utils.runs import Run
from vqgen_utils.teaching import predict
from vqgen_utils.teaching.exercises import codebook as exercises
from vqgen_utils.teaching.widgets import code_painter, codebook_pages, swap_figure

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
# A code that is never chosen is a wasted entry; in the worst case all slices share two or three codes, and the
# reconstructions show nothing. **Perplexity** (Jelinek et al. 1977) is one number for this. It comes from the entropy
# $H$ (Shannon 1948):
#
# $$\text{perplexity} = 2^{H(p)}, \qquad H(p) = -\sum_k p_k \log_2 p_k$$
#
# It runs from 1 (a single code) to $K$ (all equally often), and reads as "the codebook works like
# this many equally frequent codes".
#
# **Predict:** on two codes used 50:50 the perplexity is 2. Is it closer to 2 or to 1 at 99:1?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Perplexity at 99:1", ["nearer to 1", "nearer to 2"])

# %% tags=["nbval-check-output"]
for example in ([50, 50, 0, 0], [99, 1, 0, 0], [25, 25, 25, 25]):
    print(example, "-> perplexity", round(metrics.perplexity(torch.tensor(example)), 3))
guess.compare("nearer to 1")

# %% tags=[]
counts = metrics.code_counts(codes, K)  # (K,): n_k
patches = codebook.decoded_codes(model)  # (K, s, s): how each code looks, see below
top = int(counts.argmax())
print(f"commonest: code {top}, at {counts[top] / counts.sum():.0%} of all positions,")
print(f"mean brightness {patches[top].mean():.2f} when decoded")
show(
    plots.codes.usage(counts.numpy(), metrics.perplexity(counts)),
    f"Share of positions of each code, most used first: from {counts.max() / counts.sum():.1%} to "
    f"{counts[counts > 0].min() / counts.sum():.2%}; an even share, the dashed line, is {1 / K:.2%}.",
)

# %% [markdown] tags=[]
# *Share of each code over all held-out slices, most used first; mind the logarithmic axis.*
#
# Is a perplexity far below $K$ a fault of the codebook? Look at the commonest code before you judge: where a large
# part of every slice is empty, like the air around a body, that part needs few codes. Perplexity depends on how well
# the codebook works and on how uneven the pictures are, so compare models on the same slices only.

# %% [markdown] tags=[]
# ## What batch size does to perplexity
#
# Training logs print the perplexity of each batch. Here we compute it for one codebook, on random batches of held-out
# slices.
#
# **Predict:** will the perplexity of a few slices be too high, too low, or right on average?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("On average, a few slices read", ["too low", "right", "too high"])

# %% tags=[]
sizes = [size for size in (1, 2, 4, 8, 16, 32, 64) if size < len(codes)] + [len(codes)]
samples = codebook.perplexity_of_samples(codes, K, sizes)  # (sizes, batches)
show(
    plots.codes.perplexity_by_size(sizes, samples.numpy(), metrics.perplexity(counts)),
    f"Mean perplexity of random batches: {samples[0].mean():.1f} of {sizes[0]} slice and "
    f"{samples[-1].mean():.1f} of {sizes[-1]}; all held-out slices have {metrics.perplexity(counts):.1f}.",
)
guess.compare_number(samples[0].mean() / metrics.perplexity(counts), [0.98, 1.02])

# %% [markdown] tags=[]
# *Perplexity of random batches against their size; nothing changes but how many slices are counted.*
#
# There are two errors. On average, a few slices give too low a number, since they do not show every kind of tissue
# (any entropy that is counted on few things is too low: Miller 1955). And a single batch may be far off in either
# direction, by the bodies it happens to show. So count over the whole held-out set, as notebook 02 did, and never
# compare perplexities of batches of different size.

# %% [markdown] tags=[]
# ## Where each code stands
#
# **Predict:** a code's number is arbitrary. If we colour each code by how bright it is when decoded,
# will the map of codes look like the slice?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Coloured by brightness, the codes look like", ["the slice", "random noise"])

# %% tags=[]
heights = test.rows["height"].to_numpy()  # (N,)
evenly = np.unique(np.linspace(0, len(test) - 1, 5).astype(int))  # five, or all there are
chosen = np.argsort(heights)[evenly]
example = chosen[min(2, len(chosen) - 1)]
by_brightness = patches.mean((1, 2)).argsort()  # (K,), the darkest code first
rank = by_brightness.argsort()  # (K,): 0 for the darkest code, K - 1 for the brightest
n, h, w = codes[chosen].shape
blocks = (
    images[chosen].astype(float).reshape(n, h, -1, w, patches.shape[2]).mean((2, 4))
)  # (n, h, w)
alike = np.corrcoef(blocks.ravel(), rank[codes[chosen]].numpy().ravel())[0, 1]
show(
    plots.codes.code_maps(
        images[chosen],
        rank[codes[chosen]].numpy(),
        K,
        [f"place {y:.2f}" for y in heights[chosen]],
    ),
    f"Slices above their code grids, coloured by the brightness rank of the code; the correlation of "
    f"the ranks with the slices' brightness is {alike:.2f}.",
)
guess.compare("the slice")

# %% [markdown] tags=[]
# *Slices (top) and their codes (bottom), coloured by rank from the darkest code to the brightest.*
#
# On the default data outline and organs can be recognised in a grid of a few hundred codes. You cannot see here what
# a code says besides its brightness: an edge, a slope, a texture. That comes next.

# %% [markdown] tags=[]
# ## What each code looks like
#
# There are two ways to see it. *Alone*: we decode a grid that is filled with this one code. *In use*: we take the
# mean of all held-out 4×4 blocks that the code stands for.
#
# **Predict:** will the two look the same?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Alone and in use, codes look", ["the same", "different"])

# %% tags=[]
in_use = codebook.codes_in_use(codes, images, K)  # (K, s, s)
sheets = {"decoded alone": patches[by_brightness].numpy(), "in use": in_use[by_brightness].numpy()}
show(
    plots.codes.patch_sheets(sheets),
    f"All codes, decoded alone and in use. Within a patch brightness varies by "
    f"{patches.std((1, 2)).mean():.3f} alone, by {in_use[counts > 0].std((1, 2)).mean():.3f} in use.",
)
alike = (patches - in_use).abs()[counts > 0].mean() < 0.01
guess.compare("the same" if alike else "different")

# %% [markdown] tags=[]
# *Every code from dark to bright: decoded alone (top), and the mean block it stands for (bottom; empty
# if it was never used here).*
#
# In use, more of them carry an edge or a slope: a code says little by itself, and the decoder reads it together with
# its neighbours, like letters in a word. But the mean block does not show how much the blocks under one code differ.

# %% [markdown] tags=[]
# ## A number is only a name
#
# Codes 5 and 6 are neighbours in the list. Are they alike? We measure the distance between codes as
# points in D dimensions, $\|e_k - e_j\|$.

# %% tags=[]
distance = codebook.code_distances(model.codebook.embedding)  # (K, K)
nearest = torch.tensor([codebook.neighbours(distance, k)[0] for k in range(K)])  # (K,)
k = torch.arange(K)
print(f"mean distance to the nearest code  {distance[k, nearest].mean():.2f}")
print(f"to the code with the next number   {distance[k[:-1], k[1:]].mean():.2f}")
print(f"to any other code                  {distance.sum() / (K * (K - 1)):.2f}")

# %% [markdown] tags=[]
# Compare the last two lines: the next number is about as far away as any other code. The numbers were given out at
# random when training began.
#
# **Predict:** we change *every* code of a slice, first to the code nearest to it, then to the code
# with the next number. What will be left of the slice?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "Every number plus one leaves", ["nearly all of the slice", "a softer slice", "rubble"]
)

# %% tags=[]
grid = codes[example]  # (h, w)
changed = torch.stack([grid, nearest[grid], (grid + 1) % K])  # (3, h, w)
pictures = model.decode(changed)[:, 0].numpy()  # (3, 1, H, W) -> (3, H, W)
off = np.abs(pictures - pictures[0]).mean((1, 2))  # (3,)
show(
    plots.slices.rows(
        {"": list(pictures)},
        ["its own codes", "each replaced by the nearest code", "each number plus one"],
    ),
    f"A decoded slice; from the nearest codes its brightness is off by {off[1]:.3f} on average, from "
    f"the next numbers by {off[2]:.3f}.",
)
guess.compare("rubble")

# %% [markdown] tags=[]
# *One slice from its own codes, from the nearest code everywhere, and from the next number everywhere.*
#
# Near in the codebook means near in the picture, and what does change shows where the nearest code is still far; near
# in number means nothing. It is a mistake to give numbers to a network as if they were brightness, or to score a
# guess by how far its *number* is off. Codes are names: look them up, or choose among them, but never calculate with
# them.

# %% [markdown] tags=[]
# ## Codes and tissues
#
# The labels know which tissue each 4×4 block of pixels belongs to (the commonest of its 16 pixels).
# Counting code and tissue together gives a table; each column divided by its sum says: *given this
# code, which tissue is it?*
#
# **Predict:** which tissues will have codes of their own?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Tissues with a code of their own (half of its uses)", ["all", "some", "none"])

# %% tags=[]
labelled = np.flatnonzero(test.rows["label_file"] != "")  # (n,)
print(f"held-out slices with labels: {len(labelled)} of {len(test)}")
table = None
if len(labelled):
    labels = slices.labels[test.rows.index[labelled]]  # (n, H, W)
    table = codebook.code_tissue_table(codes[labelled], labels, K)  # (tissues, K)
    share = table / table.sum().clip(lower=1)  # (tissues, K), columns sum to 1
    order = share.T.sort_values(list(table.index), ascending=False).index
    show(
        plots.codes.heatmap(share[order], "code", "tissue", "share of the code's uses"),
        f"Share of each code's uses on each tissue: {int((share.max() > 0.5).sum())} of {K} codes have "
        "more than half of their uses on one.",
    )

# %% [markdown] tags=[]
# *For each code (column), how its uses divide among the tissues.*
#
# A bright cell is a code that belongs to one tissue; a column without a bright cell is a boundary, or a gray that
# several tissues share. The label "body" is fat as well as muscle, so do not read it as one tissue.
#
# **Mutual information** turns the table into one number: how many bits does the code tell us about the tissue?
# $I = H(\text{tissue}) + H(\text{code}) - H(\text{tissue}, \text{code})$. Two further numbers to compare it with: the
# same codes in random order, and the body alone, since air and body are easy to tell apart.

# %% tags=[]
if table is not None:
    read = codes[labelled]  # (n, h, w)
    mixed = read.flatten()[torch.randperm(read.numel(), generator=torch.manual_seed(0))]
    chance = codebook.code_tissue_table(mixed.view_as(read), labels, K)
    inside = table.drop(index="background")
    for name, counted in {"codes": table, "random order": chance, "body only": inside}.items():
        worth = metrics.entropy_bits(torch.tensor(counted.sum(axis=1).to_numpy()))
        told = codebook.mutual_information_bits(counted)
        print(f"{name:>12}: tissue worth {worth:.2f} bits, its code tells {told:.2f} of them")
    print()
    for tissue, row in share[table.sum(axis=1) > 0].iterrows():
        print(f"{tissue:>12}: code {row.idxmax()} means it in {row.max():.0%} of its uses")
if table is not None:
    own = (share.max(axis=1) > 0.5).drop(["background", "body"])
    guess.compare("all" if own.all() else "some" if own.any() else "none")

# %% [markdown] tags=[]
# The codes were learned without labels. What they say about tissue, they say because tissue and brightness go
# together. Compare the first line with the third: much of that knowledge is air against body. An organ whose best
# code means it in a few percent of its uses has no code of its own: it is small, or as gray as its surroundings, and
# only the neighbouring codes tell where it is.

# %% [markdown] tags=[]
# ## The codebook in a plane
#
# Each code is a point in D dimensions. We look at the cloud of points from the direction in which it is widest
# (principal component analysis; Pearson 1901), and mark each point with its commonest tissue.

# %% tags=[]
points, variance = codebook.principal_components(model.codebook.embedding)  # (K, 2), (D,)
groups = ["code"] * K if table is None else list(table.idxmax())
number = [f"{groups.count(name)} {name}" for name in sorted(set(groups))]
title = f"two of {len(variance)} directions hold {variance[:2].sum():.0%} of the variance"
show(
    plots.codes.scatter(points, 15 + 300 * (counts / counts.sum()).sqrt().numpy(), groups, title),
    "Codes in the plane of their two principal components, sized by use. "
    + (title if table is None else f"Commonest tissue of: {', '.join(number)}"),
)

# %% [markdown] tags=[]
# *Codes in the plane of their two widest directions; marker: commonest tissue, size: use.*
#
# The title says how much of the cloud a flat picture can show. If it is most of it, the codebook makes little use of
# its D dimensions, and a smaller D might be enough.
#
# **Predict:** the same plane, with each code's mean block drawn at its point. What does the widest
# direction stand for, and what the second?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The widest direction stands for", ["brightness", "something else"])

# %% tags=[]
used = (counts > 0).numpy()  # (K,)
likeness = np.corrcoef(points[used, 0], in_use[used].mean((1, 2)))[0, 1] if used.sum() > 1 else 1
show(
    plots.codes.patch_plane(
        points[used],
        in_use[used].numpy(),
        f"correlation of the widest direction with brightness: {abs(likeness):.2f}",
    ),
    f"The mean block under each code at its place in the plane; the widest direction and brightness "
    f"have a correlation of {abs(likeness):.2f}.",
)
guess.compare("brightness" if abs(likeness) > 0.7 else "something else")

# %% [markdown] tags=[]
# *The mean block under each code, drawn where the code lies in the plane.*
#
# Where the correlation in the title is near 1, the widest direction is brightness; its sign is arbitrary. Compare the
# blocks at opposite edges of the plane: what else differs there? Look at the direction of their edges.

# %% [markdown] tags=[]
# ## A page for each code
#
# Here is everything so far for one code, on one page. We begin with the code that belongs most clearly to one organ
# (without labels: the second most used).

# %% tags=[]
atlas = codebook.make_atlas(model, codes, images, table)
if table is None:
    telling = int(counts.argsort(descending=True)[1])
else:
    often = counts >= min(11, int(counts.max()))  # (K,), used often enough to mean something
    organs = share.drop(index=["background", "body"]).loc[:, often.numpy()]
    telling = int(organs.max().idxmax())
like = codebook.neighbours(distance, telling)[0]
at = "" if table is None else f", {share[telling].max():.0%} of them on {share[telling].idxmax()}"
show(
    plots.codes.codebook_page(atlas, telling),
    f"A page on code {telling}: {int(counts[telling])} uses{at}. The nearest to it is code {like}, at "
    f"{distance[telling, like]:.2g}.",
)

# %% [markdown] tags=[]
# *One code: its places in the slice that uses it most (red squares), on all slices, its tissues, its
# patch, and the codes nearest to it with their distances.*
#
# Nearest is not always near: compare the distances under the patches with the mean printed above. Codes that are
# near look alike to the decoder; they need not mean the same tissue.
#
# Look through the codebook: find the code of an outline, one of a single tissue, and one that stands anywhere. (The
# controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
codebook_pages(atlas, telling)

# %% [markdown] tags=[]
# ## Change one code
#
# **Predict:** we swap one code in the middle of a slice. How far does the change reach, one block of
# 4×4 pixels or more?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The change reaches", ["its own block alone", "beyond its block"])

# %% tags=[]
i, j = grid.shape[0] // 2, grid.shape[1] // 2
other = codebook.neighbours(distance, int(grid[i, j]))[-1]  # the code least like the one there
before, after = model.decode(torch.stack([grid, codebook.swap(grid, i, j, other)]))[:, 0]  # (H, W)
change = (after - before).abs()  # (H, W)
s = model.config.stride  # pixels a code covers along each axis
block = change[s * i : s * (i + 1), s * j : s * (j + 1)]  # (s, s)
print(f"{block.sum() / change.sum():.0%} of the change lies in the code's own block;")
print(f"{int((change > 0.01).sum())} pixels change by more than 0.01; the block has {s * s}")
show(
    swap_figure(model, grid, i, j, other),
    f"A slice, the slice with one code swapped, and the difference: {int((change > 0.01).sum())} pixels "
    f"change by more than 0.01; the code's own block, in the red square, has {s * s}.",
)
guess.compare("beyond its block" if (change > 0.01).sum() > s * s else "its own block alone")

# %% [markdown] tags=[]
# *Before, after, and where it changed; the red square is the code's own block.*
#
# The change reaches beyond its block, since the decoder's convolutions look at neighbouring codes as
# well. That is also why blocks join without seams.
#
# Try it yourself: choose a code by the slider, and click into the picture to paint with it; or move the red square with
# the arrow keys and press Enter. Can you, on the default data, paint a second bladder, or close the hole of the rectum?
# (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
code_painter(model, grid, i, j, other)

# %% [markdown] tags=[]
# ## Exercises
#
# Write your answer where the three dots are, run the cell and the one below it: the check says what
# is right, or what is not yet. Once you have tried, look into
# [the solutions](solutions/03_codebook_analysis.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · How many codes do the work?
#
# Find the smallest number of codes that together cover at least 90 % of all positions of the held-out
# slices. Guess from the perplexity first; then count with `counts` (K,).

# %% tags=["exercise"]
needed = ...  # a whole number; counts.sort(descending=True).values may help

# %% tags=["check"]
exercises.check_codes_needed(needed, counts)

# %% [markdown] tags=[]
# ### Exercise 2 · Perplexity
#
# Write it yourself: counts (K,) in, one number out. Some codes may never occur.


# %% tags=["exercise"]
def perplexity(counts: torch.Tensor) -> float:
    """How often each code occurs (K,) -> 2 to the power of their entropy in bits."""
    return ...


# %% tags=["check"]
exercises.check_perplexity(perplexity)

# %% [markdown] tags=[]
# ### Exercise 3 · Given a code, which tissue?
#
# From a table of counts, a row a tissue and a column a code, make the shares
# $p(\text{tissue} \mid \text{code})$. A code that is never used gets a column of zeros.


# %% tags=["exercise"]
def tissue_given_code(table: torch.Tensor) -> torch.Tensor:
    """Counts (tissues, K) of each tissue under each code -> shares (tissues, K)."""
    return ...


# %% tags=["check"]
exercises.check_tissue_given_code(tissue_given_code)

# %% [markdown] tags=[]
# ### Exercise 4 · The nearest other code
#
# Which code lies nearest to code $k$, itself left out? Two codes may lie on the same point.


# %% tags=["exercise"]
def nearest_other(embedding: torch.Tensor, k: int) -> int:
    """Codebook (K, D), number k -> the j other than k with the smallest |e_j - e_k|."""
    return ...


# %% tags=["check"]
exercises.check_nearest_other(nearest_other)

# %% [markdown] tags=[]
# ### Exercise 5 · A transplant
#
# Move a box of codes from one patient's slice into another's, and leave both originals as they are.
# `box` is a pair of slices, so `donor[box]` are the codes in it. When the check agrees, decode `donor`,
# `receiver` and the new grid with `model.decode`, and show them with `plots.slices.rows`.

# %% tags=["exercise"]
patients = test.rows["patient"].to_numpy()  # (N,)
away = np.abs(heights - heights[example])  # (N,), from the place of the receiver
away[patients == patients[example]] += 1  # other patients first
donor, receiver = codes[away.argmin()], grid  # (h, w), (h, w)
h, w = grid.shape
box = (slice(3 * h // 8, 5 * h // 8), slice(w // 2, 7 * w // 8))  # the middle, upwards


def transplant(donor: torch.Tensor, receiver: torch.Tensor, box: tuple) -> torch.Tensor:
    """Two grids (h, w) and a box -> a new grid (h, w): the receiver with the donor's box."""
    return ...


# %% tags=["check"]
exercises.check_transplant(transplant)

# %% [markdown] tags=[]
# ### Exercise 6 · The mean block under a code
#
# Write what "in use" above means: cut the slices into 4×4 blocks and average those under code $k$. The cutting is the
# hard part: a plain `reshape` mixes up the rows.


# %% tags=["exercise"]
def mean_block(codes: torch.Tensor, images: torch.Tensor, k: int) -> torch.Tensor:
    """Codes (N, h, w), images (N, 4h, 4w), a code number -> its mean block (4, 4)."""
    return ...


# %% tags=["check"]
exercises.check_mean_block(mean_block)

# %% [markdown] tags=[]
# ### Experiment · A small alphabet
#
# The codebook gets a quarter of its codes:
#
# `vqgen run --profile quick --run-name few-codes --to 03 --set num_embeddings=32`
#
# Predict first. Then run it in a terminal (in JupyterLab: File, New, Terminal). It runs notebooks 01 to 03 once more,
# takes no longer than they did, and leaves them in `runs/few-codes/notebooks/`: open them there.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "Of the perplexity, a quarter of the codes will leave",
    ["a quarter", "more than a quarter", "less than a quarter"],
)

# %% [markdown] tags=[]
# Compare perplexity divided by $K$, and the bits that a code tells of its tissue. Which tissues have lost their
# codes? Write two sentences: what you saw, and why.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("03")

# %% [markdown] tags=[]
# ## Summary
#
# - Use and perplexity are counted over the whole held-out set; a batch misleads.
# - Codes are names for kinds of local texture. Near vectors mean like things, near numbers nothing.
# - Some codes belong to one tissue, learned without labels; small or gray organs have none of their own.
# - A slice can be edited by editing codes, and the decoder blends the edit in.
#
# **What's next:** if codes are an alphabet, `04_pixelcnn_training` learns which letter follows which.

# %% [markdown] tags=[]
# ## References
#
# - van den Oord et al. 2017: Neural Discrete Representation Learning. NeurIPS. [arXiv:1711.00937](https://arxiv.org/abs/1711.00937)
# - Shannon 1948: A Mathematical Theory of Communication. Bell System Technical Journal 27
# - Jelinek et al. 1977: Perplexity, a measure of the difficulty of speech recognition tasks. Journal of the Acoustical Society of America 62(S1)
# - Miller 1955: Note on the bias of information estimates. In: Information Theory in Psychology, Free Press
# - Pearson 1901: On lines and planes of closest fit to systems of points in space. Philosophical Magazine 2(11)
