"""The same small jobs for one process and for several: run by test_train.py, alone and by torchrun.

python -m torch.distributed.run --standalone --nproc_per_node 2 tests/share_work.py FOLDER
"""

import sys
from pathlib import Path

import torch
from accelerate import PartialState
from torch.utils.data import TensorDataset

from vqgen_utils import cli
from vqgen_utils.config import PriorConfig, TrainingConfig, VQVAEConfig
from vqgen_utils.machine import processes
from vqgen_utils.models import VQVAE, Codebook, PixelCNN, prior_losses, vqvae_losses
from vqgen_utils.training import fit

TRAINING = TrainingConfig(batch_size=4, epochs=3, seed=1)
BATCHES = (10, 8, 2, 10, 6, 2, 10)  # slices


def codebook(folder: Path) -> None:
    """Initialise, follow and revive on batches of which each process sees its share."""
    generator = torch.Generator().manual_seed(0)
    book = Codebook(12, 4, decay=0.5, revive_below=0.7, seed=3)
    states = []
    for size in BATCHES:
        batch = torch.randn(size, 4, 3, 2, generator=generator) * size  # as z_e, (B, D, H, W)
        share = processes.share_of(size)
        book(batch[share.start : share.stop])
        states.append({name: value.clone() for name, value in book.state_dict().items()})
    torch.save(states, folder / f"codebook-{processes.rank()}.pt")


def training(folder: Path) -> None:
    """Both models; a batch goes on with the slices of the next epoch."""
    generator = torch.Generator().manual_seed(0)
    for slices in (18, 17):
        torch.manual_seed(0)
        vqvae = VQVAE(VQVAEConfig(num_embeddings=8, embedding_dim=4, hidden_dim=8))
        prior = PixelCNN(PriorConfig(prior_channels=4, prior_layers=2), 8, (4, 2))
        images = torch.rand(slices, 1, 16, 8, generator=generator)
        codes = torch.randint(8, (slices, 4, 2), generator=generator)
        heights = torch.rand(slices, generator=generator)
        for name, model, losses, data in (
            ("vqvae", vqvae, vqvae_losses, TensorDataset(images, heights)),
            ("prior", prior, prior_losses, TensorDataset(codes, heights)),
        ):
            validate = TensorDataset(*data[:5])
            path = folder / f"{name}{slices}.safetensors"
            result = fit(model, losses, data, TRAINING, path, {}, validate)
            found = {"history": result.history.to_dict("list"), "model": model.state_dict()}
            torch.save(found, folder / f"{name}{slices}-{processes.rank()}.pt")


def main() -> None:
    folder = Path(sys.argv[1])
    state = PartialState(cpu=True)
    torch.set_num_threads(1)
    codebook(folder)
    training(folder)
    state.wait_for_everyone()
    cli.main(["sample", "--run-name", "r", "--images", "70", "--seed", "5"])


if __name__ == "__main__":
    main()
