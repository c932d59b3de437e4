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
# # 09 · Few patients
#
# Most people who come with scans of their own bring five to fifty patients. From so few, a prior does not learn what bodies look
# like: it learns *these* bodies by heart, like a parrot. This notebook shows how one sees that coming, what helps, and what may
# honestly be said when hardly anybody is left to test on.
#
# **You will learn**
#
# - to see in two curves when a prior stops learning and starts to memorise;
# - to make few patients look like more, and to check what that buys and what it does not;
# - to report a score that rests on a handful of people, or on one.
#
# **You need** notebooks 02 and 04 to have run. **Time to learn:** 60 minutes.
# **Time to run:** about 12 minutes on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $x$ | (n, 1, H, W) | slices |
# | $c$ | (n, h, w) | their grids of codes |
# | $y$ | (n,) | places along the scan, 0 to 1 |
# | $P$ | | number of patients that are tested |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run whose VQ-VAE, data and settings are used
few: int = 8  # training patients to keep; all, where there are fewer
few_steps: Optional[int] = None  # training steps; none: as many as the slices ask for
few_samples: int = 60  # to draw from each prior, for the look for copies

# %% tags=[]
import numpy as np
import pandas as pd
import torch

from vqgen_utils import config, plots
from vqgen_utils.evaluation import bootstrap, memorisation, metrics, targets
from vqgen_utils.models import height_features, sample
from vqgen_utils.plots import show
from vqgen_utils.runs import Run, compare, new_prior, prior_lesson
from vqgen_utils.teaching import predict, show_source, widgets
from vqgen_utils.teaching.exercises import few_patients as exercises
from vqgen_utils.training import Schedule, augmentation, fit

run = Run(run_name)
settings = run.settings(profile)  # complains if notebook 02 used another profile
vqvae, run_prior, all_codes = run.load_vqvae(), run.load_prior(), run.load_codes()
slices = run.load_slices(settings)
K, grid = vqvae.num_embeddings, tuple(all_codes.shape[1:])  # grid is (h, w)

# %% [markdown] tags=[]
# ## Few people
#
# We keep the first few training patients of the run. The VQ-VAE stays as it is: it looks at small blocks, and a few people have
# nearly all blocks there are (notebook 07). It is the prior that needs people. (The VQ-VAE has seen *all* training
# patients, so what follows is a little kinder than a whole run on so few. The published runs further down are whole ones.)

# %% tags=[]
learn, choose = slices.to_learn_from()  # to fit weights to, and to choose among them
people = learn.rows["patient"].unique()[:few]
own, test = learn.of_patients(people).rows, slices.subset("test").rows
training = config.change(
    settings, prior_steps=few_steps, prior_epochs=0 if few_steps else None, prior_patience=1.0
).prior_training  # patience 1: to the end, whatever validation says
schedule = Schedule(len(own), training)
passes = schedule.passes_at(schedule.steps)
print(f"{len(own)} slices; patients among them: {len(people)} of {learn.rows['patient'].nunique()}")
print(f"{schedule.steps:,} steps of {training.batch_size} slices: {passes:.1f} passes over them")
print(slices.whose)
if not len(slices.subset("validate")):
    print("no validation patients: a held-out part of the training slices chooses the weights")
if not len(choose):
    print("and there are too few even for that, so the last weights are used")

# %% [markdown] tags=[]
# So many times does training show every one of these slices. After twenty passes a slice is an old acquaintance.

# %% [markdown] tags=[]
# ## The parrot, seen coming
#
# We train the prior on their codes as they are, to the last step, with the network and the settings of notebook 04.
#
# **Predict:** what it pays on its own slices will fall and fall. When will it pay least on the validation slices?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("It pays least on validation", ["early", "about in the middle", "near the end"])


# %% tags=[]
def train(name: str, augment: str, choosing: bool = True):
    """A prior trained on the few patients, and how it went."""
    ours = config.change(settings, augment=augment)
    lesson = prior_lesson(ours, slices, all_codes, vqvae, people)
    made_from = run.prior_made_from(ours, grid, slices)
    prior = new_prior(ours, grid)
    result = fit(
        prior,
        lesson.losses,
        lesson.train,
        training,
        run.path(f"few_{name}.safetensors"),
        made_from | {"learned_from": list(map(str, people)), "choosing": choosing},
        validate=lesson.validate if choosing else None,
        change=lesson.change,
    )
    return prior, result


priors, results = {}, {}
priors["best step"], results["best step"] = train("plain", "off")
print(results["best step"])

# %% tags=[]
plain = results["best step"]
show(
    plots.training.curves_apart({"as they are": plain.history}, {"as they are": plain.best_step}),
    "Bits a code against steps: its own slices cost ever less, while validation slices cost more "
    "again after the step whose weights are kept.",
)
if "val_loss" in plain.history:
    guess.compare_number(plain.best_step / schedule.steps, [1 / 3, 2 / 3])

# %% [markdown] tags=[]
# *Bits a code on the few patients' slices (line) and on validation slices (circles), with the step whose weights are kept.*
#
# As long as both fall, what it learns is true of other people too. Where they part, it learns only these people. Where the circles rise, that does harm.
# No sample is needed to see it: the parrot of notebook 07 shows in two curves.
#
# **Early stopping** (Prechelt 1998) keeps the weights of the lowest circle. And it ends the training when a share `patience` of all
# steps has brought none that is lower. When would that have been here?

# %% tags=[]
if "val_loss" in plain.history:
    looks = plain.history.dropna(subset="val_loss")
    patience = settings.prior_training.patience
    lowest = looks["val_loss"].cummin()  # so far
    reached = looks["step"].where(looks["val_loss"] <= lowest).ffill()  # the step it is from
    over = looks["step"][looks["step"] - reached >= patience * schedule.steps]
    stopped = over.iloc[0] if len(over) else schedule.steps
    print(f"best: step {plain.best_step}; with patience {patience}: over at step {stopped:.0f}")
    worse = (looks["val_loss"].iloc[-1] - lowest.iloc[-1]) / np.log(2)
    print(f"going on to step {schedule.steps} costs {worse:.2f} bits a code on validation slices")

# %% [markdown] tags=[]
# Early stopping says when to stop. It does not teach anatomy: the best of these weights have seen each slice only a few times. To
# learn longer, there must be more to learn from.

# %% [markdown] tags=[]
# ## More of the same people
#
# Nobody lies twice in the same way. So before a slice is encoded it is turned, moved, scaled and re-contrasted a little, anew each time: this is
# **augmentation** (Simard et al. 2003 for digits; Shorten & Khoshgoftaar 2019 survey it).

# %% tags=[]
show_source(augmentation.augment)

# %% [markdown] tags=[]
# The ranges are what differs between two people whom two radiographers lay on one table, and not more. Whatever is shown will be
# learned, and then drawn: of too strong a change, generators learn the change (Karras et al. 2020).
#
# **Predict:** of the codes of a slice, how many change with it?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Codes that change", ["less than a tenth", "a tenth to a half", "more than half"])

# %% tags=[]
ranges = config.change(settings, augment="full").augmentation.scaled_for(len(people))
middle = own.index[(own["height"] - 0.5).abs().argsort().iloc[0]]
x = torch.from_numpy(slices.images[[middle] * 4].astype(np.float32))[:, None]  # (4, 1, H, W)
seeds = range(4)
changed = torch.cat([x[:1], augmentation.augment(x, seeds, 1.0, ranges)])  # (5, 1, H, W)
c = vqvae.encode(changed)  # (5, h, w)
differ = (c != c[0]).float()  # (5, h, w)
share = differ[1:].mean().item()
shares = [f"{one:.0%} of codes differ" for one in differ.mean((1, 2)).tolist()]
show(
    plots.slices.rows(
        {
            "slice": list(changed[:, 0].numpy()),
            "from its codes": list(vqvae.decode(c)[:, 0].numpy()),
            "codes that differ": list(differ.numpy()),
        },
        ["as it is", *["changed"] * 4, *[""] * 5, *shares],
    ),
    "A slice and four changed ones, what their codes decode to, and in white the codes that differ.",
)
guess.compare_number(share, [0.1, 0.5])

# %% [markdown] tags=[]
# *One slice as it is (left) and four times changed; what is left after the codes; and in white each code that differs from
# the unchanged slice's.*
#
# To the eye it is the same body five times. To the prior these are different grids: wherever there is more than plain black, codes are new. No grid comes
# twice, so there is none to learn by heart. But nobody has got another anatomy: what is rare among these people stays rare.
#
# Now the same network and the same steps, with changed pictures. The changes grow smaller as training goes on, down to none at its end, so that what is learned last is how slices
# really look.
#
# **Predict:** what will it pay on people it has never seen?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "On people held out, changed pictures bring", ["fewer bits", "the same", "more bits"]
)

# %% tags=[]
priors["changed"], results["changed"] = train("augmented", "full")
augmented = results["changed"]
show(
    plots.training.curves_apart(
        {"as they are": plain.history, "changed a little": augmented.history},
        {"as they are": plain.best_step, "changed a little": augmented.best_step},
    ),
    "The curves of both trainings on one scale: with changed pictures, learning and validation "
    "stay closer together.",
)

# %% [markdown] tags=[]
# *Both trainings on one scale: pictures as they are (left) and changed a little (right).*
#
# Look at three things: the gap between line and circles, where the circles are lowest, and how low. On the right the line is *higher*, and that is
# no fault: the task is harder. The lines of the two panels are not comparable, for they are paid on different pictures; the circles are. Where the changes fade, the line
# may fall once more: then it sees known slices again.
#
# To see what early stopping alone does, we train the plain one once more without anybody who chooses: it keeps its last weights. Then all three are asked
# about the same slices, unchanged.

# %% tags=[]
priors["last step"], results["last step"] = train("last", "off", choosing=False)


def bits_of(prior, rows: pd.DataFrame) -> np.ndarray:
    """Bits a code of each slice in some rows of the index: (n,)."""
    told = height_features(torch.tensor(rows["height"].to_numpy(), dtype=torch.float32))  # (n, 16)
    return metrics.bits_by_position(prior, all_codes[rows.index], told).mean((1, 2)).numpy()


paid = pd.DataFrame(
    {
        name: {
            "step": results[name].best_step,
            "its own patients": bits_of(priors[name], own).mean(),
            "validation": bits_of(priors[name], choose.rows).mean() if len(choose) else np.nan,
            "test": bits_of(priors[name], test).mean(),
        }
        for name in ("last step", "best step", "changed")
    }
).T
test_bits = paid["test"]
gain = test_bits["best step"] - test_bits["changed"]
guess.compare("the same" if abs(gain) < 0.02 else "fewer bits" if gain > 0 else "more bits")

# %% tags=[]
order0 = metrics.entropy_bits(metrics.code_counts(all_codes[test.index], K))
everybody = learn.rows["patient"].nunique()
of_all = bits_of(run_prior, test).mean()
print(f"a plain guess: {np.log2(K):.2f} bits a code; by frequency alone (order-0): {order0:.2f}")
print(f"this run's own prior, training patients: {everybody}; on the test slices: {of_all:.2f}")
targets.spelled_out(paid.round(2).astype({"step": int}))

# %% [markdown] tags=[]
# Read the table by rows. The last step pays next to nothing on its own slices and may pay more than a plain guess on others: it is sure of
# itself, and wrong. The best step (second row) is the cure for that, and only for that. The third row is what learning longer from more gives, and the
# sentence above it says what more *people* would have given. Nothing here makes up for them.

# %% [markdown] tags=[]
# ## Where bits get better and pictures do not
#
# Bits say how well a prior expects other people's slices. Do its own drawings get better with them?
#
# **Predict:** which of the three draws most copies of slices that it knows?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Most copies draws", list(paid.index))

# %% tags=[]
decoded = {
    name: vqvae.decode(all_codes[rows.index])[:, 0] for name, rows in (("own", own), ("test", test))
}  # (n, H, W) each
asked = metrics.nearest_heights(np.linspace(0.1, 0.9, 5), own["height"])  # places that occur
told = height_features(torch.tensor(asked, dtype=torch.float32))  # (5, 16)
pictures, titles = {}, []
for name in paid.index:
    drawn = vqvae.decode(sample(priors[name], told, range(5)))[:, 0]  # (5, H, W)
    away, which = memorisation.nearest(drawn, decoded["own"])  # (5,), (5,)
    pictures[name] = list(drawn.numpy())
    pictures[f"near {name}"] = list(decoded["own"][which].numpy())
    titles += [f"place {y:.2f}" for y in asked] + [f"{one:.3f} away" for one in away.tolist()]
show(
    plots.slices.rows(pictures, titles),
    "Samples of the three priors at the same places, each above the training slice nearest to it.",
)

# %% [markdown] tags=[]
# *Samples of the three priors at the same places, each above the slice of the few patients that is nearest to it ("near ...", both from codes), with the
# distance of their pixels. Not chosen by hand.*
#
# Compare each sample with the slice below it. The last step may draw the cleanest slices of all, and then they are somebody's: at 0.000 to the last pixel, further away often
# stitched together from two known bodies. The best step pays far fewer bits and often draws *worse*, for it stopped before it knew how a whole body hangs together. So better bits
# are not better pictures, and fine pictures are no proof of learning. And the third? Look for organs that hang together, and also for bodies that lie askew, or are too small or too wide:
# what was shown has been learned.

# %% tags=[]
levels = (np.arange(few_samples) + 0.5) / few_samples
places = np.quantile(own["height"], levels, method="inverted_cdf")  # as densely as they occur
told = height_features(torch.tensor(places, dtype=torch.float32))  # (few_samples, 16)
groups = {"held out": decoded["test"], "its own slices": decoded["own"]}
groups |= {
    name: vqvae.decode(sample(priors[name], told, range(few_samples)))[:, 0] for name in paid.index
}
away = {
    name: memorisation.nearest(some, decoded["own"])[0].numpy() for name, some in groups.items()
}
near = memorisation.Nearness(away, "held out")
one_patient = "one patient is tested, and how patients differ is not known"
fault = near.why_not("its own slices") or (one_patient if test["patient"].nunique() < 2 else "")
copies = {name: None if fault else near.share(name) for name in paid.index}
if fault:
    print(f"copies are not counted, since {fault}")
else:
    guess.compare(max(copies, key=lambda name: copies[name]))
strip = {"root-mean-square difference of pixels": (near.groups, near.limit)}
show(
    plots.evaluation.nearness_strips(strip),
    "Distances to the nearest slice of the few patients, for held-out slices and three priors' samples.",
)

# %% [markdown] tags=[]
# *Distance to the nearest slice of the few patients. Upright line: median; dashed: the limit, and one held-out slice in a hundred is nearer than that.*
#
# A good set lies where held-out slices lie. Left of them are copies. Far to the right of them are no new people, but slices unlike anybody's.

# %% tags=[]
for name, number in copies.items():
    like = "copies not counted"
    if number is not None:
        like = f"{number:.0%} of {few_samples} samples look like copies"
    print(f"{name}: {like}; bits {test_bits[name]:.2f}")

# %% [markdown] tags=[]
# The test sees copies of whole slices, pixel by pixel. A known body that was turned by three degrees is "far" for it: with changed pictures a
# parrot could hide. So do not read a zero as "nobody is recognised". The gap in bits between its own patients and others cannot hide so.

# %% [markdown] tags=[]
# ## What each remedy buys
#
# One run is one draw of luck. So we cut one phantom down to 8, 15, ... 240 training patients, ran the whole training on each with three
# seeds, with pictures as they are and changed a little (`python -m benchmarks.few_patients`), and judged all of them on the same twelve
# people. The phantom can be asked what no patient can: which of the samples keep every rule of its anatomy.
#
# **Predict:** changed pictures help most with

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Of 8 to 60 patients, changed pictures help most with", ["the fewest", "the most"])

# %% tags=[]
ways = {"as they are": False, "changed a little": True}
published = {name: compare.published_patients(augmented) for name, augmented in ways.items()}
if all(len(table) for table in published.values()):
    show(
        plots.runs.few_patients(published),
        "Eight scores against the number of training patients, with pictures as they are and changed.",
    )
    bits = [table.set_index("patients")["bits_per_code"] for table in published.values()]
    saved = (bits[0] - bits[1]).dropna()  # of the numbers of patients that both have
    print("; ".join(f"{number} patients: {one:.2f} bits saved" for number, one in saved.items()))
    guess.compare("the fewest" if saved.iloc[0] > saved.iloc[-1] else "the most")
else:
    print("not measured here yet: python -m benchmarks.few_patients writes the numbers")

# %% [markdown] tags=[]
# *Median of three seeds (line) and the lowest and the highest (band), on the phantom, whatever data you look at here.*
#
# Read all eight, not the kindest. Bits and copies tell of the prior; the Fréchet distance, precision and recall tell whether its samples
# are spread as real slices are, and they need not follow the bits. Where bands overlap, three seeds do not tell the two apart.
#
# What else was tried, each alone, on top of changed pictures, on people's spines: averaged weights, dropout, a narrower
# network, wider ranges. None of them changed the bits by more than one seed can tell; twice the steps did a little.

# %% [markdown] tags=[]
# ## What is honest to say
#
# With few patients, few are left to test on. Here is what the prior with changed pictures pays for each of them.
#
# **Predict:** an interval is drawn twice, once as if slices were independent, once by whole patients (Efron 1979 drew again from what he had).
# How wide is the first, beside the second?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The interval by slices is", ["wider", "about as wide", "narrower"])

# %% tags=[]
score, whose = bits_of(priors["changed"], test), test["patient"].to_numpy()  # (n,), (n,)
each = pd.Series(score).groupby(whose).mean()
low, high = bootstrap.interval(score, whose)
low_slices, high_slices = bootstrap.interval(score, np.arange(len(score)))
print(f"{len(score)} slices; patients tested: {len(each)}; mean {score.mean():.2f} bits a code")
if len(each) > 1:
    print(f"had only '{each.idxmin()}' been tested, we would report {each.min():.2f}")
    print(f"had only '{each.idxmax()}' been tested, we would report {each.max():.2f}")
    print(f"by patients {low:.2f} to {high:.2f}; by slices {low_slices:.2f} to {high_slices:.2f}")
    width = (high_slices - low_slices) / (high - low)
    guess.compare("narrower" if width < 0.8 else "wider" if width > 1.25 else "about as wide")
else:
    print("of one patient there is no interval by patients: nobody knows how patients differ")
show(
    plots.evaluation.who_is_tested(score, whose, list(each.index)),
    "Bits of each test patient's slices and their means, above the mean of all with its two intervals.",
)

# %% [markdown] tags=[]
# *Bits of each slice (strokes) and each patient's mean (circles; full: tested). Below, the mean over the tested with its interval, by patients and by slices.*
#
# Slices of one patient are alike: what is odd about a patient is in all of them. Drawing slices again counts them as so many independent witnesses, and
# promises more than is known. Drawing patients again asks what another $P$ people would have given. It is the wider one mostly, and the honest one; with three or four patients
# even that is too narrow, for a draw can hold only people who were there (Varoquaux 2018 shows how wide errors of small test sets really are).
#
# Test one patient, then two, then more, and see which interval settles, and which only pretends to. (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.evaluation.who_is_tested(score, whose)

# %% [markdown] tags=[]
# With one test patient there is a number, and no interval. Say "2.9 bits a code, on one patient" and not "2.9 ± 0.1, on 40 slices".
#
# Better than a caveat is to test everybody once: `vqgen run --folds 5` deals the patients into five parts, trains five times, and each part is the test of one of
# the five. `vqgen compare` then pools all of them into one mean with an interval by patients. It costs five trainings, and it is a score of the *recipe*: each fold
# has weights of its own.

# %% [markdown] tags=[]
# ## Exercises
#
# Replace the three dots, run the cell and then its check. Once you have tried, look into
# [the solutions](solutions/09_few_patients.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · One number: passes over the data
#
# Five patients have twenty slices each. Training takes 1,500 steps of eight slices. How many times does it show each slice?

# %% tags=["exercise"]
times_seen = ...  # a number

# %% tags=["check"]
exercises.check_passes(times_seen)

# %% [markdown] tags=[]
# ### Exercise 2 · Early stopping
#
# `losses` are those of validation, look by look. Training stops at the first look that comes `patience` looks after the best one so far; if it never
# waits so long, at the last look. A loss that only equals the best is not better. Which look is the best, and at which does it stop? (The first is look 0.)


# %% tags=["exercise"]
def stop(losses: list[float], patience: int) -> tuple[int, int]:
    """Losses of n looks -> (index of the best seen until it stops, index where it stops)."""
    return ...


# %% tags=["check"]
exercises.check_stop(stop)

# %% [markdown] tags=[]
# ### Exercise 3 · One draw of a bootstrap
#
# An interval by patients comes from many draws like this one: some patients' names are drawn, some of them more than once. The mean is over all slices of those drawn; who
# was drawn twice counts twice.


# %% tags=["exercise"]
def mean_of_draw(values: np.ndarray, patients: np.ndarray, drawn: list[str]) -> float:
    """Values (n,) of slices, whose they are (n,), and names drawn -> one mean."""
    return ...


# %% tags=["check"]
exercises.check_mean_of_draw(mean_of_draw)

# %% [markdown] tags=[]
# ### Exercise 4 · A claim
#
# You have scans of six people: four to learn from, one to validate on, one to test on, with 40 slices. The prior with changed pictures pays 2.9 bits a code on the test slices, the plain one
# 3.4. Which sentence can you sign?
#
# - **A** Changed pictures save 0.5 ± 0.05 bits; the interval is from 40 test slices.
# - **B** On the one patient tested, changed pictures saved 0.5 bits a code; how that varies between patients we do not know.
# - **C** Changed pictures help: 2.9 is well below 3.4, so it will be so for other people.
# - **D** Nothing at all can be said, so the number should be left out.

# %% tags=["exercise"]
honest = ...  # "A", "B", "C" or "D"

# %% tags=["check"]
exercises.check_claim(honest)

# %% [markdown] tags=[]
# ### Experiment · A whole run on eight
#
# Here the VQ-VAE had seen everybody. Let both models learn from eight patients of the phantom, with pictures as they are:
#
# `vqgen run --profile quick --run-name eight-off --to 04 --set patients_train=8 --set augment=off`
#
# and then the same with `--run-name eight-auto` and without the last setting. `vqgen compare eight` puts them side by side. Predict first.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Changed pictures help more", ["the VQ-VAE's SSIM", "the prior's bits"])

# %% [markdown] tags=[]
# Write two sentences: what you saw, and why one of the two models needs people more than the other.

# %% [markdown] tags=[]
# ## Summary
#
# - Two curves that part are a parrot in the making. Early stopping keeps the best weights; it does not make them good.
# - Pictures changed a little before they are encoded give new codes of the same people: more to learn from, but no new anatomy.
# - Better bits are not better pictures, and fine pictures may be copies. Look at bits, samples and copies together.
# - Patients are the independent things, not slices. One test patient gives a number without an interval; folds test everybody once.
#
# **What's next:** your own scans. `vqgen run --data-dir FOLDER --folds 5` runs the series on each fold, with changed pictures where patients are few, and
# `vqgen compare` says what came of it, over all patients.

# %% tags=[]
names = {"last step": "last", "best step": "best", "changed": "augmented"}
measured = {"patients": len(people), "slices": len(own), "passes": passes, "codes_changed": share}
for name, key in names.items():
    measured |= {
        f"step_{key}": results[name].best_step,
        f"bits_{key}_train": paid.loc[name, "its own patients"],
        f"bits_{key}_validate": paid.loc[name, "validation"],
        f"bits_{key}": paid.loc[name, "test"],
        f"copies_{key}": copies[name],
    }
measured |= {"bits_augmented_low": low, "bits_augmented_high": high}
why = {"copies": fault, "validate": "" if len(choose) else "no slices are left to validate on"}
why["_low"] = why["_high"] = one_patient
empty = [key for key, value in measured.items() if value is None or np.isnan(value)]
reasons = {key: next(text for part, text in why.items() if part in key) for key in empty}
run.add_metrics("few_patients", measured, reasons)

# %% [markdown] tags=[]
# ## References
#
# - Prechelt 1998: Early Stopping - But When? In: Neural Networks: Tricks of the Trade. Springer
# - Simard et al. 2003: Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis. ICDAR
# - Shorten & Khoshgoftaar 2019: A Survey on Image Data Augmentation for Deep Learning. Journal of Big Data 6
# - Karras et al. 2020: Training Generative Adversarial Networks with Limited Data. NeurIPS. [arXiv:2006.06676](https://arxiv.org/abs/2006.06676)
# - Efron 1979: Bootstrap Methods: Another Look at the Jackknife. Annals of Statistics 7(1)
# - Varoquaux 2018: Cross-validation Failure: Small Sample Sizes Lead to Large Error Bars. NeuroImage 180. [arXiv:1706.07581](https://arxiv.org/abs/1706.07581)
