"""The networks that are timed, known to every framework's side by name, with their shapes and arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """What is timed.

    Attributes
    ----------
    title : str
    unit : str
        What one time is the time of: "epoch", "step" or "call".
    batch : int
    steps : int
        Steps that are timed together, where the unit is a step.
    frameworks : tuple of str
        Those that have a side for it.
    flops : float
        Operations (two a multiply-add) of one sample: forward, input gradients and kernel gradients in
        training, with none for the gradient of the first input.
    threads : int or None
        None for as many as the run asks for.
    """

    title: str
    unit: str
    batch: int
    frameworks: tuple[str, ...]
    flops: float = 0.0
    steps: int = 1
    threads: int | None = None


@dataclass
class Prepared:
    """A framework's side of a case: `run` does `units` units; `accuracy` may judge the outcome."""

    run: Callable[[], Any]
    units: int = 1
    accuracy: Callable[[], float] | None = None


def _conv(side: int, kernel: int, inputs: int, outputs: int) -> float:
    return 2.0 * side**2 * kernel**2 * inputs * outputs


def _dense(*widths: int) -> list[float]:
    return [2.0 * a * b for a, b in itertools.pairwise(widths)]


def _training(layers: list[float]) -> float:
    return 3 * sum(layers) - layers[0]


LENET5 = [_conv(26, 3, 1, 6), _conv(11, 3, 6, 16), *_dense(400, 120, 84, 10)]
MLP = _dense(784, 128, 10)
CNN = [_conv(26, 3, 1, 32), _conv(24, 3, 32, 64), *_dense(9216, 128, 10)]
RESNET8 = [
    _conv(32, 3, 3, 16),
    *[_conv(32, 3, 16, 16)] * 2,
    _conv(16, 3, 16, 32) + _conv(16, 1, 16, 32),
    _conv(16, 3, 32, 32),
    _conv(8, 3, 32, 64) + _conv(8, 1, 32, 64),
    _conv(8, 3, 64, 64),
    *_dense(64, 10),
]
_BLOCK = 64 * sum(_dense(128, 384) + _dense(128, 128, 512, 128)) / 1 + 2 * 2.0 * 64 * 64 * 128 / 2
TRANSFORMER = 4 * _BLOCK + 64 * 2.0 * 128 * 65

_TRAINERS = ("fastnn", "torch", "jax", "tensorflow")

CASES = {
    "lenet5": Case("LeNet-5 (3x3 kernels, 6-16-120-84-10) on MNIST", "epoch", 128, _TRAINERS,
                   _training(LENET5)),
    "lenet5_32": Case("LeNet-5 on MNIST", "epoch", 32, _TRAINERS, _training(LENET5)),
    "lenet5_1024": Case("LeNet-5 on MNIST", "epoch", 1024, _TRAINERS, _training(LENET5)),
    "mlp": Case("MLP 784-128-10 on MNIST", "epoch", 128, _TRAINERS, _training(MLP)),
    "cnn": Case("CNN 32-64-pool-128-10 (3x3) on 28x28", "step", 128, ("fastnn", "torch"), _training(CNN),
                steps=20),
    "mlp_wide": Case("MLP 1024-2048-2048-1000", "step", 256, ("fastnn", "torch"),
                     _training(_dense(1024, 2048, 2048, 1000)), steps=20),
    "mlp_tiny": Case("MLP 4-32-16-4 tanh, full batch", "step", 10000, ("fastnn", "torch", "jax"),
                     _training(_dense(4, 32, 16, 4)), steps=100),
    "lstm": Case("LSTM(128) over 28x28", "step", 128, ("fastnn", "torch"),
                 3 * 28 * 2.0 * 512 * (28 + 128), steps=20),
    "gru": Case("GRU(128) over 28x28", "step", 128, ("fastnn", "torch"),
                3 * 28 * 2.0 * 384 * (28 + 128), steps=20),
    "transformer": Case("decoder-only Transformer, 4 layers x 128, 4 heads, context 64", "step", 32,
                        ("fastnn", "torch"), 3 * TRANSFORMER, steps=10),
    "resnet8": Case("ResNet-8 (16-32-64, batch normalisation) on 32x32x3", "step", 128, ("fastnn", "torch"),
                    _training(RESNET8), steps=10),
    "predict": Case("LeNet-5, predict 10,000 images", "call", 10000, ("fastnn", "torch", "onnxruntime"),
                    sum(LENET5)),
    "single_lenet5": Case("LeNet-5, one sample", "call", 1, ("fastnn", "torch", "onnxruntime"), sum(LENET5),
                          threads=1),
    "single_mlp": Case("MLP 784-128-10, one sample", "call", 1, ("fastnn", "torch", "onnxruntime"), sum(MLP),
                       threads=1),
}  # fmt: skip


def mnist(path: str) -> tuple[Any, Any, Any, Any]:
    """MNIST as float32 in [0, 1], shape (n, 28, 28, 1), and int64 labels, from the parent's .npz file."""
    with np.load(path) as data:
        x, y, xt, yt = (data[name] for name in ("x", "y", "xt", "yt"))
    scale = np.float32(1 / 255)
    return x[..., None] * scale, y.astype(np.int64), xt[..., None] * scale, yt.astype(np.int64)


def synthetic(case: str) -> tuple[Any, Any]:
    """Inputs and labels for all steps of a case whose values do not matter."""
    made = CASES[case]
    generator = np.random.default_rng(0)
    n = made.batch * (made.steps if case != "mlp_tiny" else 1)

    def noise(*shape: int) -> Any:
        return generator.standard_normal((n, *shape), dtype=np.float32)

    if case == "mlp_tiny":
        return noise(4), noise(4)
    if case == "transformer":
        return generator.integers(0, 65, (n, 64)), generator.integers(0, 65, (n, 64))
    shapes = {"cnn": (28, 28, 1), "mlp_wide": (1024,), "lstm": (28, 28), "gru": (28, 28),
              "resnet8": (32, 32, 3), "predict": (28, 28, 1), "single_lenet5": (28, 28, 1),
              "single_mlp": (784,)}  # fmt: skip
    return noise(*shapes[case]), generator.integers(0, 1000 if case == "mlp_wide" else 10, n)
