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
# # 05 · New slices
#
# All parts are ready: a prior that guesses the next code, and a decoder that turns codes into a slice. We draw
# slices, look at them, compare them, and check whether they are copies.
#
# **You will learn**
#
# - to turn guesses into slices: at a chosen place, bolder or safer, or completing a given half;
# - what goes wrong with greedy choices, and when a code's number is used as a value;
# - to check that samples are new and not memories, and how exact sampling becomes fast.
#
# **You need** notebooks 02 and 04 to have run. **Time to learn:** 80 minutes.
# **Time to run:** about 35 seconds on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $c$, $c_i$ | (B, h, w) | grids of codes, integers in $[0, K)$; the code at position $i$ |
# | $c_{<i}$ | | the codes before position $i$ in reading order |
# | $y$ | (B,) | the place along the scan that we ask for, 0 to 1 (in axial slices the height in the body) |
# | $\ell$ | (B, K) | logits at one position: the prior's scores of the $K$ codes |
# | $T$ | | temperature: the logits are divided by it before a code is drawn |
# | $e_k$, $z_q$ | (D,), (B, D, h, w) | a row of the codebook; a grid of such rows, what the decoder reads |

# %% tags=["parameters"]
profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run to draw from
images: int = 32  # slices to generate for the speed and novelty checks
sampling_seed: int = 0  # image n is drawn with seed sampling_seed + n

# %% tags=[]
import time

import numpy as np
import torch
import torch.nn.functional as F

from vqgen_utils import plots
from vqgen_utils.errors import InputError
from vqgen_utils.evaluation import memorisation, metrics
from vqgen_utils.machine import speed
from vqgen_utils.models import height_features, sample, sampling
from vqgen_utils.plots import show
from vqgen_utils.runs import Run
from vqgen_utils.teaching import predict, widgets
from vqgen_utils.teaching.exercises import generation as exercises

# %% tags=[]
if images < 1:
    raise InputError(f"parameter 'images' is {images}: give 1 or more.")
run = Run(run_name)
settings = run.settings(profile)
vqvae, prior, all_codes = run.load_vqvae(), run.load_prior(), run.load_codes()
slices = run.load_slices(settings)
test, train = slices.subset("test"), slices.subset("train")
K, grid = prior.num_embeddings, prior.grid  # codes to choose from; (h, w) of the code grid
air = int(all_codes[train.rows.index, 0, 0].mode().values)  # the commonest code in the corner


def condition(*heights: float) -> torch.Tensor:
    """What the prior is told: n heights in [0, 1] -> (n, 16)."""
    return height_features(torch.tensor(heights, dtype=torch.float32))


def decoded(codes: torch.Tensor) -> torch.Tensor:
    """Codes (n, h, w) -> slices (n, H, W), a few at a time."""
    return vqvae.decode(codes)[:, 0]


# %% [markdown] tags=[]
# ## Drawing at a place
#
# Notebook 04 wrote the probability of a grid as a product of guesses. Sampling walks through the same
# product: at each position, draw a code from the guess, write it down, go on.
#
# $$c_i \sim p(c_i \mid c_{<i}, y), \qquad i = 1, 2, 3, \dots$$
#
# In code that is two loops. To draw from a guess, we add noise to the logits and take the largest sum (exercise 2 is
# about why that is a draw):

# %% tags=[]
places = train.rows["height"].to_numpy()  # (N,), nothing was learned of others
(middle,) = metrics.nearest_heights([0.5], places)
generator = torch.Generator().manual_seed(sampling_seed)
by_hand = torch.zeros(1, *grid, dtype=torch.long)  # (1, h, w), written over code by code
for i in range(grid[0]):
    u = torch.rand(grid[1], K, generator=generator)  # (w, K), the chance in this row
    for j in range(grid[1]):
        logits = sampling.full_logits(prior, by_hand, condition(middle))[0, :, i, j]  # (K,)
        by_hand[0, i, j] = (logits - torch.log(-torch.log(u[j]))).argmax()
drawn = sample(prior, condition(middle), [sampling_seed])  # (1, h, w)
print(f"codes as `sample` draws them: {(by_hand == drawn).float().mean():.0%}")

# %% [markdown] tags=[]
# These eight lines are the whole sampler. From here on we use `sample`, which draws the same codes faster; the
# section on speed below shows how. (If not all codes are equal: where two sums differ by rounding only, the two ways
# may choose differently, and all codes after that belong to another slice.)
#
# **Predict:** we ask for five places with three different seeds. What will differ along a row, and
# what down a column?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Down a column changes", ["the place", "the patient"])

# %% tags=[]
asked = metrics.nearest_heights([0.1, 0.3, 0.5, 0.7, 0.9], places)
rows = {}
for attempt in range(3):
    seeds = [sampling_seed + attempt * len(asked) + n for n in range(len(asked))]
    drawn = sample(prior, condition(*asked), seeds, progress=True)  # (5, h, w)
    rows[f"draw {attempt + 1}"] = list(decoded(drawn).numpy())
at = [test.rows.index[(test.rows["height"] - y).abs().argmin()] for y in asked]
rows["held out"] = list(slices.images[at])
figure = plots.slices.rows(rows, [f"place {y:.2f}" for y in asked])
run.path("samples.png").write_bytes(plots.to_png(figure, dpi=120))
draws = np.array([rows[f"draw {n}"] for n in (1, 2, 3)])  # (3, 5, H, W)
show(
    figure,
    f"Three rows of generated slices at five places, and held-out slices. Brightness varies by "
    f"{draws.std(0).mean():.3f} down a column of draws and by {draws.std(1).mean():.3f} along a row.",
)
guess.compare("the patient")

# %% [markdown] tags=[]
# *Generated slices at five places along the scan, three draws each, and held-out slices near the same places
# below.*
#
# A column shares its place; down the column the patient changes. Look closely at outlines and at symmetry: a mistake
# that was made early stays to the end. The prior is not the only reason why the drawn slices are soft: they passed
# through the codes, and the bottom row did not (notebook 02).

# %% [markdown] tags=[]
# ## One code at a time
#
# In which order does a slice appear? The grid is read row by row. In our pictures its rows are vertical, since the
# array's first axis is drawn from your left to your right. So the drawing grows column by column, from your left, and
# each column from the bottom to the top.

# %% tags=[]
codes = sample(prior, condition(middle), [sampling_seed + 3])[0]  # (h, w)
frames = []
for row in range(grid[0] + 1):
    partial = codes.clone()
    partial[row:] = air  # for what is not drawn yet
    frames.append(decoded(partial[None])[0].numpy())
show(
    plots.slices.animation(frames),
    f"A slice appears in {grid[0]} columns, from the left to the right; {(frames[-1] > 0.1).mean():.0%} of "
    "the finished one is brighter than 0.1.",
)

# %% [markdown] tags=[]
# *A drawing from its first column to its last, over and over.*
#
# In print it stands still, so here are four of its stages:

# %% tags=[]
stages = [grid[0] // 4, grid[0] // 2, 3 * grid[0] // 4, grid[0]]
titles = [f"after {s} of {grid[0]} grid rows" for s in stages]
show(
    plots.slices.sheet([frames[s] for s in stages], titles, 4),
    "Four stages of the drawing; brighter than 0.1 are "
    + ", ".join(
        f"{(frames[s] > 0.1).mean():.0%} {title}" for s, title in zip(stages, titles, strict=True)
    ),
)

# %% [markdown] tags=[]
# *Four stages of the same drawing.*
#
# After half of the drawing, the size of the body is decided, and the second half must match the first. But the layers
# look back over a few columns only (six layers: seven; notebook 04, exercise 1): what they know of the other side,
# they know from nearer codes. Nothing is ever changed later: a code that is written is read by those that follow.
#
# **Predict:** below, one step is stopped just before its code is written. We chose the position of the middle column
# where the prior was least sure. Its entropy $H$ says between how many codes it wavers: as between $2^H$ equally likely
# ones (the perplexity, notebook 03). How many of the $K$ codes is that?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "It wavers between", ["one or two codes", "three to half of them", "more than half"]
)

# %% tags=[]
drawing = widgets.samples.record_drawing(
    vqvae, prior, codes, condition(middle), air
)  # holds p, (K, h, w)
bits = -(drawing.p * drawing.p.clamp(min=1e-12).log2()).sum(0)  # (h, w), entropy of each guess
i = grid[0] // 2
j = int(bits[i].argmax())
wavers = 2 ** float(bits[i, j])  # perplexity, 1 to K
print(f"entropy {bits[i, j]:.1f} bits of at most {np.log2(K):.1f}: as between {wavers:.0f} codes")
print(f"median entropy over the grid: {bits.median():.2f} bits")
show(
    widgets.samples.step_figure(vqvae, drawing, i, j),
    f"Half a slice with its codes, a red square at the next position, and bars of the next code's "
    f"odds, as unsure as between {wavers:.0f} equally likely codes.",
)
guess.compare_number(wavers, [2.5, K / 2])

# %% [markdown] tags=[]
# *One step: the slice so far and its codes (hatched: not drawn yet), the position to fill (red square),
# and the prior's probability of each code there, with the one that was drawn.*
#
# One of the codes was drawn; it need not be the one with the highest bar. Most positions are not like this one:
# compare its entropy with the median. Where nothing is drawn yet, the decoder gets the corner's code, so ignore the
# rim along the edge of the drawing.
#
# Try it yourself: go along a column with the arrow keys, and look for places without a choice (air), with a few
# choices (does an outline end here?) and with many (texture). (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.samples.sampling_steps(vqvae, drawing)

# %% [markdown] tags=[]
# ## Temperature
#
# The guess is a softmax of logits. Dividing them by a temperature $T$ (Ackley et al. 1985) sharpens ($T<1$) or flattens
# ($T>1$) every choice:
#
# $$p_k = \mathrm{softmax}(\ell / T)_k = \frac{e^{\ell_k / T}}{\sum_j e^{\ell_j / T}}$$
#
# **Predict:** three codes have logits 2, 1 and 0. Which row of probabilities below is nearest to "always
# the first", and which to "any of the three"?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Nearest to always the first", ["T = 0.25", "T = 1", "T = 10"])

# %% tags=["nbval-check-output"]
logits = torch.tensor([2.0, 1.0, 0.0])  # (K,) with K = 3
for T in (0.25, 0.5, 1.0, 2.0, 10.0):
    p = (logits / T).softmax(0)  # (K,)
    print(f"T = {T:5.2f}  p =", "  ".join(f"{value:.2f}" for value in p.tolist()))
guess.compare("T = 0.25")

# %% tags=[]
temperatures = [0.0, 0.5, 1.0, 1.5]
rows = {}
for height in metrics.nearest_heights([0.25, 0.75], places):
    where, seeds = condition(height), [sampling_seed + 7]
    at_each = [sample(prior, where, seeds, temperature=T) for T in temperatures]  # each (1, h, w)
    rows[f"place {height:.2f}"] = [decoded(c)[0].numpy() for c in at_each]
pictures = np.array(list(rows.values()))  # (2, 4, H, W)
steps = np.abs(np.diff(pictures, axis=2)).mean((0, 2, 3))  # (4,), to the next pixel
show(
    plots.slices.rows(rows, [f"T = {T}" for T in temperatures]),
    "Slices drawn at two places. Neighbouring pixels differ, on average, by: "
    + ", ".join(f"{step:.4f} at T = {T}" for T, step in zip(temperatures, steps, strict=True)),
)

# %% [markdown] tags=[]
# *The same seed at two places (rows) and rising temperature (columns).*
#
# Low temperatures choose likely codes, high ones unlikely codes more often. $T=1$ is what the model learned from the
# data. At any $T$, a draw that once loses the outline does not find it again: look for bodies that break off. One
# seed proves little, so the next section draws several.

# %% [markdown] tags=[]
# ## The greedy trap
#
# $T=0$ takes the likeliest code every time. Is that the best slice that the model has?
#
# **Predict:** we draw with six seeds at $T=0$ and at $T=1$. How different will the six be from each other?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Six draws at T = 0 are", ["all the same", "a little different", "very different"])

# %% tags=[]
seeds, where = range(sampling_seed, sampling_seed + 6), condition(*[middle] * 6)
by_T = {T: sample(prior, where, seeds, temperature=T) for T in (0.0, 0.5, 1.0, 1.3)}  # (6, h, w)
rows = {f"T = {T}": list(decoded(by_T[T])[:4].numpy()) for T in (0.0, 1.0)}
show(
    plots.slices.rows(rows, [f"seed {seed}" for seed in seeds[:4]]),
    f"Four slices drawn at T = 0, variety {memorisation.variety(decoded(by_T[0.0])):.3f}, above four at "
    f"T = 1, variety {memorisation.variety(decoded(by_T[1.0])):.3f}.",
)
guess.compare("all the same")

# %% [markdown] tags=[]
# *Four seeds, drawn greedily (top) and by chance at $T=1$ (bottom).*
#
# Greedy drawing has no chance in it, so a seed changes nothing: each place has one slice. Is it at least a good one?
# We measure two things. **Variety** is the mean root-mean-square difference between two of the six. **Bits** are
# $-\log_2 p(c \mid y)$ of the whole grid, as in notebook 04: the fewer, the likelier.

# %% tags=[]
by_height = test.rows.iloc[(test.rows["height"] - 0.5).abs().argsort()]
real = by_height.drop_duplicates("patient").iloc[:6]  # one slice a patient, about as high
groups = {f"T = {T}": (some, where) for T, some in by_T.items()}
groups["held out"] = all_codes[real.index], condition(*real["height"])
print(f"{'':10}  variety  bits a slice  share of the bright region")
for name, (some, told) in groups.items():
    cost = metrics.bits_by_position(prior, some, told).sum((1, 2)).mean()
    body = np.mean([metrics.body_mask(image) for image in decoded(some).numpy()])
    variety = f"{memorisation.variety(decoded(some)):.3f}" if len(some) > 1 else "one only"
    print(f"{name:10} {variety:>8}  {cost:12.0f}  {body:26.2f}")

# %% [markdown] tags=[]
# Compare each row with the last. For a perfect prior, draws at $T = 1$ would cost as much as real slices do; what is
# missing is what it does not expect of patients it has not met. (Six slices a row: do not read the second digit of
# variety.) Where the greedy slice costs far less, it is far *likelier* than real ones, and for this reason it is not
# typical (texts that are written greedily have the same fault: Holtzman et al. 2020). Think of a coin that shows
# heads six times in ten: the likeliest series of a thousand throws is all heads, and nobody has ever seen it. Real
# slices, too, contain something unexpected in many places. Compare also how much of the picture the greedy body
# fills: while air is drawn, "still air" may always be likelier than "the skin begins here", and then the body begins
# late.
#
# ## Cutting the tail
#
# Between greedy drawing and $T=1$ lies **top-k** (Fan et al. 2018): draw by chance, but among the $k$ likeliest codes
# only. Each of the others is unlikely, but there are many, so one of them comes from time to time, and it may break
# the outline.

# %% tags=[]
few = min(8, K)
figure = widgets.samples.samples_figure(vqvae, prior, middle, 0.8, few, sampling_seed)
says = [*(ax.get_title() for ax in figure.axes), *(text.get_text() for text in figure.texts)]
show(figure, f"Three slices drawn at T = 0.8, among the likeliest {few} codes. {'; '.join(says)}.")

# %% [markdown] tags=[]
# *Three seeds in the middle of the scan and $T = 0.8$, with only the likeliest eight codes allowed at each position.*
#
# Compare with the draws at $T=1$ above: are there fewer breaks in the outlines, and are the patients more alike?
# Fewer possible codes mean less variety. No setting is right for everything; to see what the prior learned, use $T=1$
# and all codes.
#
# Try it yourself: lower the temperature until the three agree; then raise it, and see whether a small top-k repairs
# the outlines. Does the same seed give the same patient at another place? (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.samples.sampler(vqvae, prior)

# %% [markdown] tags=[]
# ## A number is not a vector
#
# The decoder reads $z_q$, a vector $e_k$ of $D$ numbers at each position. The sampler hands us $k$. Between
# the two lies one line, $z_q = e_c$. Here it is forgotten, a common mistake: the *number* $k$ is written
# into all $D$ channels. The shapes fit, and nothing complains.
#
# **Predict:** a map of code numbers still has an outline. Will the decoder make a body of it?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("From bare numbers it makes", ["a body", "no body"])

# %% tags=[]
three = by_T[1.0][:3].to(vqvae.device)  # (3, h, w)
e = vqvae.codebook.embedding.detach()  # (K, D)


@torch.inference_mode()
def picture(z: torch.Tensor) -> torch.Tensor:
    """What the decoder makes of z (n, D, h, w): slices (n, H, W) in [0, 1]."""
    return vqvae.decoder(z)[:, 0].clamp(0, 1).cpu()


z_q = vqvae.codebook.lookup(three)  # (3, D, h, w), row c of the codebook at each position
number = three[:, None].float().expand_as(z_q)  # (3, D, h, w), the same k in every channel
scaled = e.min() + number / (K - 1) * (e.max() - e.min())  # into the range of the codebook
rows = {"looked up": z_q, "number k": number, "k, scaled": scaled}
pictures = {name: picture(z) for name, z in rows.items()}  # (3, H, W) each
show(
    plots.slices.rows({name: list(some.numpy()) for name, some in pictures.items()}),
    "Three generated slices above what the decoder makes of bare code numbers. Neighbouring pixels differ by: "
    + ", ".join(f"{some.diff(dim=1).abs().mean():.3f} {name}" for name, some in pictures.items()),
)
guess.compare("no body")

# %% [markdown] tags=[]
# *The same three grids, looked up in the codebook (top), with the bare number in every channel (middle), and with
# the number scaled to the range of the codebook (bottom).*
#
# No scaling can repair it, because a number is only a name. We rename all codes at random, in the codebook and in the
# grid: a picture that depends on the codes' meaning must stay the same.

# %% tags=[]
new_name = torch.randperm(K, generator=torch.Generator().manual_seed(0)).to(e.device)  # (K,)
e_renamed = torch.empty_like(e)  # (K, D)
e_renamed[new_name] = e
renamed = new_name[three]  # (3, h, w)
z_q_again = F.embedding(renamed, e_renamed).permute(0, 3, 1, 2)  # (3, D, h, w)
number_again = renamed[:, None].float().expand_as(z_q)  # (3, D, h, w)
for name, one, two in (("looked up", z_q, z_q_again), ("number k", number, number_again)):
    change = (picture(one) - picture(two)).abs().mean()
    print(f"{name}: the intensities change by {change:.3f} on average")

# %% [markdown] tags=[]
# Looked up, the picture does not change with the names. The other picture was made from the names.

# %% [markdown] tags=[]
# ## Completing half a slice
#
# We give the sampler the first half of a held-out slice and let it finish, twice. It is the same sampler: where a
# code is given, it is written down instead of drawn.
#
# **Predict:** on which structures will the two completions agree with the truth, and on which not?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Completions agree with the truth in", ["size and level", "texture", "everything"])

# %% tags=[]
order = np.argsort(test.rows["height"].to_numpy())
some = order[np.linspace(len(test) // 8, len(test) - 1 - len(test) // 8, 3).astype(int)]
real = all_codes[test.rows.index[some]]  # (3, h, w)
given = real.clone()
given[:, grid[0] // 2 :] = -1  # -1 asks for a code to be drawn
where = condition(*test.rows["height"].iloc[some])
rows = {"given": list(decoded(torch.where(given < 0, air, given)).numpy())}
completed = []
for attempt in (1, 2):
    seeds = [sampling_seed + 100 * attempt + n for n in range(3)]
    completed.append(sample(prior, where, seeds, given=given))  # (3, h, w)
    rows[f"completed {attempt}"] = list(decoded(completed[-1]).numpy())
rows["held out"] = list(decoded(real).numpy())
same = [(completed[0] == other)[given < 0].float().mean() for other in (completed[1], real)]
show(
    plots.slices.rows(rows),
    f"Half slices, two completions of each, and the held-out slices. Of the drawn codes {same[0]:.0%} "
    f"agree between the completions, {same[1]:.0%} with the held-out slices.",
)
guess.compare("size and level")

# %% [markdown] tags=[]
# *The given half, two completions, and the truth, all through the decoder.*
#
# An axial slice of a body is nearly symmetric, so size and level follow from the given half; texture does not. If the
# prior were perfect, the truth would be one more completion: as near to ours as another of ours is.

# %% tags=[]
for name, one, two in (
    ("two completions", completed[0], completed[1]),
    ("completion and truth", completed[0], real),
):
    same = (one == two)[given < 0].float().mean()
    rms = (decoded(one) - decoded(two)).square().mean().sqrt()
    print(f"{name:>20}: {same:.0%} of the drawn codes agree, intensities differ by {rms:.3f} (RMS)")

# %% [markdown] tags=[]
# Where the second line is worse than the first, there is something that the prior has not learned.
#
# This completion is exact: each drawn code depends on all of the given ones, since they come first in reading order.
# If another part is given, for example the half on your right, the codes that are drawn before it cannot depend on
# it. Exercise 4 comes back to this.

# %% [markdown] tags=[]
# ## New, or remembered?
#
# Large generators sometimes return pictures that they were trained on (Carlini et al. 2023). For each sample we look
# for the nearest training slice, by root-mean-square difference of pixels. Two sets to compare with tell what "near"
# means. *Held-out* patients are new, if the split is by patient. *Planted copies* are training slices of which only
# the last quarter was drawn: copies for certain. The samples are drawn at places of held-out slices, so that both
# sets have the same places.
#
# **Predict:** will the generated slices lie nearer to the planted copies, or to the held-out ones?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Generated slices lie as far out as", ["planted copies", "held-out slices"])

# %% tags=[]
like = test.rows["height"].to_numpy()[np.linspace(0, len(test) - 1, images).astype(int)]
heights = np.sort(like)  # (n,)
seeds = range(sampling_seed + 1000, sampling_seed + 1000 + images)
start = time.perf_counter()
drawn = sample(prior, condition(*heights), seeds, progress=True)  # (n, h, w)
seconds = time.perf_counter() - start
samples = decoded(drawn)  # (n, H, W)

# %% tags=[]
most = max(1, min(2000, 2**28 // slices.images[0].size))  # slices that fit into memory together
thin = -(-len(train) // most)  # a large training set is thinned for this look
known = all_codes[train.rows.index[::thin]]  # (m, h, w)
copies = np.linspace(0, len(known) - 1, images).astype(int)
given = known[copies].clone()  # (n, h, w)
given[:, max(1, 3 * grid[0] // 4) :] = -1
where = condition(*train.rows["height"].to_numpy()[::thin][copies])
planted = decoded(sample(prior, where, seeds, given=given))  # (n, H, W)
training, held_out = decoded(known), decoded(all_codes[test.rows.index])  # all through the decoder
distance, which = memorisation.nearest(samples, training)  # (n,), (n,)
groups = {"planted copies": memorisation.nearest(planted, training)[0].numpy(), "generated": distance.numpy(),
          "held out": memorisation.nearest(held_out, training)[0].numpy()}  # fmt: skip

# %% tags=[]
for name, values in groups.items():
    print(f"{name:>14}: median {np.median(values):.4f}, nearest {values.min():.4f}")
show(
    plots.samples.distance_strips(
        groups, "root-mean-square difference to the nearest training slice"
    ),
    "Dots along the distance to the training set, with medians of "
    + ", ".join(f"{np.median(values):.3f} for {name}" for name, values in groups.items()),
)
middle_of = {name: np.median(values) for name, values in groups.items()}
copied, strangers = middle_of["planted copies"], middle_of["held out"]
if copied < strangers:
    near_copies = middle_of["generated"] < (copied + strangers) / 2
    guess.compare("planted copies" if near_copies else "held-out slices")
else:
    print(
        "held-out slices lie as near as planted copies, so this look cannot tell new from remembered"
    )

# %% [markdown] tags=[]
# *Distance of each slice to the nearest training slice; the line is the median.*
#
# Where planted copies lie nearer than held-out slices, samples as far out as held-out slices, or farther, are not
# copies of whole training slices. But farther is not better: a slice with a broken outline is far from every real slice
# as well. And the check does not see everything: it would not notice a slice that is put together from two patients.
# So look at the nearest ones, too.

# %% tags=[]
closest = distance.argsort()[:4]
show(
    plots.slices.rows(
        {
            "generated": list(samples[closest].numpy()),
            "nearest": list(training[which[closest]].numpy()),
        },
        [f"distance {d:.3f}" for d in distance[closest]],
    ),
    f"The generated slices closest to a training slice, above that slice; distances "
    f"{distance[closest].min():.3f} to {distance[closest].max():.3f}.",
)

# %% [markdown] tags=[]
# *The four samples that come closest to a training slice (top), above that slice (bottom).*
#
# These are the nearest, not the average ones. Compare outlines and what lies inside: where they differ, it is another
# body at the same place. Pixels are a rough measure; features that were learned for this task can find the same
# anatomy where pixels only see a shift (notebook 07).

# %% [markdown] tags=[]
# ## Why our sampler is fast
#
# The simple loop runs the whole network for each of the $N$ positions, and each run calculates all $N$ positions:
# $N^2$. But what changes from one run to the next?
#
# **Predict:** we take a finished grid and rewrite one code in the middle (left), or its whole second half
# (right). Which positions' logits will move?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Logits move", ["everywhere", "before the change", "after the change"])

# %% tags=[]
one_code, second_half = drawn[:1].clone(), drawn[:1].clone()  # (1, h, w)
i, j = grid[0] // 2, grid[1] // 2
one_code[0, i, j] = (one_code[0, i, j] + 1) % K
second_half[:, i:] = air
where = condition(heights[0])
full = sampling.full_logits(prior, drawn[:1], where)  # (1, K, h, w)
moved = [
    (sampling.full_logits(prior, c, where) - full).abs().amax(1)[0] for c in (one_code, second_half)
]
before = max((float(m[:i].max()) for m in moved if i), default=0.0)  # i is 0 in a grid of one row
print(f"left of column {i}, the logits move by {before:.1e} at most")
show(
    plots.slices.maps(
        [m.numpy() for m in moved],
        [f"code at column {i}, row {j} rewritten", f"codes from column {i} on rewritten"],
        label="largest change of a logit",
        order=True,
    ),
    f"Two maps of changed logits: left of column {i} they change by {before:.1e} at most, from there on by "
    f"{moved[0].max():.1f} and {moved[1].max():.1f} at most.",
)
guess.compare("after the change")

# %% [markdown] tags=[]
# *How far the logits at each position move when codes are rewritten; the darkest move hardly or not at all.*
#
# Earlier positions never change, since the network is causal. So all that a layer calculated for them can be kept,
# and a new code needs one new position in each layer. For one causal layer with a kernel of $k$, along a row of
# inputs $x$ with weights $W_0 \dots W_{k-1}$ and bias $b$:
#
# $$y_j = b + \sum_{t=0}^{k-1} W_t \, x_{j-k+t}$$
#
# That is $k$ small products for a new $y_j$, for any size of the grid. The vertical stack is run once a row, in the
# same way. In all, $N$ positions instead of $N^2$ (Ramachandran et al. 2017).
#
# We check the faster way. The logits must be those of the full pass:

# %% tags=[]
some, where = drawn[:4], condition(*heights[:4])  # (4, h, w), (4, 16)
full = sampling.full_logits(prior, some, where)  # (4, K, h, w)
difference = (sampling.incremental_logits(prior, some, where) - full).abs().max().item()
print(f"largest difference between the two ways, over all logits: {difference:.1e}")

# %% [markdown] tags=[]
# That is rounding: numbers added up in another order. Now the time: the simple loop runs for a few positions only,
# and we multiply.

# %% tags=[]
positions = 3
with speed.one_thread(drawn.device):  # the same single thread as our sampler
    start = time.perf_counter()
    for _ in range(positions):
        sampling.full_grid_step(prior, drawn, condition(*heights), 0, 0)
    naive = (time.perf_counter() - start) / positions * grid[0] * grid[1]
print(f"{len(drawn)} slices, incrementally: {seconds:.1f} s")
print(f"{len(drawn)} slices, simple loop:   {naive:.0f} s, estimated from {positions} positions")
print(f"ratio of times: {naive / seconds:.0f}; of positions worked out, N²/N: {grid[0] * grid[1]}")

# %% [markdown] tags=[]
# The two ratios need not agree: a small product takes longer to start than to calculate, and a large tensor takes
# longer to fetch than to use. The faster way changes the time, not the result.

# %% [markdown] tags=[]
# ## Exercises
#
# Write in the first cell of each exercise, run it, then run the check below it. Once you have tried, look into
# [the solutions](solutions/05_generation.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · One temperature
#
# Two codes have logits 2 and 0. At $T=1$ the first is $e^2 \approx 7.4$ times as likely as the second. At which $T$
# is it twice as likely? Calculate it, or try numbers: the check tells the odds.

# %% tags=["exercise"]
T_two_to_one = ...  # a number above 0

# %% tags=["check"]
exercises.check_temperature(T_two_to_one)

# %% [markdown] tags=[]
# ### Exercise 2 · Draw with Gumbel noise
#
# There is a way to draw from a softmax without computing it: add noise to the logits and take the
# largest sum. With $u_k$ uniform between 0 and 1, independent for every code of every row,
#
# $$\arg\max_k \left( \ell_k / T + g_k \right), \qquad g_k = -\log(-\log u_k)$$
#
# is a draw from $\mathrm{softmax}(\ell / T)$ (Gumbel 1954; Maddison et al. 2014 use it to draw). Our sampler does it
# this way. Use `torch.rand(shape, generator=generator)`.


# %% tags=["exercise"]
def gumbel_draw(
    logits: torch.Tensor, temperature: float, generator: torch.Generator
) -> torch.Tensor:
    """logits (B, K) -> codes (B,)."""
    return ...


# %% tags=["check"]
exercises.check_gumbel_draw(gumbel_draw)

# %% [markdown] tags=[]
# ### Exercise 3 · Keep the k likeliest
#
# Write the filter of top-k: in each row the $k$ largest logits stay as they are, all others become $-\infty$, so that
# softmax gives them 0. Leave the logits you are given unchanged. `torch.topk` helps.


# %% tags=["exercise"]
def top_k_filter(logits: torch.Tensor, k: int) -> torch.Tensor:
    """logits (B, K) -> logits (B, K)."""
    return ...


# %% tags=["check"]
exercises.check_top_k(top_k_filter)

# %% [markdown] tags=[]
# ### Exercise 4 · Ask for the front
#
# The sampler completes whatever is -1. Write a `given` that keeps the patient's *back* and asks for the front. On the
# default data the first axis of a grid runs from right to left, the second from back to front; keep the first half of
# the second. Once it is right, try it in a cell of your own:
# `sample(prior, condition(0.5), [0], given=keep_back(codes[None]))`.


# %% tags=["exercise"]
def keep_back(codes: torch.Tensor) -> torch.Tensor:
    """codes (B, h, w) -> given (B, h, w), -1 where a code is to be drawn."""
    return ...


# %% tags=["check"]
exercises.check_keep_back(keep_back)

# %% [markdown] tags=[]
# ### Exercise 5 · The incremental step
#
# A PixelCNN of one layer, on one row. $x$ holds the embedded codes, (B, C, w). The full pass shifts them
# right and runs one convolution:
#
# `F.conv1d(F.pad(x, (k, -1)), weight, bias)`, which is (B, K, w).
#
# Write the step: the logits at position $j$ from the codes to its left alone, by the formula for $y_j$
# above. Use the last $k$ of them. Near the beginning there are fewer than $k$: the missing ones count as
# zeros. The check compares every position with the full pass.


# %% tags=["exercise"]
def step(left: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """left (B, C, j), weight (K, C, k), bias (K,) -> logits (B, K) at position j."""
    return ...


# %% tags=["check"]
exercises.check_step(step)

# %% [markdown] tags=[]
# ### Experiment · Few patients
#
# Both models learn from fifteen patients only:
#
# `vqgen run --profile quick --run-name few --to 05 --set patients_train=15`
#
# Predict first. Then run it in a terminal (in JupyterLab: File, New, Terminal). It runs notebooks 01 to 05 once more,
# takes no longer than they did, and leaves them in `runs/few/notebooks/`: open them there.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "With fifteen patients, its samples will lie nearer to", ["planted copies", "held-out slices"]
)

# %% [markdown] tags=[]
# Compare the strips of distances and the four closest pairs. Do the slices *look* worse? Write two sentences: what
# you saw, and why.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("05")

# %% [markdown] tags=[]
# ## Summary
#
# - A sample is drawn code by code from the prior's guesses. Taking the likeliest code at each step does not give a
#   typical slice; lower temperature and top-k give likelier slices with less variety.
# - A code's number is a name. Only its vector in the codebook means something to the decoder.
# - A sample is no copy of a whole slice if it is no nearer to the training slices than a held-out patient is. Planted
#   copies show that the check finds copies.
# - Earlier positions never change, so a new code costs one new position a layer: the same numbers, much faster.
#
# **What's next:** are these slices good? We ask in three steps: `06_reconstructions_and_bits` begins with what the
# codes keep, and what they cost.

# %% tags=[]
run.add_metrics(
    "generation",
    {
        "images": len(drawn),
        "seconds": seconds,
        "seconds_naive_estimate": naive,
        "logits_max_abs_diff": difference,
    },
)

# %% [markdown] tags=[]
# ## References
#
# - Gumbel 1954: Statistical Theory of Extreme Values and Some Practical Applications. National Bureau of Standards, Applied Mathematics Series 33
# - Maddison et al. 2014: A* Sampling. NeurIPS. [arXiv:1411.0030](https://arxiv.org/abs/1411.0030)
# - Ackley et al. 1985: A Learning Algorithm for Boltzmann Machines. Cognitive Science 9(1)
# - Fan et al. 2018: Hierarchical Neural Story Generation. ACL. [arXiv:1805.04833](https://arxiv.org/abs/1805.04833)
# - Holtzman et al. 2020: The Curious Case of Neural Text Degeneration. ICLR. [arXiv:1904.09751](https://arxiv.org/abs/1904.09751)
# - Ramachandran et al. 2017: Fast Generation for Convolutional Autoregressive Models. [arXiv:1704.06001](https://arxiv.org/abs/1704.06001)
# - Carlini et al. 2023: Extracting Training Data from Diffusion Models. USENIX Security. [arXiv:2301.13188](https://arxiv.org/abs/2301.13188)
