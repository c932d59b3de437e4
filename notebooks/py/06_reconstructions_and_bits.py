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
# # 06 · What is kept, and what it costs
#
# A slice that has passed through the codes has changed a little, and its codes need storage. Here we measure both on
# held-out slices: how much of a slice is kept, and how many bits that takes. Beside each number stands another to
# compare it with: an interval, JPEG, a simpler model, a file that was really written.
#
# **You will learn**
#
# - to say how far a score can be trusted, when slices come from few patients;
# - to see a grid of codes as a compressed slice, and what more bits would gain;
# - to place a prior among simpler ones, and to test whether its bits can really be sent.
#
# **You need** notebooks 02 and 04 to have run. **Time to learn:** 40 minutes.
# **Time to run:** about 25 seconds on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $x$, $\hat x$ | (n, H, W) | the held-out slices, and what is left of them after the codes: reconstructions |
# | $c$ | (n, h, w) | grids of codes, integers in $[0, K)$ |
# | $K$, $s$ | | how many codes there are; pixels that a code covers along each axis: the stride |
# | $p(k)$, $n_k$, $N$ | | how likely code $k$ is; how often it was counted, among how many codes |

# %% tags=["parameters"]
profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run to judge

# %% tags=[]
import math

import numpy as np
import pandas as pd
import torch

from vqgen_utils import plots
from vqgen_utils.evaluation import bootstrap, code_lengths, domain, metrics, targets
from vqgen_utils.models import height_features
from vqgen_utils.plots import show
from vqgen_utils.runs import Run, compare
from vqgen_utils.teaching import predict, show_source, widgets
from vqgen_utils.teaching.demos import forgotten_mask
from vqgen_utils.teaching.exercises import reconstructions as exercises

run = Run(run_name)
settings = run.settings(profile)  # complains if notebook 02 used another profile
vqvae, prior, all_codes = run.load_vqvae(), run.load_prior(), run.load_codes()
slices = run.load_slices(settings)

# %% tags=[]
train, test = slices.subset("train").rows, slices.subset("test").rows
K, stride = vqvae.num_embeddings, vqvae.config.stride
heights, patients = test["height"].to_numpy(), test["patient"].to_numpy()
has_tissues = domain.labelled(slices)


def condition(heights: np.ndarray) -> torch.Tensor:
    """What the prior is told: n heights in [0, 1] -> (n, 16)."""
    return height_features(torch.tensor(np.asarray(heights), dtype=torch.float32))


x = torch.from_numpy(slices.images[test.index].astype(np.float32))  # (n, H, W)
c = all_codes[test.index]  # (n, h, w)
x_hat = vqvae.decode(c)[:, 0]  # (n, H, W)
labels = slices.labels[test.index] if has_tissues else None  # (n, H, W)
print(f"{len(x)} held-out slices; patients: {len(set(patients))}; labels: {has_tissues}")
print(slices.whose)

# %% [markdown] tags=[]
# ## Reconstructions, and how sure we are
#
# Notebook 02 reported a mean over held-out slices. With other patients it would be another number; by how much? The
# **bootstrap** (Efron & Tibshirani 1993) estimates it from the data: draw as many slices as there are, with
# repetition, take the mean, do it two thousand times, and see where 95 in 100 of the means lie.
#
# But slices of one patient are alike. If you draw *slices*, one patient counts as many independent observations. If
# you draw *patients*, each with all their slices, a patient counts as one.

# %% tags=[]
show_source(bootstrap.interval)

# %% [markdown] tags=[]
# **Predict:** which of the two intervals will be wider, and by how much?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The wider interval is by", ["patients", "slices"])

# %% tags=[]
mask = labels > 0 if has_tissues else None  # (n, H, W); without labels brightness finds the body
no_ssim = metrics.why_no_ssim(x.shape[1:])  # why there is none; "" where there is
ssim, ssim_body = metrics.ssim(x.numpy(), x_hat.numpy(), mask)  # (n,), (n,)
scores = {
    "SSIM": ssim,
    "SSIM, body only": ssim_body,
    "PSNR (dB)": metrics.psnr(x.numpy(), x_hat.numpy()),
    "mean absolute error": (x - x_hat).abs().mean((1, 2)).numpy(),
}
print(f"{'':20} {'drawing patients':26} drawing slices")
for name, values in scores.items():
    by_patient = bootstrap.in_words(values, patients)
    print(f"{name:20} {by_patient:26} {bootstrap.in_words(values, range(len(values)))}")
low, high = bootstrap.interval(ssim_body, patients)
low_slices, high_slices = bootstrap.interval(ssim_body, range(len(ssim_body)))
if no_ssim:
    print(f"no SSIM, since {no_ssim}")
if np.isnan(low):
    print("no interval over patients, since the held-out slices that have a score are of one")
elif high_slices > low_slices:
    print(f"body only: {(high - low) / (high_slices - low_slices):.1f} times as wide by patients")
if not np.isnan(low):
    guess.compare("patients" if high - low > high_slices - low_slices else "slices")

# %% [markdown] tags=[]
# Where slices of a patient resemble each other, the left interval is wider, and it is the right one. With few
# patients even that is a little too narrow (Cameron et al. 2008). (With one patient there is nothing to draw, and no
# interval.) To compare two models on the *same* patients, take the interval of the difference, patient by patient: a
# patient who is hard for both changes neither, so the interval is often much narrower.
#
# **Predict:** which tissue suffers most from passing through the codes, and at which place along the scan?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Worst kept is", ["the body as a whole", "one tissue"])

# %% tags=[]
groups = {"whole slice": ssim, "all of the body": ssim_body}
if has_tissues:
    by_tissue = metrics.scores_by_tissue(x.numpy(), x_hat.numpy(), labels)
    groups |= {f"label {name}": found["ssim"].to_numpy() for name, found in by_tissue.items()}
level = metrics.level_of(heights)  # (n,), the middle of each tenth of the scan
levels = {f"place {one:.2f}": np.where(level == one, ssim, np.nan) for one in np.unique(level)}
panels = {
    "by tissue": bootstrap.with_intervals(groups, patients),
    "by place, whole slice": bootstrap.with_intervals(levels, patients),
}
if no_ssim:
    print(f"no SSIM, since {no_ssim}")
else:
    show(
        plots.evaluation.scores_with_intervals(panels, "SSIM on held-out slices"),
        f"SSIM with intervals, by tissue on the left and by place along the scan on the right; the "
        f"whole slice has {np.nanmean(ssim):.3f}, the body {np.nanmean(ssim_body):.3f}.",
    )
if has_tissues and not no_ssim:
    worst = panels["by tissue"]["mean"].idxmin()
    guess.compare("one tissue" if worst.startswith("label") else "the body as a whole")

# %% [markdown] tags=[]
# *SSIM of reconstructions by tissue (left; without labels the body as a whole) and by place along the scan, 0 to 1
# (right), with 95 % intervals over patients, where there are several.*
#
# Air is easy and raises the mean of the whole slice. A tissue that few slices show has a wide interval. On the
# default data the label "body" is fat and muscle, without bones and organs. A tissue's SSIM also counts the edge
# around it, for the window reaches eleven pixels across.

# %% tags=[]
if has_tissues:
    errors = {f"label {name}": found["l1"].to_numpy() for name, found in by_tissue.items()}
    print("mean absolute error by tissue, where intensities lie in [0, 1]")
    with_intervals = bootstrap.with_intervals(errors, patients).round(4)
    print(with_intervals.dropna(axis=1, how="all").to_string(na_rep="-"))
else:
    print(f"no scores by tissue, since {domain.why_unlabelled(slices)}")

# %% [markdown] tags=[]
# Do both measures name the same tissue? SSIM asks how much of the local structure is kept; absolute error gives
# bright tissue more weight. They need not agree, so look at both.

# %% [markdown] tags=[]
# ## What do more bits gain?
#
# A grid of codes is a compressed slice. Written plainly, a code takes $\log_2 K$ bits for the pixels it covers,
# $s \times s$ of them with a stride of $s$; with the prior's guesses, fewer. JPEG (Wallace 1991), JPEG 2000 and WebP
# do the same, lose something to save bits, and they are well known. We let them write some of the held-out slices,
# rounded to 256 gray levels first, and read them back.
#
# **Predict:** we give WebP as many bits as our codes take, once written plainly and once with the prior. Will its
# SSIM be higher than ours?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "At the bits of our codes, WebP is better", ["never", "at the bits of plain codes", "at both"]
)

# %% tags=[]
some = x[:: max(1, len(x) // 40)].numpy()  # (m, H, W)
if no_ssim:
    print(f"no SSIM, since {no_ssim}: there is nothing to draw bits against")
else:
    codecs = code_lengths.image_file_rates(list(some))
    runs = compare.finished_runs(slices.content, among_them=run_name)
    ours = runs.set_index("run").loc[run_name]
    show(
        plots.evaluation.rate_distortion(
            codecs, runs, run_name, compare.published_codes(slices.content)
        ),
        f"SSIM against bits a pixel for three image formats; this run has {ours['ssim']:.3f} at "
        f"{ours['plain_bits']:.3f} bits plain, at {ours['prior_bits']:.3f} with its prior.",
    )
    webp = codecs[codecs["codec"] == "WebP"].sort_values("bits_per_pixel")
    at_our_bits = np.interp(  # fewer bits than its smallest files it cannot do: no SSIM
        [ours["plain_bits"], ours["prior_bits"]], webp["bits_per_pixel"], webp["ssim"], left=0
    )
    guess.compare_number((at_our_bits > ours["ssim"]).sum(), [1, 2])

# %% [markdown] tags=[]
# *SSIM on held-out slices against bits a pixel. Star: our codes with the prior's bits; ring: written plainly. Thin
# gray lines: a published sweep over strides and codebooks (`python -m benchmarks.sweeps`), with the prior's bits;
# its priors learned at a rate of 0.003 with weight decay of 0.01, and it is drawn for the default data alone. Gray
# stars and rings: other runs of yours on these data.*
#
# Further left is cheaper, higher is better. Where the gray lines are drawn, follow them: more codes move a point to
# the right and up, and a smaller stride moves it much further: the size of the grid matters more than the number of
# codes. The figure leaves out three things. The formats' headers are not counted, and neither are our networks, which
# the receiver must have. Our codes are made for such slices only, while JPEG takes any picture. And the formats may
# have been given fewer slices than we were.

# %% [markdown] tags=[]
# ## The prior against simpler ones
#
# Held-out bits per code, as in notebook 04, beside what simpler models pay on the same codes. All of them
# learn from the training patients alone:
#
# - **order-0**: how often each code occurs;
# - **two neighbours**: a table of what follows which pair of a left and an upper neighbour;
# - **plain**: a small stack of masked convolutions, as in notebook 04, trained for a few seconds.
#
# **Predict:** the table sees two of all the codes before a position. How much of the way from order-0 to the prior
# does it go? (The share is printed below the figure.)

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Two neighbours go", ["less than half of the way", "more than half of the way"])

# %% tags=[]
bits = metrics.bits_by_position(prior, c, condition(heights))  # (n, h, w)
train_codes = all_codes[train.index]  # (N, h, w)
plain = forgotten_mask.train(K, train_codes[:800], mask_last=True)
per_code = pd.Series(
    {
        "no model: log2 K": math.log2(K),
        "order-0: frequencies": code_lengths.frequency_bits(train_codes, c, K),
        "two neighbours": code_lengths.neighbour_bits(train_codes, c, K),
        "plain masked stack": forgotten_mask.bits_per_code(plain, c),
        f"our prior, {prior.config.prior_layers} gated layers": bits.mean().item(),
    }
)
show(
    plots.evaluation.bars(per_code, "bits a code on held-out slices"),
    "Bars of bits a code: " + ", ".join(f"{name} {one:.2f}" for name, one in per_code.items()),
)

# %% [markdown] tags=[]
# *Bits a code on held-out slices; less is better.* The comparison with the small stack is not fair, since it has
# learned for seconds. It shows what little training can reach.

# %% tags=[]
ours = per_code.iloc[-1]
print(
    f"nats a code {ours * math.log(2):.3f}, bits a code {ours:.3f}, a pixel {ours / stride**2:.4f}"
)
order0, neighbours = per_code.iloc[1:3]
if ours < min(order0, neighbours):
    way = (order0 - neighbours) / (order0 - ours)
    print(f"two neighbours go {way:.0%} of the way from order-0 to the prior")
    guess.compare(f"{'more' if way > 0.5 else 'less'} than half of the way")
else:
    print("a simpler model does better: our prior learned too briefly, or from too few slices")
known = train.iloc[:: math.ceil(len(train) / 2000)]  # a large training set is thinned
as_many = known.iloc[:: max(1, len(known) // len(test))]
own = metrics.bits_by_position(prior, all_codes[as_many.index], condition(as_many["height"]))
own_mean = own.mean((1, 2)).numpy()  # (m,)
print(f"on slices it has learned from: {own_mean.mean():.3f} bits a code")
per_slice = bits.mean((1, 2)).numpy()  # (n,)
print("on held-out slices, with interval:", bootstrap.in_words(per_slice, patients))

# %% tags=[]
of = pd.Series(per_slice).groupby(patients)
by_patient = pd.DataFrame({"mean": of.mean(), "low": of.min(), "high": of.max()})
by_level = {
    f"place {one:.2f}": np.where(level == one, per_slice, np.nan) for one in np.unique(level)
}
panels = {
    "by patient, with the range of slices": by_patient,
    "by place, with intervals": bootstrap.with_intervals(by_level, patients),
}
ends = [(table["mean"].min(), table["mean"].max()) for table in panels.values()]
show(
    plots.evaluation.scores_with_intervals(panels, "bits a code"),
    "Mean bits a code: {:.2f} to {:.2f} by patient, {:.2f} to {:.2f} by place.".format(
        *ends[0], *ends[1]
    ),
)

# %% [markdown] tags=[]
# *Bits a code of each held-out patient, with the range of the slices (left; of very many patients forty, from the
# cheapest to the most expensive), and at each place, with intervals over patients (right).*
#
# The gap between the patients it has learned from and the others, printed above, says how much better it knows the
# first: this is **overfitting**, which is not yet copying. A patient far to the right is one that the prior finds
# hard to guess: unlike the training patients, or simply large, with less of the air that costs little. Compare the
# two panels: does it depend more on who it is, or on where the slice was cut?

# %% [markdown] tags=[]
# ## One slice, both ways
#
# What is kept and what it costs, in one slice from the middle of the scan.

# %% tags=[]
n = int(np.abs(heights - 0.5).argmin())
kept = x.numpy(), x_hat.numpy(), bits.numpy(), heights  # each with a row a slice
show(
    plots.evaluation.kept_and_paid(*(some[n] for some in kept)),
    f"A slice, its reconstruction, the error, {(x[n] - x_hat[n]).abs().mean():.3f} on average, and the bits "
    f"of its codes, {bits[n].sum() / 8:.0f} bytes in all.",
)

# %% [markdown] tags=[]
# *A held-out slice, what is left of it, five times the difference, and what each of its codes costs; above the last,
# all of it in bytes.*
#
# Go along the scan. Are the slices that cost most also those that lose most? Where do bits and errors lie in
# different places? (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.evaluation.kept_and_paid(*kept)

# %% [markdown] tags=[]
# ## Are these bits real?
#
# "So many bits a code" is a sum of logarithms (Shannon 1948). Can one really write the codes down with so few? An
# entropy coder (Duda 2013) takes the prior's probabilities and turns codes into bytes, a likely code into a fraction
# of a bit. The receiver has the bytes, the prior and the places. It computes the first probability, reads the first
# code, computes the next, and so on: this is sampling, with the bytes instead of chance.

# %% tags=[]
show_source(code_lengths.send, code_lengths.receive)

# %% tags=[]
few = slice(0, len(c), max(1, len(c) // 40))  # every few slices
data = code_lengths.send(prior, c[few], condition(heights[few]))
back = code_lengths.receive(prior, data, condition(heights[few]))  # (m, h, w)
promised = bits[few].sum().item() / 8
print(f"promised by the prior {promised:9.1f} bytes")
print(f"really written        {len(data):9} bytes, {len(data) / promised - 1:+.2%}")
print(f"plain codes           {c[few].numel() * math.log2(K) / 8:9.1f} bytes")
print("all codes came back:", torch.equal(back, c[few]))

# %% [markdown] tags=[]
# Compare the bytes that were written with those that the prior promised. There is one condition: both sides must
# compute the same probabilities to the last bit. If the receiver's machine rounds once differently, every code after
# that is wrong (Ballé et al. 2019 calculate in whole numbers for this reason). Here the two sides are one machine. So
# a likelihood can be tested: who claims fewer bits must be able to send them. A prior that sees its own answer
# (notebook 04) would claim very few, and no receiver could read even its first code.

# %% [markdown] tags=[]
# ## Exercises
#
# Replace the three dots, run the cell and then its check. Once you have tried, look into
# [the solutions](solutions/06_reconstructions_and_bits.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · One number: what guesses cost
#
# A prior reads a grid of four codes. To the codes that really come it gives the probabilities 1/2, 1/4, 1/8 and 1/8.
# How many bits does it pay for the four together?

# %% tags=["exercise"]
cost = ...  # bits

# %% tags=["check"]
exercises.check_cost(cost)

# %% [markdown] tags=[]
# ### Exercise 2 · Bits from frequencies
#
# This is the order-0 model of above. It has counted the codes of the training patients: code $k$ came $n_k$ times
# among $N$. What does a code of new patients cost on average? With $p(k) = n_k / N$ a code that it has never met
# would cost infinitely many bits. So it counts every code $1/K$ times more than it came:
#
# $$p(k) = \frac{n_k + 1/K}{N + 1}$$
#
# `torch.bincount(codes, minlength=K)` counts.


# %% tags=["exercise"]
def my_frequency_bits(train: torch.Tensor, test: torch.Tensor, K: int) -> float:
    """Codes (n,) to count and codes (m,) to pay for -> mean bits a code of test."""
    return ...


# %% tags=["check"]
exercises.check_frequency_bits(my_frequency_bits)

# %% [markdown] tags=[]
# ### Exercise 3 · Draw patients, not slices
#
# Write the centre of the bootstrap: in each draw take as many patients as there are, with repetition, each with the
# same chance; put all slices of these patients together, and take one mean. A patient drawn twice counts twice, with
# all slices.


# %% tags=["exercise"]
def resample(
    values: np.ndarray, patients: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Values (N,) and whose they are (N,) -> the mean of each draw (draws,)."""
    return ...


# %% tags=["check"]
exercises.check_resample(resample)

# %% [markdown] tags=[]
# ### Experiment · A third of the patients
#
# Four held-out patients instead of twelve:
#
# `vqgen run --profile quick --run-name four --to 06 --set patients_test=4`
#
# Predict first. Then run it in a terminal (in JupyterLab: File, New, Terminal). It runs notebooks 01 to 06 once more,
# takes no longer than they did, and leaves them in `runs/four/notebooks/`: open them there.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "With a third of the patients, the interval of SSIM will be",
    ["as wide", "about twice as wide", "three times as wide"],
)

# %% [markdown] tags=[]
# Compare the interval of SSIM. A rule says that an interval shrinks with the square root of the number of patients.
# Does it here? Write two sentences: what you saw, and why.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("06")

# %% [markdown] tags=[]
# ## Summary
#
# - How sure a mean is depends on the number of patients, not of slices: draw patients, not slices.
# - A grid of codes is a compressed slice. The size of the grid sets the bits, the prior lowers them, and SSIM says
#   how good the result is.
# - Compare a prior's bits with those of frequencies and of neighbours, on patients it has not learned from.
# - A likelihood can be tested: write the bytes and count them.
#
# **What's next:** these slices had an original to compare with. A generated slice has none;
# `07_evaluating_samples` judges it all the same.

# %% tags=[]
headline = {
    "ssim": metrics.mean_or_none(ssim),
    "ssim_original": targets.ssim_of_the_original(slices.content),
    "ssim_original_more_time": targets.ssim_of_the_original(slices.content, "original_more_time"),
}
sections = {
    "reconstruction": {name: metrics.mean_or_none(values) for name, values in scores.items()},
    "reconstruction_intervals": {
        name: bootstrap.interval(values, patients) for name, values in scores.items()
    },
    "bits_per_code": per_code,
    "bits_per_code_train": own_mean.mean(),
}
reasons = {"ssim": no_ssim} if no_ssim else {}
reasons |= {
    name: "the original's recipe was not measured on these data"
    for name in ("ssim_original", "ssim_original_more_time")
    if headline[name] is None
}
evaluation = run.add_evaluation(sections, headline, reasons)  # beside what 07 and 08 measure

# %% [markdown] tags=[]
# ## References
#
# - Efron & Tibshirani 1993: An Introduction to the Bootstrap. Chapman & Hall
# - Cameron et al. 2008: Bootstrap-Based Improvements for Inference with Clustered Errors. Review of Economics and Statistics 90(3)
# - Wallace 1991: The JPEG Still Picture Compression Standard. Communications of the ACM 34(4)
# - Shannon 1948: A Mathematical Theory of Communication. Bell System Technical Journal 27
# - Duda 2013: Asymmetric numeral systems: entropy coding combining speed of Huffman coding with compression rate of arithmetic coding. [arXiv:1311.2540](https://arxiv.org/abs/1311.2540)
# - Ballé et al. 2019: Integer Networks for Data Compression with Latent-Variable Models. ICLR
