"""Operands of declared cases: their shapes, and how their values are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

Maker = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def uniform(low: float = -1.0, high: float = 1.0) -> Maker:
    return lambda random, shape: random.uniform(low, high, shape)


def away_from(
    kinks: float | Iterable[float] = 0.0, gap: float = 0.05, low: float = -2.0, high: float = 2.0
) -> Maker:
    """Values that keep their distance from points where the function has no derivative."""
    points = np.atleast_1d(np.asarray(kinks, "float64"))

    def make(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        values = random.uniform(low, high, shape)
        for point in points:
            near = np.abs(values - point) < gap
            values = np.where(near, point + np.where(values < point, -gap, gap), values)
        return values

    return make


def separated(spread: float = 2.0) -> Maker:
    """Values no two of which are nearly equal within a sample, for maxima."""

    def make(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape[1:], dtype="int64"))
        ranks = np.argsort(random.random((shape[0], size)), axis=1)
        return ((ranks + 0.5) / size * 2 - 1).reshape(shape) * spread

    return make


def bits(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros and ones."""
    return random.integers(0, 2, shape).astype("float64")


def one_hot(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A single one along the last dimension."""
    return np.eye(shape[-1])[random.integers(0, shape[-1], shape[:-1])]


@dataclass(frozen=True)
class Operand:
    """One operand: shape without the batch dimension, and how its values are made."""

    shape: tuple[int, ...]
    batched: bool
    dtype: str  # "float" is the float type of the run
    make: Maker
    differentiable: bool

    def type(self, floating: str) -> str:
        return floating if self.dtype == "float" else self.dtype


def batch(
    *shape: int, make: Maker | None = None, dtype: str = "float", differentiable: bool = True
) -> Operand:
    """A batched operand of this per-sample shape."""
    return Operand(shape, True, dtype, make or uniform(), differentiable)


def shared(
    *shape: int, make: Maker | None = None, dtype: str = "float", differentiable: bool = True
) -> Operand:
    """An unbatched operand, as parameters are."""
    return Operand(shape, False, dtype, make or uniform(), differentiable)


def labels(*shape: int, classes: int, low: int = 0) -> Operand:
    """Batched int32 class numbers or ids."""
    return Operand(shape, True, "int32", lambda random, full: random.integers(low, classes, full), False)
