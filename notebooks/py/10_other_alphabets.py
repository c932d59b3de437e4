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
# # 10 · Other alphabets
#
# A codebook is an alphabet that a network made for itself: slices are spelled with its codes. Could another alphabet do
# better? We give the codes fewer numbers, take the codebook away altogether, and replace it by a plain lattice. We ask
# its codes to stand at right angles, and put a price on rare codes. Then a prior tells us which alphabet is the easiest
# to predict.
#
# **You will learn**
#
# - what an alphabet must do, and how to measure what quantising costs;
# - finite scalar quantisation, and why some improvements do nothing: what no gradient reaches does not learn;
# - how a price on bits leaves codes unused, and why bits by frequency do not decide which alphabet is better.
#
# **You need** notebooks 02, 04 and 07 to have run. **Time to learn:** 45 minutes.
# **Time to run:** about 7 minutes on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $x$, $\hat x$ | (n, H, W) | held-out slices, and what is left of them after the codes |
# | $z$ | (N, D) | vectors that come out of the encoder, one at each position |
# | $e_k$ | (D,) | code $k$ of $K$ |
# | $p_k$ | (K,) | share of the positions at which code $k$ is used |
# | $\lambda$ | | squared distance that one bit is worth |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run whose data and settings are used
alphabet_steps: Optional[int] = None  # steps of each VQ-VAE; none: a share of the run's own
alphabet_prior_steps: Optional[int] = None  # steps of each prior; none: a share of the run's own
fsq_levels: str = "8,4,4"  # values that each number of an FSQ code may take; two numbers or more
bit_weight: float = 0.003  # what a bit is worth, as a share of the spread of the vectors

# %% tags=[]
import math

import pandas as pd
import torch

from vqgen_utils import config, plots
from vqgen_utils.evaluation import bootstrap, codes, metrics, targets
from vqgen_utils.models import sample
from vqgen_utils.models.beyond import alphabets
from vqgen_utils.plots import show
from vqgen_utils.plots.beyond import alphabets as pictures
from vqgen_utils.runs import Run
from vqgen_utils.runs.beyond import Judge, variants
from vqgen_utils.runs.beyond import alphabets as recipe
from vqgen_utils.teaching import predict, show_source
from vqgen_utils.teaching.exercises.beyond import alphabets as exercises
from vqgen_utils.teaching.widgets.beyond import alphabets as widgets

run = Run(run_name)
settings = config.change(run.settings(profile), codebook_update="ema")
slices = run.load_slices(settings)
steps = alphabet_steps or recipe.steps_for(settings, slices)
prior_steps = alphabet_prior_steps or recipe.prior_steps_for(settings, slices)
levels = [int(one) for one in fsq_levels.split(",")]
judge = Judge(run, settings)
x = judge.x  # (n, H, W), the held-out slices
K, stride = settings.vqvae.num_embeddings, settings.vqvae.stride

# %% [markdown] tags=[]
# ## What an alphabet must do
#
# An alphabet for pictures has three duties:
#
# 1. It must **cover**: whatever the encoder says, a code is near.
# 2. It must **be used**: a code that nobody needs only makes the list longer.
# 3. It must **be cheap to predict**: a prior has to write with it, and pays in bits for what it cannot guess from the
#    codes before.
#
# SSIM of the reconstructions measures the first. The number of codes in use and their entropy measure the second. For
# the third we must train a prior. We train the VQ-VAE of notebook 02 (van den Oord et al. 2017) once for each alphabet,
# all with the same slices, seed and steps. To fit into a notebook, training is short.

# %% tags=[]
models, fits, table, x_hats = {}, {}, {}, {}


def in_digits(score: float | None) -> str:
    """A score for a sentence; slices smaller than SSIM's window have none."""
    return "none" if score is None or math.isnan(score) else f"{score:.3f}"


# %% tags=[]
def compare(name: str, file: str, settings=settings, alphabet=None) -> None:
    """Train a VQ-VAE with an alphabet, and measure it on the held-out slices."""
    models[name], fits[name] = recipe.train(run, settings, file, alphabet, steps)
    x_hats[name], c = recipe.reconstruct(models[name], x)  # (n, H, W), (n, h, w)
    counts = metrics.code_counts(c, models[name].num_embeddings)  # (K,)
    table[name] = {
        "numbers a code": settings.vqvae.embedding_dim,
        "SSIM": metrics.mean_or_none(metrics.ssim(x.numpy(), x_hats[name].numpy())[0]),
        "error": float((x - x_hats[name]).square().mean() / x.var()),
        "codes used": int((counts > 0).sum()),
        "bits by frequency": metrics.entropy_bits(counts),
        "seconds": fits[name].seconds,
    }


D = settings.vqvae.embedding_dim
plain = f"codebook, {D} numbers"
compare(plain, "plain")
own, _ = recipe.reconstruct(run.load_vqvae(), x)
own_ssim = metrics.mean_or_none(metrics.ssim(x.numpy(), own.numpy())[0])
print(f"{len(x)} held-out slices; {steps} steps each")
print(f"{plain}: {fits[plain]}")
print(
    f"SSIM {in_digits(table[plain]['SSIM'])}; of this run's own, longer training {in_digits(own_ssim)}"
)

# %% [markdown] tags=[]
# The last line says how far these short trainings are from the end. What is compared here are alphabets *after so many
# steps*: one that learns faster looks better than one that would catch up. We come back to this in the experiment.

# %% [markdown] tags=[]
# ## How many numbers a code needs
#
# Our codes have as many numbers as the table of notebook 02 says, 32 on the default settings. Codes are compared by
# distance, and decoded by a network; neither asks for many numbers. Yu et al. 2022 found that fewer numbers are better
# for large codebooks.
#
# **Predict:** with two numbers a code, after the same steps, the SSIM will be

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("With two numbers a code, SSIM is", ["much lower", "about the same", "higher"])

# %% tags=[]
for number in (2, 4):
    name = f"codebook, {number} numbers"
    compare(name, f"dim{number}", config.change(settings, embedding_dim=number))
two, four = "codebook, 2 numbers", "codebook, 4 numbers"
if own_ssim is not None:
    gain = table[two]["SSIM"] - table[plain]["SSIM"]
    guess.compare("much lower" if gain < -0.02 else "higher" if gain > 0.005 else "about the same")
targets.spelled_out(pd.DataFrame(table).T.round(3))

# %% [markdown] tags=[]
# Look at the column SSIM from top to bottom, and then at the entropy (`bits by frequency`). `error` is the squared
# error as a share of the pixels' variance. A code is chosen among $K$, so it carries at most $\log_2 K$ bits, however
# many numbers it has. More numbers give the encoder more freedom to place its vectors, and the codebook more directions
# to follow.
#
# Codes of two numbers can be drawn. Each code owns a **cell**: all vectors to which it is the nearest.

# %% tags=[]
with torch.no_grad():
    parts = x[:, None].split(32)
    z_e = torch.cat([models[two].encoder(some.to(models[two].device)).cpu() for some in parts])
z = z_e.permute(0, 2, 3, 1).flatten(0, 2)  # (n, 2, h, w) -> (n*h*w, 2)
z = z[:: max(1, len(z) // 8000)]  # (N, 2), evenly picked
embedding = models[two].codebook.embedding.cpu()  # (K, 2)
faces = codes.decoded_codes(models[two]).mean((1, 2)).cpu().numpy()  # (K, s, s) -> (K,)
plane = pictures.Plane(lambda some: torch.cdist(some, embedding).argmin(1), embedding, z, faces)
show(
    pictures.cells({"two numbers a code": plane}),
    f"The plane cut into {K} cells, each as bright as its code decodes, with {len(z)} vectors in it.",
)

# %% [markdown] tags=[]
# *The alphabet with two numbers a code. Each cell is as bright as its code when decoded alone; points are vectors of
# held-out slices.*
#
# Do neighbours in the plane look alike? Are the cells small where the vectors are dense? Running means work for the
# second: a code goes to the middle of the vectors that it serves. With two numbers this is the whole alphabet; of codes
# with more numbers a plane shows only a part.

# %% [markdown] tags=[]
# ## Without any codebook
#
# What does quantising itself cost? We take the codebook out, so that the decoder gets the vectors as they are.
#
# **Predict:** how much of the squared error goes away?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Of the error goes away", ["less than a third", "a third to two thirds", "more"])

# %% tags=[]
compare("no codebook", "none", alphabet=alphabets.NoCodebook())
gone = 1 - table["no codebook"]["error"] / table[plain]["error"]
table["no codebook"] |= {"codes used": math.nan, "bits by frequency": math.nan}
guess.compare_number(gone, [1 / 3, 2 / 3])
print(f"of the squared error {gone:.0%} is gone")
print(
    f"at each position: {D} numbers of 32 bits, {32 * D} in all; a code has {math.log2(K):.0f} at most"
)
places = judge.rows["height"].to_numpy()
some = sorted(range(len(x)), key=lambda n: places[n])[:: max(1, len(x) // 5)][:5]
shown = {"held out": list(x[some].numpy())}
shown |= {
    name.partition(",")[0]: list(x_hats[name][some].numpy()) for name in (plain, "no codebook")
}
show(
    plots.slices.rows(shown, [f"place {places[n]:.2f}" for n in some]),
    f"Held-out slices, and what is left with a codebook (SSIM {in_digits(table[plain]['SSIM'])}) and without "
    f"(SSIM {in_digits(table['no codebook']['SSIM'])}).",
)

# %% [markdown] tags=[]
# *Held-out slices (top), from a codebook, and without one.*
#
# That is the price of an alphabet: compare what the rows lose. Why pay it? Without codes there is nothing that a
# PixelCNN could choose among, so no prior of ours can write such a picture. And the vectors are not merely better
# codes: the line above the figure says how much more there is to keep at each position.

# %% [markdown] tags=[]
# ## A lattice: nothing to learn, nothing to die
#
# Finite scalar quantisation (Mentzer et al. 2023) has no codebook. It squashes each number into a range, and rounds it
# to one of a few levels. With levels 8, 4 and 4 there are $8 \cdot 4 \cdot 4 = 128$ codes. No code is learned, so none
# can lag behind, and there is no codebook loss, no moving average and no revival.

# %% tags=[]
show_source(alphabets.FSQ.digits, alphabets.FSQ.index, alphabets.FSQ.forward)

# %% [markdown] tags=[]
# Rounding has no gradient, so it is passed straight through, as in notebook 02 (Bengio et al. 2013).
#
# **Predict:** the lattice has about as many codes as the codebook. Will as many be used?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The lattice uses", ["fewer codes than the codebook", "as many or more"])

# %% tags=[]
lattice = config.change(settings, embedding_dim=len(levels), num_embeddings=math.prod(levels))
compare("FSQ", "fsq", lattice, alphabets.FSQ(levels))
used = {name: table[name]["codes used"] / models[name].num_embeddings for name in (plain, "FSQ")}
guess.compare("as many or more" if used["FSQ"] >= used[plain] else "fewer codes than the codebook")
fsq, flat = models["FSQ"], alphabets.FSQ(levels[:2])
with torch.no_grad():
    z_e = torch.cat([fsq.encoder(some.to(fsq.device)).cpu() for some in parts])
squashed = torch.tanh(z_e[:, :2]).permute(0, 2, 3, 1).flatten(0, 2)  # (n*h*w, 2)
squashed = squashed[:: max(1, len(squashed) // 8000)]  # (N, 2)
lattice_plane = pictures.Plane(
    lambda some: flat.nearest(torch.atanh(some.clamp(-0.999, 0.999))), flat.embedding, squashed
)
show(
    pictures.cells(
        {"two numbers a code": plane, f"FSQ, its first two of {len(levels)}": lattice_plane}
    ),
    f"Cells of a learned codebook, and of the lattice; of it, {table['FSQ']['codes used']} of {math.prod(levels)} "
    "codes are used.",
)
targets.spelled_out(pd.DataFrame({name: table[name] for name in (plain, four, "FSQ")}).T.round(3))

# %% [markdown] tags=[]
# *Left: learned cells. Right: the lattice, seen from its first two numbers after squashing; its cells are the same for
# any data.*
#
# A learned codebook moves its codes to the vectors. On a lattice the *vectors* have to move: the encoder must learn to
# spread them evenly. Look whether it has, in these steps. FSQ does best with thousands of codes, where many learned
# ones die. Here, with so few codes, its main merit is that so little can go wrong.

# %% [markdown] tags=[]
# ## Codes at right angles
#
# Shin et al. 2023 ask the codes to be orthogonal, so that codes move along when a picture is moved. Orthogonal codes
# also cannot say nearly the same. The loss gets one term more, the mean squared cosine between different codes:
#
# $$\frac{1}{K^2} \left\| C C^\top - I \right\|^2, \qquad C: \text{the codes as rows, each of length 1}$$

# %% tags=[]
show_source(alphabets.orthogonality, alphabets.orthogonality_floor)

# %% [markdown] tags=[]
# It cannot reach zero where there are more codes than numbers: in $D$ dimensions only $D$ directions are at right
# angles to each other. The least that $K > D$ directions can have is $K (K - D) / (D K^2)$ (Welch 1974).
#
# We try it twice: with codes that are running means (our default), and with codes that learn by gradient.
#
# **Predict:** under running means, what will the penalty do to SSIM?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Under running means, for SSIM it", ["lowers", "raises", "changes nothing"])

# %% tags=[]
by_gradient = config.change(settings, codebook_update="gradient")
for name, file, ours in (
    ("running means, penalty", "ema_orthogonal", settings),
    ("gradient", "gradient", by_gradient),
    ("gradient, penalty", "gradient_orthogonal", by_gradient),
):
    penalty = "penalty" in name
    penalised = alphabets.OrthogonalCodebook(ours.vqvae, weight=10.0) if penalty else None
    compare(name, file, ours, penalised)

# %% tags=[]
floor = alphabets.orthogonality_floor(K, D)
pairs = {plain: "running means"} | {name: name for name in list(table)[-3:]}
angles = {
    new: {
        "penalty": alphabets.orthogonality(models[name].codebook.embedding.detach()).item(),
        "codes used": table[name]["codes used"],
        "SSIM": table[name]["SSIM"],
    }
    for name, new in pairs.items()
}
before, after = models[plain].state_dict(), models["running means, penalty"].state_dict()
most = max(float((before[key] - after[key]).abs().max()) for key in before)
if own_ssim is not None:
    change = table["running means, penalty"]["SSIM"] - table[plain]["SSIM"]
    guess.compare("changes nothing" if abs(change) < 1e-3 else "raises" if change > 0 else "lowers")
print(f"floor for {K} codes of {D} numbers: {floor:.4f}")
print(f"running means, with and without: weights differ by {most} at most")
targets.spelled_out(pd.DataFrame(angles).T.round(4))

# %% [markdown] tags=[]
# The first two rows belong to trainings that differ by the penalty alone; the line above the table says how far apart
# their weights are. Under running means a code is the mean of the vectors that it serves, and nothing else: whatever
# the loss is, **no gradient reaches the codes**. This is easily overlooked, since the term is there, it is printed, and
# it may even fall while the vectors change.
#
# In the last row a gradient does reach the codes. Compare its penalty with the floor: is there anything left to gain?
# Then look at codes used and SSIM, against the row above it. Codes that stand at right angles need not stand where the
# vectors are. Both gradient rows also show what a plain gradient codebook does without data initialisation and revival
# (notebook 02).

# %% [markdown] tags=[]
# ## A price on rare codes
#
# An alphabet can also be made smaller by a price. A code with share $p_k$ takes $-\log_2 p_k$ bits to write, so we let
# these bits count when a code is chosen (Chou et al. 1989):
#
# $$k = \arg\min_j \; \|z - e_j\|^2 - \lambda \log_2 p_j$$

# %% tags=[]
show_source(alphabets.cheapest, alphabets.settle)

# %% [markdown] tags=[]
# With $\lambda = 0$ this is the nearest code. We first try it *without training*, on the two-number alphabet: codes and
# vectors stay, only the choice changes. We choose, count, and choose again, until nothing changes. $\lambda$ is given
# as a share of the spread of the vectors, $\lambda = w \cdot \mathrm{mean}\,\|z - \bar z\|^2$, since the encoder is
# free to make all vectors longer.

# %% tags=[]
weights = [0.0, 0.0003, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
prices = pictures.price_list(z, embedding, weights)
show(
    pictures.priced(plane, 0.005, prices),
    f"Cells where a bit is worth 0.005 of the spread: {prices.loc[0.005, 'used']:.0f} of {K} codes used, "
    f"{prices.loc[0.005, 'bits']:.2f} bits; where it is worth nothing: {prices.loc[0.0, 'bits']:.2f} bits.",
)

# %% [markdown] tags=[]
# *Left: cells when bits have a price; a cross is a code that no vector takes any more. Right: bits by frequency against
# the error, for all prices.*
#
# Look where the crosses are. Where codes lie close together, a more common neighbour does nearly as well. Then follow
# the curve from right to left: how much error do the first saved bits cost, and how much the last ones? This is the
# error of the vectors; what it does to a slice, only a decoder can show.
#
# Move the price, and see which codes go first. (The control needs a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.price(plane, prices, 0.005)

# %% [markdown] tags=[]
# Now with training: encoder, codes and decoder adapt to the price. For the first third of the steps bits are free, so
# that codes can find their places; then each vector takes the *cheapest* code, and empty ones are not revived any more.
# Nobody says how many codes shall be left. Such a codebook is called **dynamic**.
#
# We take two prices, the second ten times the first.
#
# **Predict:** with the higher price most codes may go. How much SSIM goes with them?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Of SSIM goes", ["less than 0.02", "0.02 to 0.1", "more"])

# %% tags=[]
narrow = config.change(settings, embedding_dim=4)
begins = steps // 3
dynamic = {f"price {bit_weight * times:g}": bit_weight * times for times in (1, 10)}
for number, (name, weight) in enumerate(dynamic.items()):
    alphabet = alphabets.RateCodebook(narrow.vqvae, weight, free=begins)
    compare(name, f"price{number}", narrow, alphabet)
low, high = dynamic
if own_ssim is not None:
    guess.compare_number(table[four]["SSIM"] - table[high]["SSIM"], [0.02, 0.1])
show(
    pictures.use_over_training({name: fits[name].history for name in (four, low, high)}, begins, K),
    f"Codes used and bits in a batch over {steps} steps. On held-out slices at the end: "
    + "; ".join(
        f"{name} {table[name]['codes used']} codes, {table[name]['bits by frequency']:.2f} bits"
        for name in (four, low, high)
    ),
)
targets.spelled_out(pd.DataFrame({name: table[name] for name in (four, low, high)}).T.round(3))

# %% [markdown] tags=[]
# *Codes used and their entropy in a batch, over training; both alphabets with a price have codes of four numbers, like
# the one without (a batch is small: it need not show all codes).*
#
# From the black line on, bits cost something. Look whether the number of codes in use falls to the end, or settles.
# Then compare the table's bits and SSIM: what was saved, and what it cost. Dieleman et al. 2021 go further, and let the
# *number* of codes depend on what there is to say.

# %% [markdown] tags=[]
# ## The finalists, with a prior
#
# Bits by frequency say what a code costs when each is guessed alone. A prior guesses it from its neighbours. So an
# alphabet may cost fewer bits by frequency and *not* fewer with a prior, if the saved bits could be guessed anyway. We
# train the same short prior on four of them.
#
# **Predict:** which alphabet pays fewest bits with the prior?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Fewest bits with the prior pays", [four, low, high, "FSQ"])

# %% tags=[]
finalists = {
    four: ("dim4", narrow),
    low: ("price0", narrow),
    high: ("price1", narrow),
    "FSQ": ("fsq", lattice),
}
bits, drawn, final = {}, {}, {}
for name, (file, ours) in finalists.items():
    prior, how, all_codes = recipe.train_prior(run, ours, file, models[name], prior_steps)
    c = all_codes[judge.rows.index]  # (n, h, w)
    bits[name] = metrics.bits_by_position(prior, c, judge.told).mean((1, 2)).numpy()  # (n,)
    new_codes = sample(prior, judge.told[some], range(len(some)))  # (5, h, w)
    drawn[name] = models[name].decode(new_codes)[:, 0]  # (5, H, W)
    final[name] = {
        "ssim": table[name]["SSIM"],
        "order0": table[name]["bits by frequency"] / stride**2,
        "prior": bits[name].mean() / stride**2,
        "seconds": how.seconds,
    }

# %% tags=[]
final = pd.DataFrame(final).T.astype(float)
guess.compare(final["prior"].idxmin())
show(
    pictures.bits_and_likeness(final),
    "; ".join(
        f"{name}: SSIM {in_digits(row['ssim'])}, {row['order0']:.3f} bits a pixel by frequency, {row['prior']:.3f} with the prior"
        for name, row in final.iterrows()
    ),
)

# %% [markdown] tags=[]
# *Bits a pixel by frequency (hollow) and with the prior (filled), against SSIM. Farther left and higher is better.*
#
# Do the filled marks keep the order of the hollow ones? The way from hollow to filled is what neighbours tell about a
# code. And look at SSIM too: an alphabet that keeps less of a slice has less to pay for. Only one that is at least as
# high in SSIM *and* farther left is better without doubt. For the others, one has to say what a bit is worth.
#
# How sure is the saving? Every slice is written in each alphabet, so we take the difference slice by slice, with an
# interval over held-out patients.

# %% tags=[]
whose = judge.patients
for name in list(finalists)[1:]:
    saved = bits[four] - bits[name]  # (n,)
    low_end, high_end = bootstrap.interval(saved, whose)
    sure = f" ({low_end:.2f} to {high_end:.2f})" if len(set(whose)) > 1 else ""
    alone = table[four]["bits by frequency"] - table[name]["bits by frequency"]
    kept = in_digits(final.loc[name, "ssim"] - final.loc[four, "ssim"])
    print(f"{name}: saves {saved.mean():.2f} bits a code{sure} with the prior,")
    print(f"    {alone:.2f} by frequency; SSIM changes by {kept}")
if len(set(whose)) < 2:
    print("one patient: how patients differ is not known, so there is no interval")
for one in finalists:
    for other in finalists:
        better = final.loc[one, "ssim"] >= final.loc[other, "ssim"]
        if one != other and better and final.loc[one, "prior"] <= final.loc[other, "prior"]:
            print(f"'{one}' keeps at least as much as '{other}', for fewer bits")
show(
    plots.slices.rows(
        {name.partition(",")[0]: list(images.numpy()) for name, images in drawn.items()},
        [f"place {places[n]:.2f}" for n in some],
    ),
    f"Samples of {len(drawn)} short priors, {prior_steps} steps each.",
)

# %% [markdown] tags=[]
# *Samples of the finalists, at the same places and from the same seeds, not chosen by hand.*
#
# These priors were trained for a few steps only, so look at what differs between rows, not at how good they are. An
# alphabet for *generation* is good where both numbers are: SSIM says how good a sample could be, bits with the prior
# how much is left to guess. This notebook does not show that samples get better: that takes whole trainings, and the
# measures of notebook 07.

# %% tags=[]
scores = {name: judge.scores(x_hats[name], []) for name in table}
more = {
    name: {
        "codes_used": row["codes used"],
        "bits_order0": row["bits by frequency"],
        "seconds": row["seconds"],
    }
    for name, row in table.items()
}
for name, row in final.iterrows():
    more[name] |= {"bits_per_code": bits[name].mean(), "bits_per_pixel": row["prior"]}
variants.keep(run, "10_other_alphabets", scores, more)
numbers = (
    pd.DataFrame(more)
    .T.astype(float)
    .round(
        {"codes_used": 0, "bits_order0": 2, "bits_per_code": 2, "bits_per_pixel": 4, "seconds": 0}
    )
)
variants.table(scores, ["ssim", "psnr"]).join(targets.spelled_out(numbers))

# %% [markdown] tags=[]
# The table has one seed and one length of training. Intervals are over held-out patients: they say how far other
# patients might move a row, not what another seed would. "None" under bits: no prior was trained on these codes.

# %% [markdown] tags=[]
# ## Exercises
#
# Replace the three dots, run the cell and then its check. Once you have tried, look into
# [the solutions](solutions/10_other_alphabets.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · One number: the floor
#
# A codebook has 64 codes of 16 numbers. What is the least that the penalty for orthogonality can be?

# %% tags=["exercise"]
least = ...  # a number

# %% tags=["check"]
exercises.check_floor(least)

# %% [markdown] tags=[]
# ### Exercise 2 · The cheapest code
#
# Find for each vector the code with the smallest $\|z - e_j\|^2 - \lambda \log_2 p_j$. All shares are above zero here.
# (`torch.cdist` gives distances, not their squares.)


# %% tags=["exercise"]
def cheapest_code(
    z: torch.Tensor, codes: torch.Tensor, shares: torch.Tensor, weight: float
) -> torch.Tensor:
    """Vectors (N, D), codes (K, D), their shares (K,) and lambda -> the chosen codes (N,)."""
    return ...


# %% tags=["check"]
exercises.check_cheapest_code(cheapest_code)

# %% [markdown] tags=[]
# ### Exercise 3 · Two alphabets
#
# Two alphabets on the same grid reach the same SSIM. The first costs 5.2 bits a code by frequency, and 2.3 with a
# prior. The second costs 5.8 by frequency, and 1.9 with a prior of the same size and training. You want to generate
# slices. What do you say?
#
# - **A** The first: its codes take fewer bits.
# - **B** The second: less is left to guess once the neighbours are known.
# - **C** It makes no difference, as SSIM is the same.
# - **D** The first: it uses its codes less evenly, and that is what sparsity is for.

# %% tags=["exercise"]
better = ...  # "A", "B", "C" or "D"

# %% tags=["check"]
exercises.check_alphabet(better)

# %% [markdown] tags=[]
# ### Experiment · Longer
#
# After a short training, what learns fast wins. Give all of them as many steps as the run's own VQ-VAE had on the
# default settings (it takes about twice as long as this notebook did):
#
# `vqgen run --profile quick --run-name tutorial --only 10 --set alphabet_steps=1500`
#
# Predict first. Then run it in a terminal (in JupyterLab: File, New, Terminal), and open the notebook that it leaves
# under `runs/tutorial/notebooks/`.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "With longer training, codes of 2, 4 and 32 numbers come", ["closer together", "farther apart"]
)

# %% [markdown] tags=[]
# Write two sentences: what you saw, and what "after so many steps" would have made you believe.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("10")

# %% [markdown] tags=[]
# ## Summary
#
# - An alphabet must cover, be used, and be cheap to predict. SSIM, codes in use and bits with a prior measure the
#   three.
# - A code carries $\log_2 K$ bits at most, however many numbers it has. Few numbers may learn faster, and can be looked
#   at.
# - FSQ rounds on a lattice, in which nothing is learned. The encoder has to spread its vectors over it.
# - A penalty works only where its gradient arrives. And it has a floor: compute the floor before you try to get lower.
# - A price on bits makes a codebook dynamic. Whether a saving lasts, only a prior can tell.
#
# **What's next:** one alphabet says everything on one grid. The next notebook writes in two levels: a coarse grid for
# what is where, and a fine one for the rest.

# %% [markdown] tags=[]
# ## References
#
# - van den Oord et al. 2017: Neural Discrete Representation Learning. NeurIPS. [arXiv:1711.00937](https://arxiv.org/abs/1711.00937)
# - Bengio et al. 2013: Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation. [arXiv:1308.3432](https://arxiv.org/abs/1308.3432)
# - Yu et al. 2022: Vector-quantized Image Modeling with Improved VQGAN. ICLR. [arXiv:2110.04627](https://arxiv.org/abs/2110.04627)
# - Mentzer et al. 2023: Finite Scalar Quantization: VQ-VAE Made Simple. ICLR 2024. [arXiv:2309.15505](https://arxiv.org/abs/2309.15505)
# - Shin et al. 2023: Exploration into Translation-Equivariant Image Quantization. ICASSP. [arXiv:2112.00384](https://arxiv.org/abs/2112.00384)
# - Welch 1974: Lower Bounds on the Maximum Cross Correlation of Signals. IEEE Transactions on Information Theory 20(3)
# - Chou et al. 1989: Entropy-constrained Vector Quantization. IEEE Transactions on Acoustics, Speech, and Signal Processing 37(1)
# - Dieleman et al. 2021: Variable-rate Discrete Representation Learning. [arXiv:2103.06089](https://arxiv.org/abs/2103.06089)
