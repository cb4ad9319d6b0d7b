"""PyTorch's side, at its default settings; data are tensors from the start."""

from __future__ import annotations

import itertools
import os
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .cases import CASES, Prepared, mnist, synthetic


class _Last(nn.Module):
    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell, self.head = cell, nn.Linear(128, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.cell(x)[0][:, -1])


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _normalised(inputs, outputs, stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        same = inputs == outputs
        self.short = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Any) -> Any:
        return functional.relu(self.second(self.first(x)) + self.short(x))


def _normalised(inputs: int, outputs: int, stride: int = 1) -> Any:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class _Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Any) -> Any:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))
        return x + self.feed(self.norm2(x))


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(65, 128)
        self.positions = nn.Parameter(torch.randn(64, 128) * 0.02)
        self.blocks = nn.Sequential(*[_Block(128, 4) for _ in range(4)])
        self.norm, self.head = nn.LayerNorm(128), nn.Linear(128, 65)

    def forward(self, ids: Any) -> Any:
        return self.head(self.norm(self.blocks(self.embed(ids) + self.positions))).flatten(0, 1)


def _dense(*widths: int, activation: Any = nn.ReLU) -> list[Any]:
    made: list[Any] = []
    for a, b in itertools.pairwise(widths):
        made += [nn.Linear(a, b), activation()]
    return made[:-1]


def network(name: str) -> Any:
    if name in ("lstm", "gru"):
        return _Last({"lstm": nn.LSTM, "gru": nn.GRU}[name](28, 128, batch_first=True))
    if name == "transformer":
        return _Transformer()
    layers: dict[str, Any] = {
        "lenet5": lambda: [
            nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), *_dense(400, 120, 84, 10)],
        "mlp": lambda: [nn.Flatten(), *_dense(784, 128, 10)],
        "cnn": lambda: [
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            *_dense(9216, 128, 10)],
        "mlp_wide": lambda: _dense(1024, 2048, 2048, 1000),
        "mlp_tiny": lambda: _dense(4, 32, 16, 4, activation=nn.Tanh),
        "resnet8": lambda: [
            _normalised(3, 16), _Residual(16, 16, 1), _Residual(16, 32, 2), _Residual(32, 64, 2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)],
    }  # fmt: skip
    return nn.Sequential(*layers[name]())


def _tensor(x: Any) -> Any:
    made = torch.from_numpy(x)
    return made.permute(0, 3, 1, 2).contiguous() if made.ndim == 4 else made


def prepare(name: str, data: str) -> Prepared:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(0)
    case = CASES[name]
    base = {"lenet5_32": "lenet5", "lenet5_1024": "lenet5", "predict": "lenet5", "single_lenet5": "lenet5",
            "single_mlp": "mlp"}.get(name, name)  # fmt: skip
    model = network(base)
    if case.unit == "call":
        x = _tensor(synthetic(name)[0])
        model.eval()

        def call() -> None:
            with torch.inference_mode():
                for first in range(0, len(x), 1000):
                    model(x[first : first + 1000])

        return Prepared(call)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    criterion = nn.MSELoss() if name == "mlp_tiny" else nn.CrossEntropyLoss()

    def step(x: Any, y: Any) -> None:
        optimizer.zero_grad()
        criterion(model(x), y.flatten() if name == "transformer" else y).backward()
        optimizer.step()

    if case.unit == "epoch":
        x, y, xt, yt = (_tensor(a) for a in mnist(data))

        def epoch() -> None:
            order = torch.randperm(len(x))
            for first in range(0, len(x), case.batch):
                rows = order[first : first + case.batch]
                step(x[rows], y[rows])

        def accuracy() -> float:
            with torch.no_grad():
                return float((model(xt).argmax(1) == yt).float().mean())

        return Prepared(epoch, accuracy=accuracy)
    x, y = (_tensor(a) for a in synthetic(name))

    def steps() -> None:
        for number in range(case.steps):
            first = number * case.batch % len(x)
            step(x[first : first + case.batch], y[first : first + case.batch])

    return Prepared(steps, case.steps)
