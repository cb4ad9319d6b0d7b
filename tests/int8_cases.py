"""Operands of the int8 ops' cases."""

from __future__ import annotations

import numpy as np
from operands import Maker, Operand, batch, shared, uniform


def whole(low: int, high: int) -> Maker:
    """Integers from low to high, both included."""
    return lambda random, shape: random.integers(low, high + 1, shape)


def pixels(*shape: int) -> Operand:
    return batch(*shape, make=whole(0, 255), dtype="uint8", differentiable=False)


def int8_weights(*shape: int) -> Operand:
    def make(random: np.random.Generator, full: tuple[int, ...]) -> np.ndarray:
        return random.integers(-127, 128, full, dtype="int8").view("uint8")

    return shared(*shape, make=make, dtype="uint8", differentiable=False)


def scales(n: int) -> Operand:
    return shared(n, make=uniform(1e-5, 1e-4), dtype="float32", differentiable=False)


def biases(n: int) -> Operand:
    return shared(n, dtype="float32", differentiable=False)


def random_layer(random: np.random.Generator, *shape: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel (int8, as bytes), scale and bias."""
    n = shape[-1]
    return (
        random.integers(-127, 128, shape, dtype="int8").view("uint8"),
        random.uniform(1e-5, 1e-3, n).astype("float32"),
        random.normal(size=n).astype("float32"),
    )
