"""How fast are 12,600 slices loaded, and how much memory do they take?

    python -m benchmarks.loading

The slices are phantoms of the study's size, 256x128, written as NIfTI files in its layout. What is
measured: checking them with the command `vqgen data check`, packing them (the first call of
`load_slices`), opening them (every later call), and one epoch of shuffled batches against the usual
way, a Dataset that reads each file with nibabel every time it is asked for it.

How fair it is. Both go through the loader that training uses, with its settings, and take turns; a
check holds their pixels equal (up to the rounding of float16). The usual way is spared what packing
does besides: it gets the intensities that scale a scan from the index, and the files need no
resampling. It reads 1,500 of the files, chosen at random, and its time is scaled to all of them.
All files have just been written, so both read from the operating system's cache, not from a disk.

Memory is measured in fresh processes for each number of slices, at its highest while an epoch runs.
The pages of a memory map that have been read count as resident (RSS) although they are cache, which
the system takes back whenever it needs room. So the headline is RssAnon, the memory that cannot be
taken back; the total is among the details.
"""

import dataclasses
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from benchmarks import report
from vqgen_utils.config import DataConfig, TrainingConfig
from vqgen_utils.data import SliceDataset, load_slices
from vqgen_utils.data.phantom import NUM_SLICES, write_patient
from vqgen_utils.errors import InputError
from vqgen_utils.machine import speed
from vqgen_utils.training import batches

PATIENTS = {"train": 95, "validate": 5, "test": 5}
WEEKS = 2
FEW = 1_000  # slices that memory is compared with
BY_FILE = 1_500  # slices that the usual way reads
BATCH = 32
ROUNDS = 3
BYTES = 150_000  # of disk that a slice takes: its files (phantoms compress well) and packed
STATUS = Path("/proc/self/status")


class OneFileAtATime(Dataset):
    """The usual way: each slice of a batch is read from its own file, every time.

    Args:
        folder: of the scans.
        rows: of the index.
    """

    def __init__(self, folder: Path, rows: pd.DataFrame):
        self.files = [folder / file for file in rows["file"]]
        self.ranges = rows[["low", "high"]].to_numpy(np.float32)
        self.heights = torch.tensor(rows["height"].to_numpy(), dtype=torch.float32)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, items: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        images = []
        for item in items:
            voxels = np.asanyarray(nib.load(self.files[item]).dataobj, dtype=np.float32)
            low, high = self.ranges[item]
            image = np.clip((voxels - low) / (high - low), 0, 1)  # (H, W), in some files (H, W, 1)
            images.append(torch.from_numpy(image.reshape(1, *image.shape[:2])))
        return torch.stack(images), self.heights[items]


def epoch(dataset: Dataset):
    """The batches of one epoch, as training gets them."""
    steps = math.ceil(len(dataset) / BATCH)
    return batches(dataset, TrainingConfig(batch_size=BATCH), torch.device("cpu"), 0, steps)


def run_through(dataset: Dataset) -> None:
    """One epoch with nothing done to its batches."""
    for _ in epoch(dataset):
        pass


def write_scans(folder: Path, patients: dict[str, int], weeks: int) -> None:
    """The study's layout with `patients` a split and all slices of each week, by two processes."""
    splits = [split for split, count in patients.items() for _ in range(count)]
    for split in patients:
        (folder / f"keras_slices_{split}").mkdir(parents=True)
        (folder / f"keras_slices_seg_{split}").mkdir()
    write = partial(write_patient, folder, weeks=weeks, step=1, seed=0, wide=None)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(write, splits, range(1, len(splits) + 1)))


def link_some(config: DataConfig, count: int, folder: Path) -> DataConfig:
    """The first `count` slices of a study as a study of their own in `folder`, by links."""
    slices = load_slices(config)
    for file in slices.index[["file", "label_file"]][:count].to_numpy().ravel():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        os.link(slices.folder / file, folder / file)
    return dataclasses.replace(config, data_dir=str(folder))


def seconds_to_check(folder: str) -> float:
    """Seconds of `vqgen data check`, which reads every file."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "vqgen_utils", "data", "check", folder, "--profile", "full"]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def measure_packing(config: DataConfig) -> dict[str, float]:
    """Seconds of the first call of `load_slices` and of a later one."""
    start = time.perf_counter()
    count = len(load_slices(config).index)
    pack_seconds = time.perf_counter() - start
    opening = report.in_turns({"open": lambda: load_slices(config)})
    return {
        "slices": count,
        "pack_seconds": pack_seconds,
        "slices_per_second": count / pack_seconds,
        "open_ms": 1000 * opening["open"],
    }


def measure_epochs(config: DataConfig, by_file: int, rounds: int) -> dict[str, float]:
    """Seconds of one epoch our way and the usual way, where only `by_file` slices are read."""
    slices = load_slices(config)
    images, count = slices.images.filename, len(slices.index)
    rows = slices.index.sample(min(by_file, count), random_state=0)
    usual = OneFileAtATime(slices.folder, rows)
    for ours, theirs in zip(epoch(SliceDataset(images, rows)), epoch(usual), strict=True):
        torch.testing.assert_close(ours, theirs, atol=5e-4, rtol=0)
    every = SliceDataset(images, slices.index)
    with speed.training_settings(torch.device("cpu")):
        seconds = report.in_turns(
            {"ours": lambda: run_through(every), "usual": lambda: run_through(usual)}, rounds
        )
    usual_seconds = seconds["usual"] * count / len(rows)
    return {
        "slices_read_by_file": len(rows),
        "seconds": seconds["ours"],
        "images_per_second": count / seconds["ours"],
        "usual_seconds_scaled": usual_seconds,
        "usual_images_per_second": count / usual_seconds,
        "ratio": usual_seconds / seconds["ours"],
    }


def resident() -> dict[str, float]:
    """MB of this process: what it has taken (RssAnon), and with the files it has mapped (VmRSS)."""
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return {name: int(fields[name].split()[0]) * 1024 / 1e6 for name in ("RssAnon", "VmRSS")}


def highest_memory(config: DataConfig) -> dict[str, float]:
    """The most MB that this process has while it opens the packed slices and runs one epoch."""
    speed.reuse_memory()  # as in training, where freed tensors are kept for the next ones
    slices = load_slices(config)
    highest = resident()
    for _ in epoch(SliceDataset(slices.images.filename, slices.index)):
        highest = {name: max(highest[name], mb) for name, mb in resident().items()}
    return {"slices": len(slices.index), **highest}


def measure_memory(configs: list[DataConfig], rounds: int) -> list[dict[str, float]]:
    """`highest_memory` of each, always in a fresh process: the lowest of `rounds`.

    Holes between freed blocks can only add to what a process takes, by chance a batch or two.
    """
    for config in configs:
        load_slices(config)  # packed here, so that the processes measured only open it
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawn, max_tasks_per_child=1) as fresh:
        found = list(fresh.map(highest_memory, configs * rounds))
    return [
        {name: min(row[name] for row in found[i :: len(configs)]) for name in found[i]}
        for i in range(len(configs))
    ]


def require_room(folder: Path, slices: int) -> None:
    """Refuse to start what a full disk would end."""
    need, free = slices * BYTES / 1e9, shutil.disk_usage(folder).free / 1e9
    if free < need:
        raise InputError(
            f"{folder}: {slices:,} slices need about {need:.1f} GB, {free:.1f} GB are free; make "
            "room, or set TMPDIR to a folder with more."
        )


def main() -> None:
    """Measure in a temporary folder, print, and write the results."""
    if not STATUS.exists():
        raise InputError(f"{STATUS}: does not exist; run this benchmark on Linux.")
    count = sum(PATIENTS.values()) * WEEKS * NUM_SLICES
    with tempfile.TemporaryDirectory(prefix="vqgen-loading-") as temporary:
        home = Path(temporary)
        require_room(home, count)
        os.environ["VQGEN_HOME"] = temporary
        config = DataConfig("hipmri", str(home / "scans"), image_height=256, image_width=128)
        print(f"Writing {count:,} slices (about a minute) ...", flush=True)
        write_scans(home / "scans", PATIENTS, WEEKS)
        print("Checking and packing them (another minute) ...", flush=True)
        check_seconds = seconds_to_check(config.data_dir)
        packing = measure_packing(config)
        epochs = measure_epochs(config, BY_FILE, ROUNDS)
        few = link_some(config, FEW, home / "few")
        memory = measure_memory([few, config], ROUNDS)

    growth = {name: memory[1][name] - memory[0][name] for name in ("RssAnon", "VmRSS")}
    print(f"\nNumbers of slices: {packing['slices']:,}. Packing and opening:")
    report.table([packing])
    print(
        f"\nOne epoch in batches of {BATCH}; the usual way has read "
        f"{epochs['slices_read_by_file']:,} files, its time is scaled to all of them:"
    )
    report.table([epochs])
    print("\nMB while an epoch runs: taken (RssAnon), and with the mapped files (VmRSS):")
    report.table(memory)
    headline = {
        "loading_epoch_ratio": epochs["ratio"],
        "loading_rss_growth_mb": growth["RssAnon"],
        "loading_open_ms": packing["open_ms"],
        "loading_pack_slices_per_second": packing["slices_per_second"],
        "loading_check_seconds": check_seconds,
        "loading_epoch_seconds": epochs["seconds"],
    }
    report.write(
        "loading",
        headline,
        packing=packing,
        epochs=epochs,
        memory_mb=memory,
        total_rss_growth_mb=growth["VmRSS"],
    )


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
