"""Exercises of notebook 03: a wrong answer is told in words what is wrong with it."""

import pytest
import torch
import torch.nn.functional as F
from notebook_cells import refusal

from vqgen_utils.teaching.exercises import codebook as exercises

COUNTS = torch.tensor([1, 50, 4, 30, 5, 6, 2, 2])  # 4 of 8 codes hold 91 of 100


def shares(counts):
    return counts[counts > 0] / counts.sum()


def painted(donor, receiver, box):
    new = receiver.clone()
    new[box] = donor[box]
    return new


def pasted(donor, receiver, box):
    receiver[box] = donor[box]
    return receiver


def nearest(distance, k):
    """The code other than k with the smallest distance."""
    return distance.index_fill(0, torch.tensor(k), torch.inf).argmin()


def cut(images, h, w):
    return images.view(-1, h, 4, w, 4).transpose(2, 3)


WRONG = {
    "codes_needed": [
        (3, "one more is needed"),
        (2, "take more"),
        (5, "fewer reach 90 %"),
        (8, "from the rarest"),
        (7, "90 % of the codes"),
        (0.9, "whole number"),
        ("four", "one number"),
    ],
    "perplexity": [
        (lambda n: -(shares(n) * shares(n).log2()).sum(), "is the entropy H"),
        (lambda n: -(shares(n) * shares(n).log()).sum(), "in nats"),
        (lambda n: 2 ** -(shares(n) * shares(n).log()).sum(), "H needs log2"),
        (lambda n: torch.exp(-(shares(n) * shares(n).log2()).sum()), "not e"),
        (lambda n: 2 ** (shares(n) * shares(n).log2()).sum(), "minus sign"),
        (lambda n: 2 ** -(n * n.log2()).sum(), "sum to 1"),
        (lambda n: 2 ** -(n / n.sum() * (n / n.sum()).log2()).sum(), "NaN"),
        (lambda n: float((n > 0).sum()), "for the counts"),
        (lambda n: shares(n), "one number"),
    ],
    "tissue_given_code": [
        (lambda t: t / t.sum(1, keepdim=True), "rows sum to 1"),
        (lambda t: t / t.sum(), "whole table"),
        (lambda t: t / t.sum(0), "0/0"),
        (lambda t: (t / t.sum(0)).nan_to_num(1 / 3), "zeros"),
        (lambda t: t * 1.0, "divided by the sum of its column"),
        (lambda t: (t / t.sum(0)).T, "shape"),
    ],
    "nearest_other": [
        (lambda e, k: (e - e[k]).norm(dim=1).argmin(), "code itself"),
        (lambda e, k: (e - e[k]).norm(dim=1).argmax(), "furthest"),
        (lambda e, k: (e - e[k]).norm(dim=1).argsort()[2], "second nearest"),
        (lambda e, k: (e @ e[k]).argmax(), "dot product"),
        (lambda e, k: k + 1, "next number"),
        (lambda e, k: nearest((e - e[k]).abs().sum(1), k), "absolute differences"),
        (lambda e, k: nearest((e - e[k]).abs().amax(1), k), "largest difference"),
        (lambda e, k: nearest((e.norm(dim=1) - e[k].norm()).abs(), k), "lengths"),
        (lambda e, k: nearest(-F.cosine_similarity(e, e[k][None]), k), "direction"),
        (lambda e, k: 99, "all codes j"),
        (lambda e, k: 5, "same point"),
        (lambda e, k: (e - e[k]).norm(dim=1).argsort(stable=True)[1], "same point"),
        (lambda e, k: (e - e[k]).norm(dim=1), "one number"),
    ],
    "transplant": [
        (pasted, "second name"),
        (lambda donor, receiver, box: pasted(receiver, donor, box), "donor has changed"),
        (lambda donor, receiver, box: painted(receiver, donor, box), "changed places"),
        (lambda donor, receiver, box: donor[box], "box alone"),
        (lambda donor, receiver, box: receiver.clone(), "nothing was painted"),
        (lambda donor, receiver, box: painted(donor, receiver, box[::-1]), "inside the box"),
    ],
    "mean_block": [
        (lambda c, x, k: x.reshape(2, 5, 3, 4, 4)[c == k].mean(0), "reading order"),
        (lambda c, x, k: cut(x, 5, 3)[c == k].mean(0).T, "diagonal"),
        (lambda c, x, k: cut(x, 5, 3)[c == k].sum(0), "the sum"),
        (lambda c, x, k: cut(x, 5, 3)[c == k].sum(0) / c.numel(), "all blocks"),
        (lambda c, x, k: cut(x, 5, 3)[c == k].mean(0, keepdim=True), "(1, 4, 4)"),
        (lambda c, x, k: cut(x, 5, 3)[c == k].mean(), "shape ()"),
        (lambda c, x, k: cut(x, 5, 3).mean((0, 1, 2)), "no others"),
    ],
}


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [(check, answer, words) for check, rows in WRONG.items() for answer, words in rows],
)
def test_a_wrong_answer_is_told_what_is_wrong(check, answer, words):
    extra = (COUNTS,) if check == "codes_needed" else ()
    assert words in refusal(getattr(exercises, f"check_{check}"), answer, *extra)


def test_every_check_has_its_mistakes():
    assert {f"check_{name}" for name in WRONG} == {
        name for name in vars(exercises) if name.startswith("check_")
    }
