"""Data sets as NumPy arrays: one module a set, each with ``load_data()``.

Examples
--------
>>> import fastnn
>>> (x_train, y_train), (x_test, y_test) = fastnn.datasets.mnist.load_data()
>>> x_train.shape, y_test[:3].tolist()
((60000, 28, 28), [7, 2, 1])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        cifar10,
        fashion_mnist,
        idx,
        imdb,
        mnist,
        movielens,
        multi30k,
        spoken_digits,
        tiny_shakespeare,
    )

__all__ = [
    "cifar10",
    "fashion_mnist",
    "idx",
    "imdb",
    "mnist",
    "movielens",
    "multi30k",
    "spoken_digits",
    "tiny_shakespeare",
]


def __getattr__(name: str) -> Any:
    # Only what is used is imported, so that `import fastnn` stays quick.
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
