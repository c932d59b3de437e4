"""Exact incremental sampling: draw codes one by one, computing only what each new one changes.

    Ramachandran et al. 2017, "Fast Generation for Convolutional Autoregressive Models",
    arXiv:1704.06001.

The obvious loop runs the whole network once a position and throws all but one position's logits
away. Here each layer keeps what it has seen: once a row, the vertical stack convolves its last few
rows into the new one; once a position, the horizontal stack multiplies its last few columns. The
logits are those of the full forward pass, up to rounding.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vqgen_utils.errors import InputError
from vqgen_utils.machine.progress import progress_bar
from vqgen_utils.machine.speed import UsableThreads, exact_products, numpy_on_one_thread
from vqgen_utils.models.pixelcnn import PixelCNN

# multiplications in a row of the vertical stack from which on a second thread pays, and asking
# every so many seconds, for so long, whether there is one to be had
ROW_FOR_THREADS, ASK_EVERY, ASK_FOR = 2**28, 1.0, 0.01


class Rows:
    """The vertical stack, a row at a time.

    A layer keeps the last rows it has seen side by side: a row then costs it one product for each
    column of the kernel. W*B stands for "column after column, the whole batch in each". Three
    quarters of the arithmetic are here, in products large enough for several threads.

    Args:
        model: the prior, in eval mode.
        condition: (B, F).
    """

    def __init__(self, model: PixelCNN, condition: Tensor):
        layers, channels, batch = model.layers, model.config.prior_channels, len(condition)
        reach, width = layers[0].reach, model.grid[1]
        size, edge = width * batch, reach * batch
        self.embedding = model.embedding
        self.place = model.places(condition)[0].permute(2, 3, 0, 1).flatten(1, 2)  # (H, W*B, C)
        # zeros beyond both ends of a row: the convolution's padding
        seen = self.place.new_zeros(len(layers), size + 2 * edge, (reach + 1) * channels)
        slots = seen[:, edge : edge + size].split(channels, 2)  # r+1 of (L, W*B, C), oldest first
        self.shifts = list(itertools.pairwise(slots))
        self.v = slots[-1].unbind()  # L of (W*B, C): what comes into each layer
        self.up = self.place.new_empty(len(layers), size, 2 * channels)
        self.layers = []
        starts = range(0, (2 * reach + 1) * batch, batch)
        for layer, rows, up in zip(layers, seen, self.up, strict=True):
            bias = layer.vertical.bias + layer.condition(condition).chunk(2, 1)[0]  # (B, 2C)
            windows = [rows[start : start + size] for start in starts]  # k of (W*B, (r+1)*C)
            taps = layer.vertical.weight.permute(3, 2, 1, 0).flatten(1, 2)  # (k, (r+1)*C, 2C)
            products = list(zip(windows, taps.contiguous(), strict=True))
            out = matrix(layer.out_vertical)  # (C, C)
            self.layers.append((bias.repeat(width, 1), products, up, *up.chunk(2, 1), out))
        self.down_to_right = halve_gates(
            torch.stack([matrix(layer.down_to_right) for layer in layers])
        )  # (L, 2C, 2C)
        convolutions = [(x.vertical, x.down_to_right, x.out_vertical) for x in layers]
        weights = sum(conv.weight.numel() for layer in convolutions for conv in layer)
        heavy = size * weights >= ROW_FOR_THREADS and self.place.device.type == "cpu"
        self.threads = UsableThreads(ASK_EVERY, ASK_FOR) if heavy else None

    def next(self, i: int, above: Tensor | None) -> Tensor:
        """Row i, given the codes of row i - 1 (W, B), None for i = 0.

        Returns what each layer's horizontal stack hears at each column, gates halved: (L, W*B, 2C).
        """
        with threads(self.threads.count() if self.threads else 1, self.place.device):
            return self._next(i, above)

    def _next(self, i: int, above: Tensor | None) -> Tensor:
        for older, newer in self.shifts:
            older.copy_(newer)
        self.v[0].copy_(self.place[i])
        if above is not None:
            self.v[0].add_(self.embedding(above.flatten()))
        into = zip(self.v, [*self.v[1:], None], self.layers, strict=True)
        for v, v_next, (bias, products, up, a, b, out) in into:
            up.copy_(bias)
            for window, tap in products:
                up.addmm_(window, tap)
            if v_next is not None:
                torch.addmm(v, a.tanh().mul_(b.sigmoid()), out, out=v_next)
        return torch.bmm(self.up, self.down_to_right)


class Columns:
    """The horizontal stack and the head, a position at a time.

    At this size an operation takes longer to start than to do. So all buffers are made once and
    taken apart once, and every operation writes where the next one reads. A GPU records the whole
    position as one graph. On a CPU, NumPy works on the same memory, since it starts an operation in
    about half the time.

    What goes into the sigmoids comes halved: sigmoid(x) = (1 + tanh(x/2)) / 2, and so one tanh
    serves both halves of a gate.

    Args:
        model: the prior, in eval mode.
        condition: (B, F).
    """

    def __init__(self, model: PixelCNN, condition: Tensor):
        layers, channels, batch = model.layers, model.config.prior_channels, len(condition)
        reach = layers[0].reach
        self.place = model.places(condition)[1].permute(2, 3, 0, 1).contiguous()  # (H, W, B, C)
        nothing = self.place.new_zeros(1, channels)
        self.embedding = torch.cat([model.embedding.weight, nothing])  # (K+1, C); K: no code
        biases = [
            layer.horizontal.bias + layer.condition(condition).chunk(2, 1)[1] for layer in layers
        ]
        self.bias = halve_gates(torch.stack(biases))  # (L, B, 2C)
        taps = torch.stack([layer.horizontal.weight[:, :, 0] for layer in layers])
        *past, now = halve_gates(taps.permute(3, 0, 2, 1).contiguous())  # r+1 of (L, C, 2C)
        self.known = now.new_zeros(len(layers), batch, 2 * channels)
        h = now.new_zeros(len(layers) + 1, batch, channels)  # into each layer, and out of the last
        columns = list(now.new_zeros(reach, len(layers), batch, channels))  # oldest first
        self.seen = list(zip(columns, past, strict=True))
        self.shifts = list(zip(columns, [*columns[1:], h[:-1]], strict=True))
        out = torch.stack([matrix(layer.out_horizontal) for layer in layers]) / 2  # (L, C, C)
        scratch = [torch.zeros_like(self.known[0]), *torch.zeros_like(h[:2])]
        hidden, logits = model.head[1], model.head[4]
        self.logits = now.new_zeros(batch, model.num_embeddings)
        weights = [matrix(hidden), hidden.bias.detach(), matrix(logits), logits.bias.detach()]
        inside = now.new_zeros(batch, len(hidden.bias))
        head = [h[-1], *weights, inside, self.logits, now.new_zeros(())]
        buffers = [self.known, h, now, out, *scratch, *head]
        if in_numpy(condition.device):
            self.operations = np.dot, np.add, np.tanh, np.multiply, np.maximum
            buffers = [buffer.numpy() for buffer in buffers]
        else:
            self.operations = torch.mm, torch.add, torch.tanh, torch.multiply, torch.maximum
        known, steps, now, out, *scratch = buffers
        self.scratch, self.head = scratch[:3], scratch[3:]
        a, b = known[:, :, :channels], known[:, :, channels:]
        self.layers = list(zip(known, a, b, steps[:-1], steps[1:], now, out, strict=True))
        self.first = h[0]
        self.run = capture(self._run, condition.device)

    def start_row(self, i: int, from_above: Tensor) -> None:
        """Begin row i with what `Rows.next` says of it, (L, W*B, 2C)."""
        columns = from_above.unflatten(1, self.place.shape[1:3])  # (L, W, B, 2C)
        self.from_above = columns.unbind(1)  # W of (L, B, 2C)
        self.places = self.place[i].unbind()  # W of (B, C)
        for column, _ in self.seen:
            column.zero_()

    def step(self, j: int, left: Tensor) -> Tensor:
        """Logits (B, K) at column j, given the codes to its left (B,), K where there are none.

        They stand in a buffer that the next step overwrites.
        """
        torch.add(self.from_above[j], self.bias, out=self.known)
        torch.index_select(self.embedding, 0, left, out=self.first)
        self.first.add_(self.places[j])
        self.run()
        return self.logits

    def _run(self) -> None:
        for column, past in self.seen:
            self.known.baddbmm_(column, past)  # (L, B, 2C): all layers at once
        product, add, tanh, multiply, maximum = self.operations
        more, gated, change = self.scratch
        for known, a, b, h, h_next, now, out in self.layers:
            product(h, now, out=more)
            add(known, more, out=known)  # (B, 2C)
            tanh(known, out=known)
            add(b, 1.0, out=b)
            multiply(a, b, out=gated)  # (B, C), twice tanh(a) * sigmoid(b)
            product(gated, out, out=change)
            add(h, change, out=h_next)  # (B, C)
        for older, newer in self.shifts:
            older.copy_(newer)
        last, weight1, bias1, weight2, bias2, hidden, logits, zero = self.head
        maximum(last, zero, out=last)
        product(last, weight1, out=hidden)
        add(hidden, bias1, out=hidden)
        maximum(hidden, zero, out=hidden)
        product(hidden, weight2, out=logits)
        add(logits, bias2, out=logits)  # (B, K)


def in_numpy(device: torch.device) -> bool:
    """Whether positions are computed by NumPy rather than PyTorch."""
    return device.type == "cpu"


def halve_gates(x: Tensor) -> Tensor:
    """(..., 2C) with the second half, what goes into the sigmoids, divided by two."""
    a, b = x.chunk(2, -1)
    return torch.cat([a, b / 2], -1)


def matrix(conv: nn.Conv2d) -> Tensor:
    """A 1x1 convolution's weights as the matrix (in, out) that a row vector is multiplied by."""
    return conv.weight[:, :, 0, 0].t().contiguous()


def capture(function: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """On a GPU, `function` recorded once and replayed in one launch; elsewhere `function` itself.

    It may only read and write tensors that stay where they are.
    """
    if device.type != "cuda":
        return function
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        function()  # what libraries set up at their first call must not be recorded
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay


@contextlib.contextmanager
def threads(number: int, device: torch.device) -> Iterator[None]:
    """So many CPU threads, if that is where the work is; as before afterwards."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread(device: torch.device) -> contextlib.AbstractContextManager:
    """One CPU thread: for tiny products a second one costs more than it brings."""
    return threads(1, device)


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
        condition: (B, F); on any device, the codes come back to it.
        choose: gets logits (B, K) and returns codes (B,).
        progress: show a bar over rows.

    Returns:
        (B, H, W) codes.
    """
    height, width = model.grid
    was_training = model.training
    model.eval()
    asked_on, condition = condition.device, condition.to(model.device)
    rows, columns = Rows(model, condition), Columns(model, condition)
    nothing = torch.full_like(condition[:, 0], model.num_embeddings, dtype=torch.long)  # (B,)
    codes = nothing.new_empty(height, width, len(condition))
    bar = progress_bar(height, "sampling", "row", shown=progress)
    with one_thread(condition.device), numpy_on_one_thread(), bar:
        for i in range(height):
            columns.start_row(i, rows.next(i, codes[i - 1] if i else None))
            left = [nothing]
            for j in range(width):
                left.append(choose(i, j, columns.step(j, left[-1])))
            codes[i] = torch.stack(left[1:])  # (W, B)
            bar.update()
    model.train(was_training)
    return codes.permute(2, 0, 1).to(asked_on)  # (B, H, W)


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
        condition: (B, F), one row an image; on any device, the codes come back to it.
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
    if given is not None:
        given = given.to(model.device)
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    noise = None

    def choose(i: int, j: int, logits: Tensor) -> Tensor:
        nonlocal noise
        if j == 0:  # a row of noise at a time, each image's from its own generator
            rows = [torch.rand(width, logits.shape[1], generator=g) for g in generators]
            uniform = torch.stack(rows, 1).clamp_(min=1e-20).to(logits.device)  # (W, B, K)
            noise = (-torch.log(-torch.log(uniform)) * temperature).unbind()  # W of (B, K)
        if top_k is not None:
            least = logits.topk(top_k, 1).values[:, -1:]  # (B, 1)
            logits = logits.masked_fill(logits < least, -torch.inf)
        # argmax(logits + Gumbel noise) is a draw from softmax(logits): Maddison et al. 2014
        drawn = (logits + noise[j]).argmax(1)  # (B,)
        if given is None:
            return drawn
        return torch.where(given[:, i, j] >= 0, given[:, i, j], drawn)

    return walk(model, condition, choose, progress)


def incremental_logits(model: PixelCNN, codes: Tensor, condition: Tensor) -> Tensor:
    """The logits the sampler sees on its way through known codes (B, H, W): (B, K, H, W).

    Equal to `model(codes, condition)` up to rounding; the tests hold it to 1e-4.
    """
    seen = []
    known = codes.to(model.device)

    def choose(i: int, j: int, logits: Tensor) -> Tensor:
        seen.append(logits.clone())  # the next step writes over them
        return known[:, i, j]

    walk(model, condition, choose)
    return torch.stack(seen, 2).unflatten(2, model.grid).to(codes.device)  # (B, K, H, W)


@torch.inference_mode()
def full_logits(model: PixelCNN, codes: Tensor, condition: Tensor) -> Tensor:
    """The same logits by one forward pass over the whole grid: (B, K, H, W).

    Codes (B, H, W) and condition (B, F) may be on another device than the model.
    """
    with exact_products():
        return model(codes.to(model.device), condition.to(model.device)).to(codes.device)


def full_grid_step(model: PixelCNN, codes: Tensor, condition: Tensor, i: int, j: int) -> Tensor:
    """Logits (B, K) at (i, j) by the obvious way, a whole forward pass: the slow yardstick."""
    return full_logits(model, codes, condition)[:, :, i, j]
