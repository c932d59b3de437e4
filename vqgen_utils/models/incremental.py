"""The two stacks of the prior a piece at a time: computing only what each new code changes.

    Ramachandran et al. 2017, "Fast Generation for Convolutional Autoregressive Models",
    arXiv:1704.06001.

Each layer keeps what it has seen. Once a row, `Rows` convolves the vertical stack's last few rows
into the new one; once a position, `Columns` multiplies the horizontal stack's last few columns.
"""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from vqgen_utils.machine.speed import UsableThreads, threads
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
        self.looks = [
            model.looks[str(n)].rows(batch) if str(n) in model.looks else None
            for n in range(len(layers))
        ]
        self.layers = []
        everywhere = model.everywhere(condition)
        starts = range(0, (2 * reach + 1) * batch, batch)
        for layer, rows, up in zip(layers, seen, self.up, strict=True):
            bias = layer.vertical.bias + layer.condition(everywhere).chunk(2, 1)[0]  # (B, 2C)
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
        into = zip(self.v, [*self.v[1:], None], self.looks, self.layers, strict=True)
        for v, v_next, look, (bias, products, up, a, b, out) in into:
            if look is not None:
                v.add_(look.next(i, v))
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
    about half the time: all in all 1.6 times as fast at batch 1, and 1.1 times at batch 16.

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
        everywhere = model.everywhere(condition)
        biases = [
            layer.horizontal.bias + layer.condition(everywhere).chunk(2, 1)[1] for layer in layers
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
