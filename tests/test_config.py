"""Every setting has a range; what lies outside is refused in one sentence, before anything runs."""

import dataclasses
import math

import pytest

from vqgen_utils.config import (
    PARAMETERS,
    PROFILES,
    Profile,
    change,
    get_profile,
    must_be_learnable,
)
from vqgen_utils.errors import InputError


def kind(parameter: str) -> type:
    section, name = PARAMETERS[parameter]
    return type(getattr(getattr(PROFILES["quick"], section), name))


NUMBERS = [parameter for parameter in PARAMETERS if kind(parameter) in (int, float)]


@pytest.mark.parametrize("parameter", NUMBERS)
@pytest.mark.parametrize("value", [-1, 10**12, -math.inf, math.inf, math.nan])
def test_a_number_out_of_range_is_one_sentence(parameter, value):
    value = kind(parameter)(value) if math.isfinite(value) else value
    with pytest.raises(InputError) as refused:
        get_profile("quick", **{parameter: value})
    sentence = str(refused.value)
    assert sentence.startswith(f"parameter '{parameter}' ") and "\n" not in sentence
    assert repr(value) in sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prior_dropout": 1.5}, "give a number below 1"),
        ({"decay": 1.0}, "give a number below 1"),
        ({"learning_rate": math.inf}, "give a finite number"),
        ({"learning_rate": 0.0}, "give a number above 0"),
        ({"slice_axis": 7}, "'slice_axis' is '7': choose 0 or 1 or 2"),
        ({"stride": 3}, "choose 2 or 4 or 8"),
        ({"batch_size": 0}, "give 1 or more"),
        ({"patients_test": 0}, "give 1 or more"),
        ({"num_embeddings": 1}, "give 2 or more"),
        ({"batch_size": 2.0}, "must be of type int"),
        ({"epochs": True}, "must be of type int"),
        ({"data_dir": 3}, "must be of type str"),
        ({"compiled": 1}, "must be of type bool"),
        ({"prior_kernel_size": 4}, "give an odd number"),
        ({"image_height": 124, "stride": 8}, "give a multiple of 8"),
        ({"layers": 3}, "does not exist"),
    ],
)
def test_what_to_give_instead_is_said(changes, words):
    with pytest.raises(InputError, match=words):
        get_profile("quick", **changes)


@pytest.mark.parametrize(
    ("changes", "instead"),
    [
        ({"image_height": 1024, "image_width": 1024}, "65,536 codes.*give stride=8 or smaller"),
        ({"image_height": 512, "image_width": 512, "stride": 2}, "give stride=4 or smaller"),
        ({"image_height": 2048, "image_width": 2048, "stride": 8}, "give smaller images"),
    ],
)
def test_a_grid_of_too_many_codes_is_one_sentence_that_says_what_to_give(changes, instead):
    with pytest.raises(InputError, match=instead):
        must_be_learnable(get_profile("smoke", **changes))


def test_slices_as_large_as_scanners_make_them_can_be_learned():
    for sides, stride in ((512, 4), (1024, 8)):
        must_be_learnable(
            get_profile("smoke", image_height=sides, image_width=sides, stride=stride)
        )


def test_a_whole_number_may_stand_for_a_real_one():
    assert get_profile("quick", learning_rate=1).vqvae_training.learning_rate == 1.0


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_survives_json_and_none_changes_nothing(name):
    profile = get_profile(name, **dict.fromkeys(PARAMETERS))
    assert profile == PROFILES[name] == Profile.from_dict(profile.to_dict())
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.data.weeks = 3
    assert change(profile, weeks=3).data.weeks == 3
