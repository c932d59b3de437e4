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
# # 02 · A picture as a handful of codes: the VQ-VAE
#
# A slice has thousands of pixels, yet most of what it says is "fat here, muscle there". A VQ-VAE
# learns a small dictionary of such patches, the **codebook**, and writes each slice as a grid of
# dictionary entries. Reading the grid back through a decoder gives the slice again, nearly.
#
# **You will learn**
#
# - what encoder, codebook and decoder do, and the loss that trains them, term by term;
# - how a gradient gets past a choice that has none;
# - to judge reconstructions honestly: on held-out patients, body and background apart.
#
# **You need** notebook 01, and an idea of what a convolution is. **Time to learn:** 30 minutes.
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $x$, $\hat x$ | (B, 1, H, W) | slices and their reconstructions, values in [0, 1] |
# | $z_e$ | (B, D, H/4, W/4) | what the encoder says about each 4×4 pixels |
# | $e_k$ | (D,) | code number $k$ of $K$: one row of the codebook |
# | $z_q$ | (B, D, H/4, W/4) | $z_e$ with each vector replaced by its nearest code |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # smoke (seconds), quick (two CPU cores) or full (a GPU)
run_name: str = "tutorial"  # results go to runs/<run_name>/
data_source: Optional[str] = None  # default: as in notebook 01
data_dir: Optional[str] = None  # default: as in notebook 01
batch_size: Optional[int] = None  # slices a step
hidden_dim: Optional[int] = None  # channels inside encoder and decoder
residual_layers: Optional[int] = None  # residual blocks on each side
residual_hidden_dim: Optional[int] = None  # channels inside a residual block
num_embeddings: Optional[int] = None  # K, codes in the codebook
embedding_dim: Optional[int] = None  # D, numbers in a code
commitment_cost: Optional[float] = None  # beta
learning_rate: Optional[float] = None  # peak
epochs: Optional[int] = None  # passes over the training slices; 0: stop after steps
steps: Optional[int] = None  # training steps
stem: Optional[str] = None  # unshuffle (fast on a CPU) or strided (as published)
codebook_update: Optional[str] = None  # ema or gradient
decay: Optional[float] = None  # of the EMA update
revive_below: Optional[float] = None  # share of an even share under which a code is revived
weight_decay: Optional[float] = None
seed: Optional[int] = None
compiled: Optional[bool] = None  # torch.compile, on a GPU only

# %% tags=[]
import dataclasses

import numpy as np
import torch

from vqgen_utils import metrics, plots
from vqgen_utils.plots import show, show_source
from vqgen_utils.quantizer import Codebook
from vqgen_utils.run import Run
from vqgen_utils.training import fit
from vqgen_utils.data import load_slices
from vqgen_utils.vqvae import VQVAE, vqvae_losses
from vqgen_utils.widgets import LivePlot

run = Run(run_name)
settings = run.configure(
    profile, "vqvae", "vqvae_training", data_source=data_source, data_dir=data_dir,
    batch_size=batch_size, hidden_dim=hidden_dim, residual_layers=residual_layers,
    residual_hidden_dim=residual_hidden_dim, num_embeddings=num_embeddings,
    embedding_dim=embedding_dim, commitment_cost=commitment_cost, learning_rate=learning_rate,
    epochs=epochs, steps=steps, stem=stem, codebook_update=codebook_update, decay=decay,
    revive_below=revive_below, weight_decay=weight_decay, seed=seed, compiled=compiled,
)  # fmt: skip
slices = load_slices(settings.data)
train, validate, test = (slices.subset(split) for split in ("train", "validate", "test"))
print(slices)
settings.vqvae

# %% [markdown] tags=[]
# ## The idea on three vectors
#
# Quantising is looking up the nearest entry. Here is a codebook of three codes in the plane, and
# three vectors an encoder might have produced.
#
# **Predict:** which code does each vector get?

# %% tags=["nbval-check-output"]
tiny = Codebook(num_embeddings=3, embedding_dim=2).eval()
tiny.embedding.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))  # e_0, e_1, e_2
vectors = torch.tensor([[0.2, 0.1], [0.9, 0.3], [0.4, 0.6]])  # (3, 2)
print("nearest codes:", tiny.nearest(vectors).tolist())

# %% [markdown] tags=[]
# The codebook in this series is exactly the code below. Finding the nearest of $K$ codes needs no
# table of distances: $\arg\min_k \|z - e_k\|^2 = \arg\max_k \, z \cdot e_k - \tfrac12\|e_k\|^2$, one
# matrix product.

# %% tags=[]
show_source(Codebook.nearest, Codebook.forward)

# %% [markdown] tags=[]
# ## A gradient past a choice
#
# Choosing a code has no slope: move $z_e$ a little and the choice stays the same. The
# **straight-through estimator** (last line above) pretends that quantising was the identity:
# forward it returns $z_q$, backward it hands the decoder's gradient to the encoder unchanged.

# %% tags=["nbval-check-output"]
z_e = torch.tensor([[[[0.9]], [[0.3]]]], requires_grad=True)  # (1, 2, 1, 1): one vector
z_q, codes, _ = tiny(z_e)
z_q.backward(torch.tensor([[[[5.0]], [[-7.0]]]]))  # some gradient from a decoder
print("forward:", [round(v, 6) for v in z_q.flatten().tolist()], "- the code, not the vector")
print("backward:", z_e.grad.flatten().tolist(), "- the decoder's gradient, untouched")

# %% [markdown] tags=[]
# ## The loss, term by term
#
# $$L = \underbrace{\|x-\hat x\|^2 / \sigma^2}_{\text{reconstruction}}
#     + \underbrace{\|\mathrm{sg}(z_e)-e\|^2}_{\text{codebook}}
#     + \underbrace{\beta\,\|z_e-\mathrm{sg}(e)\|^2}_{\text{commitment}}$$
#
# $\mathrm{sg}$, *stop gradient*, means "treat as a constant". The reconstruction term trains encoder
# and decoder. The codebook term pulls codes to the vectors they serve. The commitment term keeps
# vectors near their codes. Dividing by the pixels' variance $\sigma^2$ makes 1 mean "no better than
# guessing the mean". With `codebook_update="ema"`, our default, the codebook term is replaced by
# something steadier: each code is the running mean of the vectors it serves.

# %% tags=[]
pixels = torch.stack([train[i][0] for i in range(0, len(train), max(1, len(train) // 200))])
torch.manual_seed(settings.vqvae_training.seed)
model = VQVAE(settings.vqvae, data_variance=pixels.var().item(), seed=settings.vqvae_training.seed)
x = pixels[:8]  # (8, 1, H, W)

for update in ("gradient", "ema"):
    untrained = VQVAE(
        dataclasses.replace(settings.vqvae, codebook_update=update), pixels.var().item()
    )
    x_hat, codes, losses = untrained(x)
    print(f"{update:>9}:", {name: round(value.item(), 4) for name, value in losses.items()})
print("x", tuple(x.shape), "-> codes", tuple(codes.shape), "-> x_hat", tuple(x_hat.shape))
print(sum(p.numel() for p in model.parameters()), "weights in the model to be trained")

# %% [markdown] tags=[]
# Untrained, the reconstruction is worse than a constant guess at the mean, which would score 1.
# That is where we start.
#
# ## Training
#
# One loop trains this model and the prior of notebook 04; read it in `vqgen_utils/training.py`. It
# can be stopped at any time (the square button): run the cell again and it goes on.
#
# **Predict:** which falls faster at first, the reconstruction or the commitment term?

# %% tags=[]
live = LivePlot(["reconstruction", "commitment"], "loss", "Learning curves of the VQ-VAE.")
result = fit(
    model,
    vqvae_losses,
    train,
    settings.vqvae_training,
    run.path("vqvae.safetensors"),
    {"model": dataclasses.asdict(settings.vqvae), "data": slices.content},
    validate=validate if len(validate) else None,
    report=live,
)
live.draw(result.history)
print(f"trained in {result.seconds:.0f} s")

# %% [markdown] tags=[]
# *Loss terms by step, log scale on the left. On the right the late phase alone, which the early fall
# would hide. Circles: patients not trained on. Where they lie close to the line, the model has
# learned bodies and not these bodies.*

# %% [markdown] tags=[]
# ## Originals and reconstructions
#
# Everything from here on is measured on **test patients**.

# %% tags=[]
model = run.load_vqvae()
x = torch.stack([test[i][0] for i in range(len(test))])  # (N, 1, H, W)
codes = torch.cat([model.encode(part) for part in x.split(32)])  # (N, H/4, W/4)
x_hat = torch.cat([model.decode(part) for part in codes.split(32)])  # (N, 1, H, W)

masks = None if slices.labels is None else slices.labels[test.rows.index] > 0
originals, reconstructions = x[:, 0].numpy(), x_hat[:, 0].numpy()  # (N, H, W)
ssim, ssim_body = metrics.ssim(originals, reconstructions, masks)  # (N,), (N,)
psnr = metrics.psnr(originals, reconstructions)  # (N,)

# %% tags=[]
chosen = np.argsort(test.rows["height"].to_numpy())[np.linspace(0, len(test) - 1, 6).astype(int)]
figure = plots.slice_rows(
    {"original": list(originals[chosen]), "reconstruction": list(reconstructions[chosen])},
    [f"height {h:.2f}" for h in test.rows["height"].iloc[chosen]]
    + [f"SSIM {value:.3f}" for value in ssim[chosen]],
)
run.path("reconstructions.png").write_bytes(plots.to_png(figure, dpi=120))
show(figure, "Six test slices above their reconstructions, with the SSIM of each.")

# %% [markdown] tags=[]
# *Held-out slices (top) and what is left of them after passing through the codes (bottom). Organs and
# outlines survive; the finest lines are softened, since sixteen pixels share one of $K$ codes.*
#
# **SSIM** compares local brightness, contrast and structure; 1 means identical. Ours uses the
# paper's Gaussian window and `data_range=1`, because slices lie in [0, 1]. The air around the
# body is easy to get right and lifts the mean, so the body alone stands beside it.

# %% tags=[]
print(f"mean over {len(test)} slices of {test.rows['patient'].nunique()} held-out patients")
print(f"SSIM            {metrics.mean_and_spread(ssim)}")
print(f"SSIM, body only {metrics.mean_and_spread(ssim_body)}")
print(f"PSNR            {metrics.mean_and_spread(psnr)} dB")

# %% [markdown] tags=[]
# ## Inside: one channel before and after quantising
#
# $z_e$ has D channels. Here is the first of them for one slice, next to the same channel of $z_q$.
#
# **Predict:** both have the same shape. How many different values can a position of $z_q$ take?

# %% tags=[]
with torch.no_grad():
    z_e = model.encoder(x[chosen[2]][None].to(model.device)).cpu()  # (1, D, h, w)
    z_q = model.codebook.lookup(codes[chosen[2]][None].to(model.device)).cpu()  # (1, D, h, w)
show(
    plots.maps(
        [z_e[0, 0].numpy(), z_q[0, 0].numpy(), (z_e - z_q)[0].norm(dim=0).numpy()],
        ["channel 0 of z_e", "channel 0 of z_q", "distance |z_e - z_q|"],
    ),
    "Channel 0 of the encoder's output, of the quantised output, and the distance between them.",
)

# %% [markdown] tags=[]
# *The quantised channel keeps the layout and has at most $K$ values. The distance on the right is what
# quantising threw away. Look where it is largest: what is there that has too few codes to choose from?*

# %% [markdown] tags=[]
# ## Every slice as a grid of codes
#
# The next notebooks work on codes alone, so we write them down for all slices.

# %% tags=[]
parts = np.array_split(slices.images, max(1, len(slices.images) // 32))  # a few at a time
parts = (torch.from_numpy(part.astype(np.float32))[:, None] for part in parts)  # (n, 1, H, W)
all_codes = torch.cat([model.encode(part) for part in parts])  # (N, h, w)
run.save_codes(all_codes)
counts = metrics.code_counts(codes, model.num_embeddings)
print(f"{slices.images.shape[1:]} pixels -> {tuple(all_codes.shape[1:])} codes a slice")
print(f"codes used on held-out patients: {int((counts > 0).sum())} of {model.num_embeddings}")
print(f"perplexity: {metrics.perplexity(counts):.1f}")

# %% [markdown] tags=[]
# ## Summary
#
# - An encoder, a table of $K$ codes and a decoder; the table makes the picture discrete.
# - The choice of a code has no gradient, so we pass the decoder's straight through.
# - The score that counts is on held-out patients, and the body's score is the stricter one.
#
# **What's next:** `03_codebook_analysis` asks what each code stands for.

# %% tags=[]
run.add_metrics(
    "vqvae",
    {
        "ssim": float(ssim.mean()),
        "ssim_body": float(np.nanmean(ssim_body)),
        "psnr": float(psnr.mean()),
        "codes_used": int((counts > 0).sum()),
        "perplexity": metrics.perplexity(counts),
        "grid": list(all_codes.shape[1:]),
        "num_embeddings": model.num_embeddings,
        "train_seconds": result.seconds,
    },
)
