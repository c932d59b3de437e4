"""Does memory stay where it is while a study grows from 1,000 slices to 100,000?

    python -m benchmarks.growth

Measured is the highest resident memory (VmHWM) of a fresh process that packs all slices (the first
call of `load_slices`), and of another one that opens them and runs through one epoch of shuffled
batches, as training does. Resident memory counts everything, also pages of the packed file that are
only mapped and that the system could take back. The difference between the two studies is what
100 times as many slices cost.

How fair it is. Drawing 100,000 phantom slices would take a quarter of an hour, and their files
would only be read once. So 120 are drawn, with their labels, and every file of the study is a hard
link to one of them under a name of its own: patients of eight weeks, 60 slices each. The search
for the same voxels under two names is told to find none; nothing else but the operating system's
cache can know that they are alike. The time of packing is reported, too, and flattered by that
cache.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest import mock

from benchmarks import loading, report
from vqgen_utils.config import DataConfig
from vqgen_utils.data import SliceDataset, load_slices
from vqgen_utils.data.phantom import NUM_SLICES
from vqgen_utils.errors import InputError
from vqgen_utils.machine import speed

SLICES = (1_000, 100_000)
WEEKS = 8  # of each patient, as many as the study has at most
DRAWN_WEEKS = 2  # of the one patient that all files are links to
HELD_OUT = 20  # every n-th patient is in test, and the one after it in validate


def link_study(drawn: Path, folder: Path, slices: int) -> None:
    """A study of `slices` slices with labels in `folder`: links to the one patient in `drawn`."""
    for split in ("train", "validate", "test"):
        (folder / f"keras_slices_{split}").mkdir(parents=True)
        (folder / f"keras_slices_seg_{split}").mkdir()
    for i in range(slices):
        scan, number = divmod(i, NUM_SLICES)
        patient, week = divmod(scan, WEEKS)
        split = {0: "test", 1: "validate"}.get(patient % HELD_OUT, "train")
        source, name = (
            f"{who:03d}_week_{when}_slice_{number}.nii.gz"
            for who, when in ((1, week % DRAWN_WEEKS), (patient + 1, week))
        )
        for kind, prefix in (("", "case"), ("seg_", "seg")):
            target = folder / f"keras_slices_{kind}{split}" / f"{prefix}_{name}"
            os.link(drawn / f"keras_slices_{kind}train" / f"{prefix}_{source}", target)


def highest_mb() -> float:
    """The most MB that this process has been resident with."""
    fields = dict(line.split(":", 1) for line in loading.STATUS.read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024 / 1e6


def pack(config: DataConfig) -> dict[str, float]:
    """Pack a study in this process."""
    start = time.perf_counter()
    with mock.patch("vqgen_utils.data.copies.fingerprint", return_value=None):
        count = len(load_slices(config).index)  # each link counts as another scan
    return {"slices": count, "pack_seconds": time.perf_counter() - start, "pack_mb": highest_mb()}


def read(config: DataConfig) -> dict[str, float]:
    """Open a packed study and run through one epoch in this process."""
    speed.reuse_memory()
    slices = load_slices(config)
    start = time.perf_counter()
    loading.run_through(SliceDataset(slices.images.filename, slices.index))
    return {"read_seconds": time.perf_counter() - start, "read_mb": highest_mb()}


def measure(configs: list[DataConfig]) -> list[dict[str, float]]:
    """`pack` and `read` of each study, always in a fresh process."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as fresh:
        return [
            fresh.submit(pack, config).result() | fresh.submit(read, config).result()
            for config in configs
        ]


def main() -> None:
    """Measure in a temporary folder, print, and write the results."""
    if not loading.STATUS.exists():
        raise InputError(f"{loading.STATUS}: does not exist; run this benchmark on Linux.")
    with tempfile.TemporaryDirectory(prefix="vqgen-growth-") as temporary:
        home = Path(temporary)
        loading.require_room(home, sum(SLICES))
        os.environ["VQGEN_HOME"] = temporary
        loading.write_scans(home / "drawn", {"train": 1}, DRAWN_WEEKS)
        configs = []
        for count in SLICES:
            link_study(home / "drawn", home / str(count), count)
            folder = str(home / str(count))
            configs.append(DataConfig("hipmri", folder, image_height=256, image_width=128))
        print(f"Packing and reading {SLICES[0]:,} and {SLICES[1]:,} slices (4 minutes) ...")
        rows = measure(configs)
    report.table(rows)
    few, many = rows
    headline = {
        "growth_slices": many["slices"],
        "growth_pack_mb": many["pack_mb"] - few["pack_mb"],
        "growth_read_mb": many["read_mb"] - few["read_mb"],
        "growth_pack_minutes": many["pack_seconds"] / 60,
    }
    report.write("growth", headline, table=rows)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
