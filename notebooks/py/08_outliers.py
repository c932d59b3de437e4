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
# # 08 · What should surprise it
#
# A prior that has learned what its slices look like should find other slices odd, and say where (Pinaya et al. 2021
# do so on brains, with a VQ-VAE too). We show it slices with something wrong in them, and ask when its bits tell them
# from others, and when they do not. At the end comes the model card: what the model is, how good it is, and what its
# slices must not be used for.
#
# **You will learn**
#
# - to find odd slices, and the odd place in them, by what they cost in bits;
# - to say how well a score tells two groups apart, and what that leaves open;
# - why a likely slice need not be a normal one.
#
# **You need** notebooks 02 and 04 to have run; for the model card 06 and 07 too. **Time to learn:** 35 minutes.
# **Time to run:** about 20 seconds on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $x$ | (n, H, W) | the held-out slices |
# | $c$ | (n, h, w) | their grids of codes |
# | $T$ | | temperature: 0 takes the likeliest code at each position |

# %% tags=["parameters"]
profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run to judge

# %% tags=[]
import numpy as np
import pandas as pd
import torch

from vqgen_utils import plots
from vqgen_utils.evaluation import anatomy, domain, metrics, outliers
from vqgen_utils.machine import write_atomic
from vqgen_utils.models import height_features, sample
from vqgen_utils.plots import show
from vqgen_utils.runs import Run, model_card
from vqgen_utils.teaching import predict, show_source, widgets
from vqgen_utils.teaching.exercises import outliers as exercises

run = Run(run_name)
settings = run.settings(profile)  # complains if notebook 02 used another profile
vqvae, prior, all_codes = run.load_vqvae(), run.load_prior(), run.load_codes()
slices = run.load_slices(settings)

# %% tags=[]
train, test = slices.subset("train").rows, slices.subset("test").rows
heights, patients = test["height"].to_numpy(), test["patient"].to_numpy()
has_tissues = domain.labelled(slices)


def condition(heights: np.ndarray) -> torch.Tensor:
    """What the prior is told: n heights in [0, 1] -> (n, 16)."""
    return height_features(torch.tensor(np.asarray(heights), dtype=torch.float32))


x = torch.from_numpy(slices.images[test.index].astype(np.float32))  # (n, H, W)
c = all_codes[test.index]  # (n, h, w)
labels = slices.labels[test.index] if has_tissues else np.zeros(x.shape, np.uint8)  # (n, H, W)
print(f"{len(x)} held-out slices; patients: {len(set(patients))}; labels: {has_tissues}")
print(slices.whose)

# %% [markdown] tags=[]
# ## Odd slices
#
# We change held-out slices (turn them upside down, mirror them, add heavy noise; where labels name a hip joint or a
# bladder, put a metal implant in its place or paint it over), add a real head from notebook 01, encode them all and
# look at the bits. (If your data are heads, it is one more head, of another scanner.)
#
# One number a slice may not be enough: an organ is a small part of a slice, and a missing one may hardly change the
# mean over all codes. So beside the mean we take the *oddest place*, the highest mean over 5 × 5 codes. **AUROC**
# (Hanley & McNeil 1982) is the chance that an odd slice scores above an unchanged one: 0.5 is guessing, 1 is never
# wrong.
#
# **Predict:** which of the changes will it hardly notice?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Hardly noticed is", ["hip implant", "mirrored", "heavy noise", "upside down"])

# %% tags=[]
show_source(outliers.surprise)


# %% tags=[]
def surprise_of(images: np.ndarray, at: np.ndarray) -> np.ndarray:
    """What each code of some slices costs: (n, H, W) and heights (n,) -> bits (n, h, w)."""
    codes = vqvae.encode(torch.from_numpy(images)[:, None])  # (n, h, w)
    return metrics.bits_by_position(prior, codes, condition(at)).numpy()


odd, before, costs = {}, {}, {}  # name -> slices (n, H, W), the same unchanged, bits (n, h, w)
for name, change in outliers.CHANGES.items():
    odd[name], positions = outliers.change_all(x.numpy(), labels, change)
    before[name] = x.numpy()[positions]
    if len(positions):
        costs[name] = surprise_of(odd[name], heights[positions])
odd["a head"] = outliers.head_slices(tuple(x.shape[1:]))
costs["a head"] = surprise_of(
    odd["a head"],
    metrics.nearest_heights(np.linspace(0, 1, len(odd["a head"])), train["height"]),
)
usual = metrics.bits_by_position(prior, c, condition(heights)).numpy()  # (n, h, w), unchanged
found_odd = outliers.rank(costs, usual)
print(f"unchanged: {usual.mean():.2f} bits a code")
found_odd.astype({"slices": int}).round(3)

# %% tags=[]
gain = found_odd["auroc_place"] - found_odd["auroc_mean"]
for name, what in ((gain.idxmax(), "most"), (gain.idxmin(), "least")):
    by_mean, by_place = found_odd.loc[name, ["auroc_mean", "auroc_place"]]
    print(f"the oddest place helps {what} with: {name}, AUROC {by_mean:.2f} -> {by_place:.2f}")
guess.compare((found_odd["auroc_place"] - 0.5).abs().idxmin())

# %% [markdown] tags=[]
# Compare the last two columns row by row. Where the oddest place does much better, the fault was too small for the
# mean, as the missing bladder is on the default data. A fault that costs many bits changes the mean even if it is
# small: look at the implant. Where both are near 0.5, the prior does not notice; where both are 1, any score would
# do. A column of such numbers says how well a *group* is told apart; for a single slice one has to choose a
# threshold, and accept its false alarms (exercise 1).
#
# **Predict:** an implant and a missing bladder are faults in one place. Will the oddest place of such a slice be there?
# And where is it when a slice is turned upside down?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "The oddest place lies on the fault",
    ["in fewer than half of the slices", "in half to nine in ten", "in nine in ten or more"],
)

# %% tags=[]
middle = {name: len(cost) // 2 for name, cost in costs.items()}  # one slice of each
maps = [costs[name][n] for name, n in middle.items()]
show(
    plots.evaluation.surprise_maps(
        [odd[name][n] for name, n in middle.items()],
        maps,
        outliers.oddest_place(np.stack(maps)),
        list(costs),
    ),
    "Changed slices above maps of the bits their codes cost. Bits a code at the oddest place: "
    + ", ".join(
        f"{one:.1f} {name}"
        for name, one in zip(costs, outliers.surprise(np.stack(maps)), strict=True)
    ),
)
local = [name for name in ("hip implant", "bladder missing") if name in costs]
if local:
    hit = np.concatenate([outliers.found(costs[one], odd[one], before[one]) for one in local])
    guess.compare_number(hit.mean(), [0.5, 0.9])

# %% [markdown] tags=[]
# *One slice of each kind (top), and what each of its codes costs (bottom), with the oddest place in red.*
#
# On the default data: does the red square find the implant, and the place where the bladder was? Where the whole
# slice is wrong, there is no single place to find. And does the mirrored slice cost much anywhere? An axial slice of
# a body is nearly its own mirror image, and a phantom's more so than a patient's. What is dangerous for a surgeon can
# be a small thing for a likelihood.

# %% [markdown] tags=[]
# ## When does the alarm ring?
#
# To use the score, one needs a threshold. It is set on usual slices, by the false alarms that one accepts. How many
# odd slices it then finds depends on what is odd, and how many alarms are *right* depends on how rare odd slices are.

# %% tags=[]
scores = {name: outliers.surprise(cost) for name, cost in costs.items()}  # each (m,)
kind = found_odd["auroc_place"].idxmin()  # the one that is hardest to tell
figure = plots.evaluation.alarm(outliers.surprise(usual), scores[kind], kind, 0.05, 0.01)
show(figure, f"Scores of usual slices and of '{kind}'; the threshold {figure.axes[0].get_title()}.")

# %% [markdown] tags=[]
# *Scores of usual slices and of the kind that is hardest to tell from them, with the threshold that one usual slice
# in twenty passes. The title says how many alarms are right if one slice in a hundred is odd.*
#
# Look for a kind and a threshold with which most alarms are right, while one slice in a thousand is odd. (The controls
# need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.evaluation.alarm(outliers.surprise(usual), scores)

# %% [markdown] tags=[]
# ## Where likelihood misleads
#
# Many bits mean an odd slice. Do few bits mean a normal one?
#
# **Predict:** order these by what they cost, the cheapest first: a held-out slice, an empty one, and the greedy slice of
# notebook 05, drawn at $T=0$.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The cheapest is", ["held out", "empty slice", "greedy, T = 0"])

# %% tags=[]
empty = np.zeros((20, *x.shape[1:]), np.float32)  # (20, H, W)
levels_asked = metrics.nearest_heights(np.linspace(0, 1, len(empty)), train["height"])
greedy = sample(prior, condition(levels_asked), range(len(empty)), temperature=0)  # (20, h, w)
cheap = {
    "held out": usual,
    "empty slice": surprise_of(empty, levels_asked),
    "greedy, T = 0": metrics.bits_by_position(prior, greedy, condition(levels_asked)).numpy(),
}
others = slices.subset("validate").rows  # neither known to the prior nor judged here
others = others if len(others) else train.iloc[:: max(1, len(train) // len(test))]
there = metrics.bits_by_position(prior, all_codes[others.index], condition(others["height"]))
typical = float(there.mean((1, 2)).median())  # (v, h, w) -> (v,) -> one number
print(f"{'':14} bits a code   AUROC: odd if many   odd if not typical")
for name, cost in cheap.items():
    many = outliers.auroc(outliers.surprise(cost), outliers.surprise(usual))
    away = outliers.auroc_two_sided(cost, usual, typical)
    print(f"{name:14} {cost.mean():11.2f} {many:21.2f} {away:20.2f}")
guess.compare(min(cheap, key=lambda name: cheap[name].mean()))

# %% [markdown] tags=[]
# Look at the empty slice (Nalisnick et al. 2019a met the same with photographs). Where it costs next to nothing, no
# real slice is as likely, and no alarm would ever ring for it. A high likelihood means "easy to guess", not "normal".
# Real slices contain many small details that cannot be guessed; a slice that costs far less than they do is as odd as
# one that costs far more. So the last column asks how far a slice is from the *typical* cost, that of the validation
# patients, in either direction (Nalisnick et al. 2019b). Compare the columns. It does not find everything: something
# odd that costs the usual amount by chance would still pass.

# %% [markdown] tags=[]
# ## The model card
#
# Whoever gets a model, or slices drawn from it, should get a page with it: what it was made from, what it may be used
# for and what not, how good it is and by which measure, and what these numbers do not say (Mitchell et al. 2019).
# Every number on ours comes from this run: from this notebook, and from what notebooks 06 and 07 wrote into the run's
# `evaluation.json`.

# %% tags=[]
no_joint = domain.why_unlabelled(slices) or "no held-out slice has labels that show a joint"
evaluation = run.add_evaluation(
    {"outliers": found_odd},
    {"ood_auroc_implant": found_odd["auroc_place"].get("hip implant")},
    {} if "hip implant" in found_odd.index else {"ood_auroc_implant": no_joint},
)
needed = {"reconstruction": "06", "sets": "07"}  # for the card, and the notebook that measures it
missing = [number for section, number in needed.items() if section not in evaluation]
if missing:
    print(f"no new card: run notebook {' and '.join(missing)} first, with run_name = '{run_name}'")

# %% tags=[]
if not missing:
    ssim = evaluation["reconstruction"]["SSIM"]
    low, high = evaluation["reconstruction_intervals"]["SSIM"]
    spread = "no interval" if low is None else f"{low:.3f} to {high:.3f}"
    score = "no SSIM" if ssim is None else f"SSIM {ssim:.3f} ({spread})"
    limits = [
        f"Scores rest on {len(x)} held-out slices; patients among them: {len(set(patients))}; {score}.",
        "What the domain network cannot see, no distance and no rule here measures.",
        "The check for copies finds whole slices, not parts of them and not shifted ones.",
        "A high likelihood under the prior does not make a slice normal: it may just be empty.",
    ]
    if evaluation["anatomy"]:
        kept, drawn = pd.Series(evaluation["anatomy"]["generated"]), evaluation["samples"]
        broken, worst = round((1 - kept["all"]) * drawn), kept[list(anatomy.RULES)].idxmin()
        limits.append(f"{broken} of {drawn} samples break a rule, most often '{worst}'.")
    print("its limits:", *limits, sep="\n- ")

# %% tags=[]
if not missing:
    card = model_card(run_name, settings, slices, evaluation, limits)
    write_atomic(run.path("model_card.md"), card.encode())

# %% [markdown] tags=[]
# The card is `model_card.md` in the run's folder. Its sentences on use are the same for every run; the scores, who
# may be seen and the limits are this run's own. A target that was missed is named there, and each score that could
# not be measured, with the reason.

# %% [markdown] tags=[]
# ## Exercises
#
# Replace the three dots, run the cell and then its check. Once you have tried, look into
# [the solutions](solutions/08_outliers.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · One number: false alarms
#
# Of a thousand slices ten are odd. An alarm rings for nine of these ten, and for one in twenty of the others. Of all
# slices for which it rings, which share is odd?

# %% tags=["exercise"]
share_odd = ...  # between 0 and 1

# %% tags=["check"]
exercises.check_alarms(share_odd)

# %% [markdown] tags=[]
# ### Exercise 2 · AUROC by hand
#
# Of all pairs of an odd and a normal slice, in which share does the odd one score higher? A tie counts half.


# %% tags=["exercise"]
def my_auroc(odd: np.ndarray, normal: np.ndarray) -> float:
    """Scores (n,) and (m,) -> 0 to 1."""
    return ...


# %% tags=["check"]
exercises.check_auroc(my_auroc)

# %% [markdown] tags=[]
# ### Exercise 3 · Cheap, and yet odd
#
# The empty slice is likelier than any real one. Why is it odd all the same?
#
# - **A** The prior was trained too briefly: a better one would charge more for an empty slice.
# - **B** The likeliest grid is not a typical one. Real slices pay for detail at many positions, and their
#   sums all end up near each other, far from the cheapest.
# - **C** An empty slice has no codes, so its bits mean nothing.
# - **D** It was asked about at the wrong place.

# %% tags=["exercise"]
why_odd = ...  # "A", "B", "C" or "D"

# %% tags=["check"]
exercises.check_why_not_odd(why_odd)

# %% [markdown] tags=[]
# ### Experiment · A prior that learned briefly
#
# The prior learns for a tenth of the steps:
#
# `vqgen run --profile quick --run-name brief --to 08 --set prior_steps=300`
#
# Predict first. Then run it in a terminal (in JupyterLab: File, New, Terminal). It runs notebooks 01 to 08 once more,
# takes no longer than they did, and leaves them in `runs/brief/notebooks/`: open them there.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "With a prior that learned briefly, the missing bladder is found",
    ["as well", "less well", "not at all"],
)

# %% [markdown] tags=[]
# Compare the two columns of AUROC. Which odd slices does only a good prior find, and which does any prior find? Write
# two sentences: what you saw, and why.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("08")

# %% [markdown] tags=[]
# ## Summary
#
# - Bits say how odd a slice is, and where. What is small may not change the mean: look for the oddest place.
# - An AUROC compares two groups. How many alarms are false depends on the threshold, and on how rare odd slices are.
# - Likely is not the same as normal: what costs far too little is odd as well.
# - A model comes with a card that says what it is for, how good it is, and what the numbers do not say.
#
# **What's next:** scans of your own, `vqgen run --data-dir FOLDER`, and the same questions again. Read
# `model_card.md` in the run's folder before you show anyone its slices.

# %% [markdown] tags=[]
# ## References
#
# - Pinaya et al. 2021: Unsupervised Brain Anomaly Detection and Segmentation with Transformers. MIDL. [arXiv:2102.11650](https://arxiv.org/abs/2102.11650)
# - Hanley & McNeil 1982: The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC) Curve. Radiology 143(1)
# - Nalisnick et al. 2019a: Do Deep Generative Models Know What They Don't Know? ICLR. [arXiv:1810.09136](https://arxiv.org/abs/1810.09136)
# - Nalisnick et al. 2019b: Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality. [arXiv:1906.02994](https://arxiv.org/abs/1906.02994)
# - Mitchell et al. 2019: Model Cards for Model Reporting. FAT*. [arXiv:1810.03993](https://arxiv.org/abs/1810.03993)
