"""Finished runs side by side: where they differ, and what came of them."""

import json

import pandas as pd
import pytest
import torch

from vqgen_utils import cli, plots
from vqgen_utils.config import get_profile
from vqgen_utils.errors import InputError
from vqgen_utils.machine import home, save_json
from vqgen_utils.runs import Run, compare
from vqgen_utils.training import checkpoint


def finished_run(name: str, ssim: float, **changes) -> None:
    folder = home() / "runs" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(get_profile("smoke", **changes).to_dict()))
    metrics = {"vqvae": {"ssim": ssim}, "series": {"seconds": {"total": 12.5}}}
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_a_comparison_shows_the_settings_that_differ_and_the_scores():
    finished_run("k-32", 0.8, num_embeddings=32)
    finished_run("k-64", 0.9, num_embeddings=64)
    finished_run("other", 0.1, num_embeddings=8)
    table = compare.side_by_side(["k"])
    assert list(table.index) == ["k-32", "k-64"]
    assert table["vqvae.num_embeddings"].tolist() == [32, 64]
    assert table["ssim"].tolist() == [0.8, 0.9]
    assert table["seconds"].tolist() == [12.5, 12.5]
    assert not [name for name in table if name.startswith("data.")]
    assert len(compare.side_by_side()) == 3


def test_the_command_prints_the_comparison_and_keeps_table_and_figure(capsys):
    finished_run("k-32", 0.8, num_embeddings=32)
    finished_run("k-64", 0.9, num_embeddings=64)
    with pytest.raises(SystemExit) as end:
        cli.main(["compare", "k"])
    assert end.value.code == 0
    assert "num_embeddings" in capsys.readouterr().out
    assert "k-64" in (home() / "runs" / "comparison.csv").read_text()
    assert (home() / "runs" / "comparison.png").stat().st_size > 1000


def finished_fold(run: str, fold: int, scores: dict[str, list[float]]) -> None:
    finished_run(f"{run}-fold-{fold}", 0.8, folds=3, fold=fold)
    table = pd.DataFrame([(who, value) for who in scores for value in scores[who]])
    table.columns = ["patient", "ssim"]
    table = table.assign(week=0, slice=0, ssim_body=float("nan"), psnr=30.0)
    Run(f"{run}-fold-{fold}").save_scores("vqvae", table, table[["ssim", "ssim_body", "psnr"]])


def test_folds_are_pooled_over_all_their_patients(capsys):
    finished_fold("k", 0, {"001": [0.5, 0.7], "B": [0.9]})
    finished_fold("k", 2, {"C": [0.7, 0.7]})
    finished_run("k-other", 0.1)
    with pytest.raises(SystemExit) as end:
        cli.main(["compare", "k"])
    assert end.value.code == 0 and "all folds together" in capsys.readouterr().out
    table = pd.read_csv(home() / "runs" / "comparison_folds.csv").set_index("score")
    row = table.loc["ssim"]
    assert (row["run"], row["folds"], row["patients"]) == ("k", "2 of 3", 3)
    assert row["mean"] == pytest.approx(0.7) and 0.6 <= row["low"] < 0.7 < row["high"] <= 0.9
    assert table.loc["psnr", "mean"] == 30 and "bits_per_code" not in table.index
    finished_fold("k", 1, {"001": [0.5]})
    with pytest.raises(InputError, match="run 'k' test some patients twice \\(001\\)"):
        compare.pooled_folds(["k-fold-0", "k-fold-1", "k-fold-2"])


def test_a_run_without_a_prior_has_no_score_there():
    finished_run("half", 0.8)
    assert compare.side_by_side(["half"])["bits_per_code"].isna().all()


@pytest.mark.parametrize("damage", ["{", "[1]", '{"vqvae": 3}'])
def test_a_damaged_run_is_named_and_the_others_are_compared(damage, capsys):
    finished_run("good", 0.8)
    finished_run("broken", 0.9)
    (home() / "runs" / "broken" / "metrics.json").write_text(damage)
    table = compare.side_by_side()
    assert list(table.index) == ["good"]
    assert "broken" in capsys.readouterr().err


def test_comparing_nothing_says_so():
    with pytest.raises(InputError, match="no run called x"):
        compare.side_by_side(["x"])


def test_few_patients_are_drawn_with_all_their_scores_and_the_band_of_their_seeds(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(compare, "RESULTS", tmp_path)
    assert len(compare.published_patients()) == 0  # where nobody has measured yet

    def row(patients: int, value: float) -> dict:
        ends = {"": value, "_low": value - 0.1, "_high": value + 0.1}
        scores = {name + end: v for name in plots.runs.FEW_PATIENTS for end, v in ends.items()}
        return {"patients": patients, **scores}

    rows = {"patients": [row(8, 0.5), row(120, 0.7)], "patients_without": [row(8, 0.3)]}
    save_json(tmp_path / "few_patients.json", rows)
    figure = plots.runs.few_patients(
        {str(augmented): compare.published_patients(augmented) for augmented in (False, True)}
    )
    assert len(figure.axes) == len(plots.runs.FEW_PATIENTS)
    for ax in figure.axes:
        assert [list(line.get_ydata()) for line in ax.lines] == [[0.3], [0.5, 0.7]]
        band = ax.collections[1].get_paths()[0].vertices[:, 1]
        assert (band.min(), band.max()) == pytest.approx((0.4, 0.8))


def test_only_trainings_at_a_rate_that_both_tables_have_are_compared():
    def table(**rates: float) -> pd.DataFrame:
        return pd.DataFrame({"patients": list(rates), "prior_learning_rate": rates.values()})

    few = table(a=0.1, b=0.2, c=0.2)
    most = table(a=0.1, b=0.2, c=0.2, d=0.2, e=0.3, f=0.3, g=0.3, h=0.3)

    def drawn(few: pd.DataFrame, most: pd.DataFrame) -> list[list[str]]:
        return [
            list(rows["patients"]) for rows in compare.of_one_rate({"": few, "-": most}).values()
        ]

    assert drawn(few, most) == [["b", "c"], ["b", "c", "d"]]
    assert drawn(few[:1], most) == [["a"], ["a"]]
    assert [] in drawn(few[:1], most[1:])
    nothing = {"few": pd.DataFrame([]), "most": most}
    assert compare.of_one_rate(nothing) is nothing


def test_runs_on_the_same_data_are_found_and_unfinished_ones_passed_over():
    def make(name: str, data: str, model: dict | None = None, **sections) -> None:
        folder = home() / "runs" / name
        made_from = {"data": data, "model": model or {"num_embeddings": 32, "stride": 2}}
        checkpoint.save_weights(folder / "vqvae.safetensors", torch.nn.Linear(1, 1), made_from)
        save_json(folder / "metrics.json", sections)

    vqvae, prior = {"num_embeddings": 32, "ssim": 0.8}, {"bits_per_pixel": 0.1}
    make("good", "same", vqvae=vqvae, prior=prior)
    make("half", "same", vqvae=vqvae)
    make("later", "same", {"num_embeddings": 32, "of_another_version": 1}, vqvae=vqvae, prior=prior)
    make("else", "other", vqvae=vqvae, prior=prior)
    save_json(home() / "runs" / "bare" / "metrics.json", {"vqvae": vqvae, "prior": prior})
    table = compare.finished_runs("same")
    assert table["run"].tolist() == ["good"]
    assert table.iloc[0][["plain_bits", "prior_bits", "ssim"]].tolist() == [5 / 4, 0.1, 0.8]
    assert compare.finished_runs("same", among_them="good").equals(table)
    with pytest.raises(InputError, match=r"run 'half' has no scores .* run notebooks 02 and 04"):
        compare.finished_runs("same", among_them="half")
