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
# # 02 · A picture as a grid of codes: the VQ-VAE
#
# A slice has many pixels, yet most of what it says is "fat here, muscle there". A VQ-VAE (van den Oord et al. 2017)
# learns a small dictionary of such patches, the **codebook**, and writes each slice as a grid of dictionary entries.
# Reading the grid back through a decoder gives the slice again, nearly.
#
# **You will learn**
#
# - what encoder, codebook and decoder do, and the loss that trains them, term by term;
# - how a gradient gets past a choice that has none, and how dead codes are brought back;
# - to judge reconstructions honestly, and to recognise numbers that look too good.
#
# **You need** notebook 01, and an idea of what a convolution is. **Time to learn:** 110 minutes. **Time to run:** about 1 minute on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $x$, $\hat x$ | (B, 1, H, W) | B slices of H×W pixels and their reconstructions, values in [0, 1] |
# | $z_e$ | (B, D, h, w) | what the encoder says about each block of pixels (4×4 unless `stride` differs): $D$ numbers |
# | $e_k$ | (D,) | code number $k$ of $K$, counted from 0: one row of the codebook |
# | $z_q$ | (B, D, h, w) | $z_e$ with each vector replaced by its nearest code |
# | $\beta$ | | weight of the commitment term, `commitment_cost` |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # smoke (seconds), quick (two CPU cores) or full (a GPU)
run_name: str = "tutorial"  # results go to runs/<run_name>/
data_source: Optional[str] = None  # default: as in notebook 01
data_dir: Optional[str] = None  # default: as in notebook 01
folds: Optional[int] = None  # parts that the patients are dealt into, each tested once
fold: Optional[int] = None  # which of them is the test, from 0
test_patients: Optional[str] = None  # or who is the test, by name, with commas between
from_run: str = ""  # a run whose VQ-VAE's weights are where training starts; empty: from nothing
batch_size: Optional[int] = None  # slices a step
hidden_dim: Optional[int] = None  # channels inside encoder and decoder
residual_layers: Optional[int] = None  # residual blocks on each side
residual_hidden_dim: Optional[int] = None  # channels inside a residual block
num_embeddings: Optional[int] = None  # K, codes in the codebook
embedding_dim: Optional[int] = None  # D, numbers in a code
commitment_cost: Optional[float] = None  # beta
learning_rate: Optional[float] = None  # peak
epochs: Optional[int] = None  # passes over the training slices; 0: by steps
steps: Optional[int] = None  # training steps; 0: as many as the slices ask for
longest: Optional[int] = None  # steps that there is time for
patience: Optional[float] = None  # share of the steps without a better validation, then stop
augment: Optional[str] = None  # pictures changed a little: auto (where patients are few), full, off
augment_turn: Optional[float] = None  # degrees to either side
augment_scale: Optional[float] = None  # 0.08: 8 % larger or smaller
augment_shift: Optional[float] = None  # share of the sides
augment_contrast: Optional[float] = None  # 0.22: to the power of 0.8 to 1.25
augment_mirror: Optional[bool] = None  # right for left, where sides mean nothing to you
stride: Optional[int] = None  # pixels a code covers along each axis: 2, 4 or 8
stem: Optional[str] = None  # unshuffle (fast on a CPU) or strided (as published)
codebook_update: Optional[str] = None  # ema or gradient
decay: Optional[float] = None  # of the EMA update
revive_below: Optional[float] = None  # share of an even share under which a code is revived
weight_decay: Optional[float] = None
seed: Optional[int] = None
compiled: Optional[bool] = None  # torch.compile, on a GPU only

# %% tags=[]
import dataclasses
import functools
import math

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import Tensor, nn
from torch.utils.data import Subset

from vqgen_utils import plots, training
from vqgen_utils.data import load_slices
from vqgen_utils.evaluation import domain, metrics
from vqgen_utils.models import VQVAE, Codebook, vqvae, vqvae_losses
from vqgen_utils.plots import show
from vqgen_utils.runs import Run, new_vqvae, start, vqvae_lesson
from vqgen_utils.teaching import predict, show_source
from vqgen_utils.teaching.demos import collapse
from vqgen_utils.teaching.exercises import vqvae as exercises
from vqgen_utils.teaching.widgets import LivePlot, panel
from vqgen_utils.training import CLIP_NORM, Schedule, augmentation, batches, fit

# %% tags=[]
run = Run(run_name)  # the folder runs/<run_name>/
# the profile's settings with your changes, kept in the run's config.json
settings = run.configure(
    profile, "vqvae", "vqvae_training", "augmentation", data_source=data_source, data_dir=data_dir,
    folds=folds, fold=fold, test_patients=test_patients,
    batch_size=batch_size, hidden_dim=hidden_dim, residual_layers=residual_layers,
    residual_hidden_dim=residual_hidden_dim, num_embeddings=num_embeddings,
    embedding_dim=embedding_dim, commitment_cost=commitment_cost, learning_rate=learning_rate,
    epochs=epochs, steps=steps, longest=longest, patience=patience, augment=augment,
    augment_turn=augment_turn, augment_scale=augment_scale, augment_shift=augment_shift,
    augment_contrast=augment_contrast, augment_mirror=augment_mirror, stride=stride, stem=stem,
    codebook_update=codebook_update, decay=decay, revive_below=revive_below,
    weight_decay=weight_decay, seed=seed, compiled=compiled,
)  # fmt: skip
slices = load_slices(settings.data)
slices.must_hold_out()  # or nothing could be scored
train, test = slices.subset("train"), slices.subset("test")
print(slices)
print(slices.whose)
settings.vqvae

# %% [markdown] tags=[]
# ## The idea on three vectors
#
# Quantising is looking up the nearest entry. Here is a codebook of three codes in the plane, and three vectors that
# an encoder might produce.
#
# **Predict:** which code does each vector get?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Codes of the three vectors", ["[0, 0, 2]", "[0, 1, 2]", "[1, 1, 0]"])

# %% tags=["nbval-check-output"]
tiny = Codebook(num_embeddings=3, embedding_dim=2).eval()  # eval: it looks up, it does not learn
tiny.embedding.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))  # e_0, e_1, e_2
vectors = torch.tensor([[0.2, 0.1], [0.9, 0.3], [0.4, 0.6]])  # (3, 2)
difference = vectors[:, None] - tiny.embedding  # (3, 1, 2) - (3, 2) -> (3, 3, 2), each to each
distance = difference.square().sum(-1)  # (3, 3), squared
print("nearest codes:", distance.argmin(1).tolist())
guess.compare(str(distance.argmin(1).tolist()))

# %% [markdown] tags=[]
# That is all of it, in three lines. But they keep a table of all differences, which soon fills the memory. The
# codebook of this series does it in the code below. Finding the nearest of $K$ codes needs no distances:
# $\|z-e_k\|^2 = \|z\|^2 - 2\,z\cdot e_k + \|e_k\|^2$, and $\|z\|^2$ is the same for every code. So
# $\arg\min_k \|z - e_k\|^2 = \arg\max_k \,(z \cdot e_k - \tfrac12\|e_k\|^2)$, one matrix product, `addmm`, and the
# largest score wins. (The code takes some rows at a time, to save memory.)
#
# `forward` turns the grid of vectors into a list, looks each up, and turns the list back into a grid.
# Its losses come further down, and so do the two calls `_initialise` and `_follow`.

# %% tags=[]
show_source(Codebook.nearest, Codebook.forward)

# %% tags=["nbval-check-output"]
many = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))  # (1000, 2)
slow = (many[:, None] - tiny.embedding).square().sum(-1).argmin(1)  # (1000,)
print("the three lines and `nearest` agree:", torch.equal(slow, tiny.nearest(many)))

# %% [markdown] tags=[]
# ## A gradient past a choice
#
# Choosing a code has no slope: move $z_e$ a little, and the choice stays the same. The **straight-through estimator**
# (Bengio et al. 2013), the last line above, computes the gradient as if quantising were the identity, a function that
# changes nothing. `detach()` makes $z_q - z_e$ a constant: forward the sum is $z_q$, backward the decoder's gradient
# reaches $z_e$ unchanged.
#
# **Predict:** a decoder asks for a change of (5, −7) at a vector (0.9, 0.3). What reaches the encoder?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("What reaches the encoder", ["nothing", "(5, -7)", "(5, -7), scaled down"])

# %% tags=["nbval-check-output"]
z_e = torch.tensor([[[[0.9]], [[0.3]]]], requires_grad=True)  # (1, 2, 1, 1): one vector
z_q, codes, _ = tiny(z_e)
z_q.backward(torch.tensor([[[[5.0]], [[-7.0]]]]))  # some gradient from a decoder
print("forward:", [round(v, 6) for v in z_q.flatten().tolist()], "- the code, not the vector")
print("backward:", z_e.grad.flatten().tolist(), "- the decoder's gradient, untouched")
guess.compare("(5, -7)")

# %% [markdown] tags=[]
# ## Encoder and decoder
#
# The encoder folds each block of 4×4 pixels into 16 channels (`PixelUnshuffle`; Shi et al. 2016), so that all its
# convolutions run on the small grid. Residual blocks (He et al. 2016) each add a correction to what comes in. The
# decoder does the same in reverse. `stem="strided"` is the paper's way to the same grid; it is slower on a CPU.

# %% tags=[]
show_source(vqvae.make_encoder)

# %% tags=[]
x = torch.zeros(1, 1, *slices.images.shape[1:])  # (1, 1, H, W)
print(f"{'slice':<15}{tuple(x.shape)}")
for layer in vqvae.make_encoder(settings.vqvae):
    x = layer(x)
    print(f"{type(layer).__name__:<15}{tuple(x.shape)}")

# %% [markdown] tags=[]
# ## The loss, term by term
#
# $$L = \underbrace{\|x-\hat x\|^2 / \sigma^2}_{\text{reconstruction}}
#     + \underbrace{\|\mathrm{sg}(z_e)-e\|^2}_{\text{codebook}}
#     + \underbrace{\beta\,\|z_e-\mathrm{sg}(e)\|^2}_{\text{commitment}}$$
#
# $e$ stands for the nearest codes, and each $\|\cdot\|^2$ is a mean over all numbers in it. $\mathrm{sg}$, *stop
# gradient*, means "treat as a constant" (`detach()`). The reconstruction term trains encoder and decoder. The
# codebook term pulls each code to the vectors that are replaced by it: the vectors it **serves**. The commitment term
# keeps vectors near their codes. Dividing by the pixels' variance $\sigma^2$ makes 1 mean "no better than guessing
# the mean". The last two terms were in `Codebook.forward` above; here is the first:

# %% tags=[]
show_source(VQVAE.forward)

# %% tags=[]
model = new_vqvae(settings, train)  # knows the variance of the pixels of 200 training slices
x, _ = train[list(range(0, len(train), max(1, len(train) // 8)))[:8]]  # (8, 1, H, W)

for update in ("gradient", "ema"):
    config = dataclasses.replace(settings.vqvae, codebook_update=update)  # all else alike
    x_hat, codes, losses = VQVAE(config, model.data_variance)(x)
    print(f"{update:>9}:", {name: round(value.item(), 4) for name, value in losses.items()})
print("x", tuple(x.shape), "-> codes", tuple(codes.shape), "-> x_hat", tuple(x_hat.shape))
print(sum(p.numel() for p in model.parameters()), "weights in the model to be trained")

# %% [markdown] tags=[]
# Untrained, the reconstruction is worse than a constant guess at the mean, which would score 1. That is where we
# start. With `ema` the codebook term is missing; the section after the next says what takes its place.
#
# ## What is variational in it
#
# VQ-VAE is short for *vector-quantised variational autoencoder*. A **VAE** (Kingma & Welling 2013) answers a slice
# with a distribution over the codes $c$ that may describe it, the *posterior* $q(c \mid x)$. Beside it stands a
# *prior* $p(c)$: what codes are like before any slice is seen. The loss has two parts: what the decoder gets wrong, and
# how far the posterior is from the prior, by the Kullback-Leibler divergence (KL). Together they are never less
# than $-\ln p(x)$, the surprise of the slice itself, so making them small makes the slices likely:
#
# $$-\ln p(x) \ \le\ \mathbb{E}_{q}\left[-\ln p(x \mid c)\right] + \mathrm{KL}\left(q(c \mid x)\,\|\,p(c)\right),
#   \qquad \mathrm{KL}(q\,\|\,p) = \sum_k q_k \ln \frac{q_k}{p_k}$$
#
# In a VQ-VAE the posterior is certain: the nearest code gets all of it, $q_k = 1$. The prior is uniform: each code
# gets $p_k = 1/K$. So the KL is $\ln K$ for every code of every slice, whatever the encoder does. A constant has no
# gradient, so it can be left out of the loss. What is left of the VAE is the reconstruction (a squared error, as
# $-\ln p(x \mid c)$ is for a Gaussian); the other two terms only keep codes and vectors together. Nothing here learns
# which codes are likely. Notebook 04 does: it puts a learned prior in the place of the uniform one, and a grid that
# is easy to guess then costs less than $\ln K$ a code.

# %% tags=[]
K = settings.vqvae.num_embeddings
p = torch.full((K,), 1 / K)  # (K,), the prior: no opinion
for k in (0, K // 2, K - 1):
    q = F.one_hot(torch.tensor(k), K).float()  # (K,), the posterior: code k for certain
    kl = torch.xlogy(q, q / p).sum()  # 0 log 0 counts as 0
    print(f"code {k}: KL {kl / math.log(2):.3f} bits, and log2 K is {math.log2(K):.3f}")

# %% [markdown] tags=[]
# ## Codes that die, and codes that come back
#
# With `codebook_update="ema"`, our default, nothing descends the codebook term. Each code goes
# straight to where that term would pull it: the mean of the vectors it serves. It is a running mean
# (EMA: *exponential moving average*), since a batch is too small for a good one. Of the $n_k$ vectors
# $z$ that code $k$ serves in this batch, keep a running count and a running sum:
#
# $$N_k \leftarrow \gamma N_k + (1-\gamma)\,n_k, \qquad
#   m_k \leftarrow \gamma m_k + (1-\gamma) \sum z, \qquad e_k = m_k / N_k$$
#
# with $\gamma$ = `decay`. In the code they are `ema_count` and `ema_sum`:

# %% tags=[]
show_source(Codebook._follow, Codebook._revive)

# %% [markdown] tags=[]
# A code that serves no vector has no mean to follow, and it would not get a gradient either: it stays where it is. It
# is **dead**. Many dead codes are a *collapse*. That happens easily. The codes begin as the cluster centres (k-means)
# of the first batch, when the untrained encoder gives nearly the same vector for everything. Then the encoder learns,
# and its vectors move away. `_revive` counts a code as dead when $N_k$ falls below `revive_below` of an even share
# (all vectors of a batch divided by $K$), and puts it on a vector of the batch, most likely one that was far from its
# code (Dhariwal et al. 2020 draw any vector).
#
# We watch it in the plane, with the same class that trains our model. The points stand for the encoder's vectors. In
# the first 20 steps they move from a small cloud to a ring, and they stay there.
#
# **Predict:** how many of the 32 codes arrive with them?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "Codes that arrive without revival", ["a quarter or fewer", "about half", "nearly all"]
)


# %% tags=[]
@functools.cache
def toy(codes: int, revive_below: float) -> list[collapse.Stage]:
    """Train a codebook on the moving points: its state after each of 120 steps."""
    return collapse.watch(Codebook(codes, 2, decay=0.95, revive_below=revive_below), steps=120)


moments = (0, 20, 40, 119)
rows = {"never revived": toy(32, 0.0), "revived": toy(32, 0.1)}
show(
    plots.training.codebook_stages(
        {name: [stages[t] for t in moments] for name, stages in rows.items()}
    ),
    "Codes as circles and dead codes as crosses among points, at four steps. In use at the last: "
    + ", ".join(f"{stages[-1].used} of 32 {name}" for name, stages in rows.items()),
)
guess.compare_number(rows["never revived"][-1].used, [9, 21])

# %% [markdown] tags=[]
# *Two codebooks that serve the same moving points, without revival (top) and with it (bottom); a cross is a code that
# serves no point.* The few codes nearest to the ring serve all the points, and the others hardly ever get one again.
# The loss does not show this: it is small, only larger than necessary. So count the codes.

# %% tags=[]
used = pd.DataFrame({name: [stage.used for stage in stages] for name, stages in rows.items()})
show(
    plots.training.lines(used.iloc[::3], "step", "codes in use, of 32"),
    "Codes in use, of 32, at their fewest and at the end: "
    + ", ".join(f"{name} {used[name].min()} and {used[name].iloc[-1]}" for name in used),
)

# %% [markdown] tags=[]
# *Codes in use at each step, with revival and without.* A code does not come back at once: its running count must
# first fall below `revive_below` of an even share, and $\gamma$ sets how long that takes. In a plane you can see it;
# in $D$ dimensions you have to count.
#
# Try it: move through the steps, first at `revive_below` 0, then at 0.1. At 0.9 a code counts as dead when it only
# serves fewer points than most: do the codes come to rest? (The controls need a running kernel.)


# %% tags=["nbval-ignore-output", "widget"]
def draw(step: int, codes: int, revive_below: float):
    """The codebook after one step."""
    return plots.training.codebook_stages(
        {f"revive_below {revive_below}": [toy(codes, revive_below)[step]]}
    )


controls = {
    "step": panel.slider("step", 20, 119, live=True),
    "codes": panel.choice("codes", [8, 32, 128], 32),
    "revive_below": panel.choice("revive_below", [0.0, 0.1, 0.9]),
}
panel.panel(draw, "Codes among the points at the chosen step.", controls)

# %% [markdown] tags=[]
# ## Ten lines that learn
#
# Training repeats one step: take some slices, compute the loss and its slope, and move every weight a little in the
# direction in which the loss falls. Here are the first steps, written out:

# %% tags=[]
few = dataclasses.replace(settings.vqvae_training, epochs=0, steps=20)  # the settings, but short
by_hand = new_vqvae(settings, train)
optimizer = torch.optim.AdamW(by_hand.parameters(), weight_decay=few.weight_decay)
for step, batch in enumerate(batches(train, few, by_hand.device, 0, few.steps)):
    optimizer.param_groups[0]["lr"] = training.learning_rate(step, few.steps, few.learning_rate)
    loss = vqvae_losses(by_hand, batch)["loss"]  # (), a single number
    optimizer.zero_grad()  # forget the slopes of the step before
    loss.backward()  # each weight gets the slope of the loss along it
    nn.utils.clip_grad_norm_(by_hand.parameters(), CLIP_NORM)  # no step too long
    optimizer.step()  # each weight moves
print(f"loss after {few.steps} steps: {loss.item():.4f}")

# %% [markdown] tags=[]
# `batches` shuffles the slices anew in every epoch, and `learning_rate` lets the steps grow, then shrink.
#
# The function `fit` of this series is the same loop, made safe: it saves its state, goes on after a stop, shares the
# work among processes, and keeps a record. Is it really the same? We let it take the same steps.

# %% tags=[]
by_fit = new_vqvae(settings, train)  # the same first weights, by the same seed
same_for_both = run.vqvae_made_from(settings, slices)
history = fit(
    by_fit, vqvae_losses, train, few, run.path("few_steps.safetensors"), same_for_both
).history
pairs = zip(by_hand.parameters(), by_fit.parameters(), strict=True)
apart = max((one.cpu() - other.cpu()).abs().max().item() for one, other in pairs)
print(f"loss after {few.steps} steps: {history['loss'].iloc[-1]:.4f} (a mean over the last steps)")
print(f"largest difference between two weights: {apart:.0e}")

# %% [markdown] tags=[]
# Equal, up to rounding. (On a GPU `fit` calculates with fewer digits, and the difference is larger.)
#
# ## Training
#
# One loop trains this model and the prior of notebook 04; read it in `vqgen_utils/training/loop.py`. It
# can be stopped at any time (the square button): run the cell again and it goes on.
#
# `fit` writes the weights into the run's folder, and with them what they were made from: the model's
# settings as a plain dictionary (`asdict`) and a fingerprint of the data. If it finds weights with the
# same description, it loads them and trains nothing. Change a parameter, and it trains anew.
#
# A few patients show only a few bodies. So each time a slice is learned from, it is turned, moved, scaled and
# brightened or darkened a little (Simard et al. 2003), at random, by a seed. The changes are largest where training
# patients are few, smaller where they are many, and they fade until training ends, since what is shown last is what
# will be drawn (`vqgen_utils/training/augmentation.py`; `augment=off` leaves slices as they are).

# %% tags=[]
lesson = vqvae_lesson(settings, slices)  # what is learned from, how, and what chooses the weights
ranges = settings.augmentation.scaled_for(train.rows["patient"].nunique())
shown, _ = train[[len(train) // 2] * 6]  # (6, 1, H, W), six times the same slice
changed = augmentation.augment(shown[1:], range(5), 1.0, ranges)
moved = (changed - shown[1:]).abs().mean((1, 2, 3))  # (5,)
show(
    plots.slices.rows(
        {"a training slice": list(torch.cat([shown[:1], changed])[:, 0])},
        ["as it is", *["changed a little"] * 5],
    ),
    f"One training slice as it is, and five times as the model may see it: brightness differs by "
    f"{moved.min():.3f} to {moved.max():.3f} on average.",
)
print(f"{Schedule(len(train), settings.vqvae_training).steps} steps at most, for these slices")
print(
    f"turned by up to {ranges.augment_turn:.1f} degrees, moved by {ranges.augment_shift:.1%} of the "
    f"sides, {math.expm1(ranges.augment_scale):.1%} larger or smaller"
)

# %% [markdown] tags=[]
# *One training slice as it is, and five times as the model may see it when training begins.* The body is the same
# each time, and its place, size and brightness are not.
#
# Some slices are not learned from: from time to time the loss is measured on them, and the weights that are used in
# the end are those with the lowest reconstruction term. These are the validation patients; if there are none, some of
# the training patients are set aside. When that term has not fallen for a long time, training stops.
#
# **Predict:** the reconstruction term will fall. Will the commitment term fall too, from the start?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The commitment term at first", ["falls", "rises"])

# %% tags=[]
live = LivePlot(["reconstruction", "commitment"], "loss", "Learning curves of the VQ-VAE.")
started_from = start.vqvae(run, model, settings, from_run)  # says so; nothing without from_run
made_from = run.vqvae_made_from(settings, slices) | started_from
result = fit(
    model,
    lesson.losses,
    lesson.train,
    settings.vqvae_training,
    run.path("vqvae.safetensors"),
    made_from,
    validate=lesson.validate,
    change=lesson.change,
    report=live,
    judged_by=lesson.judged_by,  # the reconstruction: codes and decoder are what is used
)
live.draw(result.history)
print(result)

# %% [markdown] tags=[]
# *Loss terms by step, log scale on the left; on the right the late phase alone, which the early fall
# would hide.* The commitment term starts low, for the untrained encoder's vectors are all alike and
# any code is near; it rises while the encoder learns to tell things apart. Circles are slices not
# trained on. Where they lie close to the line, the model has learned bodies and not these bodies.

# %% tags=[]
commitment = result.history["commitment"]
guess.compare("rises" if commitment.max() > 1.1 * commitment.iloc[0] else "falls")

# %% [markdown] tags=[]
# ## Originals and reconstructions
#
# Every score of this model is measured on **test patients**. We read the model back from its file, as the
# next notebooks will, and send each slice through the codes and back:


# %% tags=[]
model = run.load_vqvae()
x, _ = test[list(range(len(test)))]  # (N, 1, H, W)
codes = model.encode(x)  # (N, h, w)
x_hat = model.decode(codes)  # (N, 1, H, W)
originals, reconstructions = x[:, 0].numpy(), x_hat[:, 0].numpy()  # (N, H, W) each

# %% [markdown] tags=[]
# Two scores compare a slice with its reconstruction. **PSNR** is the mean squared error on a scale of
# decibels, $10\,\log_{10}(1/\text{error})$: 10 dB more are a tenth of the error. **SSIM** (Wang et al. 2004) compares
# brightness, contrast and structure in a small window around each pixel, and takes the mean:
#
# $$\mathrm{SSIM} = \frac{2\mu\hat\mu + c_1}{\mu^2+\hat\mu^2+c_1} \cdot
#   \frac{2\,\mathrm{cov} + c_2}{s^2+\hat s^2+c_2},
#   \qquad c_1 = (0.01\,R)^2,\quad c_2 = (0.03\,R)^2$$
#
# $\mu, \hat\mu$ are the means of $x$ and $\hat x$ in the window, $s^2, \hat s^2$ their variances, and $\mathrm{cov}$
# is their covariance. Identical windows score 1. The constants keep the fractions stable where the picture is flat;
# $R$, `data_range`, is the range that pixels can have, and 1 here. Air around a body is easy to reconstruct and
# raises the mean, so we report the body alone beside it. On slices smaller than the window there is no SSIM.

# %% tags=[]
# label 0 is air; where not every slice has labels, the body is found by its brightness
masks = slices.labels[test.rows.index] > 0 if domain.labelled(slices) else None  # (N, H, W)
no_ssim = metrics.why_no_ssim(x.shape[2:])  # why there is none; "" where there is
ssim, ssim_body = metrics.ssim(originals, reconstructions, masks)  # (N,), (N,)
psnr = metrics.psnr(originals, reconstructions)  # (N,)
patients = test.rows["patient"].nunique()
print(f"mean ± spread over {len(test)} held-out slices (patients: {patients})")
print(f"SSIM            {metrics.mean_and_spread(ssim)}")
print(f"SSIM, body only {metrics.mean_and_spread(ssim_body)}")
print(f"PSNR            {metrics.mean_and_spread(psnr)} dB")
if no_ssim:
    print(f"no SSIM, since {no_ssim}")

# %% tags=[]
evenly = np.linspace(len(test) // 8, 7 * len(test) // 8, 4).astype(int)
chosen = np.argsort(test.rows["height"].to_numpy())[np.unique(evenly)]  # four, or all there are
example = chosen[len(chosen) // 2]
error = np.abs(reconstructions - originals)  # (N, H, W)
figure = plots.slices.rows(
    {
        "original": list(originals[chosen]),
        "reconstruction": list(reconstructions[chosen]),
        "error × 5": list(5 * error[chosen]),
    },
    [f"place {y:.2f}" for y in test.rows["height"].iloc[chosen]]
    + ["" if no_ssim else f"SSIM {value:.3f}" for value in ssim[chosen]]
    + [f"at most {one.max():.2f}" for one in error[chosen]],
)
run.path("reconstructions.png").write_bytes(plots.to_png(figure, dpi=120))
show(
    figure,
    f"Test slices, their reconstructions, and the errors: {error[chosen].mean():.3f} on average, "
    f"{error[chosen].max():.2f} at most."
    + ("" if no_ssim else f" SSIM {ssim[chosen].min():.3f} to {ssim[chosen].max():.3f}."),
)

# %% [markdown] tags=[]
# *Held-out slices (top), what is left of them after passing through the codes (middle), and five times the difference
# (bottom).* After a long enough training, organs and outlines are kept; the finest lines are blurred, since a block
# of pixels has only $K$ codes to choose from. A few pictures prove little: these were chosen by place, not by score,
# and the means over all patients stand above.

# %% [markdown] tags=[]
# ## Common mistakes
#
# Five mistakes are easily made, and no error message reports them. Two change the network, two make the score look
# better, one makes the training look longer. Each is shown here with what it looks like.
#
# ### Layers that share their weights
#
# Residual blocks come in stacks, and `[block] * n` is the shortest way to write one.
#
# **Predict:** printed, the two networks below look the same. Have they the same number of weights?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Weights in the two", ["as many", "not as many"])

# %% tags=["nbval-check-output"]
same = nn.Sequential(*[vqvae.ResidualBlock(96, 32)] * 6)
own = nn.Sequential(*[vqvae.ResidualBlock(96, 32) for _ in range(6)])
for name, stack in (("[block] * 6", same), ("six blocks", own)):
    print(f"{len(stack)} layers by {name}: {sum(p.numel() for p in stack.parameters())} weights")
guess.compare("not as many")

# %% [markdown] tags=[]
# `[block] * 6` is one block, listed six times: every layer shares its weights. What it looks like: it trains, and the
# result is worse than a network of this depth should give. Count the weights.
#
# ### K where D belongs
#
# The encoder's last convolution must have $D$ channels, the length of a code. Here it has $K$, twice:

# %% tags=[]
for K, D in ((128, 128), (128, 32)):
    to_codes = nn.Conv2d(96, K, 1)  # the slip: K channels, where D are wanted
    try:
        Codebook(K, D).eval()(to_codes(torch.zeros(1, 96, 32, 16)))
        print(f"K={K}, D={D}: no complaint")
    except RuntimeError as error:
        print(f"K={K}, D={D}: {error}")

# %% [markdown] tags=[]
# What it looks like: nothing at all, as long as $K$ and $D$ happen to be equal. When somebody asks for shorter codes,
# it breaks. Try your own networks with sizes that all differ.
#
# ### A range that is not there
#
# **Predict:** we leave both pictures as they are and tell SSIM that pixels range over 2 instead of 1.
# Does the score rise, fall or stay?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("SSIM at twice the range", ["rises", "falls", "stays"])

# %% tags=[]
window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}  # the paper's
pair = originals[example], reconstructions[example]  # (H, W) each
similarity = {}  # data_range -> SSIM around each pixel, (H, W)
for data_range in () if no_ssim else (1, 2):
    score, similarity[data_range] = structural_similarity(
        *pair, data_range=data_range, full=True, **window
    )
    print(f"the same pair at data_range={data_range}: SSIM {score:.3f}")
if no_ssim:
    print(f"no SSIM, since {no_ssim}")
else:
    added = similarity[2] - similarity[1]
    show(
        plots.slices.maps(
            [similarity[1], added],
            ["SSIM at data_range 1", "what data_range 2 adds"],
        ),
        f"SSIM over a slice, {similarity[1].mean():.3f} on average at data_range 1; data_range 2 adds "
        f"{added.mean():.3f} on average and {added.max():.2f} at most.",
    )
if not no_ssim:
    guess.compare("rises" if similarity[2].mean() > similarity[1].mean() else "falls")

# %% [markdown] tags=[]
# *SSIM around each pixel (left), and what the wrong range adds (right).* Along the strong outline it adds nothing. It
# adds on faint structures, some of which the model has lost. Two SSIMs can be compared only if `data_range` and
# window are the same. An exercise below asks why it goes up.

# %% [markdown] tags=[]
# ### Patients it knows, and a lucky batch
#
# Two shortcuts: to score a shuffled batch of the *training* slices, and to show the batch with the best score. We do
# both with our model, and with another one that learns from a single patient, for an eighth of the steps.
#
# **Predict:** which score shows that this second model has seen one body only?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "What shows that it knows one body only",
    ["the score on its own patient", "the score on others", "the luckiest batch"],
)

# %% tags=[]
own_slices = np.flatnonzero(train.rows["patient"] == train.rows["patient"].iloc[0])
narrow = new_vqvae(settings, train)
steps_taken = int(result.history["step"].iloc[-1])
short = dataclasses.replace(settings.vqvae_training, epochs=0, steps=1 + steps_taken // 8)
learned = fit(
    narrow,
    vqvae_losses,
    Subset(train, own_slices),
    short,
    run.path("one_patient.safetensors"),
    made_from,
)


# %% tags=[]
def ssim_of_batches(model: VQVAE, images: Tensor, size: int = 8) -> np.ndarray:
    """Mean SSIM of each shuffled batch of about `size` slices: (N, 1, H, W) -> (batches,)."""
    x_hat = model.decode(model.encode(images))
    values = metrics.ssim(images[:, 0].numpy(), x_hat[:, 0].numpy())[0]  # (N,)
    order = np.random.default_rng(0).permutation(len(values))
    batches = np.array_split(values[order], max(1, len(values) // size))
    return np.array([batch.mean() for batch in batches])


spread_out = np.linspace(0, len(train) - 1, min(len(train), len(test))).astype(int)
of_many, of_one = (train[list(items)][0] for items in (spread_out, own_slices))  # (n, 1, H, W)
number = train.rows["patient"].nunique()
by_batch = {
    f"all patients ({number}), scored on them": ssim_of_batches(model, of_many),
    f"all patients ({number}), scored on test": ssim_of_batches(model, x),
    "1 patient, scored on it": ssim_of_batches(narrow, of_one),
    "1 patient, scored on test": ssim_of_batches(narrow, x),
}
for name, values in () if no_ssim else by_batch.items():
    print(f"learned from {name:<36} mean {values.mean():.3f}, luckiest batch {values.max():.3f}")

# %% tags=[]
if no_ssim:
    print(f"no SSIM, since {no_ssim}")
else:
    show(
        plots.training.batch_scores(by_batch, "SSIM of a batch"),
        "SSIM of single batches, mean and luckiest: "
        + "; ".join(f"{name} {v.mean():.3f} and {v.max():.3f}" for name, v in by_batch.items()),
    )
guess.compare("the score on others")

# %% [markdown] tags=[]
# *SSIM by batch, on the patients that a model learned from and on the test slices: the bar is the score, the star is
# what one would report by choosing the best batch.* Compare rows of the same model. Where the second model does better
# on its own patient than on others, no score on patients it has learned from can show that. If the first model's two
# bars lie close together, that is a result, and we have it because some patients were held out. The star is never left
# of the bar, for any model.

# %% [markdown] tags=[]
# ### An epoch that is none
#
# An **epoch** is a pass over all training slices. A loop may take one batch, `next(iter(loader))`, and call that an
# epoch. After a hundred of them it may not have seen all slices once. What it looks like: epochs that take no time.

# %% tags=[]
batch, last = min(settings.vqvae_training.batch_size, len(train)), result.history.iloc[-1]
print(f"slices in one batch: {batch} of {len(train)}, {batch / len(train):.1%}")
print(f"our run: {last['epoch']:.1f} epochs; with a batch counted as one, {last['step']:.0f}")

# %% [markdown] tags=[]
# ## Inside: one channel before and after quantising
#
# $z_e$ has $D$ channels. Here is the first of them for one slice, next to the same channel of $z_q$.
#
# **Predict:** both have the same shape. How many different values can a channel of $z_q$ take?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Values in a channel of z_q", ["as many as in z_e", "at most K", "at most D"])

# %% tags=[]
with torch.no_grad():
    z_e = model.encoder(x[example][None].to(model.device)).cpu()  # (1, D, h, w)
    z_q = model.codebook.lookup(codes[example][None].to(model.device)).cpu()  # (1, D, h, w)
for name, z in (("z_e", z_e), ("z_q", z_q)):
    print(f"{name} {tuple(z.shape)}, different values in channel 0: {z[0, 0].unique().numel()}")
moved = (z_e - z_q)[0].norm(dim=0).numpy()  # (h, w)
show(
    plots.training.before_and_after_quantising(z_e[0, 0].numpy(), z_q[0, 0].numpy(), moved),
    f"Channel 0 of z_e and of z_q on one scale: {z_e[0, 0].unique().numel()} different values become "
    f"{z_q[0, 0].unique().numel()}. Vectors move by {moved.mean():.2f} on average, {moved.max():.2f} at most.",
)
guess.compare("at most K")

# %% [markdown] tags=[]
# *One channel before quantising (left) and after it (middle), on one scale with white at zero, and how far each vector
# was moved (right).*
# The quantised channel keeps the layout and has at most $K$ values. The distance on the right is what
# quantising threw away. Look where it is largest: what is there that has too few codes to choose from?

# %% [markdown] tags=[]
# ## Every slice as a grid of codes
#
# The next notebooks work on codes alone, so we compute and save them for all slices. **Perplexity** says how evenly
# the codes are used: 1 if a single code is used, $K$ if all are used equally often; notebook 03 has its formula.

# %% tags=[]
all_codes = model.encode(slices.tensor)  # (N, h, w)
run.save_codes(all_codes)
counts = metrics.code_counts(codes, model.num_embeddings)  # (K,)
print(f"{slices.images.shape[1:]} pixels -> {tuple(all_codes.shape[1:])} codes a slice")
print(f"codes used on held-out slices: {int((counts > 0).sum())} of {model.num_embeddings}")
print(f"perplexity: {metrics.perplexity(counts):.1f}")

# %% [markdown] tags=[]
# ## Exercises
#
# Fill in the three dots, run the cell, then run the check under it. It says in words what is missing.
# Once you have tried, look into [the solutions](solutions/02_vqvae_training.ipynb).
#
# ### Exercise 1 · What does a slice cost?
#
# Naming one of $K$ codes takes $\log_2 K$ bits, and a code stands for a block of `stride` × `stride`
# pixels. How many bits is that a pixel? Then change one number: what does a stride of 8 cost?


# %% tags=["exercise"]
def bits_per_pixel(num_embeddings: int, stride: int) -> float:
    return ...


# %% tags=["check"]
exercises.check_bits_per_pixel(bits_per_pixel)

# %% [markdown] tags=[]
# ### Exercise 2 · Why did SSIM rise?
#
# We doubled `data_range` and changed no pixel, and SSIM went up. Why?
#
# - **A** The difference between the two pictures was halved.
# - **B** $c_1$ and $c_2$ grew. They stand in the upper and the lower part of each fraction, and pull it towards 1.
# - **C** The window became wider, so more pixels were averaged.
# - **D** The highest possible score became larger than 1, and all scores grew with it.

# %% tags=["exercise"]
why_ssim_rose = ...  # "A", "B", "C" or "D"

# %% tags=["check"]
exercises.check_why_ssim_rose(why_ssim_rose)

# %% [markdown] tags=[]
# ### Exercise 3 · Quantise by hand
#
# Write what `Codebook.nearest` and the lookup do: `z` is (N, D), `codebook` is (K, D). Return the number
# of the nearest code of each vector, (N,), and those codes themselves, (N, D). Distances or products,
# as you like.


# %% tags=["exercise"]
def quantise(z: Tensor, codebook: Tensor) -> tuple[Tensor, Tensor]:
    return ...  # codes (N,), z_q (N, D)


# %% tags=["check"]
exercises.check_quantise(quantise)

# %% [markdown] tags=[]
# ### Exercise 4 · The straight-through estimator
#
# Given `z_e` and `z_q` of the same shape (B, D, h, w), return a tensor that *is* `z_q` forward, and
# backward hands its gradient to `z_e` unchanged and to `z_q` not at all. You have `+`, `-` and `.detach()`.
# Try not to look at the last line of `Codebook.forward`.


# %% tags=["exercise"]
def straight_through(z_e: Tensor, z_q: Tensor) -> Tensor:
    return ...  # (B, D, h, w)


# %% tags=["check"]
exercises.check_straight_through(straight_through)

# %% [markdown] tags=[]
# ### Exercise 5 · Two losses, one distance
#
# Write the codebook term and the commitment term. `z_e` and `e` are (N, D), vectors and their nearest
# codes; each term is a mean over all numbers. Mind which side each one is to move.


# %% tags=["exercise"]
def two_losses(z_e: Tensor, e: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    return ...  # codebook (), commitment ()


# %% tags=["check"]
exercises.check_losses(two_losses)

# %% [markdown] tags=[]
# ### Exercise 6 · Revive a dead code, so that it stays
#
# Code `k` is dead. The stub moves it onto `vector`, (D,), and that is not enough: the next update computes
# $e_k = m_k / N_k$ again. Set what else must be set, so that the code counts as one that serves `share` vectors. `e`
# and `m` are (K, D), `N` is (K,).


# %% tags=["exercise"]
def revive(e: Tensor, N: Tensor, m: Tensor, k: int, vector: Tensor, share: float):
    e, N, m = e.clone(), N.clone(), m.clone()
    e[k] = vector
    return ...  # e (K, D), N (K,), m (K, D)


# %% tags=["check"]
exercises.check_revive(revive)

# %% [markdown] tags=[]
# ### Exercise 7 · Capstone: your own codebook
#
# Put exercises 3 to 5 together: write the `forward` of a codebook, and let it learn inside a VQ-VAE. `self.embedding`
# is the codebook (K, D), `self.commitment_cost` is $\beta$. Return `z_q` (B, D, h, w) by the straight-through estimator,
# `codes` (B, h, w), and the two losses by their names. The check trains it for 150 steps on small slices, beside the
# built-in codebook, and compares their SSIM on other patients. It takes a few seconds.


# %% tags=["exercise"]
class MyCodebook(Codebook):
    def forward(self, z_e: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        return ...  # z_q, codes, {"codebook": ..., "commitment": ...}


# %% tags=["check"]
exercises.check_codebook(MyCodebook)

# %% [markdown] tags=[]
# ### Experiment · A coarser grid
#
# What does a code for 8 × 8 pixels cost, and what does it lose?
#
# `vqgen run --profile quick --run-name coarse --to 02 --set stride=8`
#
# Predict first. Then run it in a terminal (in JupyterLab: File, New, Terminal). It runs notebooks 01 and 02 once more, takes
# no longer than they did, and leaves them in `runs/coarse/notebooks/`: open them there.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "With four times fewer codes, SSIM will",
    ["hardly change", "fall by a tenth or more", "fall to nothing"],
)

# %% [markdown] tags=[]
# Compare SSIM, the picture of errors and the bits a pixel (exercise 1). Would you pay four times the bits to have it
# back? Write two sentences: what you saw, and why.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("02")

# %% [markdown] tags=[]
# ## Summary
#
# - An encoder, a table of $K$ codes and a decoder; the table makes the picture discrete.
# - The choice of a code has no gradient, so we pass the decoder's straight through.
# - Codes die when the vectors move away from them; revival moves them, their count and their sum.
# - The score that counts is a mean over held-out patients, with the metric's settings beside it, and
#   the body's score is the stricter one.
#
# **What's next:** `03_codebook_analysis` asks what each code stands for.

# %% tags=[]
if no_ssim:
    reasons = {"ssim": no_ssim, "ssim_body": no_ssim}
else:
    no_body = "no held-out slice shows anything bright enough to be a body"
    reasons = {"ssim_body": no_body} if np.isnan(ssim_body).all() else {}
run.save_scores("vqvae", test.rows, {"ssim": ssim, "ssim_body": ssim_body, "psnr": psnr})
run.add_metrics(
    "vqvae",
    {
        "ssim": metrics.mean_or_none(ssim),
        "ssim_body": metrics.mean_or_none(ssim_body),
        "psnr": float(psnr.mean()),
        "codes_used": int((counts > 0).sum()),
        "perplexity": metrics.perplexity(counts),
        "grid": list(all_codes.shape[1:]),
        "num_embeddings": model.num_embeddings,
        "train_seconds": result.seconds,
    },
    reasons,
)

# %% [markdown] tags=[]
# ## References
#
# - van den Oord et al. 2017: Neural Discrete Representation Learning. NeurIPS. [arXiv:1711.00937](https://arxiv.org/abs/1711.00937)
# - Kingma & Welling 2013: Auto-Encoding Variational Bayes. [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)
# - Bengio et al. 2013: Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation. [arXiv:1308.3432](https://arxiv.org/abs/1308.3432)
# - He et al. 2016: Deep Residual Learning for Image Recognition. CVPR. [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)
# - Shi et al. 2016: Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network. CVPR. [arXiv:1609.05158](https://arxiv.org/abs/1609.05158)
# - Simard et al. 2003: Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis. ICDAR
# - Dhariwal et al. 2020: Jukebox: A Generative Model for Music. [arXiv:2005.00341](https://arxiv.org/abs/2005.00341)
# - Wang et al. 2004: Image Quality Assessment: From Error Visibility to Structural Similarity. IEEE Transactions on Image Processing 13(4)
