"""What each code means: how it looks, which tissue it stands for, which codes are like it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vqgen_utils.data.tissues import TISSUES
from vqgen_utils.evaluation.metrics import code_counts, entropy_bits, perplexity
from vqgen_utils.models.vqvae import VQVAE


def perplexity_of_samples(
    codes: Tensor, k: int, sizes: Sequence[int], draws: int = 100, seed: int = 0
) -> Tensor:
    """The perplexity that batches of a few slices would report.

    Args:
        codes: (N, h, w).
        k: number of codes.
        sizes: slices in a batch, S of them, each at most N.
        draws: random batches of each size, drawn without repetition.
        seed: of the draws.

    Returns:
        (S, draws), each 1 to K.
    """
    generator = torch.Generator().manual_seed(seed)
    counts = torch.stack([code_counts(grid, k) for grid in codes])  # (N, K)
    drawn = [
        [perplexity(counts[torch.randperm(len(codes), generator=generator)[:size]].sum(0))
         for _ in range(draws)]
        for size in sizes
    ]  # fmt: skip
    return torch.tensor(drawn)


def decoded_codes(model: VQVAE) -> Tensor:
    """Each code as the decoder draws it among its own kind: (K, s, s) in [0, 1], s the stride.

    What a code looks like in a slice also depends on its neighbours; this is its plain face. The
    field of equal codes is as wide as the decoder sees, so that no border shows in its middle.
    """
    reach = model.config.residual_layers + 3  # codes the decoder looks to each side, at most
    side = 2 * reach + 1
    fields = torch.arange(model.num_embeddings)[:, None, None].expand(-1, side, side)
    middle = slice(reach * model.config.stride, (reach + 1) * model.config.stride)
    return model.decode(fields)[:, 0, middle, middle]


def codes_in_use(codes: Tensor, images: np.ndarray, k: int) -> Tensor:
    """What really lies under each code: the mean of the blocks it stands for.

    Args:
        codes: (N, h, w).
        images: (N, H, W) in [0, 1], s = H/h pixels a code along each axis.
        k: number of codes.

    Returns:
        (K, s, s) in [0, 1], NaN for a code that never occurs.
    """
    n, height, width = codes.shape
    s = images.shape[1] // height
    blocks = torch.from_numpy(np.asarray(images, np.float32))
    blocks = blocks.view(n, height, s, width, s).transpose(2, 3)  # (N, h, w, s, s)
    sums = torch.zeros(k, s, s)
    sums.index_add_(0, codes.flatten(), blocks.reshape(-1, s, s))
    return sums / torch.bincount(codes.flatten(), minlength=k)[:, None, None]


def tissue_of_cells(labels: np.ndarray, stride: int, tissues: int = len(TISSUES)) -> np.ndarray:
    """The commonest label in each cell of s x s pixels: (N, H, W) integers -> (N, H/s, W/s)."""
    n, height, width = labels.shape
    cells = labels.reshape(n, height // stride, stride, width // stride, stride)
    counts = np.stack([(cells == value).sum((2, 4)) for value in range(tissues)])  # (6, N, h, w)
    return counts.argmax(0)


def code_tissue_table(
    codes: Tensor, labels: np.ndarray, k: int, names: tuple[str, ...] = TISSUES
) -> pd.DataFrame:
    """How often each code falls on each tissue.

    Args:
        codes: (N, h, w).
        labels: (N, H, W), integers into `names`, H/h pixels a code along each axis.
        k: number of codes.
        names: of the tissues.

    Returns:
        DataFrame, a row a tissue and a column a code, counts of grid positions.
    """
    stride = labels.shape[1] // codes.shape[1]
    tissues = torch.from_numpy(tissue_of_cells(labels, stride, len(names))).flatten()
    pairs = torch.bincount(tissues * k + codes.flatten().cpu(), minlength=len(names) * k)
    return pd.DataFrame(pairs.view(len(names), k).numpy(), index=list(names), columns=range(k))


def mutual_information_bits(table: pd.DataFrame) -> float:
    """How many bits the code tells about the tissue: H(tissue) + H(code) - H(both).

    Zero when they are independent, H(tissue) when the code settles the tissue.
    """
    counts = torch.from_numpy(table.to_numpy().copy())
    both = entropy_bits(counts.flatten())
    return entropy_bits(counts.sum(1)) + entropy_bits(counts.sum(0)) - both


def principal_components(embedding: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The codes in the plane of their largest spread: (K, D) -> (K, 2); variance shares (D,)."""
    centred = embedding.detach().cpu().double() - embedding.detach().cpu().double().mean(0)
    _, singular, directions = torch.linalg.svd(centred, full_matrices=False)
    share = singular.square() / singular.square().sum()
    return (centred @ directions[:2].t()).numpy(), share.numpy()


def code_distances(embedding: Tensor) -> Tensor:
    """Euclidean distance between every two codes: (K, D) -> (K, K), zero on the diagonal."""
    points = embedding.detach().cpu()
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def neighbours(distance: Tensor, code: int) -> list[int]:
    """All other codes, nearest first: distances (K, K) -> K - 1 numbers."""
    order = distance[code].argsort(stable=True)  # (K,)
    return order[order != code].tolist()  # not [1:]: two codes may lie on the same point


def swap(codes: Tensor, i: int, j: int, code: int) -> Tensor:
    """A copy of a grid of codes (h, w) with `code` at (i, j)."""
    changed = codes.clone()
    changed[i, j] = code
    return changed


@dataclass(frozen=True)
class Atlas:
    """What is known of every code, gathered once so that any page of it is drawn at once."""

    images: np.ndarray  # (N, H, W) in [0, 1], the slices it was read from
    codes: Tensor  # (N, h, w), their grids
    counts: Tensor  # (K,), uses of each code
    alone: Tensor  # (K, s, s) in [0, 1], decoded among its own kind
    in_use: Tensor  # (K, s, s) in [0, 1], the mean block under it; NaN if never used
    where: Tensor  # (K, h, w) in [0, 1], share of slices that have it there
    example: Tensor  # (K,), the slice that uses it most
    distance: Tensor  # (K, K), between codes
    tissues: pd.DataFrame | None  # (tissues, K) counts; None without labels


def make_atlas(
    model: VQVAE, codes: Tensor, images: np.ndarray, tissues: pd.DataFrame | None
) -> Atlas:
    """Read every code off a set of slices.

    Args:
        model: the trained VQ-VAE.
        codes: (N, h, w).
        images: (N, H, W) in [0, 1].
        tissues: what `code_tissue_table` gave for the same slices, or None.
    """
    k, (_, height, width) = model.num_embeddings, codes.shape
    by_slice = torch.stack([code_counts(grid, k) for grid in codes])  # (N, K)
    place = torch.arange(height * width)  # (h*w,)
    at_place = torch.bincount((codes.flatten(1) + k * place).flatten(), minlength=k * len(place))
    return Atlas(
        images=images,
        codes=codes,
        counts=by_slice.sum(0),
        alone=decoded_codes(model),
        in_use=codes_in_use(codes, images, k),
        where=at_place.view(height, width, k).permute(2, 0, 1) / len(codes),  # (K, h, w)
        example=by_slice.argmax(0),
        distance=code_distances(model.codebook.embedding),
        tissues=tissues,
    )
