"""The codebook: turn each vector into the nearest of K learned vectors.

    van den Oord et al. 2017, "Neural Discrete Representation Learning", arXiv:1711.00937
    (section 3 for the losses, appendix A.1 for the moving-average update).

Two ways to learn the codes share one class:

    update="gradient"  the paper's loss: codes are parameters, pulled to the vectors they serve.
    update="ema"       codes are running means of the vectors they serve. They start as k-means of
                       the first batch, and a code that nobody uses is moved onto a living one.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqgen_utils.config import VQVAEConfig
from vqgen_utils.machine import processes

KMEANS_STEPS = 10
SCORES_ON_CPU = 2**20  # computed at once: 4 MiB of numbers, which stay in the cache
SCORES_ON_GPU = 2**25  # 128 MiB: a GPU wants few, large products


class Codebook(nn.Module):
    """K vectors of D numbers, the nearest of which replaces each vector that comes in.

    Args:
        num_embeddings: K.
        embedding_dim: D.
        commitment_cost: beta, the weight of the commitment loss.
        update: "ema" or "gradient".
        decay: of the moving averages (ema only).
        revive_below: a code whose average use falls under this share of an even share (1/K of
            all vectors) is dead and is moved onto a vector of the batch (ema only; 0: never).
        seed: of the data initialisation and the revival (ema only).
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        commitment_cost: float = 0.25,
        update: str = "ema",
        decay: float = 0.99,
        revive_below: float = 0.1,
        seed: int = 0,
    ):
        super().__init__()
        self.commitment_cost = commitment_cost
        self.update = update
        self.decay = decay
        self.revive_below = revive_below
        self.seed = seed
        codes = torch.empty(num_embeddings, embedding_dim)
        codes.uniform_(-1 / num_embeddings, 1 / num_embeddings)
        if update == "gradient":
            self.embedding = nn.Parameter(codes)  # (K, D)
        else:
            self.register_buffer("embedding", codes)  # (K, D)
            self.register_buffer("ema_count", torch.zeros(num_embeddings))  # (K,)
            self.register_buffer("ema_sum", torch.zeros(num_embeddings, embedding_dim))  # (K, D)
            self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the code nearest to each vector: (N, D) -> (N,), integers in [0, K).

        argmin |z - e|^2 = argmax z.e - |e|^2 / 2, one matrix product. Some rows at a time share one
        table: the scores of all N vectors would take longer to store than to compute.
        """
        at_once = SCORES_ON_CPU if vectors.device.type == "cpu" else SCORES_ON_GPU
        rows = min(len(vectors), max(1, at_once // len(self.embedding)))
        table = self.embedding.new_empty(rows, len(self.embedding))  # (rows, K)
        indices = vectors.new_empty(len(vectors), dtype=torch.long)  # (N,)
        with torch.autocast(vectors.device.type, enabled=False):  # near ties need all the digits
            half_norms = self.embedding.square().sum(1).div(2)  # (K,)
            for some, chosen in zip(vectors.float().split(rows), indices.split(rows), strict=True):
                scores = table[: len(some)]
                torch.addmm(-half_norms, some, self.embedding.t(), out=scores)
                chosen.copy_(first_argmax(scores))
        return indices

    def lookup(self, codes: Tensor) -> Tensor:
        """The vectors behind a grid of codes: (B, h, w) integers -> (B, D, h, w)."""
        return F.embedding(codes, self.embedding).permute(0, 3, 1, 2)

    def forward(self, z_e: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Quantise the encoder's output.

        Args:
            z_e: (B, D, h, w).

        Returns:
            z_q: (B, D, h, w), the nearest codes. Its gradient flows to z_e unchanged: the
                straight-through estimator.
            codes: (B, h, w), their indices.
            losses: `codebook` (gradient update only) = |sg(z_e) - e|^2 and `commitment` =
                beta |z_e - sg(e)|^2, each a mean over all numbers (eq. 3, second and third term).
        """
        batch, dim, height, width = z_e.shape
        vectors = z_e.permute(0, 2, 3, 1).reshape(-1, dim)  # (B*h*w, D)
        learning = self.training and self.update == "ema"
        if learning and self.updates == 0:
            self._initialise(vectors.detach())
        indices = self.nearest(vectors.detach())  # (B*h*w,)
        codes = indices.view(batch, height, width)  # (B, h, w)
        z_q = self.lookup(codes)  # (B, D, h, w)

        losses = {"commitment": self.commitment_cost * F.mse_loss(z_e, z_q.detach())}
        if self.update == "gradient":
            losses["codebook"] = F.mse_loss(z_q, z_e.detach())
        if learning:  # after quantising: this batch was served by the codes as they were
            self._follow(vectors.detach(), indices)
        return z_e + (z_q - z_e).detach(), codes, losses

    @torch.no_grad()
    def expect(self, vectors: int) -> None:
        """Go on from codes that were learned elsewhere, in batches of `vectors` vectors from here.

        A running count is of vectors in a batch. Kept from batches a tenth the size, it would tell
        that every code is dead.
        """
        if self.update == "ema":
            scale = vectors / self.ema_count.sum()
            self.ema_count *= scale
            self.ema_sum *= scale

    @torch.no_grad()
    def _follow(self, vectors: Tensor, indices: Tensor) -> None:
        """Move each code to the running mean of the vectors it serves, then revive the dead."""
        counts, sums = self._totals(vectors, indices)
        self.ema_count.lerp_(counts, 1 - self.decay)
        self.ema_sum.lerp_(sums, 1 - self.decay)
        self._move_to_means(self.ema_count, self.ema_sum)
        self.updates += 1
        self._revive(vectors, indices, even_share=counts.sum() / len(counts))

    def _totals(self, vectors: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        """How many vectors each code serves, and their sum, over all processes: (K,), (K, D)."""
        vectors = vectors.to(self.ema_sum.dtype)
        counts = torch.zeros_like(self.ema_count).index_add_(
            0, indices, torch.ones_like(vectors[:, 0])
        )
        sums = torch.zeros_like(self.ema_sum).index_add_(0, indices, vectors)
        return processes.add_up(counts), processes.add_up(sums)

    def _move_to_means(self, counts: Tensor, sums: Tensor) -> None:
        """Move each code to the mean of what it serves; one that serves nothing stays."""
        served = counts > 1e-5  # (K,)
        means = sums / counts.clamp(min=1e-5).unsqueeze(1)  # (K, D)
        self.embedding.copy_(torch.where(served.unsqueeze(1), means, self.embedding))

    @torch.no_grad()
    def _initialise(self, vectors: Tensor) -> None:
        """k-means of the first batch. Sets the counts too, or the next update would undo it."""
        start = kmeans_plus_plus(processes.rows_of_all(vectors), len(self.embedding), self.seed)
        self.embedding.copy_(start)
        processes.from_first(self.embedding)
        for _ in range(KMEANS_STEPS):
            self._move_to_means(*self._totals(vectors, self.nearest(vectors)))
        counts, _ = self._totals(vectors, self.nearest(vectors))
        self.ema_count.copy_(counts.clamp(min=1))
        self.ema_sum.copy_(self.embedding * self.ema_count.unsqueeze(1))

    def _revive(self, vectors: Tensor, indices: Tensor, even_share: Tensor) -> None:
        """Move each dead code onto a vector of the batch, with an even share to its name.

        Badly served vectors are likelier to get one (as in k-means++): drawn evenly, most of the
        dead would rise in the air around the body, where there is nothing left to tell apart.
        """
        dead = self.ema_count < self.revive_below * even_share  # (K,)
        number = int(dead.sum())
        if number:
            error = (vectors - self.embedding[indices]).square().sum(1)  # (N,)
            self.embedding[dead] = self._draw(vectors, error, number)
            self.ema_count[dead] = even_share
            self.ema_sum[dead] = self.embedding[dead] * even_share

    def _draw(self, vectors: Tensor, error: Tensor, number: int) -> Tensor:
        """`number` random rows of all processes' `vectors`, the same everywhere: (number, D).

        The draw depends on the seed and the update's number alone, so a resumed run repeats it.
        """
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + int(self.updates))
        weights = processes.rows_of_all(error).cpu().double() + 1e-12  # (N,)
        rows = torch.multinomial(weights, number, replacement=True, generator=generator)
        drawn = processes.rows_of_all(vectors)[rows.to(vectors.device)]  # (number, D)
        return processes.from_first(drawn.to(self.embedding.dtype))


def as_configured(config: VQVAEConfig) -> dict:
    """What a `Codebook` is made of, but for its seed: `Codebook(**as_configured(config))`."""
    return {
        "num_embeddings": config.num_embeddings,
        "embedding_dim": config.embedding_dim,
        "commitment_cost": config.commitment_cost,
        "update": config.codebook_update,
        "decay": config.decay,
        "revive_below": config.revive_below,
    }


def codes_of_grid(codebook: nn.Module, z_e: Tensor) -> Tensor:
    """The code that a codebook has for each position: z_e (B, D, h, w) -> (B, h, w)."""
    batch, dim, height, width = z_e.shape
    vectors = z_e.permute(0, 2, 3, 1).reshape(-1, dim)  # (B*h*w, D)
    return codebook.nearest(vectors).view(batch, height, width)


def first_argmax(scores: Tensor) -> Tensor:
    """Index of the largest number in each row, the first of equals: (N, K) -> (N,)."""
    if scores.device.type == "cpu":  # NumPy compares many numbers at once, PyTorch one by one
        return torch.from_numpy(scores.numpy().argmax(1))
    return scores.argmax(1)


def kmeans_plus_plus(vectors: Tensor, number: int, seed: int) -> Tensor:
    """Vectors far apart from each other, for k-means to start from: (N, D) -> (number, D).

    Each is drawn with odds in proportion to its squared distance from the nearest one drawn before.
    SciPy's kmeans2 draws the same. For 65,536 vectors it took 16 s where this takes 0.5 (K = 128),
    and would take days where this takes 20 s (K = 8192).

        Arthur and Vassilvitskii 2007, "k-means++: the advantages of careful seeding", SODA.
    """
    rng = np.random.default_rng(seed)
    points = vectors.cpu().double().numpy()
    norms = np.square(points).sum(1)  # (N,)
    distances = np.full(len(points), np.inf)  # squared, to the nearest one drawn: (N,)
    rows = [rng.integers(len(points))]
    while len(rows) < number:
        last = rows[-1]
        to_last = norms + norms[last] - 2 * (points @ points[last])  # (N,)
        distances = np.minimum(distances, to_last.clip(0))  # rounding may leave it below 0
        steps = distances.cumsum()
        rows.append(steps.searchsorted(rng.random() * steps[-1]))
    return vectors[torch.tensor(rows, device=vectors.device)]
