"""Checks of notebook 04: the prior's arithmetic, and what a position may see."""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vqgen_utils.teaching.demos.receptive_field import (
    allowed_field,
    causal_mask,
    field_of_masks,
    gated_field,
)
from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, close, same_shape

GRID, KERNEL = (32, 16), 3  # of the question how many layers it takes to see it all


def codes_unseen(layers: int) -> int:
    """How many codes before the last position of GRID a gated network does not see."""
    last = GRID[0] - 1, GRID[1] - 1
    return GRID[0] * GRID[1] - 1 - int(gated_field(layers, KERNEL, GRID, last).sum())


@check
def check_layers(layers: int) -> str:
    """The smallest depth at which the last position of GRID sees every code before it."""
    height, width = GRID
    whole = isinstance(layers, (int, np.integer)) and not isinstance(layers, bool)
    if not whole or not 1 <= layers <= 2 * height:
        raise NotYet(f"give a whole number of layers; {2 * height} are more than enough.")
    layers = int(layers)
    unseen = codes_unseen(layers)
    if 0 < unseen <= width:
        raise NotYet(f"nearly: with {layers} layers only the top row is out of sight.")
    if unseen and layers >= width - 1:
        raise NotYet(
            f"{layers} layers reach across all {width} columns, but not up all {height} rows: "
            f"{unseen} codes are out of sight."
        )
    if unseen:
        raise NotYet(
            f"with {layers} layers the last position misses {unseen} codes. How many rows further "
            f"up does one layer with a kernel of {KERNEL} look?"
        )
    if codes_unseen(layers - 1) == 0:
        raise NotYet(
            f"{layers} layers see it all, but fewer do too. The shift at the entrance brings the "
            "row above before the first layer has done anything."
        )
    return (
        f"{layers} layers carry {layers} rows, and the shift at the entrance one. A prior with far "
        "fewer sees the top of the grid only in what later codes tell of it."
    )


@check
def check_bits(bits: Callable[[float], tuple[float, float]]) -> str:
    """Nats a code -> (bits a code, bits a pixel)."""
    nats = 1.3
    got = call(bits, nats)
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise NotYet("return two numbers: bits a code, bits a pixel.")
    code, pixel = (call(float, value) for value in got)
    wanted = nats / math.log(2)
    if close(code, wanted / 16, 1e-6):
        raise NotYet("the first number should be bits a code, the second bits a pixel.")
    if close(code, nats * math.log(2), 1e-6):
        raise NotYet("you multiplied by ln 2. A nat is more than a bit, so the number must grow.")
    if close(code, nats, 1e-6):
        raise NotYet("the first number is still in nats: how many nats are one bit?")
    if not close(code, wanted, 1e-6):
        raise NotYet(f"{nats} nats are {wanted:.4f} bits, not {code:.4f}: a bit is ln 2 nats.")
    if close(pixel, wanted / 4, 1e-6):
        raise NotYet("a code stands for 4 pixels along each side. How many is that in all?")
    if close(pixel, wanted * 16, 1e-6):
        raise NotYet("the pixels share the price of their code: divide where you multiplied.")
    if not close(pixel, wanted / 16, 1e-6):
        raise NotYet(f"bits a pixel should be {wanted / 16:.4f}, but yours are {pixel:.4f}.")
    return (
        "one bit is ln 2 nats, and 16 pixels share a code. This is the price of the codes alone: "
        "they give the reconstruction back, not the slice."
    )


@check
def check_log_probability(log_probability: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Logits (B, K, h, w) and codes (B, h, w) -> ln p of each grid (B,)."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 3, 4, generator=generator) * 2  # (B, K, h, w)
    codes = torch.randint(5, (2, 3, 4), generator=generator)  # (B, h, w)
    per_code = -F.cross_entropy(logits, codes, reduction="none")  # (B, h, w)
    wanted = per_code.sum((1, 2))  # (B,)
    got = call(log_probability, logits, codes)
    if isinstance(got, Tensor) and got.dim() == 0:
        raise NotYet(
            "it returns a single number: each grid of the batch has a probability of its own. "
            "Sum over rows and columns, not over the batch."
        )
    if isinstance(got, Tensor) and got.shape == codes.shape:
        raise NotYet(
            "these are the factors, one a position. The grid's probability is their product, and "
            "the logarithm of a product is a sum."
        )
    same_shape("the result", got, (2,))
    if close(got, wanted):
        return (
            "the product has become a sum, as it must: multiplied out, hundreds of factors below "
            "one would soon be too small for a floating-point number."
        )
    if close(got, -wanted):
        raise NotYet("the sign: this is what the grid costs; a probability below 1 has ln p < 0.")
    if close(got, per_code.mean((1, 2))) or close(got, -per_code.mean((1, 2))):
        raise NotYet(
            "you took the mean over positions: that is the (negative) loss a code. The grid's "
            "probability is the product of all its factors, so their logarithms add up."
        )
    if (got > 0).all() and close(got.log(), wanted, 1e-3):
        raise NotYet(
            "this is p itself. Over hundreds of positions it would be too small for a "
            "floating-point number: add logarithms instead."
        )
    if close(got, wanted / math.log(2)):
        raise NotYet("this is in bits (log to base 2); ln p is asked for, in nats.")
    picked = logits.gather(1, codes[:, None])[:, 0].sum((1, 2))  # (B,)
    if close(got, picked):
        raise NotYet("you added the logits as they are: log_softmax turns them into ln p.")
    for dim, name in ((0, "the batch"), (2, "the rows"), (3, "the columns")):
        over = logits.log_softmax(dim).gather(1, codes[:, None])[:, 0].sum((1, 2))
        if close(got, over):
            raise NotYet(
                f"the softmax runs over {name}: the probabilities of the K codes at one position "
                "must add up to 1, so it belongs over dimension 1."
            )
    raise NotYet(
        f"ln p of the first test grid is {wanted[0]:.3f}, yours is {float(got[0]):.3f}. Take "
        "log_softmax over the codes, gather the entry of each true code, and sum."
    )


def picture(seen: Tensor, wanted: Tensor, position: tuple[int, int]) -> str:
    """A receptive field (h, w) in letters beside the wanted one, a row a line, with a key."""
    letters = np.where(seen, np.where(wanted, "x", "!"), np.where(wanted, "-", "."))
    if not seen[position]:
        letters[position] = "o"
    key = "(o its place, x seen, - missed, ! seen though forbidden)"
    return "\n".join([key, *("    " + " ".join(row) for row in letters)])


@check
def check_causal_mask(mask: Callable[[int, bool], Tensor]) -> str:
    """(kernel size, centre open?) -> (k, k), 1 where the kernel may look and 0 elsewhere."""
    for k in (3, 5):
        for centre in (False, True):
            same_shape(f"the mask for a kernel of {k}", call(mask, k, centre), (k, k))
    masks = [torch.as_tensor(call(mask, 3, centre)) for centre in (False, True, True)]
    size, position = (6, 9), (4, 4)
    allowed = allowed_field(3, 3, size, position)
    drawn = picture(field_of_masks(masks, size, position), allowed, position)
    for k in (3, 5):
        for centre in (False, True):
            got = torch.as_tensor(call(mask, k, centre)).double()
            problem = what_is_wrong_with(got, centre)
            if problem:
                raise NotYet(f"{problem}\nThree layers with your masks of size 3 see: {drawn}")
    return (
        "type A hides the centre once, at the entrance; later layers may open it, for what they "
        f"find there has not seen the answer. Three layers see: {drawn}"
    )


def what_is_wrong_with(got: Tensor, centre: bool) -> str | None:
    """In words, what makes a mask (k, k) differ from the causal one; None when nothing does."""
    k, r = len(got), len(got) // 2
    kind = f"type {'B' if centre else 'A'} of size {k}"
    wanted = causal_mask(k, centre).double()
    if close(got, wanted):
        return None
    if ((got != 0) & (got != 1)).any():
        return f"in {kind} there are entries other than 0 and 1."
    if close(got, 1 - wanted):
        return f"{kind} is inside out: 1 keeps a weight, 0 hides it."
    if close(got, wanted.t()):
        return f"{kind} has rows and columns swapped: the first index is the row."
    if got[r + 1 :].any():
        return f"{kind} is open in the rows below its centre: those codes come later."
    if got[r, r + 1 :].any():
        return f"{kind} is open to the right of its centre: those codes come later."
    if not centre and got[r, r]:
        return f"{kind} is open at its centre, so the first layer sees the very code to be guessed."
    if centre and not got[r, r]:
        return f"{kind} hides its centre: after the first layer nothing there has seen the answer."
    if not got[:r].all():
        return f"{kind} hides part of the rows above: they come before, right of the centre too."
    return f"{kind} hides codes to the left in the same row: they come before."


@check
def check_vertical_layer(layer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """x (B, C, h, w), weight (D, C, r+1, k) -> (B, D, h, w): each row sees those above it alone."""
    generator = torch.Generator().manual_seed(0)
    for k in (3, 5):
        r, position = k // 2, (4, 4)
        x = torch.randn(2, 3, 7, 9, generator=generator)  # (B, C, h, w)
        weight = torch.randn(4, 3, r + 1, k, generator=generator)  # (D, C, r+1, k)
        got = call(layer, x.clone(), weight)
        same_shape(f"the output for a kernel of {k}", got, (2, 4, 7, 9))
        of_row_0 = field_of(layer, x, weight, (0, 4))
        if of_row_0[-1].any():
            raise NotYet(
                "row 0 sees the last row: what leaves at the bottom comes back at the top, as with "
                "torch.roll. Let zeros enter instead."
            )
        field = field_of(layer, x, weight, position)
        wanted = torch.zeros_like(field)
        wanted[4 - (r + 1) : 4, 4 - r : 4 + r + 1] = True  # r + 1 rows above, 2r + 1 columns
        if not field.equal(wanted):
            drawn = picture(field, wanted, position)
            lack = what_the_field_lacks(field, position, r)
            raise NotYet(f"{lack}\nFor a kernel of {k} your layer sees: {drawn}")
        if of_row_0.any():
            raise NotYet("row 0 sees codes, though nothing lies above it: let zeros enter.")
        if not close(got, F.conv2d(F.pad(x, (r, r, r + 1, -1)), weight)):
            raise NotYet(
                "it sees the right codes but weighs them otherwise than F.conv2d does: use the "
                "weights as they are."
            )
    return (
        "shift, pad, convolve, and no weight is ever masked. Each layer of our PixelCNN looks at "
        "the codes with two such convolutions: this one, and one along the row."
    )


def field_of(layer: Callable, x: Tensor, weight: Tensor, position: tuple[int, int]) -> Tensor:
    """Where the layer's output at `position` depends on x (B, C, h, w): (h, w) bool."""
    leaf = x.clone().requires_grad_()
    out = call(layer, leaf * 1.0, weight)[:, :, position[0], position[1]].square().sum()
    if not out.requires_grad:
        raise NotYet("no gradient gets from the output back to x: is it detached on the way?")
    return torch.autograd.grad(out, leaf)[0].abs().sum((0, 1)) != 0


def what_the_field_lacks(field: Tensor, position: tuple[int, int], r: int) -> str:
    """In words, how a vertical layer's field (h, w) differs from what it should be."""
    i, j = position
    rows, columns = field.any(1), field.any(0)
    if rows[i + 1 :].any():
        return "a position sees the rows below it: shift the other way, so that rows move down."
    if rows[i]:
        return "a position sees its own row: shift x down by one row before anything else."
    if not rows[i - 1]:
        return "a position misses the row right above it: the shift is one row too far."
    if rows.sum() != r + 1:
        return f"a position should see the {r + 1} rows above it, no more and no fewer."
    if not columns[j + r] or not columns[j - r]:
        return f"a position should see {r} columns to either side: pad left and right alike."
    return "a position sees other codes than those above it."
