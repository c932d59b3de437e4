"""Exact incremental sampling: draw codes one by one, computing only what each new one changes.

    Ramachandran et al. 2017, "Fast Generation for Convolutional Autoregressive Models",
    arXiv:1704.06001.

The obvious loop runs the whole network once a position and throws all but one position's logits
away. Here each layer keeps what it has seen: once a row, the vertical stack convolves its last few
rows into the new one; once a position, the horizontal stack multiplies its last few columns. The
logits are those of the full forward pass, up to rounding.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vqgen_utils.errors import InputError
from vqgen_utils.pixelcnn import PixelCNN, gate
from vqgen_utils.progress import progress_bar


class Cache:
    """What each layer of a `PixelCNN` remembers of the rows and columns already drawn.

    Args:
        model: the prior, in eval mode.
        condition: (B, F).
    """

    def __init__(self, model: PixelCNN, condition: Tensor):
        self.model = model
        layers = model.layers
        self.reach = r = layers[0].reach
        batch, width, channels = len(condition), model.grid[1], model.config.prior_channels
        biases = torch.stack([layer.condition(condition) for layer in layers])  # (L, B, 4C)
        self.bias_v, self.bias_h = biases.chunk(2, 2)  # (L, B, 2C)
        self.place_v, self.place_h = model.places(condition)  # (B, C, H, W)
        self.rows = biases.new_zeros(len(layers), batch, channels, r, width)
        self.columns = biases.new_zeros(len(layers), batch, r * channels)

        taps = torch.stack(
            [layer.horizontal.weight[:, :, 0] for layer in layers]
        )  # (L, 2C, C, r+1)
        self.past = taps[..., :r].permute(0, 3, 2, 1).flatten(1, 2).contiguous()  # (L, r*C, 2C)
        self.now = taps[..., r].transpose(1, 2).contiguous()  # (L, C, 2C)
        self.out = [layer.out_horizontal.weight[:, :, 0, 0].t().contiguous() for layer in layers]
        first, last = model.head[1], model.head[4]
        self.head = [
            (conv.bias, conv.weight[:, :, 0, 0].t().contiguous()) for conv in (first, last)
        ]

    def start_row(self, i: int, above: Tensor | None) -> Tensor:
        """Run the vertical stack for row i, given the codes of row i - 1 (B, W), None for i = 0.

        Returns what each layer's horizontal stack adds at each column: (W, L, B, 2C).
        """
        model, r = self.model, self.reach
        v = self.place_v[:, :, i : i + 1]  # (B, C, 1, W)
        if above is not None:
            v = v + model.embedding(above).transpose(1, 2).unsqueeze(2)
        inputs = []
        for index, layer in enumerate(model.layers):
            rows = torch.cat([self.rows[index], v], 2)  # (B, C, r+1, W)
            self.rows[index] = rows[:, :, 1:]
            up = F.conv2d(rows, layer.vertical.weight, layer.vertical.bias, padding=(0, r))
            bias = layer.horizontal.bias + self.bias_h[index]  # (B, 2C)
            inputs.append(layer.down_to_right(up)[:, :, 0].permute(2, 0, 1) + bias)  # (W, B, 2C)
            v = v + layer.out_vertical(gate(up + self.bias_v[index][:, :, None, None]))
        self.columns.zero_()
        return torch.stack(inputs, 1)  # (W, L, B, 2C)

    def step(self, i: int, j: int, left: Tensor | None, from_above: Tensor) -> Tensor:
        """Logits (B, K) at (i, j), given the code left of it (B,) and `start_row`'s [j]."""
        model, channels = self.model, self.model.config.prior_channels
        h = self.place_h[:, :, i, j]  # (B, C)
        if left is not None:
            h = h + model.embedding(left)
        known = torch.baddbmm(from_above, self.columns, self.past)  # (L, B, 2C): all layers at once
        if self.reach > 1:
            self.columns[:, :, :-channels] = self.columns[:, :, channels:].clone()
        for index, layer in enumerate(model.layers):
            self.columns[index, :, -channels:] = h
            gated = gate(torch.addmm(known[index], h, self.now[index]))  # (B, C)
            h = h + torch.addmm(layer.out_horizontal.bias, gated, self.out[index])
        (bias1, weight1), (bias2, weight2) = self.head
        return torch.addmm(bias2, torch.addmm(bias1, h.relu(), weight1).relu(), weight2)


@contextlib.contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """One CPU thread: for these tiny products a second one costs more than it brings."""
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.inference_mode()
def walk(
    model: PixelCNN,
    condition: Tensor,
    choose: Callable[[int, int, Tensor], Tensor],
    progress: bool = False,
) -> Tensor:
    """Visit the grid in reading order; at each position `choose(i, j, logits)` gives the codes.

    Args:
        model: the prior.
        condition: (B, F).
        choose: gets logits (B, K) and returns codes (B,).
        progress: show a bar over rows.

    Returns:
        (B, H, W) codes.
    """
    height, width = model.grid
    was_training = model.training
    model.eval()
    cache = Cache(model, condition)
    codes = torch.zeros(len(condition), height, width, dtype=torch.long, device=condition.device)
    bar = progress_bar(height, "sampling", "row", shown=progress)
    with one_thread(condition.device), bar:
        for i in range(height):
            from_above = cache.start_row(i, codes[:, i - 1] if i else None)
            for j in range(width):
                left = codes[:, i, j - 1] if j else None
                codes[:, i, j] = choose(i, j, cache.step(i, j, left, from_above[j]))
            bar.update()
    model.train(was_training)
    return codes


def sample(
    model: PixelCNN,
    condition: Tensor,
    seeds: Sequence[int],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    given: Tensor | None = None,
    progress: bool = False,
) -> Tensor:
    """Draw grids of codes from the prior.

    Args:
        model: the prior.
        condition: (B, F), one row an image.
        seeds: B integers. An image depends on its own seed alone, whatever else is in the batch.
        temperature: divides the logits; below 1 likely codes get likelier, 0 takes the likeliest.
        top_k: only the k likeliest codes may be drawn (default: all).
        given: (B, H, W) codes to keep, -1 where a code is to be drawn.
        progress: show a bar over rows.

    Returns:
        (B, H, W) codes.

    Raises:
        InputError: for arguments that do not fit the model or each other.
    """
    height, width = model.grid
    if len(seeds) != len(condition):
        raise InputError(f"{len(seeds)} seeds for {len(condition)} images: give one seed an image.")
    if temperature < 0:
        raise InputError(f"temperature is {temperature}: give zero or more.")
    if top_k is not None and not 1 <= top_k <= model.num_embeddings:
        raise InputError(f"top_k is {top_k}: give 1 to {model.num_embeddings}.")
    if given is not None and tuple(given.shape) != (len(condition), height, width):
        raise InputError(
            f"given codes have shape {tuple(given.shape)}: give {(len(condition), height, width)}."
        )
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    noise = None

    def choose(i: int, j: int, logits: Tensor) -> Tensor:
        nonlocal noise
        if j == 0:  # a row of noise at a time, each image's from its own generator
            rows = [torch.rand(width, logits.shape[1], generator=g) for g in generators]
            uniform = torch.stack(rows).clamp_(min=1e-20).to(logits.device)  # (B, W, K)
            noise = -torch.log(-torch.log(uniform))
        if top_k is not None:
            least = logits.topk(top_k, 1).values[:, -1:]  # (B, 1)
            logits = logits.masked_fill(logits < least, -torch.inf)
        # argmax(logits + Gumbel noise) is a draw from softmax(logits): Maddison et al. 2014
        drawn = (logits + temperature * noise[:, j]).argmax(1)  # (B,)
        if given is None:
            return drawn
        return torch.where(given[:, i, j] >= 0, given[:, i, j], drawn)

    return walk(model, condition, choose, progress)


def incremental_logits(model: PixelCNN, codes: Tensor, condition: Tensor) -> Tensor:
    """The logits the sampler sees on its way through known codes (B, H, W): (B, K, H, W).

    Equal to `model(codes, condition)` up to rounding; the tests hold it to 1e-4.
    """
    seen = []

    def choose(i: int, j: int, logits: Tensor) -> Tensor:
        seen.append(logits)
        return codes[:, i, j]

    walk(model, condition, choose)
    return torch.stack(seen, 2).unflatten(2, model.grid)  # (B, K, H, W)


@torch.inference_mode()
def full_grid_step(model: PixelCNN, codes: Tensor, condition: Tensor, i: int, j: int) -> Tensor:
    """Logits (B, K) at (i, j) by the obvious way, a whole forward pass: the slow yardstick."""
    return model(codes, condition)[:, :, i, j]
