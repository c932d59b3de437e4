"""Checks of notebook 12: keys that may be asked, attention, a row with a cache, a claim."""

from collections.abc import Callable

import torch
from torch import Tensor

from vqgen_utils.models.beyond.attention import attention_weights, rows_so_far
from vqgen_utils.teaching.exercises.feedback import (
    NotYet,
    call,
    check,
    choice,
    close,
    number,
    same_shape,
)


@check
def check_keys(answer) -> str:
    """Grid of 32 x 16: positions that the one in row 20, column 5 of the vertical stack may ask."""
    got, width = number("your answer", answer), 16
    if close(got, 21 * width, 0.01):
        return (
            "21 rows of 16: row 20 knows the codes of rows 0 to 19, and hides none of its own. "
            "With six layers the convolutions see seven of these rows."
        )
    for wrong, problem in (
        (
            20 * width,
            "these are the rows above. What row 20 of the stack knows of is above it too.",
        ),
        (20 * width + 5, "so PixelSNAIL counts the codes before a position. Here whole rows ask."),
        (20 * width + 6, "the whole of row 20 may be asked: its codes came in one row further up."),
        (32 * width, "that is the whole grid, with rows that are yet to be drawn."),
        (21, "so many rows. How many positions has each?"),
        (22 * width, "one row too many: row 21 of the stack knows the codes of row 20."),
    ):
        if close(got, wrong, 0.01):
            raise NotYet(problem)
    raise NotYet("count the rows that may be asked, row 0 among them, and the positions of a row.")


@check
def check_attend(attend: Callable) -> str:
    """attend(q (n, d), k (m, d), values (m, D), allowed (n, m) bool) -> what is heard (n, D)."""
    generator = torch.Generator().manual_seed(0)
    q, k = 2 * torch.randn(2, 6, 4, generator=generator)  # (n, d), (m, d)
    values = torch.randn(6, 3, generator=generator)  # (m, D)
    allowed = rows_so_far((3, 2))  # (6, 6)
    lent = [part.clone() for part in (q, k, values, allowed)]
    got = call(attend, *lent)
    same_shape("what is heard", got, (6, 3))
    if not all(map(torch.equal, lent, (q, k, values, allowed))):
        raise NotYet("your function changed what it was given: masked_fill makes a new tensor.")
    if close(got, attention_weights(q, k, allowed) @ values):
        return (
            "a weighted mean of values, and the weights come from the data. A convolution has its "
            "weights by distance, the same for every slice."
        )
    for wrong, problem in near_misses(q, k, values, allowed):
        if close(got.nan_to_num(), wrong):  # where nothing is allowed, a softmax has no answer
            raise NotYet(problem)
    raise NotYet(
        "scores are q times k, by the root of d; those not allowed become -inf; the softmax over "
        "the keys makes weights of them; what is heard are the weights times the values."
    )


def near_misses(q: Tensor, k: Tensor, values: Tensor, allowed: Tensor) -> list[tuple[Tensor, str]]:
    """What comes out when one part of attention is forgotten, and words on it."""
    scores = q @ k.t()  # (n, m)
    scaled, anywhere = scores / k.shape[1] ** 0.5, torch.ones_like(allowed)
    hidden = scaled.masked_fill(~allowed, -torch.inf)
    return [
        (attention_weights(q, k, anywhere) @ values,
         "it listens to rows that are yet to be drawn: scores that are not allowed become -inf."),
        (scaled.masked_fill(allowed, -torch.inf).softmax(1).nan_to_num() @ values,
         "the mask is turned round: True is where it may listen."),
        (scores.masked_fill(~allowed, -torch.inf).softmax(1) @ values,
         "the scores are not divided by the root of d. They grow with d, and one key takes all."),
        ((scores / k.shape[1]).masked_fill(~allowed, -torch.inf).softmax(1) @ values,
         "the scores are divided by d itself: by its root."),
        ((scaled * allowed).softmax(1) @ values,
         "a score of 0 has a weight of its own, for the exponential of 0 is 1: use -inf."),
        ((scaled.softmax(1) * allowed) @ values,
         "the weights no longer sum to 1: hide what is not allowed before the softmax."),
        (hidden.softmax(0).nan_to_num() @ values,
         "the softmax goes over the positions that ask. Over the keys: the last axis."),
        (hidden.softmax(1) @ k[:, : values.shape[1]],
         "these are the keys, weighted. What is heard are the values."),
    ]  # fmt: skip


@check
def check_hear_row(hear_row: Callable) -> str:
    """hear_row(q, k, values, old_k, old_values) of a row -> (heard, all keys, all values)."""
    grid, d, size = (4, 3), 4, 2
    generator = torch.Generator().manual_seed(1)
    q, k = torch.randn(2, 12, d, generator=generator)  # (h*w, d) each
    values = torch.randn(12, size, generator=generator)  # (h*w, D)
    full = attention_weights(q, k, rows_so_far(grid)) @ values  # (h*w, D)
    blind = attention_weights(q, k, torch.eye(12, dtype=torch.bool)) @ values
    old_k, old_values = k[:0], values[:0]
    for i in range(grid[0]):
        now = slice(3 * i, 3 * i + 3)
        got = call(hear_row, q[now], k[now], values[now], old_k.clone(), old_values.clone())
        if not isinstance(got, (tuple, list)) or len(got) != 3:
            raise NotYet("return three things: what is heard, all keys so far, all values so far.")
        heard, keys, kept = got
        same_shape("what is heard", heard, (3, size))
        same_shape(f"after row {i}, the keys", keys, (3 * i + 3, d))
        same_shape(f"after row {i}, the values", kept, (3 * i + 3, size))
        above = attention_weights(q[now], k[: 3 * i], torch.ones(3, 3 * i, dtype=torch.bool))
        if i and close(heard, above @ values[: 3 * i]):
            raise NotYet(
                f"row {i} listens to the rows above alone. Append its own keys and values first, "
                "then listen."
            )
        if close(heard, blind[now]):
            raise NotYet(f"each position of row {i} listens to itself alone.")
        if i and (close(keys[:3], k[now]) or close(kept[:3], values[now])):
            raise NotYet("the new ones stand before the old ones: append them at the end.")
        if not close(heard, full[now]):
            raise NotYet(
                f"row {i} differs from the full pass by {(heard - full[now]).abs().max():.2g} at "
                "most. No mask is needed, only softmax(q k^T / sqrt(d)) over all keys so far."
            )
        if not (close(keys, k[: 3 * i + 3]) and close(kept, values[: 3 * i + 3])):
            raise NotYet(f"what is kept after row {i} is not what came in, in the order it came.")
        old_k, old_values = keys, kept
    return (
        "equal to the full pass in every row, and no key was made twice. What has been drawn never "
        "changes, so neither do its keys: that is all that a cache needs."
    )


@check
def check_finding(answer) -> str:
    """What equal steps and one seed allow one to say: "A", "B", "C" or "D"."""
    problems = {
        "A": "a step with attention took longer. What would the plain prior do with that time?",
        "C": "slower steps may still be worth it. What has to be compared to know?",
        "D": "perhaps it would. Has anybody tried?",
    }
    choice(answer, "B", problems)
    return (
        "what was measured, under which condition, and what is open. Equal seconds and three seeds "
        "would settle it, and cost some minutes."
    )
