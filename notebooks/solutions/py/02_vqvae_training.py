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
# # Solutions to 02 · A picture as a grid of codes: the VQ-VAE
#
# One way to solve each exercise, and the same check as in the notebook. Other ways are as good, if the check
# agrees. All names here begin with `our_`, so nothing that you wrote is overwritten.

# %% tags=[]
import math

from torch import Tensor

from vqgen_utils.models import Codebook
from vqgen_utils.teaching.exercises import vqvae as exercises

# %% [markdown] tags=[]
# ## Exercise 1 · What does a slice cost?


# %% tags=["solution"]
def our_bits_per_pixel(num_embeddings: int, stride: int) -> float:
    return math.log2(num_embeddings) / stride**2


exercises.check_bits_per_pixel(our_bits_per_pixel)

# %% [markdown] tags=[]
# ## Exercise 2 · Why did SSIM rise?

# %% tags=["solution"]
our_why_ssim_rose = "B"
exercises.check_why_ssim_rose(our_why_ssim_rose)

# %% [markdown] tags=[]
# **Why**
#
# $R$ enters in two places only, $c_1 = (0.01R)^2$ and $c_2 = (0.03R)^2$, and doubling it makes both four times as
# large. Take a faint texture of variance $s^2 = 0.001$ of which the reconstruction keeps nothing:
# $\hat s^2 = \mathrm{cov} = 0$, so the second fraction is $c_2 / (s^2 + c_2)$. At $R=1$ that is
# $0.0009/0.0019 \approx 0.47$; at $R=2$ it is $0.0036/0.0046 \approx 0.78$. Nothing got better: the loss of texture
# only counts for less. If the pixels were doubled as well, the score would be the old one.

# %% [markdown] tags=[]
# ## Exercise 3 · Quantise by hand


# %% tags=["solution"]
def our_quantise(z: Tensor, codebook: Tensor) -> tuple[Tensor, Tensor]:
    scores = z @ codebook.t() - codebook.square().sum(1) / 2  # (N, K)
    codes = scores.argmax(1)  # (N,)
    return codes, codebook[codes]  # (N,), (N, D)


exercises.check_quantise(our_quantise)

# %% [markdown] tags=[]
# ## Exercise 4 · The straight-through estimator


# %% tags=["solution"]
def our_straight_through(z_e: Tensor, z_q: Tensor) -> Tensor:
    return z_e + (z_q - z_e).detach()  # (B, D, h, w)


exercises.check_straight_through(our_straight_through)

# %% [markdown] tags=[]
# ## Exercise 5 · Two losses, one distance


# %% tags=["solution"]
def our_two_losses(z_e: Tensor, e: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    codebook = (z_e.detach() - e).square().mean()  # moves e
    commitment = beta * (z_e - e.detach()).square().mean()  # moves z_e
    return codebook, commitment


exercises.check_losses(our_two_losses)

# %% [markdown] tags=[]
# ## Exercise 6 · Revive a dead code, so that it stays


# %% tags=["solution"]
def our_revive(e: Tensor, N: Tensor, m: Tensor, k: int, vector: Tensor, share: float):
    e, N, m = e.clone(), N.clone(), m.clone()
    e[k] = vector
    N[k] = share
    m[k] = share * vector
    return e, N, m


exercises.check_revive(our_revive)

# %% [markdown] tags=[]
# ## Exercise 7 · Capstone: your own codebook


# %% tags=["solution"]
class OurCodebook(Codebook):
    def forward(self, z_e: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        batch, dim, height, width = z_e.shape
        vectors = z_e.permute(0, 2, 3, 1).reshape(-1, dim)  # (N, D), N = B * h * w
        scores = vectors @ self.embedding.t() - self.embedding.square().sum(1) / 2  # (N, K)
        codes = scores.argmax(1)  # (N,)
        e = self.embedding[codes]  # (N, D)
        losses = {
            "codebook": (vectors.detach() - e).square().mean(),
            "commitment": self.commitment_cost * (vectors - e.detach()).square().mean(),
        }
        z_q = e.view(batch, height, width, dim).permute(0, 3, 1, 2)  # (B, D, h, w)
        return z_e + (z_q - z_e).detach(), codes.view(batch, height, width), losses


exercises.check_codebook(OurCodebook)
