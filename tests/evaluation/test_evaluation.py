"""Intervals, scores by tissue, sets of slices, copies, targets, the model card."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from vqgen_utils.config import PROFILES, Profile, get_profile
from vqgen_utils.data import load_slices
from vqgen_utils.data.phantom import render_slice
from vqgen_utils.errors import InputError
from vqgen_utils.evaluation import (
    anatomy,
    bootstrap,
    code_lengths,
    domain,
    fidelity,
    memorisation,
    metrics,
    targets,
)
from vqgen_utils.machine import save_json
from vqgen_utils.models import sample
from vqgen_utils.runs import model_card

PATIENTS = np.repeat(np.arange(12), 10)


# ---- Settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_settings_of_a_run_from_before_this_notebook_get_the_profiles_own(profile):
    values = json.loads(json.dumps(get_profile(profile, num_embeddings=64).to_dict()))
    assert Profile.from_dict(values).to_dict() == values
    del values["evaluation"], values["domain_training"]
    settings = Profile.from_dict(values)
    assert settings.vqvae.num_embeddings == 64
    assert settings.evaluation == PROFILES[profile].evaluation
    assert settings.domain_training == PROFILES[profile].domain_training


def test_the_domain_networks_training_has_parameters_of_its_own():
    settings = get_profile("smoke", domain_steps=7, domain_seed=0, evaluation_samples=3)
    assert (settings.domain_training.steps, settings.evaluation.evaluation_samples) == (7, 3)
    assert settings.vqvae_training.steps == get_profile("smoke").vqvae_training.steps
    with pytest.raises(InputError, match="domain_width"):
        get_profile("smoke", domain_width=0)


# ---- Intervals ----------------------------------------------------------------------------------


def alike_within_patients(size: float) -> np.ndarray:
    """Values (120,) of twelve patients, whose slices differ by noise of 1 and persons by `size`."""
    rng = np.random.default_rng(0)
    return size * np.repeat(rng.standard_normal(12), 10) + rng.standard_normal(120)


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


def test_the_interval_is_wider_over_patients_where_their_slices_are_alike():
    values = alike_within_patients(3.0)
    by_patient = width(bootstrap.interval(values, PATIENTS))
    by_slice = width(bootstrap.interval(values, range(120)))
    assert by_patient > 2 * by_slice


def test_where_patients_are_all_the_same_it_does_not_matter_who_is_drawn():
    values = alike_within_patients(0.0)
    by_patient = width(bootstrap.interval(values, PATIENTS))
    by_slice = width(bootstrap.interval(values, range(120)))
    assert by_patient == pytest.approx(by_slice, rel=0.4)


def test_the_interval_has_the_width_that_theory_says():
    values = np.random.default_rng(1).standard_normal(2000)
    low, high = bootstrap.interval(values, range(2000))
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 / math.sqrt(2000), rel=0.1)


def test_a_patient_with_more_slices_weighs_more():
    values, patients = np.array([0.0] * 9 + [1.0]), ["a"] * 9 + ["b"]
    low, high = bootstrap.interval(values, patients)
    assert (low, high) == (0.0, 1.0), "either may be drawn twice"
    assert bootstrap.in_words(values, patients) == "0.100 (0.000 to 1.000)"


def test_missing_values_are_left_out_and_one_patient_has_no_interval():
    values = np.array([1.0, np.nan, 3.0, np.nan])
    assert bootstrap.interval(values, ["a", "a", "b", "c"]) == (1.0, 3.0)
    assert all(math.isnan(end) for end in bootstrap.interval(values, ["a", "c", "a", "c"]))
    assert bootstrap.in_words(np.array([1.0, 3.0]), ["a", "a"]) == "2.000 (no interval)"
    assert bootstrap.in_words(np.array([np.nan]), ["a"]) == "not measured"


# ---- Reconstructions ----------------------------------------------------------------------------


def test_scores_by_tissue_know_where_the_error_is():
    image, labels = render_slice(3, 0, 28)
    image, labels = np.float32(image[::2, ::2] / image.max()), labels[::2, ::2]
    other = np.where(labels == 3, image * 0.5, image)
    found = metrics.scores_by_tissue(image[None], other[None], labels[None])
    assert list(found) == ["background", "body", "bone", "bladder", "rectum", "prostate"]
    l1 = {name: table["l1"].item() for name, table in found.items()}
    assert l1["bladder"] == pytest.approx(0.5 * image[labels == 3].mean(), rel=0.01)
    assert l1["bone"] == l1["background"] == 0
    assert found["bladder"]["ssim"].item() < 0.9 < found["bone"]["ssim"].item()
    assert math.isnan(found["prostate"]["l1"].item()), "there is none at this level"


def test_groups_without_a_value_are_left_out():
    groups = {"some": np.arange(120.0), "none": np.full(120, np.nan)}
    table = bootstrap.with_intervals(groups, PATIENTS)
    assert list(table.index) == ["some"]
    assert table.loc["some", "low"] < 59.5 < table.loc["some", "high"]


def test_levels_are_tenths_of_the_body():
    level = metrics.level_of(np.array([0.0, 0.099, 0.1, 0.95, 1.0]))
    assert level == pytest.approx([0.05, 0.05, 0.15, 0.95, 0.95])


def test_codecs_get_better_with_bits_and_headers_do_not_count():
    images = [np.float32(render_slice(p, 0, 28)[0][::2, ::2]) for p in range(2)]
    images = [image / image.max() for image in images]
    table = code_lengths.image_file_rates(images)
    assert set(table["codec"]) == {"JPEG", "WebP", "JPEG 2000"}
    for _, some in table.groupby("codec"):
        assert some["bits_per_pixel"].is_monotonic_increasing
        assert some["ssim"].is_monotonic_increasing
    back, size = code_lengths.through_codec(images[0], "JPEG", {"quality": 60})
    assert table.query("codec == 'JPEG'")["bits_per_pixel"].max() < 8 * size / images[0].size
    assert metrics.ssim(images[0][None], back[None])[0][0] > 0.9


# ---- The domain network -------------------------------------------------------------------------


@pytest.fixture
def slices():
    return load_slices(get_profile("smoke").data)


def test_items_hold_slice_height_and_labels(slices):
    data = domain.LabelledSlices(slices, "test")
    image, height, labels = data[3]
    row = slices.subset("test").rows.iloc[3]
    assert image.shape == (1, *labels.shape) and labels.dtype == torch.int64
    assert height.item() == pytest.approx(row["height"])
    assert np.array_equal(labels.numpy(), slices.labels[row.name])


def without_labels(slices):
    """The same slices, one of which has no label file."""
    index = slices.index.copy()
    index.loc[5, "label_file"] = ""
    return slices.__class__(**{**vars(slices), "index": index})


def test_a_slice_without_labels_makes_the_network_learn_heights_alone(slices):
    assert domain.labelled(slices)
    some = without_labels(slices)
    assert not domain.labelled(some)
    data = domain.LabelledSlices(some, "test")
    assert len(data[0]) == 2
    model = domain.DomainNetwork(4)
    batch = [torch.stack([data[0][0], data[1][0]]), torch.stack([data[0][1], data[1][1]])]
    assert set(domain.domain_losses(model, batch)) == {"loss", "height"}


@pytest.mark.parametrize("size", [(128, 64), (100, 76), (256, 128)])
def test_any_size_that_the_codes_allow_can_be_read(size):
    reading = domain.look_at(domain.DomainNetwork(4), torch.rand(3, *size))
    assert reading.tissues.shape == (3, *size)
    assert reading.heights.shape == (3,) and reading.features.shape == (3, domain.FEATURES)


def test_the_network_learns_where_tissues_are_and_how_high_the_slice_is(slices):
    torch.manual_seed(0)
    data, model = domain.LabelledSlices(slices, "train"), domain.DomainNetwork(8)
    batch = [torch.stack(part) for part in zip(*(data[n] for n in range(0, 30, 4)), strict=True)]
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        domain.domain_losses(model, batch)["loss"].backward()
        optimizer.step()
    reading = domain.look_at(model, batch[0][:, 0])
    dice = domain.dice(reading.tissues, batch[2].numpy())
    assert dice["background"] > 0.9 and dice["body"] > 0.8
    assert np.abs(reading.heights - batch[1].numpy()).mean() < 0.15


PLACES = np.linspace(0, 1, 21)  # of slices, from one end of a scan to the other


def test_a_reader_is_trusted_that_knows_more_than_the_middle():
    noise = np.random.default_rng(0).standard_normal(21)
    assert domain.why_blind(PLACES + 0.02 * noise, PLACES, PLACES) == ""


@pytest.mark.parametrize(
    "read",
    [np.full(21, 0.5), np.random.default_rng(0).random(21), 0.1 * PLACES + 0.45, PLACES[::-1]],
    ids=["the middle", "chance", "hardly more than the middle", "the wrong way round"],
)
def test_a_reader_is_blind_that_knows_no_more_than_the_middle(read):
    reason = domain.why_blind(read, PLACES, PLACES)
    assert (
        "cannot read held-out slices" in reason
        and "middle by 0.262; what counts is at most 75% of that" in reason
    )


def test_where_all_slices_lie_at_one_place_no_reader_can_show_that_it_reads():
    assert domain.why_blind(np.full(5, 0.5), np.full(5, 0.5), np.full(9, 0.5)) != ""


def test_tissues_count_if_they_are_read_better_than_by_the_place_of_the_pixel(slices):
    labels = slices.labels[slices.subset("test").rows.index]
    known = slices.labels[slices.subset("train").rows.index]
    assert domain.why_no_tissues(labels, labels, known) == ""
    assert "mean Dice 0.00" in domain.why_no_tissues(np.zeros_like(labels), labels, known)


def test_a_place_means_something_where_a_scan_has_more_than_a_few_slices():
    assert domain.why_no_place(PLACES, PLACES, 3 / 59) == ""
    assert "so few slices" in domain.why_no_place(PLACES, PLACES, 3 / 5)
    assert "one slice each" in domain.why_no_place(PLACES, PLACES, None)


def test_dice_of_known_maps():
    one, other = np.zeros((1, 4, 4), int), np.zeros((1, 4, 4), int)
    one[0, :2], other[0, 1:3] = 1, 1
    background, body, *absent = domain.dice(one, other).values()
    assert (background, body) == (0.5, 0.5)
    assert all(math.isnan(value) for value in absent)


# ---- Sets of slices -----------------------------------------------------------------------------


def test_rounds_are_judged_at_the_heights_of_their_places(slices):
    test = slices.subset("test").rows
    heights, n = test["height"].to_numpy(), len(test)
    x = torch.from_numpy(np.float32(slices.images[test.index]))
    torch.manual_seed(0)
    some = domain.read_rounds(domain.DomainNetwork(4), x, x.flip(1))
    assert some.all_slices.shape == (2 * n, *x.shape[1:])
    assert torch.equal(some.all_slices[n:], x.flip(1))
    off = some.off(heights)
    assert off[n + 1] == pytest.approx(abs(some.readings[1].heights[1] - heights[1]))

    real = anatomy.measure_all(slices.labels[test.index], heights)
    twice = domain.Reading(slices.labels[test.index], heights, some.readings[0].features)
    judged = anatomy.judge_rounds({"real": domain.Rounds([x, x], [twice, twice])}, heights, real)
    assert len(judged["real"]) == 2 * n and judged["real"]["all"].all()


def test_sets_are_compared_by_distance_coverage_and_diversity():
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn(60, 4, generator=generator)
    x = torch.rand(20, 64, 64, generator=generator)

    def a_set(images, features):
        nothing = np.zeros((20, 1, 1), np.uint8), np.zeros(20)
        return domain.Rounds([images], [domain.Reading(*nothing, features)])

    other = torch.randn(20, 4, generator=generator)
    sets = {
        "like it": a_set(x, other),
        "one, repeated": a_set(x[:1].repeat(20, 1, 1), other[:1].repeat(20, 1)),
        "far": a_set(x, other + 50),
    }
    table = fidelity.compare_rounds(sets, reference, np.roll(np.arange(20), 1))
    assert table["frechet"].is_monotonic_increasing
    assert table.loc["far", "precision"] == 0 and table.loc["like it", "precision"] > 0.5
    assert table.loc["one, repeated", "recall"] < 0.1 < table.loc["like it", "recall"]
    assert table.loc["one, repeated", "likeness"] == pytest.approx(1)
    assert table.loc["like it", "likeness"] < 0.5


# ---- Copies -------------------------------------------------------------------------------------


def test_a_prior_made_to_memorise_grids_draws_them_again():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 8, (6, 6, 5), generator=generator)
    before = torch.get_rng_state()
    model, name = memorisation.memorise(codes, 8)
    assert torch.equal(torch.get_rng_state(), before)
    drawn = sample(model, name, range(6))
    assert (drawn == codes).float().mean() > 0.95


def test_the_limit_is_where_one_real_slice_in_a_hundred_is():
    near = memorisation.Nearness(
        {"real": np.arange(201.0), "some": np.array([0, 1, 5, 9.0])}, "real"
    )
    assert near.limit == 2.0
    assert near.share("real") == pytest.approx(2 / 201)
    assert near.share("some") == 0.5


def test_a_check_that_misses_known_copies_says_so():
    real, far = np.linspace(0.1, 1, 50), np.ones(10)
    seeing = memorisation.Nearness({"real": real, "copies": np.zeros(10)}, "real")
    assert seeing.why_not("copies") == ""
    missing = memorisation.Nearness({"real": real, "copies": far}, "real")
    assert "the check catches 0%" in missing.why_not("copies")
    nothing = memorisation.Nearness({"real": np.zeros(50), "copies": np.zeros(10)}, "real")
    assert "nothing can be nearer" in nothing.why_not("copies")


# ---- Results ------------------------------------------------------------------------------------


HEADLINE = dict.fromkeys(targets.HEADLINE, 0.9) | {
    "frechet_samples": 0.3, "frechet_reconstructions": 0.1, "memorised_share": 0.0,
    "anatomy_pass_samples": None, "ssim_original": 0.75, "ssim_original_more_time": 0.78,
}  # fmt: skip


def test_whether_a_target_is_met_is_computed():
    table = targets.verdict(HEADLINE)
    met = table["met"]
    assert met["SSIM above the original's recipe"] == "yes"
    assert table["got"]["SSIM above the original's recipe"] == pytest.approx(0.15)
    assert met["Fréchet: samples / reconstructions"] == "no", "three times as far"
    assert table["got"]["Fréchet: samples / reconstructions"] == pytest.approx(3)
    assert met["samples that keep every rule of anatomy"] == "not measured"
    assert met["real slices that keep every rule"] == "no"
    assert met["share of samples that look memorised"] == "yes"
    assert table["asked"]["share of samples that look memorised"] == "at most 0.02"


def test_a_failed_instrument_takes_its_scores_and_no_target_is_met_by_them():
    reasons = targets.not_measured({"reader": "it is blind", "patients": "", "copies": "none"})
    best = dict.fromkeys(targets.HEADLINE, 1.0) | {"memorised_share": 0.0}
    headline, reasons = targets.with_reasons(best, reasons)
    assert headline["ssim"] == 1.0 and headline["precision"] is headline["memorised_share"] is None
    assert reasons["recall"] == "it is blind" and reasons["memorised_share"] == "none"
    assert reasons.keys() == {name for name, value in headline.items() if value is None}
    assert "yes" not in set(targets.verdict(headline)["met"])


def test_what_is_no_number_is_not_measured_and_has_a_reason():
    headline, reasons = targets.with_reasons({"ssim": float("nan"), "recall": None}, {})
    assert headline == {"ssim": None, "recall": None}
    assert "notebook 06" in reasons["ssim"] and "notebook 07" in reasons["recall"]
    nan = dict.fromkeys(targets.HEADLINE, float("nan"))
    assert set(targets.verdict(nan)["met"]) == {"not measured"}


def test_a_ratio_to_nothing_is_not_measured():
    nothing = dict.fromkeys(targets.HEADLINE, 0.0)
    assert targets.verdict(nothing)["met"]["Fréchet: samples / reconstructions"] == "not measured"


def test_the_targets_know_every_name_they_ask_for():
    for target in targets.TARGETS:
        assert target.value(dict.fromkeys(targets.HEADLINE, 1.0)) is not None
        assert target.value(dict.fromkeys(targets.HEADLINE)) is None
        assert (target.least is None) != (target.most is None)


def test_the_original_counts_only_where_it_was_measured_on_the_same_data(tmp_path, monkeypatch):
    path = tmp_path / "benchmarks" / "results" / "original.json"
    monkeypatch.setattr(targets, "REPOSITORY", tmp_path)
    assert targets.ssim_of_the_original("abc") is None
    save_json(path, {"headline": {"ssim_original": 0.7}, "data": "abc"})
    assert targets.ssim_of_the_original("abc") == 0.7
    assert targets.ssim_of_the_original("xyz") is None
    save_json(path, {"headline": {"ssim_original_more_time": 0.8}, "data": "abc"})
    assert targets.ssim_of_the_original("abc", "original_more_time") == 0.8


@pytest.mark.parametrize(
    "scores, best, stage",
    [
        ((0.99, 0.98, 0.70), 1.0, "the prior"),
        ((0.99, 0.70, 0.70), 1.0, "the decoder"),
        ((0.60, 0.60, 0.65), 1.0, "the floor"),
        ((0.1, 0.2, 5.0), 0.0, "the prior"),
        ((0.5, 0.6, 0.7), 0.0, "the floor"),
        ((1.0, 1.0, 1.0), 1.0, "nobody"),
        ((0.0, 0.0, 0.0), 0.0, "nobody"),
    ],
)
def test_the_stage_that_loses_most_is_named(scores, best, stage):
    assert targets.who_loses(*scores, best=best) == stage


def test_a_table_for_reading_says_none_where_a_number_is_missing():
    table = pd.DataFrame({"got": [1.0, np.nan], "met": ["yes", "not measured"]})
    assert targets.spelled_out(table)["got"].tolist() == [1.0, "none"]
    assert table["got"].isna().sum() == 1, "the table itself stays"


def test_results_become_plain_values():
    table = pd.DataFrame({"got": [1.0, np.nan], "met": ["yes", "not measured"]}, index=["a", "b"])
    values = targets.plain(
        {"t": table, "s": pd.Series({"x": np.float32(2)}), "l": (np.int64(1), None)}
    )
    assert values == {
        "t": {"a": {"got": 1.0, "met": "yes"}, "b": {"got": None, "met": "not measured"}},
        "s": {"x": 2.0},
        "l": [1, None],
    }
    json.dumps(values, allow_nan=False)


def a_card(slices, source: str, headline: dict, reasons: dict | None = None, copied=0.0) -> str:
    settings = get_profile("smoke", data_source=source)
    headline, reasons = targets.with_reasons(headline, reasons or {})
    scores = {"held out": 0.1234567, "reconstructed": None, "generated": 0.2}
    evaluation = {
        "headline": headline,
        "not_measured": reasons,
        "samples": 60,
        "memorised": {"pixels": 0.0, "features": copied, "blind": None},
        "sets": {name: {"frechet": value} for name, value in scores.items()},
    }
    return model_card("mine", settings, slices, evaluation, ["Few patients."])


def test_the_model_card_says_what_was_measured_and_what_was_not(slices):
    card = a_card(slices, "phantom", HEADLINE)
    train = slices.subset("train").rows
    count, people = len(train), train["patient"].nunique()
    for words in (
        "# Model card: mine", f"{count} slices of {people} patients", "60 generated slices",
        "0.123",
        "Few patients.", "slices of 128 x 64 pixels", "No patient is on both sides",
        "Not for diagnosis", "no person's data", "0.75",
        "Missed: Fréchet: samples / reconstructions; real slices that keep every rule.",
        "Not measured in this run: samples that keep every rule of anatomy.",
    ):  # fmt: skip
        assert words in card.replace("\n", " "), words


def test_the_model_card_of_real_scans_does_not_call_them_computed(slices):
    card = a_card(slices, "nifti", HEADLINE | {"ssim_original": None})
    assert "no person's data" not in card and "scans of people" in card
    assert "not measured" in card


@pytest.mark.parametrize(
    "reason, copied, words",
    [
        ("", 0.5, ["30 of 60 samples (50.0%) look copied"]),
        ("", 0.0, ["None of 60 samples looks copied as a whole"]),
        ("no copy is caught", 0.0, ["is not measured: no copy is caught"]),
        ("one patient", 0.5, ["is not measured: one patient", "30 of 60 samples (50.0%) look"]),
    ],
)
def test_the_card_of_real_scans_says_whether_somebody_may_be_seen(slices, reason, copied, words):
    reasons = {"memorised_share": reason} if reason else {}
    card = a_card(slices, "nifti", HEADLINE | {"memorised_share": copied}, reasons, copied)
    assert all(text in card for text in words)
    assert "Nobody" not in card and "show no person" not in card


@pytest.mark.parametrize(
    "disjoint, words",
    [(True, "No patient is on both"), (False, "Patients ARE on both"), (None, "is unknown")],
)
def test_the_card_says_whether_patients_were_held_out(slices, disjoint, words):
    theirs = slices.__class__(**{**vars(slices), "patients_disjoint": disjoint})
    assert words in a_card(theirs, "nifti", HEADLINE)


def test_the_card_counts_one_as_one_and_names_no_plane_that_nobody_knows(slices):
    first = slices.index.groupby("split").head(1)
    theirs = slices.__class__(**{**vars(slices), "index": first, "plane": None})
    card = a_card(theirs, "nifti", HEADLINE).replace("\n", " ")
    assert "Trained on 1 slice of 1 patient;" in card and "It draws slices of" in card
    assert "It draws axial slices of" in a_card(slices, "nifti", HEADLINE).replace("\n", " ")


def test_the_card_gives_each_reason_once_with_the_scores_it_takes(slices):
    reasons = dict.fromkeys(("precision", "recall"), "the reader is blind")
    card = a_card(slices, "nifti", HEADLINE, reasons)
    assert "- precision, recall: the reader is blind." in card
    assert "| precision | at least 0.7 | not measured | not measured |" in card


def test_the_tables_of_the_card_round_and_say_what_is_missing(slices):
    card = a_card(slices, "phantom", HEADLINE | {"anatomy_pass_samples": None})
    assert "| frechet | 0.123 | not measured | 0.2 |" in card
    assert "| samples that keep every rule of anatomy | at least 0.8 | not measured |" in card
