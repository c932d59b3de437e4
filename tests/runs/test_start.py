"""Training that starts from another run: what is taken over, what is refused, what is kept."""

import pytest
import torch
from crashing import DATA, PRIOR, VQVAE, train
from safetensors.torch import load_file

from vqgen_utils import cli
from vqgen_utils.config import get_profile
from vqgen_utils.errors import InputError
from vqgen_utils.models import Codebook
from vqgen_utils.runs import Run, model_card, new_vqvae, start
from vqgen_utils.training import checkpoint

OTHER = DATA | {"data_seed": 1}  # other people
ALL = DATA | VQVAE | PRIOR


def vqgen(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    return stop.value.code


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home in which run `a` was trained, and run `b` from it on other people."""
    home = tmp_path_factory.mktemp("started")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VQGEN_HOME", str(home))
        for words in (
            train("vqvae", DATA | VQVAE, "a"),
            train("prior", PRIOR, "a"),
            [*train("vqvae", OTHER | VQVAE, "b"), "--from-run", "a"],
            [*train("prior", PRIOR, "b"), "--from-run", "a"],
        ):
            assert vqgen(*words) == 0
    return home


@pytest.fixture
def runs(trained, monkeypatch):
    monkeypatch.setenv("VQGEN_HOME", str(trained))


def header(run: str, model: str) -> dict:
    return checkpoint.load_settings(Run(run).path(f"{model}.safetensors"))


def test_the_weights_file_says_what_it_was_started_from(runs):
    for model in ("vqvae", "prior"):
        assert header("a", model)["started_from"] is None
        assert header("b", model)["started_from"] == {
            "run": "a",
            "weights": Run("a").fingerprint(f"{model}.safetensors"),
            "data": header("a", model)["data"],
            "phantom": True,
            "started_from": None,
        }
    assert header("a", "vqvae")["data"] != header("b", "vqvae")["data"]


def test_another_start_is_trained_anew_and_the_same_one_is_not(runs, capsys):
    again = [*train("prior", PRIOR, "b"), "--from-run", "a"]
    assert vqgen(*again) == 0
    assert "already: loaded" in capsys.readouterr().out
    assert vqgen(*train("prior", PRIOR, "b")) == 0
    assert "other settings (started_from: absent there, none here)" in capsys.readouterr().out
    assert header("b", "prior")["started_from"] is None
    assert vqgen(*again) == 0
    assert "started_from.run: absent there, a here" in capsys.readouterr().out


def new_model(**changes):
    settings = get_profile("smoke", **(OTHER | VQVAE | changes))
    images = torch.rand(40, 1, 32, 16, generator=torch.Generator().manual_seed(3)) / 10
    return settings, new_vqvae(settings, torch.utils.data.TensorDataset(images, images[:, 0, 0, 0]))


def test_codes_are_taken_over_and_the_variance_is_the_new_data_s(runs):
    settings, model = new_model(batch_size=32)
    variance = model.data_variance.clone()
    start.vqvae(Run("c"), model, settings, "a")
    theirs = load_file(Run("a").path("vqvae.safetensors"))
    assert torch.equal(model.data_variance, variance) and variance != theirs["data_variance"]
    ours = model.state_dict()
    counts = {"codebook.ema_count", "codebook.ema_sum", "data_variance"}
    assert all(torch.equal(ours[name], theirs[name]) for name in ours.keys() - counts)
    torch.testing.assert_close(ours["codebook.ema_count"].sum(), torch.tensor(32.0 * 32))
    torch.testing.assert_close(
        ours["codebook.ema_sum"] / ours["codebook.ema_count"][:, None],
        theirs["codebook.ema_sum"] / theirs["codebook.ema_count"][:, None],
    )


def test_codes_live_on_when_batches_grow():
    torch.manual_seed(0)
    codebook, points = Codebook(8, 2, decay=0.95), torch.randn(4, 2, 4, 4)
    for _ in range(30):
        codebook(points)
    before = codebook.embedding.clone()
    large = points.repeat(64, 1, 1, 1)
    codebook.expect(large[:, 0].numel())
    codebook(large)
    assert (codebook.embedding - before).norm(dim=1).max() < 0.1, "some died and were moved"


def test_a_vqvae_of_another_make_is_refused_and_says_where_it_differs(runs):
    settings, model = new_model(embedding_dim=8, commitment_cost=0.5)
    with pytest.raises(InputError, match=r"run 'a' .*\(embedding_dim: 4 there, 8 here\)"):
        start.vqvae(Run("c"), model, settings, "a")
    with pytest.raises(InputError, match="run 'a' cannot start from itself"):
        start.vqvae(Run("a"), *reversed(new_model()), "a")
    with pytest.raises(InputError, match=r"run 'nobody' has no vqvae\.safetensors"):
        start.vqvae(Run("c"), *reversed(new_model()), "nobody")


@pytest.mark.parametrize(
    ("run", "changes", "sentence"),
    [
        ("d", {}, "this VQ-VAE was not started from its VQ-VAE"),
        ("b", {"prior_channels": 4}, "prior_channels: 8 there, 4 here"),
        ("b", {"prior_dropout": 0.0}, None),
    ],
)
def test_a_prior_starts_only_where_codes_mean_the_same(run, changes, sentence, runs, capsys):
    if run == "d":
        assert vqgen(*train("vqvae", OTHER | VQVAE, "d")) == 0
    words = [*train("prior", PRIOR | changes, run), "--from-run", "a"]
    assert vqgen(*words) == 0
    out = capsys.readouterr().out
    started = header(run, "prior")["started_from"]
    if sentence:
        assert "starts from nothing, not from run 'a'" in out and sentence in out
        assert started is None
    else:
        assert started["run"] == "a"


def test_the_card_names_the_start_and_whom_it_may_show():
    card = model_card.__globals__  # the sentences alone; notebook 08 makes the whole card
    own = {"run": "hip", "weights": "f" * 64, "data": "x", "phantom": False, "started_from": None}
    evaluation = {
        "started_from": {"vqvae": {**own, "run": "b", "phantom": True, "started_from": own}}
    }
    starts = card["_starts"](evaluation)
    assert [one["run"] for _, one in starts] == ["b", "hip"]
    assert "of run `hip` (weights ffffffffffff, scans of people)" in card["_started"](starts)
    seen = card["_who_is_seen"](get_profile("smoke"), evaluation, starts)
    assert "run `hip`" in seen and "Nobody" not in seen
    assert "from nothing" in card["_started"]([])
