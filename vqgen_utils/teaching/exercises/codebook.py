"""The checks of notebook 03: counting codes, reading tables of them, moving them about."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vqgen_utils.teaching.exercises.feedback import NotYet, call, check, close, same_shape


@check
def check_codes_needed(needed: int, counts: Tensor) -> str:
    """`needed`: the smallest number of codes that cover 90 % of all positions; counts (K,)."""
    k, ninety = len(counts), 0.9 * int(counts.sum())
    if _number("needed", needed) not in range(1, k + 1):
        raise NotYet(f"give a whole number of codes, from 1 to {k}.")
    needed = int(needed)
    covered = counts.sort(descending=True).values.cumsum(0)  # (K,) positions
    share = covered[needed - 1] / counts.sum()
    right = int((covered < ninety).sum()) + 1
    if needed == right:
        return (
            f"{needed} of {k} codes cover {share:.1%}, and one fewer would not do; were all used "
            f"equally often, it would take {math.ceil(0.9 * k)}."
        )
    if needed == int((counts.sort().values.cumsum(0) < ninety).sum()) + 1:
        raise NotYet("this counts from the rarest code up: sort with descending=True.")
    if needed in (int(0.9 * k), math.ceil(0.9 * k)):
        raise NotYet("that is 90 % of the codes: asked is how many cover 90 % of the positions.")
    if needed == right - 1:
        raise NotYet(f"the {needed} commonest codes cover {share:.2%}: one more is needed.")
    if needed < right:
        raise NotYet(f"the {needed} commonest codes cover {share:.0%} only: take more.")
    raise NotYet(f"{needed} codes cover {share:.1%}, but fewer reach 90 % as well.")


@check
def check_perplexity(perplexity: Callable[[Tensor], float]) -> str:
    """`perplexity`: counts (K,) -> 2 to the power of their entropy in bits."""
    counts = torch.tensor([40, 30, 20, 10])
    p = counts / 100
    nats = float(-(p * p.log()).sum())
    bits = nats / math.log(2)
    got = _number("perplexity", call(perplexity, counts))
    if close(got, bits):
        raise NotYet(f"{got:.3f} is the entropy H, in bits: the perplexity is 2 to the power of H.")
    if close(got, nats):
        raise NotYet(f"{got:.3f} is the entropy in nats: take log2, then 2 to the power of it.")
    if close(got, 2**nats):
        raise NotYet("log is the natural logarithm: with 2 to the power of H, H needs log2.")
    if close(got, math.exp(bits)):
        raise NotYet("H is in bits (log2), so raise 2 to its power, not e (exp).")
    if close(got, 2**-bits):
        raise NotYet("this is below 1: the entropy has a minus sign in front of the sum.")
    if got > 1e3 or got < 1e-3:  # what comes of p = counts
        raise NotYet("p must be shares that sum to 1: divide the counts by their sum first.")
    if not close(got, 2**bits, 1e-3):
        raise NotYet(f"for the counts {counts.tolist()} it is {2**bits:.3f}, you have {got:.3f}.")

    got = _number("perplexity", call(perplexity, torch.tensor([50, 50, 0, 0])))
    if math.isnan(got):
        raise NotYet("a code that never occurs makes it NaN, for 0 · log 0: leave zeros out.")
    if not close(got, 2, 1e-3):
        raise NotYet(f"two codes used 50:50 and two never have perplexity 2, you have {got:.3f}.")
    return "any base would do, as long as logarithm and power share it: exp of nats is the same."


@check
def check_tissue_given_code(tissue_given_code: Callable[[Tensor], Tensor]) -> str:
    """`tissue_given_code`: counts (tissues, K) -> shares; a code's column sums to 1, or to 0."""
    table = torch.tensor(
        [[6, 0, 1, 0], [2, 5, 1, 0], [0, 5, 2, 0]]
    )  # (tissues, K), code 3 is unused
    got = call(tissue_given_code, table.clone())
    same_shape("the table of shares", got, tuple(table.shape))
    got, used = torch.as_tensor(got), table[:, :3]
    if close(got[:, :3], used / table.sum(1, keepdim=True)):
        raise NotYet(
            "your rows sum to 1, not your columns: that answers 'given this tissue, which code?'. "
            "Sum over the tissues, axis 0."
        )
    if close(got[:, :3], used / table.sum()):
        raise NotYet("you divided by the sum of the whole table: each code needs a sum of its own.")
    if not close(got[:, :3], used / used.sum(0)):
        raise NotYet("each entry is its count divided by the sum of its column, the code's uses.")
    if got.isnan().any():
        raise NotYet("a code that is never used gives 0/0 = NaN: make its column zero.")
    if not close(got[:, 3], torch.zeros(3)):
        raise NotYet("the column of a code that is never used should hold zeros.")
    return "the other axis gives 'given this tissue, which code?': same counts, another question."


@check
def check_nearest_other(nearest_other: Callable[[Tensor, int], int]) -> str:
    """`nearest_other`: codebook (K, D) and k -> the number of the code nearest to e_k."""
    k, rows = 2, [[4, 3.3], [0, -5], [4, 2], [-4, 0], [12, 5], [5.05, 2.4], [2.8, 2.2]]
    codebook = torch.tensor([*rows, [3.05, 1.05], [8, 4], [2, 4], [-9, -9]])  # (K, D)
    got = int(_number("nearest_other", call(nearest_other, codebook.clone(), k)))
    distance = (codebook - codebook[k]).norm(dim=1)  # (K,)
    order = distance.argsort().tolist()  # 2, 5, 6, ..., 10
    if got == k:
        raise NotYet("nothing is nearer to a code than the code itself: leave it out.")
    if got == order[-1]:
        raise NotYet("that is the code furthest away: distances want argmin, not argmax.")
    if got == order[2]:
        raise NotYet("that is the second nearest: only code k itself is left out.")
    if got in (k - 1, k + 1):
        raise NotYet("that is the code with the next number: compare vectors, not numbers.")
    if got == int((codebook @ codebook[k]).argmax()):
        raise NotYet("that has the largest dot product, which favours long vectors: use distances.")
    others = torch.arange(len(codebook)) != k
    length, difference = codebook.norm(dim=1), (codebook - codebook[k]).abs()
    for measure, problem in (
        (difference.sum(1), "you add up absolute differences: add up their squares."),
        (difference.amax(1), "you compare the largest difference alone: add up all squares."),
        ((length - length[k]).abs(), "that compares the lengths of vectors: subtract them first."),
        (-(codebook @ codebook[k]) / length, "that is nearest in direction: use distances."),
    ):
        if got != order[1] and got == int(measure.where(others, torch.inf).argmin()):
            raise NotYet(problem)
    if got != order[1]:
        raise NotYet("take the distances |e_j - e_k| to all codes j, and the smallest with j ≠ k.")
    twins = torch.tensor([[1.0], [1.0], [5.0]])
    if _number("nearest_other", call(nearest_other, twins, 1)) != 0:
        raise NotYet(
            "two codes may lie on the same point, and then sorting may put either first: leave out "
            "code k by its number, not by its place in the order."
        )
    return "near vectors decode to like patches; near numbers mean nothing."


@check
def check_transplant(transplant: Callable[..., Tensor]) -> str:
    """`transplant`: donor (h, w), receiver (h, w), box -> the receiver with the donor's box."""
    donor, receiver = torch.arange(24).view(6, 4), torch.arange(100, 124).view(6, 4)
    given, box = receiver.clone(), (slice(1, 4), slice(2, 4))
    got = call(transplant, donor, given, box)
    if not given.equal(receiver):
        raise NotYet(
            "the receiver has changed: '=' gives a tensor a second name, not a copy. Begin with "
            "receiver.clone()."
        )
    if not donor.equal(torch.arange(24).view(6, 4)):
        raise NotYet("the donor has changed: paint on a clone of the receiver.")
    if isinstance(got, Tensor) and got.shape == donor[box].shape:
        raise NotYet("this is the box alone: return the whole grid, with the box painted in.")
    same_shape("the new grid", got, (6, 4))
    got = torch.as_tensor(got)
    wanted = receiver.clone()
    wanted[box] = donor[box]
    other_way = donor.clone()
    other_way[box] = receiver[box]
    if got.equal(other_way):
        raise NotYet("donor and receiver have changed places: the box comes from the donor.")
    if got.equal(receiver):
        raise NotYet("nothing was painted in: assign donor[box] to the box of your copy.")
    if not got.equal(wanted):
        raise NotYet("inside the box the donor's codes are wanted, outside it the receiver's.")
    return "the decoder looks at neighbouring codes too, so it blends the box into its new place."


@check
def check_mean_block(mean_block: Callable[..., Tensor]) -> str:
    """`mean_block`: codes (N, h, w), images (N, 4h, 4w), k -> mean block under code k, (4, 4)."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(3, (2, 5, 3), generator=generator)  # (N, h, w)
    images = torch.rand(2, 20, 12, generator=generator)  # (N, 4h, 4w)
    got = call(mean_block, codes, images, 1)
    if isinstance(got, Tensor) and got.shape == (1, 4, 4):
        raise NotYet("the shape is (1, 4, 4): index the blocks with codes == k, then mean(0).")
    same_shape("the mean block", got, (4, 4))
    blocks = images.view(2, 5, 4, 3, 4).transpose(2, 3)[codes == 1]  # (n, 4, 4)
    if close(got, blocks.mean(0)):
        return "cutting a picture into blocks is a view with five axes and one transpose."
    if close(got, images.reshape(2, 5, 3, 4, 4)[codes == 1].mean(0)):
        raise NotYet(
            "reshape alone keeps pixels in reading order, so your 'blocks' are scraps of long "
            "rows. View as (N, h, 4, w, 4), then move w before the first 4."
        )
    if close(got, blocks.mean(0).T):
        raise NotYet("your block is mirrored along its diagonal: the two axes of 4 are swapped.")
    if close(got, blocks.sum(0)):
        raise NotYet("this is the sum of the blocks: divide by their number.")
    if close(got, blocks.sum(0) / codes.numel()):
        raise NotYet("divide by the number of blocks under code k, not by that of all blocks.")
    raise NotYet("average the 4x4 blocks at those positions where codes == k, and no others.")


def _number(name: str, got) -> float:
    """A number from whatever holds one.

    Raises:
        NotYet: when it holds none, or several.
    """
    try:
        return float(got)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NotYet(f"{name} should be one number, not {type(got).__name__}.") from error
