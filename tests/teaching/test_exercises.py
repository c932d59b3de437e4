"""Every exercise: its stub is told so, its solution is right, its check is its own."""

import numpy as np
import pandas as pd
import pytest
import torch
from notebook_cells import assert_complete, exercises_of, imports_of, walk_through

from vqgen_utils import plots
from vqgen_utils.config import VQVAEConfig
from vqgen_utils.models import VQVAE
from vqgen_utils.teaching.exercises import few_patients, generation, outliers, pixelcnn, vqvae

EXERCISES = {f"{number:02d}": exercises_of(f"{number:02d}") for number in range(1, 10)}


def names(number: str) -> dict:
    """What a notebook has brought in before its exercises; 03 has an untrained model, too."""
    if number != "03":
        return imports_of(number)

    class Test:
        rows = pd.DataFrame({"patient": [1, 1, 2]})

    codes = torch.randint(8, (3, 8, 8), generator=torch.Generator().manual_seed(0))  # (N, h, w)
    return imports_of(number) | {
        **{"show": lambda figure, alt: plots.to_png(figure), "test": Test, "codes": codes},
        **{"counts": torch.bincount(codes.flatten(), minlength=8), "grid": codes[1], "example": 1},
        **{"heights": np.array([0.1, 0.5, 0.6]), "model": VQVAE(VQVAEConfig(8, 4, 8)).eval()},
    }


@pytest.mark.parametrize("number", EXERCISES)
def test_there_are_exercises_enough_each_with_its_own_check(number):
    assert_complete(EXERCISES[number], imports_of(number)["exercises"])


@pytest.mark.parametrize(
    ("number", "exercise"),
    [(number, one) for number, several in EXERCISES.items() for one in several],
    ids=lambda one: one if isinstance(one, str) else one.title,
)
def test_a_stub_is_told_so_and_its_solution_passes(number, exercise):
    walk_through(exercise, names(number))


@pytest.mark.parametrize(
    "check",
    [vqvae.check_why_ssim_rose, outliers.check_why_not_odd, few_patients.check_claim],
)
def test_a_choice_may_be_written_in_several_ways(check, capsys):
    for letter in ("B", "b", " b) "):
        check(letter)
    assert capsys.readouterr().out.count("✓ Right") == 3


def test_numbers_of_numpy_and_torch_are_numbers(capsys):
    pixelcnn.check_layers(np.int64(30))
    pixelcnn.check_bits(lambda nats: [nats / np.log(2), nats / np.log(2) / 16])
    generation.check_temperature(torch.tensor(2 / np.log(2)))
    assert capsys.readouterr().out.count("✓ Right") == 3
