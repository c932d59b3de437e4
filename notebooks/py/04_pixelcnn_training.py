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
# # 04 · How codes follow each other: the PixelCNN prior
#
# The VQ-VAE can decode *any* grid of codes. Fill a grid at random and the decoder draws static, for
# almost no grid is a pelvis. What we lack is a sense of which grids are likely: a **prior**. The
# PixelCNN learns one by reading each grid code by code and guessing the next.
#
# **You will learn**
#
# - to write the probability of a whole grid as a product of next-code guesses;
# - why a plain stack of masked convolutions has a blind spot, and how two stacks cure it;
# - to score a prior in bits per code, against a yardstick that cannot be fooled.
#
# **You need** notebook 02 to have run. **Time to learn:** 30 minutes.
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $c$ | (B, H, W) | grids of codes, integers in $[0, K)$ |
# | $c_{<i}$ | | the codes before position $i$: rows above, and to the left in its row |
# | $h$ | (B,) | the slice's height in the body, 0 to 1 |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run whose codes to learn
prior_channels: Optional[int] = None  # channels of each stack
prior_layers: Optional[int] = None  # gated layers
prior_kernel_size: Optional[int] = None  # odd
prior_hidden_dim: Optional[int] = None  # channels of the head
prior_dropout: Optional[float] = None
prior_batch_size: Optional[int] = None  # grids a step
prior_epochs: Optional[int] = None  # passes over the training grids; 0: stop after prior_steps
prior_steps: Optional[int] = None  # training steps
prior_learning_rate: Optional[float] = None  # peak
prior_weight_decay: Optional[float] = None
prior_seed: Optional[int] = None
prior_compiled: Optional[bool] = None  # torch.compile, on a GPU only

# %% tags=[]
import dataclasses

import numpy as np
import pandas as pd
import torch
from torch.utils.data import TensorDataset

from vqgen_utils import metrics, plots, receptive_field
from vqgen_utils.pixelcnn import GatedLayer, PixelCNN, height_features, prior_losses
from vqgen_utils.plots import show, show_source
from vqgen_utils.run import Run
from vqgen_utils.sampling import full_logits
from vqgen_utils.training import fit
from vqgen_utils.vqvae import STRIDE
from vqgen_utils.widgets import LivePlot

run = Run(run_name)
run.settings(profile)  # complains if notebook 02 used another profile
settings = run.configure(
    profile, "prior", "prior_training", prior_channels=prior_channels, prior_layers=prior_layers,
    prior_kernel_size=prior_kernel_size, prior_hidden_dim=prior_hidden_dim,
    prior_dropout=prior_dropout, prior_batch_size=prior_batch_size, prior_epochs=prior_epochs, prior_steps=prior_steps,
    prior_learning_rate=prior_learning_rate, prior_weight_decay=prior_weight_decay,
    prior_seed=prior_seed,
    prior_compiled=prior_compiled,
)  # fmt: skip
vqvae, all_codes = run.load_vqvae(), run.load_codes()
slices = run.load_slices(settings)
K, grid = vqvae.num_embeddings, tuple(all_codes.shape[1:])
settings.prior

# %% [markdown] tags=[]
# ## What is a prior over codes?
#
# A probability for every grid. By the chain rule it is a product over positions in reading order:
#
# $$p(c \mid h) = \prod_i p(c_i \mid c_{<i}, h)$$
#
# Each factor is a choice among $K$ codes, just like classification. Learn to guess the next code and
# you have the prior; guess, write down, move on, and you generate.
#
# **Predict:** without a prior each code would be drawn by its frequency alone. What will that look like?

# %% tags=[]
part = {}  # split -> (codes (N, h, w), heights (N,))
for split in ("train", "validate", "test"):
    rows = slices.subset(split).rows
    part[split] = (
        all_codes[rows.index],
        torch.tensor(rows["height"].to_numpy(), dtype=torch.float32),
    )

counts = metrics.code_counts(part["train"][0], K)  # (K,)
generator = torch.Generator().manual_seed(0)
drawn = torch.multinomial(counts.float(), 4 * grid[0] * grid[1], True, generator=generator)
random_slices = vqvae.decode(drawn.view(4, *grid))[:, 0]  # (4, H, W)
real = vqvae.decode(part["test"][0][:: max(1, len(part["test"][0]) // 4)][:4])[:, 0]
show(
    plots.slice_rows({"held-out codes": list(real), "random codes": list(random_slices)}),
    "Decoded grids of held-out slices above decoded grids of codes drawn independently.",
)

# %% [markdown] tags=[]
# *Held-out grids decoded (top), and grids with the same code frequencies in random order (bottom). The
# alphabet alone is not enough: the order carries the anatomy.*

# %% [markdown] tags=[]
# ## Seeing only the past
#
# To guess a code, the network must not see it, nor anything after it. The first PixelCNN masked its
# kernels: half of each kernel is zero. Stack a few such layers and look at what the red position sees
# (measured by gradients):

# %% tags=[]
size, position, layers = (16, 25), (12, 12), 4
allowed = receptive_field.allowed_field(layers, 3, size, position)
fields = {}
for name, seen in {
    "last layer not masked": receptive_field.plain_field(
        layers, 3, size, position, mask_last=False
    ),
    "plain masked stack": receptive_field.plain_field(layers, 3, size, position),
    "gated, two stacks": receptive_field.gated_field(layers, 3, size, position),
}.items():
    fields[name] = np.where(seen, 1.0, np.where(allowed, 0.5, 0.0))
show(
    plots.receptive_fields(fields, position),
    "Receptive fields of three networks, four layers deep.",
)

# %% [markdown] tags=[]
# *Yellow: seen. Crosses: allowed but missed. Left: one forgotten mask, and the position sees itself and
# the future; its loss will be wonderful and its samples noise. Middle: the plain stack misses a wedge
# on the right, the **blind spot**. Right: two stacks see all they may.*
#
# The wedge is missed because no chain of masked steps can go right and then up. How large is it?

# %% tags=["nbval-check-output"]
for layers in (1, 3, 5, 8):
    missed = receptive_field.blind_share(layers, 3)
    print(f"{layers} plain layers miss {missed:.1%} of the codes they could see")

# %% tags=[]
show_source(GatedLayer.forward)

# %% [markdown] tags=[]
# This is the cure. A **vertical stack** `v` sees the rows above without any mask, since its input is
# shifted down by one row. A **horizontal stack** `h`, shifted right by one, sees the left of the same
# row and listens to the vertical one. Never the reverse, or the future would leak in. The gate
# $\tanh(a)\,\sigma(b)$ lets a position decide how much of what it sees matters.
#
# The height enters twice: as a bias in every layer, and as a map over the grid. The map is there
# because a convolution does not know where it is, while anatomy is a matter of where: at hip height,
# femoral heads stand left and right of the middle, whatever the codes so far.

# %% tags=[]
show_source(PixelCNN.places)

# %% [markdown] tags=[]
# A test worth more than any diagram: change one code, and see which guesses move.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
probe = PixelCNN(settings.prior, 8, (6, 5)).eval()
before = torch.randint(8, (1, 6, 5))
after = before.clone()
after[0, 3, 2] = (after[0, 3, 2] + 1) % 8
with torch.no_grad():
    moved = (probe(before, torch.zeros(1, 16)) != probe(after, torch.zeros(1, 16))).any(1)[0]
print("moved before or at (3, 2):", bool(moved[:3].any() or moved[3, :3].any()))
print("moved after it:           ", bool(moved[3, 3:].any() and moved[4:].any()))

# %% [markdown] tags=[]
# ## Training
#
# The loss is cross-entropy: how surprised the prior is by the code that really comes, in nats. A uniform
# guess pays $\ln K$.

# %% tags=[]
print(f"ln K = {np.log(K):.2f} nats; {len(part['train'][0])} grids of {grid} codes to learn from")
torch.manual_seed(settings.prior_training.seed)
prior = PixelCNN(settings.prior, K, grid)
print(sum(p.numel() for p in prior.parameters()), "weights")

live = LivePlot(["loss"], "nats per code", "Learning curve of the prior.")
result = fit(
    prior,
    prior_losses,
    TensorDataset(*part["train"]),
    settings.prior_training,
    run.path("prior.safetensors"),
    {
        "model": dataclasses.asdict(settings.prior),
        "num_embeddings": K,
        "grid": list(grid),
        "vqvae": run.vqvae_fingerprint(),
    },
    validate=TensorDataset(*part["validate"]) if len(part["validate"][0]) else None,
    report=live,
)
live.draw(result.history)
print(f"trained in {result.seconds:.0f} s")

# %% [markdown] tags=[]
# *Cross-entropy by step. Circles: patients not trained on. If they turned upwards while the line fell,
# the prior would be learning patients by heart.*

# %% [markdown] tags=[]
# ## Honest bits
#
# On held-out patients, in bits (nats / ln 2). The yardstick is the **order-0 entropy**: what a coder that
# knows only how often each code occurs would pay. Whatever the prior saves on that, it saves by knowing
# what comes next to what.

# %% tags=[]
prior = run.load_prior()
codes, heights = part["test"]
bits = metrics.bits_by_position(prior, codes, height_features(heights))  # (N, h, w)
order0 = metrics.entropy_bits(metrics.code_counts(codes, K))
per_code = bits.mean().item()
print(f"uniform guess     {np.log2(K):.3f} bits a code")
print(f"order-0 entropy   {order0:.3f}")
print(f"prior             {per_code:.3f}  = {per_code / order0:.3f} of order-0")
print(f"that is           {per_code / STRIDE**2:.4f} bits a pixel")
if per_code > order0:
    print(
        "worse than order-0: these patients are unlike those it learned from, or those were too few"
    )

# %% [markdown] tags=[]
# ## Where is it surprised?
#
# **Predict:** which codes cost most bits: air, outline, organs?

# %% tags=[]
cost = bits.mean(0)  # (h, w)
example = int((heights - 0.45).abs().argmin())
show(
    plots.maps(
        [cost.numpy(), bits[example].numpy()],
        ["mean over held-out slices", f"one slice, height {heights[example]:.2f}"],
        label="bits",
    ),
    "Maps of the bits each position costs: mean over slices, and one slice.",
)

# %% [markdown] tags=[]
# *Bits by position. Air is free: after some air comes more air. Boundaries and organs cost most, for
# there the patient decides and not the neighbourhood.*

# %% tags=[]
by_height = pd.DataFrame(
    {"height": (heights * 10).floor().clip(max=9) / 10 + 0.05, "bits": bits.mean((1, 2))}
)
by_height = by_height.groupby("height").mean().rename(columns={"bits": "bits per code, held out"})
show(
    plots.lines(by_height, "height in the body", "bits"),
    "Line plot of bits per code against height.",
)

# %% [markdown] tags=[]
# *Mean cost by height in the body: some levels are more predictable than others.*

# %% [markdown] tags=[]
# ## The next code, as a distribution
#
# At four positions of one slice, the prior's guess before it sees the code.

# %% tags=[]
where = [(grid[0] * a // 16, grid[1] * b // 16) for a, b in ((1, 2), (4, 8), (8, 11), (11, 5))]
logits = full_logits(prior, codes[example][None], height_features(heights[example][None]))
p = logits[0].softmax(0)  # (1, K, h, w) -> (K, h, w)
image = vqvae.decode(codes[example][None])[0, 0]  # (H, W)
show(
    plots.distributions(
        [image] * len(where), where, [p[:, i, j].numpy() for i, j in where],
        [int(codes[example, i, j]) for i, j in where], STRIDE,
    ),
    "Four positions on a slice and the prior's probabilities for the code there.",
)  # fmt: skip

# %% [markdown] tags=[]
# *Left: the position (red square). Right: the probability of each code, with the true one marked. Where
# one bar towers, the past leaves no choice; where many are low, there is a choice, and a sample will
# make it at random.*

# %% [markdown] tags=[]
# ## Summary
#
# - A prior is a product of next-code guesses; causality is a property one can test.
# - Two stacks remove the blind spot that masks leave.
# - Bits per code on held-out patients, next to the order-0 entropy, is a score that cannot be fooled by
#   seeing the answer.
#
# **What's next:** `05_generation` draws from this prior, one code at a time.

# %% tags=[]
run.add_metrics(
    "prior",
    {
        "bits_per_code": per_code,
        "bits_per_code_order0": order0,
        "bits_per_pixel": per_code / STRIDE**2,
        "train_seconds": result.seconds,
    },
)
