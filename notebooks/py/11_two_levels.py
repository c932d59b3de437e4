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
# # 11 · Two levels
#
# One code for each block of pixels says what kind of block it is, and leaves the rest unsaid. This notebook gives a
# slice a second level of codes, in two ways: a second code at each position for what the first one left, and a coarse
# grid of codes above a fine one. Then the prior has two stages. Are two levels better than one level with as many bits?
#
# **You will learn**
#
# - to quantise what a first code left, and to see how much that brings;
# - to draw in two stages, exactly and a piece at a time, with the sampler that you know;
# - to find out what each level holds, and when a level says nothing.
#
# **You need** notebooks 02 and 04 to have run. **Time to learn:** 45 minutes.
# **Time to run:** about 12 minutes on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $x$, $\hat{x}$ | (n, 1, H, W) | held-out slices, and what is decoded from their codes |
# | $z$ | (n, D, h, w) | the encoder's vectors, $e_1$ and $e_2$ those of the first and of the second codes |
# | $t$ | (n, h', w') | the top: first codes, or the coarse grid |
# | $b$ | (n, h, w) | the bottom: second codes, or the fine grid |
# | $y$ | (n,) | places along the scan, 0 to 1 |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run whose models, data and settings are used
level_steps: Optional[int] = None  # for each VQ-VAE; none: a share of what notebook 02 took
stage_steps: Optional[int] = None  # for the second stage; none: half of what notebook 04 took
short_steps: Optional[int] = None  # for stages that are only compared; none: a tenth of those

# %% tags=[]
import time

import numpy as np
import pandas as pd
import torch

from vqgen_utils import plots
from vqgen_utils.evaluation import metrics, targets
from vqgen_utils.models import Codebook, height_features, sampling
from vqgen_utils.models.beyond import levels
from vqgen_utils.plots import show
from vqgen_utils.plots.beyond import levels as figures
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import Judge, variants
from vqgen_utils.runs.beyond import levels as recipes
from vqgen_utils.teaching import predict, show_source
from vqgen_utils.teaching.exercises.beyond import levels as exercises
from vqgen_utils.teaching.widgets.beyond import levels as widgets
from vqgen_utils.training import Schedule, checkpoint

run = Run(run_name)
settings = run.settings(profile)  # complains if notebook 02 used another profile
first, first_prior = run.load_vqvae(), run.load_prior()  # what the run has: one level
slices = run.load_slices(settings)
learn, test = slices.to_learn_from()[0].rows, slices.subset("test").rows
x = slices.tensor[test.index].float()  # (n, 1, H, W)
told = height_features(torch.tensor(test["height"].to_numpy(), dtype=torch.float32))  # (n, 16)
K, D = first.num_embeddings, first.config.embedding_dim


# %% tags=[]
def ssim_of(x_hat: torch.Tensor) -> np.ndarray:
    """SSIM of each held-out slice with its reconstruction (n, 1, H, W): (n,)."""
    return metrics.ssim(x[:, 0].numpy(), x_hat[:, 0].numpy())[0]


def in_digits(score: float) -> str:
    """A score for a sentence; slices smaller than SSIM's window have none."""
    return "none" if np.isnan(score) else f"{score:.3f}"


middle = int((test["height"] - 0.5).abs().to_numpy().argmin())  # the slice that is shown
print(f"{len(test)} slices are held out. {slices.whose}")

# %% [markdown] tags=[]
# ## What one code leaves
#
# The encoder gives each position a vector $z$, and the codebook replaces it by the nearest of its $K$ vectors, $e_1$.
# What is lost, $z - e_1$, is a vector too. So it can be quantised as well, by a second codebook. Speech coders have
# done so since Juang & Gray 1982.
#
# We have not trained anything yet. We take what the codes of notebook 02 leave on some training slices, and start a
# second codebook as every codebook starts here: from the k-means of the vectors that it sees.

# %% tags=[]
look = slices.tensor[learn.index[:: max(1, len(learn) // 64)]].float().to(first.device)


@torch.no_grad()
def what_is_left(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Slices (B, 1, H, W) -> first vectors e_1 and the rest z - e_1, each (B, D, h, w)."""
    e_1 = first.lookup(first.encode(x))
    return e_1, first.encoder(x) - e_1


e_1, rest = what_is_left(look)
second = Codebook(K, D, update="ema").to(first.device).train()
second(rest)  # the first vectors that it sees: k-means
second.eval()
e_2 = second(rest)[0]  # (B, D, h, w)
spread = (e_1 + rest).var((0, 2, 3)).sum()  # of z
left = {"one code": rest, "two codes": rest - e_2}
shares = {name: (some.square().sum(1).mean() / spread).item() for name, some in left.items()}
print("left of the variance of z:", ", ".join(f"{name} {one:.1%}" for name, one in shares.items()))

# %% [markdown] tags=[]
# The second codebook has as many vectors as the first, for what is left, which is smaller. So it is finer. Together
# they can say $K \cdot K$ things at each position, and only $2K$ vectors have to be learned and searched.
#
# Encoder and decoder do not know the second codebook yet. We still give $e_1 + e_2$ to the old decoder.
#
# **Predict:** how much of the squared error of the pixels is left, compared with one code?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "Of the squared error is left", ["a half or less", "most of it", "more than before"]
)

# %% tags=[]
untrained = []
with torch.no_grad():
    for some in x.split(32):
        e_1, rest = what_is_left(some.to(first.device))
        untrained.append(first.decoder(e_1 + second(rest)[0]).clamp(0, 1).cpu())
found = {
    "one code": first.decode(first.encode(x)),
    "a second by k-means": torch.cat(untrained),
}  # (n, 1, H, W) each
errors = {name: (x_hat - x).square().mean().item() for name, x_hat in found.items()}
guess.compare_number(errors["a second by k-means"] / errors["one code"], [0.5, 1.0])
show(
    figures.left_over(
        x[middle, 0].numpy(), {name: some[middle, 0].numpy() for name, some in found.items()}
    ),
    "A held-out slice and two reconstructions. Mean squared error on all held-out slices: "
    + ", ".join(f"{name} {error:.5f}" for name, error in errors.items()),
)

# %% [markdown] tags=[]
# *A held-out slice, decoded from one code a position and from two, and below each five times what is missing.*
#
# Look at what one code leaves: is it outlines, textures, or whole areas that are too dark or too bright? The figure
# shows what a second code can repair before encoder and decoder are trained with it. It does not show what they make of
# two codes after such a training.

# %% [markdown] tags=[]
# ## A code for the rest
#
# Now encoder and decoder learn with the second codebook. The first codes all stay those of notebook 02. Encoder and
# decoder are trained on from there, and the second codebook follows what is left.

# %% tags=[]
show_source(levels.ResidualVQVAE.forward)

# %% tags=[]
residual, residual_fit = recipes.residual(run, settings, slices, level_steps)
print(residual_fit)
grids = {"residual": residual.to_grids(x)}  # top and bottom, each (n, h, w)
found["a second, trained"] = residual.from_grids(*grids["residual"])
same = torch.equal(grids["residual"][0], run.load_codes()[test.index])
print("the first codes are those of notebook 02:", "yes" if same else "no")
print(
    "SSIM:",
    ", ".join(f"{name} {in_digits(ssim_of(x_hat).mean())}" for name, x_hat in found.items()),
)
show(
    figures.left_over(
        x[middle, 0].numpy(), {name: some[middle, 0].numpy() for name, some in found.items()}
    ),
    "A held-out slice and three reconstructions. SSIM on all held-out slices: "
    + ", ".join(f"{name} {in_digits(ssim_of(x_hat).mean())}" for name, x_hat in found.items()),
)

# %% [markdown] tags=[]
# *The same slice, with the second code after training on the right.*
#
# The RQ-VAE of Lee et al. 2022 trains all of its levels at once, from the start, and lets them share one codebook. We
# keep the first level as it is. So everything that was learned about its codes stays true, and the prior of notebook 04
# stays of use: it will be the first of two stages, without any new training.

# %% [markdown] tags=[]
# ## A coarse grid above a fine one
#
# VQ-VAE-2 (Razavi et al. 2019) goes another way. Its second level is a coarser grid, here with positions twice as far
# apart. The top is quantised first. The encoder then knows the top when it makes the bottom's vectors, and the decoder
# sees both. Here everything is trained at once, from the beginning.

# %% tags=[]
show_source(levels.HierarchicalVQVAE.forward)

# %% [markdown] tags=[]
# A rival of one level must have as many bits. A single codebook that says as much as two of $K$ codes would need $K
# \cdot K$ vectors, far more than our slices can teach. So the rival has a grid twice as *fine*: four positions where
# the residual model has one, with about $\sqrt{K}$ codes each.
#
# All three are meant to train for about the same time. The seconds of notebook 02 are added to the residual model's,
# which builds on it; the table below has what each really took.
#
# **Predict:** which of the three keeps most of a slice?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The best SSIM has", ["residual", "hierarchical", "one level, finer"])

# %% tags=[]
hierarchical, hierarchical_fit = recipes.hierarchical(run, settings, slices, level_steps)
finer, finer_fit = recipes.finer(run, settings, slices, level_steps)
grids |= {
    "one level": (first.encode(x),),
    "one level, finer": (finer.encode(x),),
    "hierarchical": hierarchical.to_grids(x),
}  # each of one or two grids (n, h, w)
x_hats = {
    "one level": found["one code"],
    "one level, finer": finer.decode(*grids["one level, finer"]),
    "hierarchical": hierarchical.from_grids(*grids["hierarchical"]),
    "residual": found["a second, trained"],
}  # (n, 1, H, W) each
took = checkpoint.load_settings(run.made("vqvae.safetensors"))["train_seconds"]
seconds = {
    "one level": took,
    "one level, finer": finer_fit.seconds,
    "hierarchical": hierarchical_fit.seconds,
    "residual": took + residual_fit.seconds,
}
ssims = {name: ssim_of(x_hat) for name, x_hat in x_hats.items()}  # (n,) each
if not np.isnan(ssims["one level"]).all():
    guess.compare(max(list(ssims)[1:], key=lambda name: ssims[name].mean()))

# %% tags=[]
sizes = {name: K for name in grids} | {"one level, finer": finer.num_embeddings}
order0 = {
    name: sum(
        metrics.entropy_bits(metrics.code_counts(grid, sizes[name])) * grid[0].numel()
        for grid in some
    )
    for name, some in grids.items()
}  # bits a slice, by frequency alone
cost = pd.DataFrame(
    {
        name: {
            "grids": " and ".join(f"{grid.shape[1]} x {grid.shape[2]}" for grid in some),
            "codes": sizes[name],
            "bits at most": sum(grid[0].numel() for grid in some) * np.log2(sizes[name]),
            "bits by frequency": order0[name],
            "SSIM": ssims[name].mean(),
            "seconds": seconds[name],
        }
        for name, some in grids.items()
    }
).T.loc[list(x_hats)]
whole = {"bits at most": int, "bits by frequency": int, "seconds": int}
targets.spelled_out(cost.astype({**whole, "SSIM": float}).round(3))

# %% [markdown] tags=[]
# Compare only rows with about the same bits by frequency, and look at their seconds too: a finer grid takes longer for
# each step, so it has learned from fewer slices. One seed each: a small difference says nothing. And bits by frequency
# are not yet what a slice costs, for a prior knows more than frequencies. That comes below.

# %% [markdown] tags=[]
# ## What each level holds
#
# A picture needs both levels. To see what is in one of them, we take the other away, or exchange it.
#
# The top alone: where the second code is left out, the decoder of the residual model sees $e_1$. The decoder of the
# hierarchical one needs a bottom, and gets the mean of all bottom vectors at every position.

# %% tags=[]
two = {"residual": residual, "hierarchical": hierarchical}
alone = {name: model.from_grids(grids[name][0]) for name, model in two.items()}  # (n, 1, H, W)
order = np.argsort(test["height"].to_numpy(), kind="stable")  # along the scan
picks = order[np.linspace(0, len(order) - 1, min(6, len(order))).round().astype(int)]
rows = {"the slice": x}
for name in two:
    rows |= {name: x_hats[name], f"{name}'s top": alone[name]}
kept = {name: ssim_of(picture).mean() for name, picture in alone.items()}
print("SSIM, top alone:", ", ".join(f"{name} {in_digits(one)}" for name, one in kept.items()))
show(
    plots.slices.rows(
        {name: list(some[picks, 0].numpy()) for name, some in rows.items()},
        [f"place {place:.2f}" for place in test["height"].to_numpy()[picks]],
    ),
    "Held-out slices, from both levels and from the top alone. SSIM of the top alone: "
    + ", ".join(f"{name} {in_digits(one)}" for name, one in kept.items()),
)

# %% [markdown] tags=[]
# *Held-out slices, and for each of the two models what is decoded from both levels, and below it from the top alone.*
#
# A model never sees the top alone while it learns. If that picture is good, the top carries the slice and the bottom
# corrects it. If it is bad, there are two possible reasons: the top may hold little, or the decoder may only be unable
# to read it without a bottom. The next trial tells the two reasons apart.
#
# Now each slice gets the bottom of another one, from the nearest place in another patient (where only one patient is
# tested: from another slice).
#
# **Predict:** the mixture has the top of one slice and the bottom of the other. Whose picture is it nearer to?

# %% tags=["nbval-ignore-output", "predict"]
guesses = {
    name: predict(f"{name}: most mixtures are nearer to the owner of the", ["top", "bottom"])
    for name in two
}

# %% tags=[]
people, places = test["patient"].to_numpy(), test["height"].to_numpy()
same = people[:, None] == people if len(set(people)) > 1 else np.eye(len(people), dtype=bool)
partner = np.where(same, np.inf, np.abs(places[:, None] - places)).argmin(1)  # (n,)
follow = {}
for name, model in two.items():
    top, bottom = grids[name]
    mixed = model.from_grids(top, bottom[partner])  # (n, 1, H, W)
    far = [(mixed - x_hats[name][who]).abs().mean((1, 2, 3)) for who in (slice(None), partner)]
    follow[name] = (far[0] < far[1]).float().mean().item()
    guesses[name].compare("top" if follow[name] > 0.5 else "bottom")
    distances = ", ".join(f"{one.mean():.3f}" for one in far)
    print(f"  {follow[name]:.0%} of them; mean distance to owner of top and of bottom: {distances}")

# %% tags=[]
close = (test["height"] - 0.5).abs().reset_index(drop=True)
chosen = close.groupby(people).idxmin().to_numpy()[:4]  # a slice each of some patients
if len(chosen) < 2:
    chosen = np.linspace(0, len(test) - 1, min(4, len(test))).round().astype(int)
pairs = [pair.flatten() for pair in np.meshgrid(chosen, chosen, indexing="ij")]
exchanged = {}
for name, model in two.items():
    top, bottom = grids[name]
    decoded = model.from_grids(top[pairs[0]], bottom[pairs[1]])[:, 0]  # (m*m, H, W)
    exchanged[name] = decoded.unflatten(0, (len(chosen), -1)).numpy()  # (m, m, H, W)
names = [f"{people[n]}, {places[n]:.2f}" for n in chosen]
show(
    figures.exchanged(exchanged, names, 0, len(chosen) - 1),
    "Two slices, and between them the top of one with the bottom of the other. Nearer to the owner of the top: "
    + ", ".join(f"{name} {share:.0%}" for name, share in follow.items()),
)

# %% [markdown] tags=[]
# *Two slices (left and right) and in the middle the top of the left one with the bottom of the right one; the titles
# say how far away the left and the right one are, in mean difference of pixels.*
#
# The level that the mixture follows holds the shape of the body. The other level does not fit: it was chosen for
# another slice. So a mixture shows what a level holds, and not what a prior would ever draw.
#
# Choose the two yourself. (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.exchange(exchanged, names)

# %% [markdown] tags=[]
# ## A prior in two stages
#
# The probability of both grids is that of the top, times that of the bottom when the top is known:
#
# $$p(t, b \mid y) = p(t \mid y)\; p(b \mid t, y)$$
#
# So we first draw the whole top, by an ordinary PixelCNN. For the residual model that is the prior of notebook 04, as
# it is. Then a second PixelCNN draws the bottom, code by code. At each code it knows the *whole* top, also the part
# that comes later in reading order. That is allowed: when the first bottom code is drawn, the top is finished.

# %% tags=[]
show_source(levels.PriorToldTop.places)

# %% [markdown] tags=[]
# The top enters the prior as the place along the scan does: as a map that is added at the prior's entrance. So nothing
# else has to change, and the incremental sampler of notebook 05 (Ramachandran et al. 2017) draws from this prior too.
# Lee et al. 2022 draw both codes of a position before they go on to the next, with a second network over the depth.
# There a second code knows the first codes up to its own position; ours knows them all.

# %% tags=[]
bottom_prior, bottom_fit = recipes.bottom_stage(
    run, settings, slices, residual, "residual", stage_steps
)
print(bottom_fit)
top, bottom = grids["residual"]  # each (n, h, w)
know_top = levels.told(told, top)  # (n, 16 + h*w), what the second stage is told
paid = {
    "top": metrics.bits_by_position(first_prior, top, told),
    "bottom": metrics.bits_by_position(bottom_prior, bottom, know_top),
}  # (n, h, w) each
shown = [some.mean(0).numpy() for some in paid.values()]
titles = [f"{name}: {one.mean():.2f} bits a code" for name, one in zip(paid, shown, strict=True)]
show(plots.slices.maps(shown, titles, label="bits"), f"Mean bits by position. {'; '.join(titles)}.")

# %% [markdown] tags=[]
# *What each position costs on held-out slices, in the top and in the bottom, on the mean.*
#
# Compare the two maps. Where the top is cheap, the body is as one expects it. Some bottom codes may cost many bits
# although the whole top is known. They hold what nothing around them tells: fine texture, or noise. No prior can learn
# to guess noise.
#
# The sampler must see the same logits as the full pass. We let it walk through known codes, and compare:

# %% tags=["nbval-check-output"]
few = slice(0, 4)
stepwise = sampling.incremental_logits(bottom_prior, bottom[few], know_top[few])  # (B, K, h, w)
full = sampling.full_logits(bottom_prior, bottom[few], know_top[few])  # (B, K, h, w)
print("largest difference below 1e-4:", bool((stepwise - full).abs().max() < 1e-4))

# %% [markdown] tags=[]
# One top, four bottoms: what does the second stage decide?
#
# **Predict:** how much do four such pictures differ, compared with four pictures with tops of their own?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "They differ", ["less than a quarter as much", "a quarter to three quarters", "nearly as much"]
)

# %% tags=[]
asked = metrics.nearest_heights([0.3, 0.7], learn["height"])  # places that occur
rows, differ = {}, {"one top": [], "own tops": []}
for place in asked:
    here = height_features(torch.tensor([place] * 4, dtype=torch.float32))  # (4, 16)
    own = levels.draw(first_prior, bottom_prior, here, range(4))  # (4, h, w) each
    tops = own[0][:1].expand(4, -1, -1)  # (4, h, w), four times the first
    bottoms = levels.draw_bottom(bottom_prior, here, tops, range(4))  # (4, h, w)
    drawn = {"one top": residual.from_grids(tops, bottoms), "own tops": residual.from_grids(*own)}
    for name, some in drawn.items():
        rows[f"{name}, {place:.2f}"] = list(some[:, 0].numpy())
        differ[name].append((some[1:] - some[:1]).abs().mean().item())
differ = {name: float(np.mean(values)) for name, values in differ.items()}
guess.compare_number(differ["one top"] / max(1e-9, differ["own tops"]), [0.25, 0.75])
show(
    plots.slices.rows(rows),
    "Samples at two places: four bottoms for one top, and four tops. Mean difference of pixels: "
    + ", ".join(f"{name} {one:.4f}" for name, one in differ.items()),
)

# %% [markdown] tags=[]
# *Samples at two places: four bottoms for one top ("one top"), and four samples with tops of their own ("own tops").
# The first of each row is the same.*
#
# What changes along a row of the first kind is decided by the second stage alone. A mistake of the first stage, such as
# an organ that does not fit, stays in all four: no bottom can mend it.

# %% [markdown] tags=[]
# ## The top that says nothing
#
# There is a trap in every hierarchy. The bottom alone might be enough: it has more codes, and lies nearer to the
# pixels. Then nothing forces the top to say anything, and one of the two stages is a waste. No loss curve shows it, so
# we measure. Two second stages are trained for the bottom of the hierarchical model, with the same network and the same
# few steps. One is told the top, the other a grid of zeros.
#
# **Predict:** what does the bottom cost when the top is known?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Told the top, the bottom costs", ["clearly less", "about the same", "more"])

# %% tags=[]
short = short_steps or max(1, round(Schedule(len(learn), settings.prior_training).steps / 20))


def price_of_bottom(model, name: str) -> tuple[dict, dict]:
    """Bits a bottom code with the top known and without, and how both stages were trained."""
    top, bottom = model.to_grids(x)
    costs, fits = {}, {}
    for how, known in {"told the top": top, "told nothing": torch.zeros_like(top)}.items():
        blind = how == "told nothing"
        stage, fits[how] = recipes.bottom_stage(
            run, settings, slices, model, name, short, blind=blind
        )
        bits = metrics.bits_by_position(stage, bottom, levels.told(told, known))  # (n, h, w)
        costs[how] = bits.mean().item()
    return costs, fits


costs, fits = price_of_bottom(hierarchical, "hierarchical")
saved = 1 - costs["told the top"] / costs["told nothing"]
guess.compare("about the same" if abs(saved) < 0.05 else "clearly less" if saved > 0 else "more")
histories = {name: one.history for name, one in fits.items()}
show(
    plots.training.curves_apart(histories, {name: one.best_step for name, one in fits.items()}),
    "Bits a bottom code; on held-out slices: "
    + ", ".join(f"{name} {one:.2f}" for name, one in costs.items()),
)

# %% [markdown] tags=[]
# *Bits a bottom code of the hierarchical model while two second stages learn, one told the top and one told zeros.*
#
# The gap between the circles of both panels is what the top says *about the bottom*. That alone decides nothing. A top
# may save no bits there and still be needed, if it says just what the bottom does not. Or it may save some, and only
# repeat what the bottom says. So we also ask what the top itself costs, and whether the picture needs it.

# %% tags=[]
top_stage, top_fit = recipes.top_stage(run, settings, slices, hierarchical, "hierarchical", short)


def a_slice(prior, codes: torch.Tensor) -> float:
    """Bits of a slice, by a first stage and its codes (n, h, w)."""
    return metrics.bits_by_position(prior, codes, told).sum((1, 2)).mean().item()


def moved_by_top(model) -> float:
    """How far another's top moves the picture, as a share of how far all of the other's would."""
    top, bottom = model.to_grids(x)
    own = model.from_grids(top, bottom)  # (n, 1, H, W)
    moved = (model.from_grids(top[partner], bottom) - own).abs().mean()
    return (moved / (own[partner] - own).abs().mean().clamp(min=1e-9)).item()


coarse, fine = grids["hierarchical"]
cost_top = a_slice(top_stage, coarse)
with_top, without = (fine[0].numel() * one for one in costs.values())
print(f"a slice: top {cost_top:.0f} + bottom {with_top:.0f} = {cost_top + with_top:.0f} bits")
print(f"a slice, if there were no top: {without:.0f} bits")
for name, model in two.items():
    print(f"{name}: another top moves the picture by {moved_by_top(model):.0%} of the way")
needed = moved_by_top(hierarchical) > 0.1
print("the hierarchical picture", "needs its top" if needed else "hardly needs its top: the trap")

# %% [markdown] tags=[]
# If a picture does not need its top, the top's bits are wasted, unless they save as many below. Are the two models
# different in this, and why? In the residual model the first level had learned *alone*, in notebook 02, so it had to
# say all that it could. In the hierarchical one both levels learn at once, and nothing forces the top to say as much.
#
# De Fauw et al. 2019 give a level a decoder of its own, which must do without the levels below. We do something similar
# with one decoder: for a quarter of the slices in training the bottom is left out, and its mean stands in its place.
#
# **Predict:** what happens to the SSIM from both levels, at equal steps?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("If the top must speak, the SSIM from both levels is", ["higher", "equal", "lower"])

# %% tags=[]
speaking, speaking_fit = recipes.hierarchical(run, settings, slices, level_steps, alone=0.25)
costs_speaking, _ = price_of_bottom(speaking, "alone")
spoken = speaking.to_grids(x)  # top (n, h', w') and bottom (n, h, w)
pictures = {"both": speaking.from_grids(*spoken), "top alone": speaking.from_grids(spoken[0])}
gain = (ssim_of(pictures["both"]) - ssims["hierarchical"]).mean()
if not np.isnan(gain):
    guess.compare("equal" if abs(gain) < 0.002 else "higher" if gain > 0 else "lower")
both = {
    "hierarchical": (hierarchical, x_hats["hierarchical"], alone["hierarchical"], costs),
    "with a top that speaks": (speaking, *pictures.values(), costs_speaking),
}
compared = pd.DataFrame(
    {
        name: {
            "SSIM": ssim_of(x_hat).mean(),
            "SSIM, top alone": ssim_of(by_top).mean(),
            "another top moves (%)": 100 * moved_by_top(model),
            "bits, told the top": price["told the top"],
            "bits, told nothing": price["told nothing"],
        }
        for name, (model, x_hat, by_top, price) in both.items()
    }
).T
targets.spelled_out(compared.round(3))

# %% tags=[]
rows = {"slice": x, "top alone": alone["hierarchical"], "speaking top": pictures["top alone"]}
said = compared["SSIM, top alone"]
show(
    plots.slices.rows({name: list(some[picks, 0].numpy()) for name, some in rows.items()}),
    "Held-out slices, and what the top alone says of them. SSIM: "
    + ", ".join(f"{name} {in_digits(one)}" for name, one in said.items()),
)

# %% [markdown] tags=[]
# *Held-out slices, and what is decoded from the coarse grid alone: of the first hierarchical model, and of the one
# that learned some slices without their bottom.*
#
# Does the second top tell the body from the air, and one body from another? And what did that cost? Both had the same
# steps, and the second model had a harder task: it learned to paint with the bottom and without. A top that speaks is
# worth its bits where it makes the bottom cheaper, or the samples more whole.

# %% [markdown] tags=[]
# ## What it costs and what it brings
#
# Now the price with a prior. The stages that are still missing get a few steps each; those of the residual model have
# had more, and the table says how many seconds.

# %% tags=[]
few_steps = max(1, short // 4)  # its grid has four times as many codes to learn from in a step
finer_prior, finer_prior_fit = recipes.top_stage(run, settings, slices, finer, "finer", few_steps)
cost["bits with the prior"] = {
    "one level": a_slice(first_prior, *grids["one level"]),
    "one level, finer": a_slice(finer_prior, *grids["one level, finer"]),
    "hierarchical": cost_top + with_top,
    "residual": sum(some.sum((1, 2)).mean().item() for some in paid.values()),
}

# %% tags=[]
took = checkpoint.load_settings(run.made("prior.safetensors"))["train_seconds"]
cost["prior's seconds"] = {
    "one level": took,
    "one level, finer": finer_prior_fit.seconds,
    "hierarchical": top_fit.seconds + fits["told the top"].seconds,
    "residual": took + bottom_fit.seconds,
}
bits = ["bits at most", "bits by frequency", "bits with the prior"]
table = cost[["grids", "codes", *bits, "SSIM", "seconds", "prior's seconds"]]
whole = dict.fromkeys([*bits, "seconds", "prior's seconds"], int)
targets.spelled_out(table.astype({**whole, "SSIM": float}).round(3))

# %% [markdown] tags=[]
# Read it as a price list: what does the second level add to SSIM, and what to the bits? The stages that had few seconds
# cost more bits than they would after a whole training, so the second and the third row are upper limits. Is one of
# them still cheaper than the residual codes? A finer grid is a serious rival. But its prior has four times as many
# codes to learn and to draw, and must look twice as far to see the same part of a body.
#
# What the table does not say is whether the samples are better. For that we ask the judge of notebook 07: two rounds of
# samples at the held-out places, once from the tops alone, as notebook 05 decodes them, and once with a bottom drawn
# for each of the same tops.

# %% tags=[]
judge = Judge(run, settings)
n, start = len(judge.x), time.perf_counter()
drawn = [
    levels.draw(first_prior, bottom_prior, judge.told, range(some * n, (some + 1) * n))
    for some in range(2)
]  # two rounds of top and bottom, (n, h, w) each
per_slice = (time.perf_counter() - start) / (2 * n)
print(f"both stages: {1000 * per_slice:.0f} ms a slice")
rounds = {
    "one level": [first.decode(top)[:, 0] for top, _ in drawn],
    "residual codes": [residual.from_grids(*both)[:, 0] for both in drawn],
}  # two of (n, H, W) each
held_out = {"one level": x_hats["one level"][:, 0], "residual codes": x_hats["residual"][:, 0]}
show(
    plots.slices.rows(
        {"held out": list(judge.x[picks].numpy())}
        | {name: list(some[0][picks].numpy()) for name, some in rounds.items()},
        [f"place {place:.2f}" for place in judge.heights[picks]],
    ),
    f"Held-out slices and {len(picks)} samples at their places, from tops alone and with a bottom for each.",
)

# %% [markdown] tags=[]
# *Held-out slices, and samples at the same places: tops decoded alone, and the same tops with bottoms. They are not the
# same people as above, and are not meant to be.*

# %% tags=[]
scores = {name: judge.scores(held_out[name], some) for name, some in rounds.items()}
for instrument, reason in judge.failed.items():
    if reason:
        print(f"{instrument} says nothing: {reason}")
pixels = x[0].numel()
more = {
    name: {
        "bits_per_pixel": float(cost.loc[row, "bits with the prior"]) / pixels,
        "seconds": float(cost.loc[row, "seconds"] + cost.loc[row, "prior's seconds"]),
    }
    for name, row in (("one level", "one level"), ("residual codes", "residual"))
}
variants.keep(run, "11_two_levels", scores, more)
measures = ["ssim", "frechet_samples", "precision", "recall", "anatomy_pass_samples"]
variants.table(scores, [*measures, "auc_half", "auc_quarter", "texture_power"])

# %% [markdown] tags=[]
# Each cell has a mean, and in brackets its interval over patients, or the lowest and the highest round. The tops are
# the same in both rows, so what differs is the second level and the decoder. Look at each measure: what did the second
# level improve, what stayed, and what became worse? Wrong shapes were decided in the tops, and no second level can mend
# them. And a second level that adds texture need not make it look real: notebook 13 goes on from there.

# %% [markdown] tags=[]
# ## Exercises
#
# Replace the three dots, run the cell and then its check. Once you have tried, look into
# [the solutions](solutions/11_two_levels.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · One number: a codebook that says as much
#
# A residual code has two codebooks of 64 vectors each. How many vectors would a single codebook need to say as many
# different things at a position?

# %% tags=["exercise"]
vectors_needed = ...  # a number

# %% tags=["check"]
exercises.check_vectors(vectors_needed)

# %% [markdown] tags=[]
# ### Exercise 2 · Residual codes
#
# Give each vector its two codes: the nearest of the first codebook, then the nearest of the second to what the first
# one left.


# %% tags=["exercise"]
def residual_codes(z: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Vectors (N, D), two codebooks (K, D) -> codes (N, 2), whole numbers."""
    return ...


# %% tags=["check"]
exercises.check_residual_codes(residual_codes)

# %% [markdown] tags=[]
# ### Exercise 3 · Does the top say nothing?
#
# Somebody shows you a hierarchical model and claims that its top says nothing. What must you see to believe it?
#
# - **A** Its top uses all of its codes, about equally often.
# - **B** A second stage pays the same for the bottom with and without the top, and pictures stay as they are when the
#   top is exchanged.
# - **C** A second stage pays the same for the bottom with and without the top.
# - **D** The first stage pays very few bits for the top.

# %% tags=["exercise"]
evidence = ...  # "A", "B", "C" or "D"

# %% tags=["check"]
exercises.check_says_nothing(evidence)

# %% [markdown] tags=[]
# ### Experiment · A poorer first level
#
# If the first level has few codes, the second has more to mend. Let the models of notebooks 02 and 04 have 16 codes,
# and put this notebook on top of them:
#
# `vqgen run --profile quick --run-name sixteen --to 04 --set num_embeddings=16`
#
# `vqgen run --profile quick --run-name sixteen --only 11`
#
# Predict first. Then run both in a terminal (in JupyterLab: File, New, Terminal). The first runs notebooks 01 to 04
# once more, and takes no longer than they did; the second runs this one. The results are in
# `runs/sixteen/notebooks/`.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "With 16 codes, the second level adds to SSIM", ["less than with more codes", "as much", "more"]
)

# %% [markdown] tags=[]
# Write two sentences: what the second level adds in either run, and which of the two levels ends up with more of the
# bits.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("11")

# %% [markdown] tags=[]
# ## Summary
#
# - A second codebook for what the first left says $K \cdot K$ things with $2K$ vectors. It can be put on a trained
#   VQ-VAE, whose codes and prior stay as they are.
# - A coarse grid above a fine one is another way. What each level holds depends on the training, and has to be
#   measured: leave one out, exchange it, and count the bits of the bottom with and without the top.
# - Two stages are two ordinary priors. The second is told the whole first grid, as a map; the sampler stays exact.
# - More bits buy better reconstructions. Whether they buy better samples is a question of its own.
#
# **What's next:** in notebook 12 the prior looks farther. A better first stage can be put under the second stage of
# this notebook, for it has the same codes.

# %% tags=[]
measured = {
    "ssim_one_level": ssims["one level"].mean(),
    "ssim_finer": ssims["one level, finer"].mean(),
    "ssim_hierarchical": ssims["hierarchical"].mean(),
    "ssim_residual": ssims["residual"].mean(),
    "bits_top": paid["top"].mean().item(),
    "bits_bottom": paid["bottom"].mean().item(),
    "bits_hierarchical_told": costs["told the top"],
    "bits_hierarchical_blind": costs["told nothing"],
    "moved_by_top_hierarchical": moved_by_top(hierarchical),
    "moved_by_top_residual": moved_by_top(residual),
    "ssim_speaking": ssim_of(pictures["both"]).mean(),
    "bits_speaking_told": costs_speaking["told the top"],
    "bits_speaking_blind": costs_speaking["told nothing"],
    "seconds_residual": seconds["residual"],
    "seconds_second_stage": bottom_fit.seconds,
    "seconds_a_slice": per_slice,
}
why = metrics.why_no_ssim(tuple(x.shape[2:]))
empty = {name: why for name, value in measured.items() if np.isnan(value)}
run.add_metrics("two_levels", measured, empty)

# %% [markdown] tags=[]
# ## References
#
# - Juang & Gray 1982: Multiple Stage Vector Quantization for Speech Coding. ICASSP
# - Razavi et al. 2019: Generating Diverse High-Fidelity Images with VQ-VAE-2. NeurIPS. [arXiv:1906.00446](https://arxiv.org/abs/1906.00446)
# - De Fauw et al. 2019: Hierarchical Autoregressive Image Models with Auxiliary Decoders. [arXiv:1903.04933](https://arxiv.org/abs/1903.04933)
# - Lee et al. 2022: Autoregressive Image Generation using Residual Quantization. CVPR. [arXiv:2203.01941](https://arxiv.org/abs/2203.01941)
# - Ramachandran et al. 2017: Fast Generation for Convolutional Autoregressive Models. [arXiv:1704.06001](https://arxiv.org/abs/1704.06001)
