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
# Many people who have scans of their own have five to fifty patients. From so few, a prior hardly learns what bodies
# look like: it memorises *these* bodies. This notebook shows how to see that early, what helps, and what may honestly
# be said when very few patients are left to test on.
#
# **You will learn**
#
# - to see in two curves when a prior stops learning and starts to memorise;
# - to make few patients look like more, and to check what that improves and what it does not;
# - to report a score that comes from a few patients, or from one.
#
# **You need** notebooks 02 and 04 to have run. **Time to learn:** 60 minutes.
# **Time to run:** about 9 minutes on 2 CPU cores (profile quick).
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
# We keep the first few training patients of the run. The VQ-VAE stays as it is: it looks at small blocks, and even a
# few patients have most kinds of blocks. The prior needs many patients (the experiment below tests both). (Here the
# VQ-VAE has seen *all* training patients, so the results may be a little better than those of a whole run on so few.
# The published runs further down are whole ones.)

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
# Training shows each of these slices once in every pass. After some twenty passes, a prior may know a slice well.

# %% [markdown] tags=[]
# ## The prior begins to memorise
#
# We train a prior on the codes of these slices as they are, to the last step, with the network and the settings of
# notebook 04.
#
# **Predict:** the bits that it pays on its own slices will fall to the end. When will it pay least on the validation
# slices?

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
    f"Bits a code against steps, {plots.training.ways(plain.history, plain.best_step)}.",
)
if "val_loss" in plain.history:
    guess.compare_number(plain.best_step / schedule.steps, [1 / 3, 2 / 3])

# %% [markdown] tags=[]
# *Bits a code on the few patients' slices (line) and on validation slices (circles), with the step whose weights are
# kept.*
#
# As long as both fall, what the prior learns is true of other patients too. Where only the line falls, it learns these
# patients alone. Where the circles rise, that does harm. These two curves show that a prior memorises, before it has
# drawn any sample.
#
# **Early stopping** (Prechelt 1998) keeps the weights of the lowest circle. It also ends the training when no lower
# circle has come for a share `patience` of all steps. When would that be here?

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
# Early stopping says when to stop. It does not teach anatomy: the best of these weights may have seen each slice a
# few times only. To learn longer, the prior needs more to learn from.

# %% [markdown] tags=[]
# ## More of the same people
#
# Nobody lies on the table twice in the same way. So before a slice is encoded, it is turned, moved and scaled, and
# its contrast is changed, a little and differently each time: this is **augmentation** (Simard et al. 2003 for
# digits; Shorten & Khoshgoftaar 2019 survey it).

# %% tags=[]
show_source(augmentation.augment)

# %% [markdown] tags=[]
# The ranges are as large as the differences between two patients on the same table, placed by two radiographers, and
# not larger. Whatever is shown will be learned, and then drawn: if the changes are too strong, a generator learns the
# changes (Karras et al. 2020).
#
# **Predict:** when a slice is changed in this way, how many of its codes change?

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
    f"A slice and four changed ones, what their codes decode to, and in white the codes that differ: "
    f"{share:.0%} of them on average.",
)
guess.compare_number(share, [0.1, 0.5])

# %% [markdown] tags=[]
# *One slice as it is (left) and four times changed; what is left after the codes; and in white each code that differs
# from the unchanged slice's.*
#
# For us it is the same body five times. For the prior these are different grids: look where the codes are new. Hardly
# any grid comes twice, so it is harder to memorise one. But there is no new anatomy: what is rare among these patients
# stays rare.
#
# Now we train the same network for the same steps, with changed pictures. The changes become smaller as training goes
# on, and are gone at its end: what is learned last is how slices really look.
#
# **Predict:** what will it pay on patients it has never seen?

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
    f"Bits a code of both trainings. As they are: {plots.training.ways(plain.history, plain.best_step)}; "
    f"changed a little: {plots.training.ways(augmented.history, augmented.best_step)}.",
)

# %% [markdown] tags=[]
# *Both trainings on one scale: pictures as they are (left) and changed a little (right).*
#
# Look at three things: the gap between line and circles, where the circles are lowest, and how low they are. If the
# line on the right is *higher*, that is no fault: the task is harder. The lines of the two panels cannot be compared,
# for they belong to different pictures; the circles can. Where the changes fade, the line may fall again: then the
# prior sees slices that it knows.
#
# To see what early stopping alone does, we train the plain prior once more, and keep its last weights instead of its
# best. Then all three are measured on the same slices, unchanged.

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
# Read the table by rows. Compare what the last step pays on its own slices and on others. If it pays more on others
# than a plain guess does, it is sure of itself, and wrong. Keeping the best step (second row) may repair that; it
# adds nothing. The third row is the result of changed pictures. The line above the table says what a prior of *all*
# training patients pays. Does anything here replace more patients?

# %% [markdown] tags=[]
# ## Better bits, and better pictures?
#
# Bits say how well a prior predicts other patients' slices. If a prior pays fewer bits, are its samples better too?
#
# **Predict:** which of the three priors draws the most copies of slices that it knows?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Most copies draws", list(paid.index))

# %% tags=[]
decoded = {
    name: vqvae.decode(all_codes[rows.index])[:, 0] for name, rows in (("own", own), ("test", test))
}  # (n, H, W) each
asked = metrics.nearest_heights(np.linspace(0.1, 0.9, 5), own["height"])  # places that occur
told = height_features(torch.tensor(asked, dtype=torch.float32))  # (5, 16)
pictures, titles, far = {}, [], {}
for name in paid.index:
    drawn = vqvae.decode(sample(priors[name], told, range(5)))[:, 0]  # (5, H, W)
    away, which = memorisation.nearest(drawn, decoded["own"])  # (5,), (5,)
    pictures[name] = list(drawn.numpy())
    pictures[f"near {name}"] = list(decoded["own"][which].numpy())
    titles += [f"place {y:.2f}" for y in asked] + [f"{one:.3f} away" for one in away.tolist()]
    far[name] = away.mean().item()
show(
    plots.slices.rows(pictures, titles),
    "Samples of the priors at the same places, above the training slices nearest to them; mean distance: "
    + ", ".join(f"{name} {one:.3f}" for name, one in far.items()),
)

# %% [markdown] tags=[]
# *Samples of the three priors at the same places, each above the slice of the few patients that is nearest to it
# ("near ...", both from codes), with the distance of their pixels. Not chosen by hand.*
#
# Compare each sample with the slice below it. The last step may draw the cleanest slices of all. Are they copies? At a
# distance of 0.000 a sample equals a training slice in every pixel; farther away it may be put together from two known
# bodies. The best step pays fewer bits on other patients, and may still draw *worse*, if it stopped before it had
# learned how the parts of a whole body fit together. So better bits need not be better pictures, and good pictures are
# no proof of learning. And the third? Look whether organs fit together, and also for bodies that lie at an angle, or
# are too small or too wide: what was shown has been learned.

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
    f"Distances to the nearest slice of the few patients, with the limit at {near.limit:.3f}. Medians: "
    + ", ".join(f"{name} {np.median(values):.3f}" for name, values in near.groups.items()),
)

# %% [markdown] tags=[]
# *Distance to the nearest slice of the few patients. Upright line: median; dashed: the limit, and one held-out slice
# in a hundred is nearer than that.*
#
# A good set lies where held-out slices lie. Samples left of the limit look like copies. Samples far to the right are
# not new patients: they are unlike anybody's slices.

# %% tags=[]
for name, number in copies.items():
    like = "copies not counted"
    if number is not None:
        like = f"{number:.0%} of {few_samples} samples look like copies"
    print(f"{name}: {like}; bits {test_bits[name]:.2f}")

# %% [markdown] tags=[]
# This count compares whole slices, pixel by pixel. A known body that was turned by three degrees counts as "far": with
# changed pictures, the count can miss a prior that has memorised. So a zero does not mean "nobody can be recognised".
# The gap in bits between a prior's own patients and others still shows it.

# %% [markdown] tags=[]
# ## What each remedy improves
#
# One run may be lucky. `python -m benchmarks.few_patients` trains on 8, 15 and more patients of one phantom, with up to
# three seeds, with pictures as they are and changed a little. It judges all runs on the same held-out patients. On the
# phantom we can also count the samples that keep every rule of its anatomy.
#
# **Predict:** are changed pictures a greater help with the fewest patients or with the most?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Of 8 to 60 patients, changed pictures help most with", ["the fewest", "the most"])

# %% tags=[]
ways = {"as they are": False, "changed a little": True}
measured = {name: compare.published_patients(augmented) for name, augmented in ways.items()}
published = compare.of_one_rate(measured)  # at another rate, two things would differ
if all(len(table) for table in published.values()):
    show(
        plots.runs.few_patients(published),
        "Eight scores against the number of training patients. Bits a code with the fewest and the most: "
        + ", ".join(
            f"{name} {table['bits_per_code'].iloc[0]:.2f} and {table['bits_per_code'].iloc[-1]:.2f}"
            for name, table in published.items()
        ),
    )
    bits = [table.set_index("patients")["bits_per_code"] for table in published.values()]
    saved = (bits[0] - bits[1]).dropna()  # of the numbers of patients that both have
    print("; ".join(f"{number} patients: {one:.2f} bits saved" for number, one in saved.items()))
    if len(saved) > 1:
        guess.compare("the fewest" if saved.iloc[0] > saved.iloc[-1] else "the most")
    for name, table in measured.items():
        for _, row in table.drop(published[name].index).iterrows():
            how = f"rate {row['prior_learning_rate']}, {row['bits_per_code']:.2f} bits a code"
            print(f"not drawn: {row['patients']} patients, {name}, {how}")
else:
    print("not measured here yet: python -m benchmarks.few_patients writes the numbers")

# %% [markdown] tags=[]
# *Median over seeds (line), with the lowest and the highest (band), on the phantom, whatever data you look at here. A
# point at which the band closes has one seed. Only priors that learned at one rate are drawn; those at another would
# change two things at once, and are listed below the figure, if there are any.*
#
# Read all eight, not only the best. Bits and copies are about the prior; the Fréchet distance, precision and recall say
# whether its samples vary as real slices do, and they need not follow the bits. Where bands overlap, these seeds do not
# show which of the two is better. A single seed never shows it.
#
# Dropout, weight decay (also with twice the learning rate, as this series does it), a smaller network, label smoothing
# and averaged weights were tried as well, each on top of changed pictures: `python -m benchmarks.remedies`, with a
# table in `docs/results.md`. Look there for the remedy that changes bits a little and samples a lot.

# %% [markdown] tags=[]
# ## What is honest to say
#
# With few patients, few are left to test on. Here are the bits that the prior with changed pictures pays for each of
# them.
#
# **Predict:** an interval is drawn twice, once as if slices were independent, once by whole patients (the bootstrap of
# Efron 1979, see notebook 06). How wide is the first, compared with the second?

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
    f"Bits a code: the patients' means lie between {each.min():.2f} and {each.max():.2f}; the mean of all "
    f"is {score.mean():.2f}.",
)

# %% [markdown] tags=[]
# *Bits of each slice (strokes) and each patient's mean (circles; full: tested). Below, the mean over the tested with
# its interval, by patients and by slices.*
#
# Slices of one patient are alike: what is odd about a patient is in all of them. Drawing slices counts them as
# independent, and promises more than is known. Drawing patients asks what another $P$ patients would give. The interval
# by patients is usually the wider one, and it is the honest one. With three or four patients even that is too narrow,
# for a draw can contain only patients who are in the test. Varoquaux 2018 shows how large the errors of small test sets
# really are.
#
# Test one patient, then two, then more, and see how each interval changes. (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.evaluation.who_is_tested(score, whose)

# %% [markdown] tags=[]
# With one test patient there is a number, and no interval. For example, write "2.9 bits a code, on one patient" and not
# "2.9 ± 0.1, on 40 slices".
#
# It is better to test every patient once: `vqgen run --folds 5` divides the patients into five parts, trains five
# times, and each part is the test of one of the five. `vqgen compare` then pools all of them into one mean with an
# interval by patients. This costs five trainings. The mean is a score of the *method*, not of one model: each fold has
# weights of its own.

# %% [markdown] tags=[]
# ## Exercises
#
# Replace the three dots, run the cell and then its check. Once you have tried, look into
# [the solutions](solutions/09_few_patients.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · One number: passes over the data
#
# Five patients have twenty slices each. Training takes 1,500 steps of eight slices. How many times does it show each
# slice?

# %% tags=["exercise"]
times_seen = ...  # a number

# %% tags=["check"]
exercises.check_passes(times_seen)

# %% [markdown] tags=[]
# ### Exercise 2 · Early stopping
#
# From time to time training looks at the validation slices; `losses` are what it saw, look by look. It stops at the
# first look that comes `patience` looks after the best one so far. If that never happens, it stops at the last look. A
# loss that only equals the best is not better. Which look is the best, and at which does it stop? (The first is look
# 0.)


# %% tags=["exercise"]
def stop(losses: list[float], patience: int) -> tuple[int, int]:
    """Losses of n looks -> (index of the best seen until it stops, index where it stops)."""
    return ...


# %% tags=["check"]
exercises.check_stop(stop)

# %% [markdown] tags=[]
# ### Exercise 3 · One draw of a bootstrap
#
# An interval by patients comes from many draws like this one: names of patients are drawn, some of them more than once.
# The mean is over all slices of the patients drawn; a patient who was drawn twice counts twice.


# %% tags=["exercise"]
def mean_of_draw(values: np.ndarray, patients: np.ndarray, drawn: list[str]) -> float:
    """Values (n,) of slices, whose they are (n,), and names drawn -> one mean."""
    return ...


# %% tags=["check"]
exercises.check_mean_of_draw(mean_of_draw)

# %% [markdown] tags=[]
# ### Exercise 4 · A claim
#
# You have scans of six people: four to learn from, one to validate on, one to test on, with 40 slices. The prior with
# changed pictures pays 2.9 bits a code on the test slices, the plain one 3.4. Which sentence can you sign?
#
# - **A** Changed pictures save 0.5 ± 0.05 bits; the interval is from 40 test slices.
# - **B** On the one patient tested, changed pictures saved 0.5 bits a code; how that varies between patients we do
#   not know.
# - **C** Changed pictures help: 2.9 is well below 3.4, so it will be so for other people.
# - **D** Nothing at all can be said, so the number should be left out.

# %% tags=["exercise"]
honest = ...  # "A", "B", "C" or "D"

# %% tags=["check"]
exercises.check_claim(honest)

# %% [markdown] tags=[]
# ### Experiment · A whole run on eight
#
# In this notebook the VQ-VAE had seen all patients. Let both models learn from eight patients of the phantom, with
# pictures as they are:
#
# `vqgen run --profile quick --run-name eight-off --to 04 --set patients_train=8 --set augment=off`
#
# and then with changed pictures, as is usual for so few:
#
# `vqgen run --profile quick --run-name eight-auto --to 04 --set patients_train=8`
#
# Predict first. Then run both in a terminal (in JupyterLab: File, New, Terminal). Each runs notebooks 01 to 04 once
# more, and takes no longer than they did. `vqgen compare eight` puts them side by side.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Changed pictures help more", ["the VQ-VAE's SSIM", "the prior's bits"])

# %% [markdown] tags=[]
# Write two sentences: what you saw, and why one of the two models needs patients more than the other.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("09")

# %% [markdown] tags=[]
# ## Summary
#
# - Where validation rises while the training loss falls, the prior memorises. Early stopping keeps the best weights;
#   it does not make them good.
# - Pictures changed a little before they are encoded give new codes of the same patients: more to learn from, but no
#   new anatomy.
# - Better bits need not be better pictures, and good pictures may be copies. Look at bits, samples and copies
#   together.
# - Patients are independent, slices are not. One test patient gives a number without an interval; folds test every
#   patient once.
#
# **What's next:** your own scans. `vqgen run --data-dir FOLDER --folds 5` runs the series on each fold, with changed
# pictures where patients are few, and `vqgen compare` says what came of it, over all patients.

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
