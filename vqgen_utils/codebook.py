"""What each code means: how it looks, which tissue it stands for, which codes are like it."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vqgen_utils.metrics import entropy_bits
from vqgen_utils.vqvae import STRIDE, VQVAE

CONTEXT = 5  # a code is decoded in the middle of a 5x5 field of itself, free of border effects


def decoded_codes(model: VQVAE) -> Tensor:
    """Each code as the decoder draws it among its own kind: (K, 4, 4) in [0, 1].

    What a code looks like in a slice also depends on its neighbours; this is its plain face.
    """
    codes = torch.arange(model.num_embeddings)
    fields = codes[:, None, None].expand(-1, CONTEXT, CONTEXT)  # (K, 5, 5)
    middle = slice(CONTEXT // 2 * STRIDE, (CONTEXT // 2 + 1) * STRIDE)
    return model.decode(fields)[:, 0, middle, middle]


def codes_in_use(codes: Tensor, images: np.ndarray, k: int) -> Tensor:
    """What really lies under each code: the mean of the 4x4 blocks it stands for.

    Args:
        codes: (N, h, w).
        images: (N, 4h, 4w) in [0, 1].
        k: number of codes.

    Returns:
        (K, 4, 4) in [0, 1], NaN for a code that never occurs.
    """
    n, height, width = codes.shape
    blocks = torch.from_numpy(np.asarray(images, np.float32))
    blocks = blocks.view(n, height, STRIDE, width, STRIDE).transpose(2, 3)  # (N, h, w, 4, 4)
    sums = torch.zeros(k, STRIDE, STRIDE)
    sums.index_add_(0, codes.flatten(), blocks.reshape(-1, STRIDE, STRIDE))
    return sums / torch.bincount(codes.flatten(), minlength=k)[:, None, None]


def tissue_of_cells(labels: np.ndarray, tissues: int = 6) -> np.ndarray:
    """The commonest label in each 4x4 cell: (N, H, W) integers -> (N, H/4, W/4)."""
    n, height, width = labels.shape
    cells = labels.reshape(n, height // STRIDE, STRIDE, width // STRIDE, STRIDE)
    counts = np.stack([(cells == value).sum((2, 4)) for value in range(tissues)])  # (6, N, h, w)
    return counts.argmax(0)


def code_tissue_table(codes: Tensor, labels: np.ndarray, names: tuple[str, ...], k: int):
    """How often each code falls on each tissue.

    Args:
        codes: (N, h, w).
        labels: (N, 4h, 4w), integers into `names`.
        names: of the tissues.
        k: number of codes.

    Returns:
        DataFrame, a row a tissue and a column a code, counts of grid positions.
    """
    tissues = torch.from_numpy(tissue_of_cells(labels, len(names))).flatten()
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


def neighbours(embedding: Tensor, code: int, number: int) -> list[int]:
    """The `number` codes nearest to `code`, nearest first, itself left out."""
    distance = (embedding - embedding[code]).norm(dim=1)  # (K,)
    return distance.argsort()[1 : number + 1].tolist()


def swap(codes: Tensor, i: int, j: int, code: int) -> Tensor:
    """A copy of a grid of codes (h, w) with `code` at row i, column j."""
    changed = codes.clone()
    changed[i, j] = code
    return changed
