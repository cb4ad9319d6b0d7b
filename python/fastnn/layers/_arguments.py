"""Checks of layers' arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastnn._names import nearest


def integer(label: str, name: str, value: Any, low: int) -> int:
    """Return an int of at least `low`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{label}: {name} must be an integer, got {value!r}")
    if value < low:
        raise ValueError(f"{label}: {name} must be at least {low}, got {value}")
    return int(value)


def positive(label: str, name: str, value: Any) -> int:
    """Return an int of at least 1."""
    return integer(label, name, value, 1)


def number(
    label: str, name: str, value: Any, low: float = -np.inf, high: float = np.inf, below: bool = False
) -> float:
    """Return a finite float between `low` and `high`; `below` leaves `high` itself out."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{label}: {name} must be a number, got {value!r}")
    result = float(value)
    if not np.isfinite(result) or result < low or result > high or (below and result == high):
        if np.isinf(low) and np.isinf(high):
            raise ValueError(f"{label}: {name} must be finite, got {value!r}")
        bounds = f"in [{low:g}, {high:g}{')' if below else ']'}" if np.isfinite(high) else f"at least {low:g}"
        raise ValueError(f"{label}: {name} must be {bounds}, got {value!r}")
    return result


def extents(label: str, name: str, value: Any, rank: int, low: int = 1) -> tuple[int, ...]:
    """Return one int as `rank` of them, or a sequence of `rank`; of at least `low`."""
    if isinstance(value, (list, tuple, np.ndarray)):
        if len(value) != rank:
            words = {1: "an integer", 2: "an integer or two", 3: "an integer or three"}
            raise ValueError(f"{label}: {name} must be {words[rank]}, got {tuple(value)}")
        return tuple(integer(label, name, item, low) for item in value)
    return (integer(label, name, value, low),) * rank


def pair(label: str, name: str, value: Any) -> tuple[int, int]:
    """Return one int as two, or a sequence of two; of at least 1."""
    rows, columns = extents(label, name, value, 2)
    return rows, columns


def choice(label: str, name: str, value: Any, known: Iterable[str]) -> str:
    """Return one of a few words, in lower case."""
    options = list(known)
    if not isinstance(value, str):
        raise TypeError(f"{label}: {name} must be one of {', '.join(map(repr, options))}, got {value!r}")
    if value.lower() not in options:
        raise ValueError(f"{label}: unknown {name} {value!r}{nearest(value, options)}")
    return value.lower()


def channels_last(label: str, value: Any) -> str:
    """Return "channels_last", the only order of dimensions that there is."""
    if value is None:
        return "channels_last"
    if choice(label, "data_format", value, ("channels_last", "channels_first")) == "channels_first":
        raise ValueError(
            f"{label}: data_format 'channels_first' is not supported. Move the channels to the end: "
            "np.moveaxis(x, 1, -1)."
        )
    return "channels_last"


def spatial_extent(
    label: str,
    extent: int | None,
    kernel: int,
    stride: int,
    padding: str,
    dilation: int = 1,
    what: str = "kernel_size",
) -> int | None:
    """Return one output extent of a convolution or pooling; None if the input's is not given."""
    if extent is None:
        return None
    reach = (kernel - 1) * dilation + 1
    if padding in ("same", "causal"):
        return -(-extent // stride)
    if reach > extent:
        raise ValueError(
            f"{label}: {what} covers {reach} pixels, but the input has {extent} there. "
            "Take a smaller one, or padding='same'."
        )
    return (extent - reach) // stride + 1
