"""Training can be stopped anywhere and goes on as if it had not been."""

import dataclasses
import errno
import os

import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from vqgen_utils.config import PriorConfig, TrainingConfig, VQVAEConfig
from vqgen_utils.errors import InputError
from vqgen_utils.models import VQVAE, PixelCNN, prior_losses, vqvae_losses
from vqgen_utils.training import Schedule, checkpoint, evaluate, fit, learning_rate, resuming

CONFIG = TrainingConfig(batch_size=4, epochs=3, seed=1)


def vqvae_job():
    torch.manual_seed(0)
    config = VQVAEConfig(num_embeddings=8, embedding_dim=4, hidden_dim=8, residual_hidden_dim=4)
    images = torch.rand(18, 1, 16, 8, generator=torch.Generator().manual_seed(0))
    return VQVAE(config), vqvae_losses, TensorDataset(images, torch.zeros(18))


def prior_job():
    torch.manual_seed(0)
    config = PriorConfig(
        prior_channels=4, prior_layers=2, prior_kernel_size=3, prior_hidden_dim=8, prior_dropout=0.5
    )
    codes = torch.randint(8, (18, 4, 3), generator=torch.Generator().manual_seed(0))
    return PixelCNN(config, 8, (4, 3)), prior_losses, TensorDataset(codes, torch.linspace(0, 1, 18))


def weights(path):
    from safetensors.torch import load_file

    return load_file(path)


class Stop(Exception):
    """Stands for a crash."""


def stop_at(step, how=Stop):
    """A losses function that crashes at its `step`-th call."""

    def crashing(losses):
        calls = 0

        def wrapped(model, batch):
            nonlocal calls
            calls += 1
            if calls == step:
                raise how
            return losses(model, batch)

        return wrapped

    return crashing


@pytest.mark.parametrize("job", [vqvae_job, prior_job])
@pytest.mark.parametrize("step", [3, 5, 6, 11, 14])  # 4.5 steps an epoch, 14 in all
def test_interrupted_and_resumed_equals_uninterrupted(job, step, tmp_path, monkeypatch):
    monkeypatch.setattr("vqgen_utils.training.loop.SAVE_EVERY", 2)
    model, losses, data = job()
    fit(model, losses, data, CONFIG, tmp_path / "whole.safetensors", {})

    model, losses, data = job()
    with pytest.raises(Stop):
        fit(model, stop_at(step)(losses), data, CONFIG, tmp_path / "parts.safetensors", {})
    model, losses, data = job()
    fit(model, losses, data, CONFIG, tmp_path / "parts.safetensors", {})

    whole, parts = (weights(tmp_path / f"{name}.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name in whole:
        assert torch.equal(whole[name], parts[name]), name


@pytest.mark.parametrize("step", [2, 4, 7, 14])  # before anything is saved, and after
def test_the_stop_button_leaves_what_the_same_model_can_go_on_from(step, tmp_path, monkeypatch):
    """In a notebook the cell is run again with the model in memory, which has learned already."""
    monkeypatch.setattr("vqgen_utils.training.loop.SAVE_EVERY", 4)
    model, losses, data = vqvae_job()
    fit(model, losses, data, CONFIG, tmp_path / "whole.safetensors", {})

    model, losses, data = vqvae_job()
    path = tmp_path / "parts.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(model, stop_at(step, KeyboardInterrupt)(losses), data, CONFIG, path, {})
    fit(model, losses, data, CONFIG, path, {})
    whole, parts = weights(tmp_path / "whole.safetensors"), weights(path)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_resumed_history_is_that_of_an_uninterrupted_run(tmp_path, monkeypatch):
    monkeypatch.setattr("vqgen_utils.training.loop.SAVE_EVERY", 10)
    histories = []
    for stop in (None, 23):  # of 5 steps and 5 looks at validation an epoch: in step 13
        model, losses, data = prior_job()
        path = tmp_path / f"{stop}.safetensors"
        if stop:
            with pytest.raises(Stop):
                fit(model, stop_at(stop)(losses), data, CONFIG, path, {}, data)
        histories.append(fit(model, losses, data, CONFIG, path, {}, data).history)
    one, other = (history.drop(columns="seconds") for history in histories)
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_process_killed_before_it_tidied_up_leaves_nothing(tmp_path):
    model, losses, data = vqvae_job()
    path = tmp_path / "m.safetensors"
    fit(model, losses, data, CONFIG, path, {})
    (tmp_path / "m.training.pt").write_bytes(b"left behind")
    (tmp_path / "history_m.csv").write_bytes(b"of the training before")
    history = fit(model, losses, data, CONFIG, path, {}).history
    assert {file.name for file in tmp_path.iterdir()} == {"m.safetensors", "history_m.csv", ".lock"}
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "history_m.csv"), history)


def scored(*val_losses):
    """A validation in which each look scores what is given here."""
    scores = iter(val_losses)
    return lambda *_: {"loss": next(scores)}


def weights_after(step, tmp_path):
    """The weights of `vqvae_job` after a step of CONFIG, trained without validation."""
    model, losses, data = vqvae_job()
    taken = []

    def watched(model, batch):
        taken.append({name: value.clone() for name, value in model.state_dict().items()})
        return losses(model, batch)

    fit(model, watched, data, CONFIG, tmp_path / "watched.safetensors", {})
    return taken[step]


def test_the_weights_that_are_used_are_the_best_on_the_validation_slices(tmp_path, monkeypatch):
    steps = [3.0] * 8 + [1.0] + [2.0] * 5  # 14 looks in 14 steps: the ninth is the best
    monkeypatch.setattr("vqgen_utils.training.loop.evaluate", scored(*steps))
    model, losses, data = vqvae_job()
    path = tmp_path / "m.safetensors"
    result = fit(model, losses, data, CONFIG, path, {}, data)
    assert result.best_step == 9 and result.history["step"].iloc[-1] == 14
    best = weights_after(9, tmp_path)
    assert all(torch.equal(best[name], value) for name, value in weights(path).items())
    assert all(torch.equal(best[name], value) for name, value in model.state_dict().items())
    assert not model.training

    again = fit(vqvae_job()[0], losses, data, CONFIG, path, {}, data)
    assert again.best_step == 9


def test_the_term_that_judges_may_be_another_than_the_loss(tmp_path, monkeypatch):
    looks = iter([{"loss": 1.0 + look, "reconstruction": 9.0 - look} for look in range(14)])
    monkeypatch.setattr("vqgen_utils.training.loop.evaluate", lambda *_: next(looks))
    model, losses, data = vqvae_job()
    path = tmp_path / "m.safetensors"
    judge = {"validate": data, "judged_by": "reconstruction"}
    assert fit(model, losses, data, CONFIG, path, {}, **judge).best_step == 14


def test_without_validation_the_last_weights_are_used(tmp_path):
    model, losses, data = vqvae_job()
    result = fit(model, losses, data, CONFIG, tmp_path / "m.safetensors", {})
    assert result.best_step == 14
    assert "step 14, the last" in str(result)


def test_a_validation_that_is_no_number_is_never_the_best(tmp_path, monkeypatch):
    monkeypatch.setattr("vqgen_utils.training.loop.evaluate", scored(2.0, *[float("nan")] * 13))
    model, losses, data = vqvae_job()
    assert fit(model, losses, data, CONFIG, tmp_path / "m.safetensors", {}, data).best_step == 1


def test_training_stops_when_it_has_not_helped_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr("vqgen_utils.training.loop.evaluate", scored(3.0, 1.0, *[2.0] * 12))
    patient = dataclasses.replace(CONFIG, patience=0.5)  # of 14 steps
    model, losses, data = vqvae_job()
    result = fit(model, losses, data, patient, tmp_path / "m.safetensors", {}, data)
    assert result.history["step"].iloc[-1] == 9 and result.best_step == 2


@pytest.mark.parametrize("stop", [10, 25, 60])  # losses are asked for at each step and look
def test_stopped_by_hand_it_ends_with_the_same_best_weights(stop, tmp_path, monkeypatch):
    """The best may lie before the stop, and before the last saved state."""
    monkeypatch.setattr("vqgen_utils.training.loop.SAVE_EVERY", 3)
    config = dataclasses.replace(CONFIG, learning_rate=0.1)
    other = TensorDataset(torch.randint(8, (18, 4, 3)), torch.rand(18))  # noise: nothing helps it
    paths = whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    results = []
    for path in paths:
        model, losses, data = prior_job()
        if path == parts:
            with pytest.raises(Stop):
                fit(model, stop_at(stop)(losses), data, config, path, {}, other)
            model, losses, data = prior_job()
        results.append(fit(model, losses, data, config, path, {}, other))
    assert results[0].best_step == results[1].best_step < 14
    one, two = weights(whole), weights(parts)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_killed_between_the_weights_and_the_tidying_up_it_is_tidied_up_later(tmp_path, monkeypatch):
    model, losses, data = vqvae_job()
    path = tmp_path / "m.safetensors"

    def die(*_):
        raise Stop

    monkeypatch.setattr(resuming.TrainingFiles, "_tidy_up", die)
    with pytest.raises(Stop):
        fit(model, losses, data, CONFIG, path, {}, data)
    assert path.exists()
    monkeypatch.undo()
    fit(vqvae_job()[0], losses, data, CONFIG, path, {}, data)
    assert {file.name for file in tmp_path.iterdir()} <= {path.name, "history_m.csv", ".lock"}


def test_what_differs_from_earlier_weights_is_said(tmp_path, capsys):
    model, losses, data = vqvae_job()
    path = tmp_path / "m.safetensors"
    fit(model, losses, data, CONFIG, path, {"data": "a", "model": {"width": 3}})
    other = dataclasses.replace(CONFIG, epochs=1)
    fit(model, losses, data, other, path, {"data": "a", "model": {"width": 4}})
    out = capsys.readouterr().out
    assert "(data" not in out
    assert "(model.width: 3 there, 4 here; training.epochs: 3 there, 1 here): training anew" in out


def test_a_state_of_other_settings_is_set_aside_and_can_be_gone_back_to(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("vqgen_utils.training.loop.SAVE_EVERY", 4)
    model, losses, data = vqvae_job()
    fit(model, losses, data, CONFIG, tmp_path / "whole.safetensors", {"data": "a"})
    path = tmp_path / "m.safetensors"
    for settings in ({"data": "a"}, {"data": "b"}):  # b: a slip of the fingers
        model, losses, data = vqvae_job()
        with pytest.raises(Stop):
            fit(model, stop_at(7)(losses), data, CONFIG, path, settings)
    assert "m.training.pt was made with other settings (data: a there, b here): not used" in (
        capsys.readouterr().out
    )
    fit(vqvae_job()[0], losses, data, CONFIG, path, {"data": "a"})
    assert "m.training.other.pt found: training goes on from step 4" in capsys.readouterr().out
    whole, back = weights(tmp_path / "whole.safetensors"), weights(path)
    assert all(torch.equal(whole[name], back[name]) for name in whole)
    assert not list(tmp_path.glob("*.pt"))


def test_a_finished_run_is_loaded_and_not_trained_again(tmp_path):
    model, losses, data = vqvae_job()
    path = tmp_path / "m.safetensors"
    first = fit(model, losses, data, CONFIG, path, {"data": "a"})
    fresh, _, _ = vqvae_job()

    def must_not_train(model, batch):
        raise AssertionError("trained again")

    again = fit(fresh, must_not_train, data, CONFIG, path, {"data": "a"})
    pd.testing.assert_frame_equal(first.history, again.history, check_dtype=False)
    assert again.seconds == first.seconds
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True)
    )


def test_other_settings_train_anew(tmp_path):
    path = tmp_path / "m.safetensors"
    model, losses, data = vqvae_job()
    fit(model, losses, data, CONFIG, path, {"data": "a"})
    before = weights(path)
    model, losses, data = vqvae_job()
    other = TrainingConfig(batch_size=4, epochs=1, seed=1)
    history = fit(model, losses, data, other, path, {"data": "a"}).history
    assert history["step"].iloc[-1] == 5
    assert not torch.equal(before["decoder.0.weight"], weights(path)["decoder.0.weight"])


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before(tmp_path):
    for name in ("a", "b"):
        model, losses, data = prior_job()
        torch.rand(1 if name == "a" else 7)
        fit(model, losses, data, CONFIG, tmp_path / f"{name}.safetensors", {})
    a, b = (weights(tmp_path / f"{name}.safetensors") for name in ("a", "b"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_history_has_every_loss_term_and_twenty_looks_at_validation(tmp_path):
    model, losses, data = vqvae_job()
    config = dataclasses.replace(CONFIG, epochs=9, patience=1.0)
    result = fit(model, losses, data, config, tmp_path / "m.safetensors", {}, validate=data)
    assert {"step", "epoch", "seconds", "reconstruction", "commitment", "loss"} <= set(
        result.history.columns
    )
    assert result.history["val_loss"].notna().sum() == 14  # every third of 41, and the last
    assert result.history["step"].iloc[-1] == 41
    written = pd.read_csv(tmp_path / "history_m.csv")
    pd.testing.assert_frame_equal(written, result.history, check_dtype=False)


def test_an_epoch_shows_every_slice_once(tmp_path):
    seen = []

    def recording(model, batch):
        seen.extend(batch[1].tolist())
        return prior_losses(model, batch)

    model, _, data = prior_job()
    fit(model, recording, data, CONFIG, tmp_path / "m.safetensors", {})
    heights = sorted(data.tensors[1].tolist())
    for epoch in range(3):
        assert sorted(seen[18 * epoch : 18 * (epoch + 1)]) == heights
    assert seen[:18] != seen[18:36]


def test_scoring_that_is_interrupted_leaves_the_model_as_it_was():
    model, losses, data = vqvae_job()
    with pytest.raises(Stop):
        evaluate(model.train(), stop_at(2)(losses), data, batch_size=4)
    assert model.training


def test_without_epochs_training_takes_the_steps_asked_for(tmp_path):
    model, losses, data = vqvae_job()
    config = TrainingConfig(batch_size=4, epochs=0, steps=7)
    history = fit(model, losses, data, config, tmp_path / "m.safetensors", {}, data).history
    assert history["step"].iloc[-1] == 7  # in the second epoch of 4.5 steps


@pytest.mark.parametrize(
    ("slices", "steps"), [(10, 212), (100, 671), (500, 1500), (1_000, 1500), (10_000, 1500)]
)
def test_without_steps_training_is_as_long_as_the_slices_ask_for(slices, steps):
    config = TrainingConfig(batch_size=4, longest=1500)
    assert Schedule(slices, config).steps == steps


def test_looks_at_validation_fall_on_whole_rows_of_the_history():
    for steps in (1500, 2990, 474):
        schedule = Schedule(1000, TrainingConfig(steps=steps))
        looks = [step for step in range(1, steps + 1) if schedule.looks_at(step)]
        assert 10 <= len(looks) <= 21
        assert all(step % 10 == 0 for step in looks[:-1]) and looks[-1] == steps


def test_the_learning_rate_climbs_then_falls():
    rates = [learning_rate(step, 100, 1.0) for step in range(100)]
    peak = rates.index(max(rates))
    assert max(rates) == 1.0 and 0 < peak < 10
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.02


def test_weights_of_another_shape_are_refused_naming_the_weight(tmp_path):
    path = tmp_path / "m.safetensors"
    checkpoint.save_weights(path, torch.nn.Linear(3, 2), {})
    with pytest.raises(InputError, match=r"'weight' is \(2, 3\) in the file and \(2, 4\)"):
        checkpoint.load_weights(path, torch.nn.Linear(4, 2))


@pytest.mark.parametrize("damage", [b"", b"not a model", None])
def test_a_damaged_model_file_is_refused_in_a_sentence(damage, tmp_path):
    path = tmp_path / "m.safetensors"
    checkpoint.save_weights(path, torch.nn.Linear(3, 2), {})
    path.write_bytes(path.read_bytes()[:-5] if damage is None else damage)
    with pytest.raises(InputError, match="not a whole vqgen model file"):
        checkpoint.load_weights(path, torch.nn.Linear(3, 2))


def test_a_damaged_training_state_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "m.training.pt"
    checkpoint.save_state(path, {"step": 3})
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="not a whole training state"):
        checkpoint.load_state(path)


def test_a_training_state_that_could_run_code_is_refused(tmp_path):
    path = tmp_path / "m.training.pt"
    torch.save({"step": os.system}, path)
    with pytest.raises(InputError):
        checkpoint.load_state(path)


def test_a_full_disk_is_one_sentence_and_keeps_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    checkpoint.save_weights(path, torch.nn.Linear(3, 2), {})
    before = path.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="no space left"):
        checkpoint.save_weights(path, torch.nn.Linear(3, 2), {})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]
