"""The exercises of notebook 03: every solution passes, every usual mistake is told in words."""

import numpy as np
import pandas as pd
import pytest
import torch
from notebook_cells import assert_complete, exercises_of, walk_through

from vqgen_utils import plots
from vqgen_utils.config import VQVAEConfig
from vqgen_utils.models import VQVAE
from vqgen_utils.teaching.exercises import codebook as exercises

EXERCISES = exercises_of("03")
COUNTS = torch.tensor([1, 50, 4, 30, 5, 6, 2, 2])  # 4 of 8 codes hold 91 of 100


def namespace() -> dict:
    """What earlier cells of the notebook leave behind, with an untrained model."""

    class Test:
        rows = pd.DataFrame({"patient": [1, 1, 2]})

    codes = torch.randint(8, (3, 8, 8), generator=torch.Generator().manual_seed(0))  # (N, h, w)
    return {
        **{"np": np, "torch": torch, "plots": plots, "exercises": exercises},
        **{"show": lambda figure, alt: plots.to_png(figure), "test": Test, "counts": COUNTS},
        **{"codes": codes, "heights": np.array([0.1, 0.5, 0.6]), "chosen": [0, 0, 1]},
        **{"example": 1, "grid": codes[1], "model": VQVAE(VQVAEConfig(8, 4, 8)).eval()},
    }


def test_there_are_exercises_enough_each_with_its_own_check():
    assert_complete(EXERCISES, exercises)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.title)
def test_a_stub_is_told_so_and_its_solution_passes(exercise):
    walk_through(exercise, namespace())


def shares(counts):
    return counts[counts > 0] / counts.sum()


def painted(donor, receiver, box):
    new = receiver.clone()
    new[box] = donor[box]
    return new


def pasted(donor, receiver, box):
    receiver[box] = donor[box]
    return receiver


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
def test_a_usual_mistake_is_told_in_words(check, answer, words, capsys):
    extra = (COUNTS,) if check == "codes_needed" else ()
    getattr(exercises, f"check_{check}")(answer, *extra)
    feedback = " ".join(capsys.readouterr().out.split())
    assert feedback.startswith("✗ Not yet") and words in feedback


def test_every_check_has_its_mistakes():
    assert {f"check_{name}" for name in WRONG} == {
        name for name in vars(exercises) if name.startswith("check_")
    }
