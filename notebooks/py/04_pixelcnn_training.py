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
# # 04 · How codes follow each other: the PixelCNN prior
#
# The VQ-VAE can decode *any* grid of codes. Fill a grid at random, and the decoder draws static (the flicker of a
# screen without a signal), for almost no grid looks like a scan. What is missing is how likely each grid is: a
# **prior**. It takes the place of the uniform one under which the VQ-VAE was trained (notebook 02; van den Oord et
# al. 2017). The PixelCNN learns one by reading each grid code by code and guessing the next.
#
# **You will learn**
#
# - to write the probability of a whole grid as a product of next-code guesses;
# - why a plain stack of masked convolutions has a blind spot, and how two stacks avoid it;
# - to score a prior in bits per code, and to tell an honest score from one that saw the answer.
#
# **You need** notebook 02 to have run. **Time to learn:** 90 minutes. **Time to run:** about 7 minutes on 2 CPU cores (profile quick).
#
# | symbol | shape | meaning |
# | --- | --- | --- |
# | $c$ | (B, h, w) | grids of codes, integers in $[0, K)$; a slice has H × W pixels, 4h × 4w with a stride of 4 |
# | $c_i$, $c_{<i}$ | | the code at position $i$, and all before it: the rows above, and those to its left |
# | $y$ | (B,) | the slice's place along the scan, 0 to 1 (in axial slices its height in the body) |
# | $e_k$ | (D,) | the vector of code number $k$ of $K$ |
# | $r$ | | reach of a kernel to either side: it is $2r+1$ wide |

# %% tags=["parameters"]
from typing import Optional

profile: str = "quick"  # as in notebook 02
run_name: str = "tutorial"  # the run whose codes to learn
from_run: str = ""  # a run whose prior is where training starts, if its codebook agrees
prior_channels: Optional[int] = None  # channels of each stack
prior_layers: Optional[int] = None  # gated layers
prior_kernel_size: Optional[int] = None  # odd
prior_hidden_dim: Optional[int] = None  # channels of the head
prior_dropout: Optional[float] = None
prior_batch_size: Optional[int] = None  # grids a step
prior_epochs: Optional[int] = None  # passes over the training slices; 0: by prior_steps
prior_steps: Optional[int] = None  # training steps; 0: as many as the slices ask for
prior_longest: Optional[int] = None  # steps that there is time for
prior_patience: Optional[float] = None  # share of the steps without a better validation, then stop
prior_learning_rate: Optional[float] = None  # peak
prior_weight_decay: Optional[float] = None
prior_seed: Optional[int] = None
prior_compiled: Optional[bool] = None  # torch.compile, on a GPU only

# %% tags=[]

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from vqgen_utils import plots
from vqgen_utils.evaluation import codes as codebook
from vqgen_utils.evaluation import metrics
from vqgen_utils.models import PixelCNN, height_features, pixelcnn, prior_losses, sample, sampling
from vqgen_utils.plots import show
from vqgen_utils.runs import Run, codes_of, new_prior, prior_lesson, start
from vqgen_utils.teaching import predict, show_source, widgets
from vqgen_utils.teaching.demos import forgotten_mask, receptive_field
from vqgen_utils.teaching.exercises import pixelcnn as exercises
from vqgen_utils.teaching.widgets import LivePlot
from vqgen_utils.training import fit

# %% tags=[]
run = Run(run_name)
run.settings(profile)  # complains if notebook 02 used another profile
settings = run.configure(
    profile, "prior", "prior_training", prior_channels=prior_channels, prior_layers=prior_layers,
    prior_kernel_size=prior_kernel_size, prior_hidden_dim=prior_hidden_dim,
    prior_dropout=prior_dropout, prior_batch_size=prior_batch_size, prior_epochs=prior_epochs,
    prior_steps=prior_steps, prior_longest=prior_longest, prior_patience=prior_patience,
    prior_learning_rate=prior_learning_rate, prior_weight_decay=prior_weight_decay,
    prior_seed=prior_seed, prior_compiled=prior_compiled,
)  # fmt: skip

vqvae, all_codes = run.load_vqvae(), run.load_codes()
slices = run.load_slices(settings)
K, grid = vqvae.num_embeddings, tuple(all_codes.shape[1:])  # grid is (h, w)
stride = vqvae.config.stride  # pixels a code covers along each axis
splits = ("train", "validate", "test")  # each a dataset of codes (N, h, w) and heights (N,)
train, validate, test = (codes_of(slices.subset(split), all_codes) for split in splits)
print(f"{len(train)} + {len(validate)} + {len(test)} grids of {grid} codes, K = {K}")
print(slices.whose)
settings.prior

# %% [markdown] tags=[]
# ## What is a prior over codes?
#
# A probability for every grid. By the chain rule it is a product over positions in reading order, row
# by row and from left to right:
#
# $$p(c \mid y) = \prod_i p(c_i \mid c_{<i}, y)$$
#
# This is true for any order and any distribution. Each factor is a choice among $K$ codes, just like classification:
# the network answers with $K$ numbers of any size, the **logits** $\ell_k$, and the **softmax**
# $e^{\ell_k} / \sum_j e^{\ell_j}$ makes probabilities of them. (Shannon 1951 let people guess the next letter of a
# text, and measured with it how much a letter of English tells.) A network that guesses the next code well is the
# prior. To generate, we draw a code from its guess, write it down, and go on with the next one. The place $y$ is
# given, so that we can ask for a slice at a place.
#
# **Predict:** without a prior each code would be drawn by its frequency alone. What will that look like?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Codes drawn by frequency alone look like", ["a body", "static"])

# %% tags=[]
counts = metrics.code_counts(train.tensors[0], K)  # (K,)
generator = torch.Generator().manual_seed(0)
drawn = torch.multinomial(counts.float(), 4 * grid[0] * grid[1], True, generator=generator)
random_slices = vqvae.decode(drawn.view(4, *grid))[:, 0]  # (4, H, W)
some = test.tensors[0][:: max(1, len(test) // 4)][:4]  # (4, h, w)
real = vqvae.decode(some)[:, 0]  # (4, H, W)
steps = [some.diff(dim=1).abs().mean() for some in (real, random_slices)]  # to the next pixel
show(
    plots.slices.rows({"held-out codes": list(real), "random codes": list(random_slices)}),
    f"Decoded grids of held-out slices, where neighbouring pixels differ by {steps[0]:.3f}, above "
    f"grids of codes drawn independently, where they differ by {steps[1]:.3f}.",
)
guess.compare("static")

# %% [markdown] tags=[]
# *Held-out grids decoded (top), and grids with the same code frequencies in random order (bottom).* The codes alone
# are not enough: the anatomy is in their order.

# %% [markdown] tags=[]
# ## Seeing only the past
#
# A network that guesses $c_i$ may see $c_{<i}$ and nothing else. A convolution sees a neighbourhood, and half of that
# comes later. So the first PixelCNN (van den Oord et al. 2016a) multiplied every kernel with a **mask** of ones and
# zeros. Type A, in the first layer, hides the centre as well, for the answer stands there. Type B, in all later
# layers, opens it: what these layers find there has not seen the answer.

# %% tags=["nbval-check-output"]
for kind, centre in (("A", False), ("B", True)):
    print(f"type {kind}:", receptive_field.causal_mask(3, centre).int().tolist())  # (3, 3)

# %% [markdown] tags=[]
# How much does a stack of such layers see? An output depends on an input exactly where its derivative is not zero, so
# we can measure it with **autograd**, the part of PyTorch that keeps a record of every calculation and follows it
# backwards to the derivatives.

# %% tags=[]
show_source(receptive_field.field_of_masks)

# %% [markdown] tags=[]
# **Predict:** each layer reaches one row up and one column to either side. After three, will the square
# position see all codes before it, up to three rows and columns away?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Codes it misses within reach", ["none", "far to the right", "far to the left"])

# %% tags=[]
size, position = (14, 23), (11, 11)  # (h, w) of a small grid, and (row, column) on it
fields = {}
for layers in (1, 3, 8):
    seen = receptive_field.plain_field(layers, 3, size, position)  # (h, w) bool
    fields[f"{layers} masked layers"] = receptive_field.seen_and_missed(seen, layers, 3, position)
show(
    plots.prior.receptive_fields(fields, position),
    "Codes that the position is allowed to see and misses: "
    + ", ".join(f"{(field == 0.5).sum()} with {name}" for name, field in fields.items()),
)
guess.compare("far to the right")

# %% [markdown] tags=[]
# *Bright: what the square position sees. Crosses: codes within reach that come before it, and yet are missed.* This
# wedge is the **blind spot**. A step through a mask can go to the right only if it goes up as well. So codes one row
# up and many columns to the right are never seen, however many layers there are.

# %% [markdown] tags=[]
# ## Two stacks
#
# The solution (van den Oord et al. 2016b, section 2.2) is to split the past in two. A **vertical stack** $v$ looks at
# the rows above, to both sides, as far as its depth reaches. A **horizontal stack** sees what is to the left in the
# same row, and gets the result of the vertical one as a further input. (The code calls the second `row`; the place
# $y$ arrives as `condition`.) Here is a layer of both:

# %% tags=[]
show_source(pixelcnn.gate, pixelcnn.GatedLayer.forward)

# %% [markdown] tags=[]
# Line by line, with $*$ for convolution and $W$ for weights; $W_1$, $W_2$ and $W_3$ are 1 × 1 convolutions,
# `out_horizontal`, `down_to_right` and `out_vertical`:
#
# | line | in symbols | in words |
# | --- | --- | --- |
# | `bias_v, bias_row` | $b_v, b_{\mathtt{row}}$ | what the place along the scan adds, the same at all positions |
# | `up` | $u = W_v * v + b_v$ | a kernel of $r+1$ rows: this row and those above. Padding goes left, right and on top, never below |
# | `left` | $l = W_{\mathtt{row}} * \mathtt{row} + b_{\mathtt{row}}$ | a kernel of one row and $r+1$ columns: this column and those to the left |
# | `row = ...` | $\mathtt{row} \leftarrow \mathtt{row} + W_1\, g(l + W_2 u)$ | the horizontal stack adds what the vertical one found |
# | `v = ...` | $v \leftarrow v + W_3\, g(u)$ | never the reverse: `up` reads $v$ to its right as well, and would find later codes of its own row there |
#
# The **gate** cuts its $2C$ channels into halves $a$ and $b$: $g(a, b) = \tanh(a)\,\sigma(b)$. The first half is what
# to pass on; the second, between 0 and 1, is how much of it. Each stack keeps what it had and adds to it, which makes
# deep stacks easy to train.
#
# But "this row and those above" contains the answer. It is kept out once, where the codes enter:

# %% tags=[]
show_source(PixelCNN.forward)

# %% [markdown] tags=[]
# `v` enters shifted down by a row: what stands in row $i$ now is the code of row $i-1$. `row` enters shifted
# right by a column. After that every kernel may use its own position, and no weight needs a mask.
#
# **Predict:** the blind spot of the plain stack grew with depth. Towards which share, and what of the
# gated network?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The share that the plain stack misses tends to", ["0 %", "25 %", "100 %"])

# %% tags=["nbval-check-output"]
depths = range(1, 13)
missed = pd.DataFrame(
    {
        name: [100 * receptive_field.blind_share(layers, 3, name) for layers in depths]
        for name in ("plain masked stack", "gated, two stacks")
    },
    index=depths,
)
for layers in (1, 3, 5, 8):
    plain, gated = missed.loc[layers]
    print(f"{layers} layers: plain misses {plain:.1f} % of what it may see, gated {gated:.1f} %")
guess.compare("25 %")

# %% tags=[]
show(
    plots.training.lines(missed, "layers", "codes missed (%)"),
    f"Codes missed with {missed.index[0]} and with {missed.index[-1]} layers: "
    + ", ".join(f"{name} {v.iloc[0]:.0f} and {v.iloc[-1]:.0f} %" for name, v in missed.items()),
)

# %% [markdown] tags=[]
# *Share of the codes before a position, within reach, that it does not see; both measured by gradient, for kernels of
# 3.* Depth makes the plain stack worse: the wedge grows towards a quarter of the field, which is half of its right
# half. The figure says what cannot be seen, not what that costs in likelihood: that depends on the data.

# %% tags=[]
fields = {}
for name, see in receptive_field.NETWORKS.items():
    seen = see(4, 3, size, position)  # (h, w) bool, four layers with kernels of 3
    fields[name] = receptive_field.seen_and_missed(seen, 4, 3, position)
place = np.arange(size[0] * size[1]).reshape(size)  # number in reading order
late = place >= place[position]  # the position itself and what comes after it
show(
    plots.prior.receptive_fields(fields, position),
    "Four layers of three networks, codes missed and codes seen that must not be: "
    + ", ".join(
        f"{name} {(f == 0.5).sum()} and {(f[late] == 1).sum()}" for name, f in fields.items()
    ),
)

# %% [markdown] tags=[]
# *Four layers of three networks. Left: the wedge. Middle: two stacks miss nothing, and the shift at the entrance
# brings them one row and one column more. Right: a plain stack whose last mask was forgotten; rings mark what it sees
# and must not see, and the answer is among them.* The third comes back further down.
#
# Try it yourself: does a wider kernel make the wedge smaller? Does the forgotten mask show less of the future in a
# deep network? (The controls need a running kernel.)

# %% tags=["nbval-ignore-output", "widget"]
widgets.prior.receptive_field_explorer()

# %% [markdown] tags=[]
# The place $y$ enters twice: as a bias in every layer, and as a map over the grid (`places`). The map is needed
# because a convolution does not know where on the grid it is (Liu et al. 2018), and anatomy depends on that: in the
# pelvis, at hip height, femoral heads stand left and right of the middle, whatever the codes so far. In both, $y$ is
# given not as one number but as sixteen smooth bumps along the scan, so that each place can have an effect of its
# own.

# %% tags=[]
show_source(height_features, PixelCNN.places)

# %% [markdown] tags=[]
# A test says more than any diagram: change one code, and see which guesses change.

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
probe = PixelCNN(settings.prior, 8, (6, 5)).eval()  # K = 8, a grid of 6 x 5
before = torch.randint(8, (1, 6, 5))  # (B, h, w)
after = before.clone()
after[0, 3, 2] = (after[0, 3, 2] + 1) % 8
with torch.no_grad():
    nothing = torch.zeros(1, 16)  # (B, 16), no height
    moved = (probe(before, nothing) != probe(after, nothing)).any(1)[0]  # (h, w)
print("moved before or at (3, 2):", bool(moved[:3].any() or moved[3, :3].any()))
print("moved after it:           ", bool(moved[3, 3:].any() and moved[4:].any()))

# %% [markdown] tags=[]
# ## Training
#
# The logarithm of the product is a sum. Its mean over positions, with a minus, is the loss:
#
# $$L = -\frac{1}{hw} \sum_i \ln p(c_i \mid c_{<i}, y)$$
#
# This is cross-entropy: how surprised the prior is by the code that really comes, in nats (by the natural
# logarithm; a nat is $1/\ln 2 \approx 1.44$ bits). All $hw$ guesses
# come from one pass, since all codes are known in training.

# %% tags=[]
show_source(prior_losses)

# %% [markdown] tags=[]
# **Predict:** a guess that gives each of the $K$ codes the same probability pays $\ln K$. Where will the
# curve begin?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("The curve begins near", ["0", "ln K", "K"])

# %% tags=[]
print(f"ln K = {np.log(K):.2f} nats; {len(train)} grids of {grid} codes to learn from")
prior = new_prior(settings, grid)
lesson = prior_lesson(settings, slices, all_codes, vqvae)
print(sum(p.numel() for p in prior.parameters()), "weights")

started_from = start.prior(run, prior, from_run)  # says so; nothing without from_run
made_from = run.prior_made_from(settings, grid, slices) | started_from
live = LivePlot(["loss"], "nats per code", "Learning curve of the prior.")
result = fit(
    prior,
    lesson.losses,
    lesson.train,
    settings.prior_training,
    run.path("prior.safetensors"),
    made_from,  # kept with the weights: whose codes these are
    validate=lesson.validate,  # what chooses the step whose weights are kept
    change=lesson.change,  # the pictures, before they are encoded
    report=live,
)
live.draw(result.history)
print(result)

# %% [markdown] tags=[]
# *Cross-entropy by step. Circles: slices not trained on.* The gap between them is what the prior knows of its own
# patients alone. Where the circles rise again, more training does harm: the prior **memorises** its patients. So
# `fit` keeps the weights of the lowest circle, and stops when no lower one has come for a long time. This is **early
# stopping** (Prechelt 1998); it says when to stop memorising, not how to learn anatomy instead. For that, pictures
# are changed a little each time where patients are few: the line then lies above what it would be on the slices as
# they are (`augment`, notebook 02).

# %% tags=[]
begins = result.history["loss"].iloc[0]  # nats
guess.compare("ln K" if abs(begins - np.log(K)) < 1 else f"{begins:.1f} nats")

# %% [markdown] tags=[]
# ## Honest bits
#
# We score on held-out patients, in bits (nats / ln 2). We compare with the **order-0 entropy**: the bits that a code
# costs for somebody who knows how often each code occurs, and nothing else. We count on the slices that are scored,
# which makes this number a little too low. What the prior saves beside it, it saves by knowing which code follows
# which.

# %% tags=[]
prior = run.load_prior()
codes, heights = test.tensors  # (N, h, w), (N,)
bits = metrics.bits_by_position(prior, codes, height_features(heights))  # (N, h, w)
order0 = metrics.entropy_bits(metrics.code_counts(codes, K))
per_code = bits.mean().item()
print(f"uniform guess     {np.log2(K):.3f} bits a code")
print(f"order-0 entropy   {order0:.3f}")
print(
    f"prior             {per_code:.3f}"
    + (f"  = {per_code / order0:.3f} of order-0" if order0 else "")
)
print(f"that is           {per_code / stride**2:.4f} bits a pixel")
if per_code > order0:
    print(
        "worse than order-0: it learned too briefly, or from slices that are too few or unlike these"
    )

# %% [markdown] tags=[]
# A code stands for 16 pixels (with a stride of 4), hence the last line. It is the price of the codes alone: they give
# back the reconstruction, not the slice, so do not compare it with bits that store every pixel exactly.

# %% [markdown] tags=[]
# ## Too good: one mask forgotten
#
# A common mistake, and a hard one to notice: one convolution, often the last, is left unmasked. To see what it does,
# we train two small plain stacks of three masked layers, for a few seconds each. They differ in the mask of the last
# layer only.

# %% tags=[]
show_source(forgotten_mask.PlainPixelCNN.forward, forgotten_mask.draw)

# %% [markdown] tags=[]
# **Predict:** one of the two can see the answer. Which one will score better on patients it has never
# seen? Which one will draw better slices?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "The one that sees the answer",
    ["scores and draws better", "scores better, draws worse", "scores worse"],
)

# %% tags=[]
small = {}
for name, mask_last in {"every layer masked": True, "last layer not masked": False}.items():
    small[name] = forgotten_mask.train(K, train.tensors[0][:800], mask_last)
    paid = forgotten_mask.bits_per_code(small[name], codes)
    print(f"plain, {name:22} {paid:.3f} bits a code, held out")
print(f"{f'our prior, {prior.config.prior_layers} gated layers':29} {per_code:.3f}")

# %% tags=[]
air = codes[:, 0, 0].mode().values  # the commonest code in the corner
noise = torch.randint(K, grid, generator=torch.Generator().manual_seed(0))  # (h, w)
filled = torch.stack([air.expand(grid), noise, codes[len(codes) // 2]])  # (3, h, w)
rows = {"filled with": filled}
rows |= {name: forgotten_mask.draw(model, filled) for name, model in small.items()}
same = {name: (grids == filled).float().mean((1, 2)) for name, grids in rows.items()}  # each (3,)
show(
    plots.slices.rows(
        {name: list(vqvae.decode(grids)[:, 0]) for name, grids in rows.items()},
        ["one code", "random codes", "a held-out slice"],
    ),
    "Grids of one code, of random codes and of a held-out slice, and what is drawn over them. Codes "
    "left as they were: "
    + ", ".join(f"{shares.mean():.0%} {name}" for name, shares in same.items()),
)
for name, shares in same.items():
    print(f"{name:22} codes as they were before: {', '.join(f'{s:.0%}' for s in shares)}")
if same["last layer not masked"].mean() > same["every layer masked"].mean():
    guess.compare("scores better, draws worse")
else:
    print("this short training shows no difference")

# %% [markdown] tags=[]
# *Top: the grids before the first code is drawn. Middle: drawn over them, with the same noise, by the stack with
# every mask. It does not look at what comes later, so it draws the same slice three times; three small layers draw it
# badly. Bottom: the stack that sees the answer learns to copy what is there already, also random codes; the lines
# above say how much.* In training the answer was always there to be read; in sampling it is not there yet.
#
# Held-out patients do not reveal this mistake: the score is as good on them. The only sign is that it is too good.
# Bits mean something only if the network is causal. Test that first, as we did above.

# %% [markdown] tags=[]
# ## Where is it surprised?
#
# **Predict:** which codes cost most bits: air around a body, its outline, what lies inside?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Most bits a code cost", ["air", "all but air"])

# %% tags=[]
cost = bits.mean(0)  # (h, w)
example = int((heights - 0.45).abs().argmin())
image = vqvae.decode(codes[example][None])[0, 0]  # (H, W)
show(
    plots.prior.bits_beside_slice(
        image.numpy(), bits[example].numpy(), cost.numpy(), f"place {heights[example]:.2f}"
    ),
    f"A slice and the bits of its codes, {bits[example].mean():.2f} on average and "
    f"{bits[example].max():.1f} at most; means over all held-out slices, {cost.min():.2f} to {cost.max():.2f}.",
)
cheap = bits[codes == air].mean() < bits[codes != air].mean()
guess.compare("all but air" if cheap else "air")

# %% [markdown] tags=[]
# *One slice, what its codes cost in bits, and the mean of all held-out slices; arrows: reading order, upwards, then
# column after column.* On the default data air costs next to nothing: after some air comes more air. Look at the
# inside of large and even areas, such as a full bladder, then at outlines, small organs and fine textures. A code
# costs much where its neighbours do not decide what comes next.

# %% tags=[]
by_height = pd.DataFrame(
    {"height": (heights * 10).floor().clip(max=9) / 10 + 0.05, "bits": bits.mean((1, 2))}
)
by_height = by_height.groupby("height").mean().rename(columns={"bits": "bits per code, held out"})
show(
    plots.training.lines(by_height, "place along the scan", "bits"),
    f"Line plot of bits per code against the place along the scan, between "
    f"{by_height.min().item():.2f} and {by_height.max().item():.2f} bits.",
)

# %% [markdown] tags=[]
# *Mean cost by place along the scan, in tenths.* Each point is a mean over few slices, and the axis does not begin at
# zero: trust the large differences only.

# %% [markdown] tags=[]
# ## The next code, as a distribution
#
# At four positions of one slice, the prior's guess before it sees the code.

# %% tags=[]
where = [(grid[0] * a // 16, grid[1] * b // 16) for a, b in ((1, 2), (4, 8), (8, 11), (11, 5))]
logits = sampling.full_logits(prior, codes[example][None], height_features(heights[example][None]))
p = logits[0].softmax(0)  # (1, K, h, w) -> (K, h, w)
bars = [p[:, i, j].numpy() for i, j in where]  # each (K,)
true = [int(codes[example, i, j]) for i, j in where]
patches = codebook.decoded_codes(vqvae).numpy()  # (K, s, s), how each code looks by itself
show(
    plots.prior.distributions(image.numpy(), where, bars, true, patches),
    "Four positions on a slice and the prior's probabilities for the code there. The likeliest has "
    + ", ".join(f"{bar.max():.2f}" for bar in bars)
    + "; the true one "
    + ", ".join(f"{bar[code]:.2f}" for bar, code in zip(bars, true, strict=True)),
)

# %% [markdown] tags=[]
# *Left: the position (red square). Right: the probability of each code from dark to bright, with the true one
# marked.* Where one bar is far higher than all others, the past leaves no choice. Where many bars are low, there is a
# choice, and a sample will make it at random.

# %% [markdown] tags=[]
# ## Why not predict the code by least squares?
#
# Another common mistake: train the prior by mean squared error (MSE), to predict the next code's vector, or even its
# number. The best such a network can do is known without training it. The guess $m$ with the least expected squared
# error is the mean, $\arg\min_m \sum_k p_k \|e_k - m\|^2 = \sum_k p_k e_k$, and our prior has the $p_k$. So let it
# draw three ways: from $p$, by the code nearest to the mean vector, and by the mean of the code numbers.
#
# **Predict:** codes 3 and 90 are equally likely. What does code 46 or 47 have to do with them?

# %% tags=["nbval-ignore-output", "predict"]
guess = predict("Code 46 is", ["a good compromise", "a code like any other"])

# %% tags=[]
vectors = vqvae.codebook.embedding  # (K, D)
numbers = torch.arange(K, dtype=torch.float32, device=prior.device)  # (K,)
# places near these that training slices have
levels = metrics.nearest_heights([0.15, 0.4, 0.65, 0.9], train.tensors[1])
asked = height_features(torch.tensor(levels))  # (4, 16)
ways = {  # walk goes through the grid in reading order and writes what the function returns
    "drawn from p": sample(prior, asked, seeds=[0, 1, 2, 3]),  # (4, h, w)
    "drawn again": sample(prior, asked, seeds=[4, 5, 6, 7]),
    "mean vector": sampling.walk(
        prior, asked, lambda i, j, logits: vqvae.codebook.nearest(logits.softmax(1) @ vectors)
    ),
    "mean number": sampling.walk(
        prior, asked, lambda i, j, logits: (logits.softmax(1) @ numbers).round().long()
    ),
}
pictures = {name: vqvae.decode(grids)[:, 0] for name, grids in ways.items()}  # (4, H, W) each
show(
    plots.slices.rows(
        {name: list(some) for name, some in pictures.items()},
        [f"place {level:.2f}" for level in levels],
    ),
    "Slices at four places. Neighbouring pixels differ, on average, by: "
    + ", ".join(f"{some.diff(dim=1).abs().mean():.3f} {name}" for name, some in pictures.items()),
)
guess.compare("a code like any other")

# %% [markdown] tags=[]
# *Two draws from the prior (how to draw is the next notebook), then what least squares would write at each position.*
# The mean number gives static: a number is a name, and there is nothing between two names. The mean vector does
# better, for codes that lie near each other look alike. But it has one slice for each place, however often it is
# asked: it decides every choice in the same way, and loses what is rare. Compare outlines and textures with the draws
# above.

# %% [markdown] tags=[]
# ## Exercises
#
# Replace the three dots, run the cell and the check below it. The checks need no trained prior.
# Once you have tried, look into [the solutions](solutions/04_pixelcnn_training.ipynb).

# %% [markdown] tags=[]
# ### Exercise 1 · How deep must it be?
#
# On a grid of 32 × 16 codes, how many gated layers with kernels of 3 does it take until the last position sees all
# 511 codes before it? Calculate it, then write the number. To measure:
# `receptive_field.gated_field(layers, 3, (32, 16), (31, 15)).sum()`.

# %% tags=["exercise"]
enough_layers = ...

# %% tags=["check"]
exercises.check_layers(enough_layers)

# %% [markdown] tags=[]
# ### Exercise 2 · From nats to bits a pixel
#
# `fit` reports nats a code; papers report bits a pixel. Write the conversion, for codes that stand for
# 4 × 4 pixels each.


# %% tags=["exercise"]
def bits_of(nats_per_code: float) -> tuple[float, float]:
    """Nats a code -> (bits a code, bits a pixel)."""
    return ...


# %% tags=["check"]
exercises.check_bits(bits_of)

# %% [markdown] tags=[]
# ### Exercise 3 · The probability of a grid
#
# A prior returned logits for a batch of grids. Compute $\ln p(c \mid y)$ of each grid, in nats.
# `log_softmax` and `gather` will help.


# %% tags=["exercise"]
def log_probability(logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Logits (B, K, h, w) and codes (B, h, w) -> ln p of each grid (B,)."""
    return ...


# %% tags=["check"]
exercises.check_log_probability(log_probability)

# %% [markdown] tags=[]
# ### Exercise 4 · Write the mask, then break it
#
# Write the causal mask of a kernel: 1 where it may look, 0 elsewhere. With `centre=False` it is type A,
# with `centre=True` type B. The check draws what three layers with your masks see. When it is right, break
# it: open one weight too many, or close one of the row above, and look again.


# %% tags=["exercise"]
def my_mask(kernel_size: int, centre: bool) -> torch.Tensor:
    """(kernel_size, kernel_size), row by row from the top; kernel_size = 2r + 1."""
    return ...


# %% tags=["check"]
exercises.check_causal_mask(my_mask)

# %% [markdown] tags=[]
# ### Exercise 5 · A layer that needs no mask
#
# Write one layer of a vertical stack: every row sees those above it, and neither itself nor those
# below. Shift, pad, then convolve with the weights as they are. `F.pad(x, (left, right, top, bottom))`
# takes negative numbers, too: they cut off.


# %% tags=["exercise"]
def rows_above(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """x (B, C, h, w) and weight (D, C, r+1, 2r+1) -> (B, D, h, w)."""
    return ...


# %% tags=["check"]
exercises.check_vertical_layer(rows_above)

# %% [markdown] tags=[]
# ### Experiment · A near-sighted prior
#
# The prior gets two layers instead of six:
#
# `vqgen run --profile quick --run-name near --to 04 --set prior_layers=2`
#
# Predict first. Then run it in a terminal (in JupyterLab: File, New, Terminal). It runs notebooks 01 to 04 once more,
# takes no longer than they did, and leaves them in `runs/near/notebooks/`: open them there.

# %% tags=["nbval-ignore-output", "predict"]
guess = predict(
    "With two layers, the bits a code will", ["hardly change", "rise by a tenth or so", "double"]
)

# %% [markdown] tags=[]
# How far does it see (exercise 1)? Compare the bits, and where they rose: look at the two maps. Write two sentences:
# what you saw, and why.

# %% [markdown] tags=[]
# ### Quiz
#
# Five questions on the whole notebook. Click on the answer that you would give: it opens, and says what is right
# about it and what is not. Read the others too.

# %% tags=["quiz"]
from vqgen_utils.teaching import quiz

quiz("04")

# %% [markdown] tags=[]
# ## Summary
#
# - A prior is a product of guesses of the next code; whether it is causal can be tested.
# - Masks leave a blind spot that grows with depth; two stacks, shifted once, have none.
# - Bits per code on held-out patients, next to the order-0 entropy, is an honest score of a causal network. A network
#   that sees the answer scores better, and is of no use.
# - A distribution keeps all possible codes; a mean keeps one.
#
# **What's next:** `05_generation` draws from this prior, one code at a time.

# %% tags=[]
rows = slices.subset("test").rows
run.save_scores("prior", rows, {"bits_per_code": bits.mean((1, 2)).numpy()})
run.add_metrics(
    "prior",
    {
        "bits_per_code": per_code,
        "bits_per_code_order0": order0,
        "bits_per_pixel": per_code / stride**2,
        "train_seconds": result.seconds,
    },
)

# %% [markdown] tags=[]
# ## References
#
# - van den Oord et al. 2016a: Pixel Recurrent Neural Networks. ICML. [arXiv:1601.06759](https://arxiv.org/abs/1601.06759)
# - van den Oord et al. 2016b: Conditional Image Generation with PixelCNN Decoders. NeurIPS. [arXiv:1606.05328](https://arxiv.org/abs/1606.05328)
# - van den Oord et al. 2017: Neural Discrete Representation Learning. NeurIPS. [arXiv:1711.00937](https://arxiv.org/abs/1711.00937)
# - Shannon 1951: Prediction and Entropy of Printed English. Bell System Technical Journal 30(1)
# - Prechelt 1998: Early Stopping - But When? In: Neural Networks: Tricks of the Trade. Springer
# - Liu et al. 2018: An Intriguing Failing of Convolutional Neural Networks and the CoordConv Solution. NeurIPS. [arXiv:1807.03247](https://arxiv.org/abs/1807.03247)
