"""What layers may create while a file is being loaded: the weights that the file has, nothing larger."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_active = threading.local()


@contextmanager
def expecting(weights: Iterable[tuple[tuple[int, ...], str]]) -> Iterator[None]:
    """While this is active, weights begin as zeros and must be among those given, by shape and dtype."""
    _active.left = Counter(weights)
    try:
        yield
    finally:
        del _active.left


def take(label: str, name: str, shape: tuple[int, ...], dtype: str) -> bool:
    """Whether a file is being loaded; raises ValueError if the file has no such weight (left)."""
    left: Counter[tuple[tuple[int, ...], str]] | None = getattr(_active, "left", None)
    if left is None:
        return False
    if left[shape, dtype] < 1:
        raise ValueError(
            f"{label}: the configuration asks for a weight '{name}' of shape {shape} and dtype {dtype}, "
            "but the file holds none like it"
        )
    left[shape, dtype] -= 1
    return True
