"""The series on scans that are nothing like the phantom: it ends, and says what is true of them."""

import re

import nbformat
import notebook_anatomy as anatomy
import numpy as np
import pytest
from commands import vqgen
from scan_files import picture, save, save_study

from vqgen_utils.machine import load_json


def one_sagittal_scan(folder):
    """One person, thick sagittal slices, lower than the window of SSIM."""
    save(folder / "sub-01_T2w.nii.gz", picture(14, 48, 8), np.diag([5.0, 1, 1, 1]))


def some_labels(folder):
    """The study's layout, but every other file of labels is missing."""
    save_study(folder, slices=range(0, 60, 10), labels=True, train=(1, 2, 3), test=(4, 5))
    for path in sorted(folder.glob("keras_slices_seg_*/*"))[::2]:
        path.unlink()


@pytest.fixture(scope="module", params=[one_sagittal_scan, some_labels], ids=lambda p: p.__name__)
def told(request, tmp_path_factory):
    """Which scans, all that the executed notebooks say, and the run's folder."""
    home = tmp_path_factory.mktemp("home")
    request.param(home / "scans")
    done = vqgen(home, "run", "--profile", "smoke", "--data-dir", str(home / "scans"))
    assert done.returncode == 0, done.stdout + done.stderr
    folder = home / "runs" / "tutorial"
    said = [
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for path in sorted((folder / "notebooks").iterdir())
        for cell in anatomy.code_cells(nbformat.read(path, as_version=4))
        if "solution" not in cell.metadata.get("tags", [])
        for output in cell.outputs
    ]
    return request.param, "\n".join(said), folder


def test_what_is_printed_is_true_of_these_scans(told):
    scans, text, _ = told
    assert not re.search(r"\bnan\b|Warning|Empty DataFrame", text, re.IGNORECASE)
    if scans is one_sagittal_scan:
        assert "slices of sagittal plane; the head is at the top, the front on your left" in text
        assert text.count("Patients ARE on both sides of the split") >= 5
        assert "slices with labels: 0 of" in text
        assert "each patient was scanned once" in text and "From week to week change:" not in text
        assert "Of real slices, and of slices drawn at T = 1: frechet none and none" in text
        assert "It reads reconstructions:" not in text and "Little wrong with it sees:" not in text
    else:
        assert (
            "slices with labels: 15 of 30" in text and "held-out slices with labels: 6 of" in text
        )
        assert text.count("No patient is on both sides of the split") >= 5


def test_near_is_said_only_where_held_out_slices_are_farther_than_copies(told):
    _, text, _ = told
    copies, held_out = (
        float(re.search(rf"{name}: median ([0-9.]+)", text)[1])
        for name in ("planted copies", "held out")
    )
    assert ("Generated slices lie as far out as:" in text) is (copies < held_out)
    assert ("this look cannot tell new from remembered" in text) is not (copies < held_out)


def test_a_score_is_measured_or_has_its_reason(told):
    scans, _, folder = told
    evaluation, metrics = load_json(folder / "evaluation.json"), load_json(folder / "metrics.json")
    missing = {name for name, value in evaluation["headline"].items() if value is None}
    assert missing == evaluation["not_measured"].keys()
    assert {"anatomy_pass_samples", "anatomy_pass_real", "ood_auroc_implant"} <= missing
    if scans is one_sagittal_scan:
        assert metrics["data"]["patients_disjoint"] is False
        assert metrics["vqvae"]["ssim"] is None and "ssim" in metrics["vqvae"]["not_measured"]
        assert {"ssim", "frechet_samples", "precision", "memorised_share"} <= missing
        assert {"auc_full", "auc_half", "auc_quarter", "texture_power"} <= missing
        assert "height_within_3" in missing
        few = metrics["few_patients"]
        assert few["copies_last"] is None and "one patient" in few["not_measured"]["copies_last"]
    card = (folder / "model_card.md").read_text("utf-8")
    assert all(reason in card for reason in evaluation["not_measured"].values())
