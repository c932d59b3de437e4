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
# # 12 · Looking farther
#
# The prior of notebook 04 sees a few rows of codes and no more. It does not see what it drew at the other end of the
# body. This notebook gives it three ways to see more of that: more layers, **attention**, and a look at the mirrored
# side. All get about the same time, and the numbers say what each is worth.
#
# **You will learn**
#
# - to measure how far a prior sees, and where on the grid it pays for what it cannot see;
# - what attention computes (queries, keys, values), and how it is kept from seeing what is yet to come;
# - to compare ideas at equal seconds, and to sample with attention without computing anything twice.
#
# **You need** notebooks 02, 04 and 07 to have run. **Time to learn:** 63 minutes.
# **Time to run:** about 9 minutes on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $c$ | (B, h, w) | grids of codes |
# | $v$ | (B, C, h, w) | the vertical stack of notebook 04: its row $i$ knows the codes of rows 0 to $i-1$ |
# | $q$, $k$, $u$ | (h·w, d) | queries, keys and values of all positions, d numbers each |
# | $y$ | (B,) | place along the scan, 0 to 1 |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run whose VQ-VAE, data and settings are used
farther_steps: Optional[int] = None  # steps of the plain prior; none: an eighth of notebook 04's
farther_rounds: int = 2  # samples at each held-out place that are judged, two at least

# %% tags=[]
import time

import numpy as np
import pandas as pd
import torch

from vqgen_utils import config, plots
from vqgen_utils.evaluation import anatomy, bootstrap, domain, metrics, targets
from vqgen_utils.machine import speed
from vqgen_utils.models import PixelCNN, height_features, sample, sampling
from vqgen_utils.models.beyond import Mirror, RowAttention, attention
from vqgen_utils.plots import show
from vqgen_utils.plots.beyond import attention as figures
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import Judge, variants
from vqgen_utils.runs.beyond import attention as recipe
from vqgen_utils.teaching import predict, show_source
from vqgen_utils.teaching.demos import receptive_field
from vqgen_utils.teaching.exercises.beyond import attention as exercises
from vqgen_utils.teaching.widgets.beyond import attention as widgets
from vqgen_utils.training import Schedule

run = Run(run_name)
settings = run.settings(profile)  # complains if notebook 02 used another profile
vqvae, run_prior, all_codes = run.load_vqvae(), run.load_prior(), run.load_codes()
slices = run.load_slices(settings)
learn, choose = slices.to_learn_from()  # to fit weights to, and to choose among them
test = slices.subset("test").rows
K, (h, w) = vqvae.num_embeddings, all_codes.shape[1:]
print(f"{len(test)} held-out slices, grids of {h} x {w} codes, K = {K}")

# %% [markdown] tags=[]
# ## How far does it see?
#
# Our prior is a gated PixelCNN (van den Oord et al. 2016). Codes are drawn row after row of the grid. In our pictures
# these rows stand upright, and are drawn from left to right; we call them **lines**. Each layer with a kernel of 3
# sees one line further; the six layers of the default settings and the shift at the entrance make seven lines. The
# measurement of notebook 04 shows it on the trained prior: a logit depends on a code exactly where its derivative is
# not zero.

# %% tags=[]
show_source(receptive_field.field_of_prior)

# %% [markdown] tags=[]
# **Predict:** at a position three quarters through the grid, what share of the codes drawn before it does the prior
# see?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("It sees", ["less than a third", "a third to two thirds", "more than two thirds"])

# %% tags=[]
example = int((test["height"] - 0.45).abs().argsort().iloc[0])  # of the held-out slices
codes = all_codes[test.index[example]]  # (h, w)
place = torch.tensor(test["height"].iloc[[example]].to_numpy(), dtype=torch.float32)  # (1,)
asked = (3 * h // 4, w // 2)  # (row, column): the position that we ask about
field = receptive_field.field_of_prior(run_prior, codes, height_features(place)[0], asked)
x = vqvae.decode(codes[None])[0, 0].cpu().numpy()  # (H, W)
layers = run_prior.config.prior_layers
seen = (field == 1).sum() / (field > 0).sum()
show(
    figures.seen(x, {f"{layers} layers": field}, asked),
    f"What the prior sees from line {asked[0] + 1} of {h}: {seen:.0%} of the codes before it.",
)
guess.compare_number(seen, [1 / 3, 2 / 3])

# %% [markdown] tags=[]
# *Bright: codes that the red position sees. Gray: drawn before it, and out of sight. Black: yet to be drawn. Arrows:
# reading order.*
#
# What is out of sight is not all lost: each code was chosen by looking at codes before it, and so says a little about
# them. But what is lost on the way has to be invented again. On the default data, one side of the body is drawn long
# before the other begins. It shows how wide the body is, and how much fat and bone it has.

# %% [markdown] tags=[]
# ## Where does it pay?
#
# If the body is symmetric, and the prior knew it, the half that is drawn last would be cheap: much of it is known
# from the first half. So we lay the two halves upon each other, edge on edge.
#
# **Predict:** compared with the half drawn first, what does the half drawn last cost?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The last half costs", ["less than 0.8 times", "0.8 to 1.2 times", "more"])


# %% tags=[]
def bits_of(prior: PixelCNN, rows: pd.DataFrame) -> np.ndarray:
    """Bits of each code of the slices in some rows of the index: (n, h, w)."""
    places = torch.tensor(rows["height"].to_numpy(), dtype=torch.float32)  # (n,)
    return metrics.bits_by_position(prior, all_codes[rows.index], height_features(places)).numpy()


paid = {"run's prior": bits_of(run_prior, test)}  # (n, h, w)
lines = {name: bits.mean((0, 2)) for name, bits in paid.items()}  # (h,) each
first, last = lines["run's prior"][: h // 2].mean(), lines["run's prior"][h - h // 2 :].mean()
show(
    figures.halves(lines),
    f"Bits a code by line, from the edges to the middle: {first:.2f} in the half drawn first, "
    f"{last:.2f} in the half drawn last.",
)
guess.compare_number(last / first, [0.8, 1.2])

# %% [markdown] tags=[]
# *Mean bits a code of each line of codes on held-out slices, from either edge to the middle.*
#
# Where the dashed line lies on the full one, the half drawn last is as surprising as the first. There are two possible
# reasons: the prior does not see the other side, or the other side does not help (what costs most may be noise and
# texture, and those are not mirrored). Bits alone do not tell which. So we need a prior that *can* see the other side.

# %% [markdown] tags=[]
# ## Attention
#
# A convolution reads its neighbours, with a fixed weight for each distance. With attention (Vaswani et al. 2017), each
# position decides itself which others to listen to. From what it knows, it makes three vectors: a **query** $q$, what
# it asks for; a **key** $k$, what it has to offer; a **value** $u$, what it says. Position $n$ listens to position $m$
# with a weight that grows with the product of its query and the other's key:
#
# $$a_{nm} = \frac{e^{q_n \cdot k_m / \sqrt d}}{\sum_{m'} e^{q_n \cdot k_{m'} / \sqrt d}}, \qquad
# \text{heard}_n = \sum_m a_{nm} u_m$$
#
# The sum goes over positions that $n$ is allowed to hear. All others get a score of minus infinity, and so a weight
# of zero. That is the **causal mask**.

# %% tags=[]
show_source(attention.attention_weights, attention.rows_so_far)

# %% [markdown] tags=[]
# Two more things are needed. First, each position must be told *where* it is: the sum is the same in whatever order the
# positions come. We add waves of several lengths to queries and keys, so that a product can say "two lines back" as
# well as "as far from the other edge".
#
# Second, who asks? PixelSNAIL (Chen et al. 2018) lets each position ask all before it. We let the rows of the
# *vertical* stack ask. They know whole rows above, and nothing of their own row, so a row may ask all at once. That is
# coarser: what a position asks does not depend on its left neighbours. In return, a sampler computes attention once a
# row instead of once a position.

# %% tags=[]
show_source(RowAttention.forward, RowAttention.parts)

# %% [markdown] tags=[]
# Several **heads** ask different questions at the same time, each with a part of the channels. What they hear is
# added to $v$ before one of the middle layers, and the layers after it work on with it. `PixelCNN` calls such an
# addition a *look*.
#
# **Predict:** on a grid of 4 × 3, how many of the 144 pairs (who asks, who is asked) does the mask allow?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Pairs that are allowed", ["66", "90", "144"])

# %% tags=["nbval-check-output"]
allowed = attention.rows_so_far((4, 3))  # (h*w, h*w) = (12, 12)
print("of each row:", allowed.sum(1)[::3].tolist(), "may be asked, of 12 positions")
print(f"pairs that are allowed: {allowed.sum()} of {allowed.numel()}")
q, k = torch.randn(2, 12, 8, generator=torch.Generator().manual_seed(0))  # (h*w, d) each
a = attention.attention_weights(q, k, allowed)  # (h*w, h*w)
print("each row of weights sums to 1:", torch.allclose(a.sum(1), torch.ones(12)))
print("weight on what is not allowed:", a[~allowed].sum().item())
guess.compare("90")

# %% [markdown] tags=[]
# ## The other side
#
# Attention has to find out from data what is worth a look. Where we know it beforehand, we can say so. In axial
# slices the body is nearly symmetric, and the grid is drawn from one side to the other: at line $i$ of the second
# half, line $h-1-i$ is the one to look at. When the second half begins, the *whole* first half is known. So a small
# network may look at it in all directions, without any mask, and hand what it finds to the mirrored lines:

# %% tags=[]
show_source(Mirror.forward)

# %% [markdown] tags=[]
# This is **prior knowledge** built into the network: cheap where it is true, useless where it is not. In sagittal
# slices (a spine from the side) the two ends of the grid are not mirror images of each other. The network can then
# learn to add nothing, and the numbers below will say whether it helped.

# %% [markdown] tags=[]
# ## The same seconds
#
# More of anything may help a little. So two simple alternatives are compared as well: the plain prior, and one with one
# and a half times as many layers. All learn from the beginning, from the same slices, and for about the same time: by
# default an eighth of what the run's own prior was given, so that this notebook takes minutes. The run's own prior
# shows what more time brings.

# %% tags=[]
show_source(recipe.new)

# %% [markdown] tags=[]
# A step of a larger network takes longer, so it gets fewer steps. How many fewer is fixed in `WAYS` from a
# measurement on one machine, so that a run can be repeated to the last digit; the seconds that it really took are in
# the table.
#
# **Predict:** which way pays fewest bits on held-out slices in the end?

# %% tags=["nbval-ignore-output", "predict"]
ways = ["plain", "more layers", "attention", "mirror"]
guess = predict("Fewest bits pays", ways)

# %% tags=[]
whole = Schedule(len(learn), settings.prior_training).steps  # of the run's own prior
steps = farther_steps or max(1, whole // 8)
priors, results = {}, {}
for way in ways:
    priors[way], results[way] = recipe.farther(run, settings, way, steps)
    print(f"{way}: {results[way]}")

# %% tags=[]
paid |= {way: bits_of(prior, test) for way, prior in priors.items()}
table = pd.DataFrame(
    {
        name: {
            "weights": sum(p.numel() for p in prior.parameters()),
            "step (plain: 1)": recipe.WAYS.get(name, np.nan),
            "seconds": results[name].seconds if name in results else np.nan,
            "bits, first half": paid[name][:, : h // 2].mean(),
            "bits, last half": paid[name][:, h - h // 2 :].mean(),
            "bits": paid[name].mean(),
        }
        for name, prior in {"run's prior": run_prior, **priors}.items()
    }
).T
best = table["bits"][ways].idxmin()
guess.compare(best)
histories = {way: result.history for way, result in results.items()}
if len(choose):
    show(
        figures.against_seconds(histories),
        "Bits a code on validation slices against seconds; at the end: "
        + ", ".join(f"{way} {bits_of(priors[way], choose.rows).mean():.3f}" for way in ways),
    )

# %% [markdown] tags=[]
# *Bits a code on validation slices against seconds of training; the last value is in the legend.*
#
# What counts is where the curves end, for the learning rate falls to the end. Differences smaller than the jumps of a
# curve do not count. On a machine that also does other things the seconds of the ways differ more than they should: the
# table has them beside the bits.

# %% tags=[]
digits = {"seconds": 0, "bits": 3, "bits, first half": 3, "bits, last half": 3}
targets.spelled_out(table.astype({"weights": int}).round(digits))

# %% tags=[]
whose = test["patient"].to_numpy()  # (n,)
saved = {way: (paid["plain"] - paid[way]).mean((1, 2)) for way in ways if way != "plain"}  # (n,)
for way, each in saved.items():
    print(f"{way}: bits a code saved beside plain {bootstrap.in_words(each, whose)}")
if test["patient"].nunique() < 2:
    print("of one patient there is no interval: how patients differ is not known")

# %% [markdown] tags=[]
# Each line compares two priors on the same slices, with an interval over patients. An interval that holds zero shows no
# difference; one that does not shows a difference for *these two trainings*. Another seed would give other numbers. Now
# the halves again:

# %% tags=[]
lines = {name: bits.mean((0, 2)) for name, bits in paid.items()}  # (h,) each
gap = {name: each[: h // 2].mean() - each[h - h // 2 :].mean() for name, each in lines.items()}
show(
    figures.halves({way: lines[way] for way in ways}),
    "Bits a code by line of each way; first half minus last half: "
    + ", ".join(f"{gap[way]:.3f} ({way})" for way in ways),
)

# %% [markdown] tags=[]
# *Bits a code by line for each way, from either edge to the middle.*

# %% tags=[]
fields = {
    way: receptive_field.field_of_prior(prior, codes, height_features(place)[0], asked)
    for way, prior in priors.items()
}
sees = {way: (field == 1).sum() / (field > 0).sum() for way, field in fields.items()}
show(
    figures.seen(x, fields, asked),
    "Codes before the position that each way sees: "
    + ", ".join(f"{way} {share:.0%}" for way, share in sees.items()),
)
for way in ways:
    print(f"{way}: sees {sees[way]:.0%}; first half minus last half {gap[way]:+.3f} bits a code")

# %% [markdown] tags=[]
# *What the position of the first figure sees with each way, measured on the trained priors.*
#
# Compare the share that a way sees with what its last half saves. If a prior sees all that was drawn and the gap
# stays as it was, then the far side tells little about *single* codes. It may still matter for the whole body:
# whether an outline closes is decided in a few codes, and the mean over all of them hardly moves. So we must look at
# samples.

# %% [markdown] tags=[]
# ## Where it looks
#
# Attention can be watched. For the position of the first figure: whom does each head listen to?
#
# **Predict:** how much of the attention goes beyond what the layers see anyway?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Beyond the layers goes", ["less than a fifth", "a fifth to a half", "more"])

# %% tags=[]
looking = priors["attention"]
a = attention.heard_from(looking, codes, height_features(place)[0]).cpu()  # (heads, h*w, h*w)
here = a[:, asked[0] * w + asked[1]].unflatten(1, (h, w)).numpy()  # (heads, h, w)
reach = sum(layer.reach for layer in looking.layers)
far = here[:, 1 : max(1, asked[0] - reach)].sum((1, 2))  # (heads,)
mirrored = here[:, max(0, h - 1 - asked[0]) : h + 2 - asked[0]].sum((1, 2))  # (heads,)
even = min(1, 3 / (asked[0] + 1))  # what three lines would get of an even share
show(
    figures.where_it_looks(x, here, asked, reach),
    "Attention of each head; beyond the layers: " + ", ".join(f"{one:.0%}" for one in far),
)
print("three lines around the mirrored one:", ", ".join(f"{one:.0%}" for one in mirrored))
print(f"an even share would be {even:.0%}")
guess.compare_number(far.mean(), [0.2, 0.5])

# %% [markdown] tags=[]
# *Left: the slice, the position that asks (red) and its mirror image (white). Then, head by head, how strongly it
# listens to each position, on a scale of its own.*
#
# A head that gives every position the same weight is of little use: it hears a mean. A bright spot is a position that
# it has chosen. Are any near the white square? Attention shows what is *listened to*, and not what it is used for: the
# layers after it may ignore it.
#
# Move the position. (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.where_it_looks(looking, torch.tensor(x), codes, height_features(place)[0])

# %% [markdown] tags=[]
# ## It must not see what is to come
#
# Everything above is worth something only if no way sees its own answer. A forgotten mask would look like a great
# success (notebook 04). So we test: we take small priors with random weights, and change one code after the other. Does
# any guess at the changed code, or before it, change too?

# %% tags=["nbval-check-output"]
grid, tiny = (6, 4), config.PriorConfig(prior_channels=8, prior_layers=3, prior_hidden_dim=16)
nothing = torch.zeros(1, 16)  # (B, 16), no place
probe = torch.randint(8, (1, *grid), generator=torch.Generator().manual_seed(0))  # (B, h, w)
for name, looks in {
    "attention": {1: RowAttention(8, grid)},
    "mirror": {0: Mirror(8, grid)},
}.items():
    model = PixelCNN(tiny, 8, grid, looks=looks).double().eval()
    generator = torch.Generator().manual_seed(1)
    for weight in model.parameters():
        weight.data = 0.3 * torch.randn(weight.shape, generator=generator).double()
    early = later = 0
    with torch.no_grad():
        for n in range(grid[0] * grid[1]):
            changed = probe.clone()
            changed.view(-1)[n] = (changed.view(-1)[n] + 1) % 8
            moved = (model(changed, nothing.double()) - model(probe, nothing.double())).abs()
            moved = moved.amax(1).flatten() > 1e-9  # (B, K, h, w) -> (h*w,)
            early, later = early + int(moved[: n + 1].sum()), later + int(moved[n + 1 :].sum())
    print(f"{name}: guesses moved at or before the code {early}, after it {later} of 276")

# %% [markdown] tags=[]
# No guess at or before the changed code may change, and those after it should: then the mask holds, and the past is
# seen. (Random weights matter: with the zeros that the new parts begin with, any mask would pass.)

# %% [markdown] tags=[]
# ## Nothing is computed twice
#
# The sampler of notebook 05 keeps what each layer has seen (Ramachandran et al. 2017). Attention can do the same, as
# language models do: what has been drawn never changes, so its keys and values never change either. They are made once
# and kept in a **cache**. A new row makes its own, appends them, and asks.

# %% tags=[]
show_source(attention.CachedRows.next)

# %% [markdown] tags=[]
# In training, all rows ask at the same time, and the mask hides what is to come. Here nothing has to be hidden: what
# is to come is not in the cache.
#
# **Predict:** how many times faster is that than one full pass for each position?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Faster by", ["less than 10 times", "10 to 100 times", "more than 100 times"])

# %% tags=[]
drawn = all_codes[test.index[:4]]  # (4, h, w)
told = height_features(torch.tensor(test["height"].to_numpy()[:4], dtype=torch.float32))  # (4, 16)
apart = {}
for way, prior in priors.items():
    full = sampling.full_logits(prior, drawn, told)  # (4, K, h, w)
    apart[way] = (sampling.incremental_logits(prior, drawn, told) - full).abs().max().item()
    print(f"{way}: largest difference between sampler and full pass {apart[way]:.0e}")

seconds = {}
with speed.one_thread(looking.device):
    for name, prior in {"plain": priors["plain"], "attention": looking}.items():
        start = time.perf_counter()
        sample(prior, told, range(len(told)))
        seconds[name] = time.perf_counter() - start
    start = time.perf_counter()
    sampling.full_grid_step(looking, drawn, told, 0, 0)
    naive = (time.perf_counter() - start) * h * w
print(
    f"{len(told)} slices: {seconds['plain']:.2f} s plain, {seconds['attention']:.2f} s with attention"
)
print(f"one full pass a position: {naive:.0f} s, {naive / seconds['attention']:.0f} times as long")
guess.compare_number(naive / seconds["attention"], [10, 100])

# %% [markdown] tags=[]
# The differences are rounding. Attention looks at a number of positions that grows with what is drawn, so its share
# of the time grows with the grid: with $N$ positions, $N^2$ products in all. At the size of a page of text or a large
# picture that is what costs most, and **sparse** attention (Child et al. 2019) asks only some of them.

# %% [markdown] tags=[]
# ## Do the samples hold together?
#
# Notebook 07 has a rule for it: is a sample as symmetric as real slices at its place, and is its bone shared as evenly
# between the two sides? We draw the same number of samples from each prior, with the same seeds, and let the same
# network read them.
#
# **Predict:** which way keeps the symmetry best?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Symmetry is kept best by", ways)

# %% tags=[]
judge = Judge(run, settings)
fault = judge.failed["tissues"] or judge.failed["reader"]
n = len(judge.rows)
rounds, kept = {}, {}
for name, prior in {"run's prior": run_prior, **priors}.items():
    seeds = [range(1000 * r, 1000 * r + n) for r in range(farther_rounds)]
    rounds[name] = [vqvae.decode(sample(prior, judge.told, some))[:, 0].cpu() for some in seeds]
if fault:
    print(f"the rules are not judged: {fault}")
else:
    real = anatomy.measure_all(judge.reference.tissues, judge.known_heights)
    read = {name: domain.read_rounds(judge.reader, *some) for name, some in rounds.items()}
    judged = anatomy.judge_rounds(read, judge.heights, real)
    kept = {
        rule: bootstrap.with_intervals(
            {name: some[rule].to_numpy(float) for name, some in judged.items()},
            np.tile(judge.patients, farther_rounds),
        )
        for rule in ("symmetry", "all")
    }
    guess.compare(kept["symmetry"]["mean"][ways].idxmax())

# %% tags=[]
chosen = judge.heights.argsort()[np.linspace(0, n - 1, 6).astype(int)]  # spread over the scan
pictures = {name: [some[0][i].numpy() for i in chosen] for name, some in rounds.items()}
counted = (
    ""
    if fault
    else "; symmetric: "
    + ", ".join(f"{name} {mean:.0%}" for name, mean in kept["symmetry"]["mean"].items())
)
show(
    plots.slices.rows(pictures, [f"place {y:.2f}" for y in judge.heights[chosen]]),
    f"Samples of {len(pictures)} priors at the same places{counted}.",
)

# %% [markdown] tags=[]
# *Samples at the same places, one row for each prior, not chosen by hand.* Follow each outline to its right end, which
# is drawn last. Does it come out as on the left?

# %% tags=[]
if kept:
    show(
        plots.evaluation.scores_with_intervals(
            {"symmetric as real slices are": kept["symmetry"], "keep every rule": kept["all"]},
            "share of samples",
        ),
        "Share of samples that keep every rule: "
        + ", ".join(f"{name} {mean:.3f}" for name, mean in kept["all"]["mean"].items()),
    )

# %% [markdown] tags=[]
# *Shares of samples that keep the rule of symmetry, and all rules, with intervals over patients.*
#
# Where intervals overlap widely, these samples do not tell the ways apart. Compare each way with *plain*, which had
# about the same seconds; the run's prior had more of them (by default eight times), and shows what time alone brings.
# Do the rules follow the bits?

# %% [markdown] tags=[]
# ## What it is worth
#
# Short trainings say how ways begin, not where they end. So we take the new way that pays least on *validation* slices
# (the test slices must not choose). It learns once more, for as long as the run's own prior was given, and both are
# judged by everything that notebook 07 has.

# %% tags=[]
if not len(choose):
    print("no validation slices: the held-out ones have to choose, which flatters what they choose")
choosing = choose.rows if len(choose) else test
winner = min(saved, key=lambda way: bits_of(priors[way], choosing).mean())
farthest, took = recipe.farther(run, settings, winner)  # the length of the profile
print(f"{winner}: {took}")

# %% tags=[]
seeds = [range(1000 * r, 1000 * r + n) for r in range(farther_rounds)]
looked = [vqvae.decode(sample(farthest, judge.told, some))[:, 0].cpu() for some in seeds]
x_hat = vqvae.decode(all_codes[judge.rows.index])[:, 0].cpu()  # (n, H, W)
pair = {"plain": (run_prior, rounds["run's prior"]), winner: (farthest, looked)}
scores = {way: judge.scores(x_hat, some) for way, (_, some) in pair.items()}
price = {way: bits_of(prior, test).mean() for way, (prior, _) in pair.items()}
pixels = vqvae.config.stride**2  # a code
more = {way: {"bits_per_pixel": bits / pixels} for way, bits in price.items()}
more[winner]["seconds"] = took.seconds
variants.keep(run, "12_looking_farther", scores, more)
for name, why in judge.failed.items():
    if why:
        print(f"{name}: not measured, {why}")

# %% tags=[]
measures = ["anatomy_pass_samples", "symmetry", "frechet_samples", "precision", "memorised_share"]
variants.table(scores, measures).assign(bits=[f"{bits:.3f}" for bits in price.values()])

# %% [markdown] tags=[]
# These are two whole trainings, of about the same length, with one seed each. What this way is worth with three seeds
# is measured by `python -m benchmarks.beyond`. If the numbers of the two rows lie within each other's intervals, the
# honest sentence is: its gain could not be seen in this test.

# %% [markdown] tags=[]
# ## Exercises
#
# Replace the three dots, run the cell and then its check. Once you have tried, look into [the
# solutions](solutions/12_looking_farther.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · One number: who may be asked
#
# A grid has 32 rows of 16 codes. How many positions of the vertical stack may the position in row 20, column 5 ask?
# Rows and columns are counted from 0. (Look at `rows_so_far`.)

# %% tags=["exercise"]
may_be_asked = ...  # a number

# %% tags=["check"]
exercises.check_keys(may_be_asked)

# %% [markdown] tags=[]
# ### Exercise 2 · Attention
#
# Write attention: scores, mask, softmax, mean of values. `masked_fill` and `softmax` will help.


# %% tags=["exercise"]
def attend(
    q: torch.Tensor, k: torch.Tensor, values: torch.Tensor, allowed: torch.Tensor
) -> torch.Tensor:
    """q (n, d), k (m, d), values (m, D), allowed (n, m) bool -> what is heard (n, D)."""
    return ...


# %% tags=["check"]
exercises.check_attend(attend)

# %% [markdown] tags=[]
# ### Exercise 3 · A row with a cache
#
# Now row by row. You get queries, keys and values of one new row, and the keys and values that were kept before it
# (none for row 0). Return what the row hears, and all that is to be kept. A row may listen to itself.


# %% tags=["exercise"]
def hear_row(
    q: torch.Tensor,
    k: torch.Tensor,
    values: torch.Tensor,
    old_k: torch.Tensor,
    old_values: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """q, k (w, d), values (w, D), old_k (m, d), old_values (m, D) -> heard (w, D), all k, all values."""
    return ...


# %% tags=["check"]
exercises.check_hear_row(hear_row)

# %% [markdown] tags=[]
# ### Exercise 4 · A claim
#
# Two priors were trained for 3,000 steps each, with one seed. The one with attention pays 1.55 bits a code on held-out
# slices, the one without pays 1.60. A step with attention takes 1.3 times as long. Which sentence can you sign?
#
# - **A** Attention is the better prior: it pays 0.05 bits less.
# - **B** At equal steps and with one seed attention paid 0.05 bits less. Whether that is worth its time is open: the
#   plain prior has not been given the same seconds.
# - **C** Attention is not worth it, for its steps take longer.
# - **D** With the same seconds the plain prior would reach 1.55 as well.

# %% tags=["exercise"]
honest = ...  # "A", "B", "C" or "D"

# %% tags=["check"]
exercises.check_finding(honest)

# %% [markdown] tags=[]
# ### Experiment · Twice the time
#
# Let all ways learn for twice as long (this notebook alone; the run must have notebooks 01 to 07):
#
# `vqgen run --profile quick --run-name tutorial --only 12 --set farther_steps=1500`
#
# Predict first. Then run it in a terminal (in JupyterLab: File, New, Terminal).

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("With twice the time, the distance to plain", ["grows", "stays", "shrinks"])

# %% [markdown] tags=[]
# Write two sentences: what you saw, and whether one seed is enough to say so.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("12")

# %% [markdown] tags=[]
# ## Summary
#
# - A stack of convolutions sees as far as its layers reach. What lies beyond reaches it through other codes, or not at
#   all.
# - Attention is a weighted mean of values; queries and keys make the weights, a mask keeps it causal, and each position
#   must be told where it is.
# - Knowledge that we have beforehand, such as symmetry, can be built in for less than it costs to learn. Where it is
#   not true, it does not help.
# - Ideas are compared at equal seconds, and with simple alternatives.
# - Keys and values of what is drawn never change, so a sampler keeps them: the same numbers, much faster.
#
# **What's next:** `13_sharper_or_truer` leaves codes and prior as they are and teaches the decoder to paint texture.

# %% tags=[]
measured = {
    f"{name}_{way.replace(' ', '_')}": value
    for way in ways
    for name, value in {
        "bits_per_code": paid[way].mean(),
        "seconds": results[way].seconds,
        "symmetry": kept["symmetry"]["mean"][way] if kept else None,
        "anatomy_pass_samples": kept["all"]["mean"][way] if kept else None,
        "logits_max_abs_diff": apart[way],
    }.items()
}
reasons = {key: fault for key, value in measured.items() if value is None}
run.add_metrics("looking_farther", measured, reasons)

# %% [markdown] tags=[]
# ## References
#
# - Vaswani et al. 2017: Attention Is All You Need. NeurIPS. [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)
# - Chen et al. 2018: PixelSNAIL: An Improved Autoregressive Generative Model. ICML. [arXiv:1712.09763](https://arxiv.org/abs/1712.09763)
# - van den Oord et al. 2016: Conditional Image Generation with PixelCNN Decoders. NeurIPS. [arXiv:1606.05328](https://arxiv.org/abs/1606.05328)
# - Ramachandran et al. 2017: Fast Generation for Convolutional Autoregressive Models. [arXiv:1704.06001](https://arxiv.org/abs/1704.06001)
# - Child et al. 2019: Generating Long Sequences with Sparse Transformers. [arXiv:1904.10509](https://arxiv.org/abs/1904.10509)
