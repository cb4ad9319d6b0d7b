"""What the settings of an augmentation may be, and what they mean: see `fastnn.Augmentation`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .utils._checks import is_integer, is_real

Range = tuple[float, float]


def plain(value: Any) -> Any:
    """Turn NumPy's numbers, lists and tuples into what Python and JSON know."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    return tuple(map(plain, value)) if isinstance(value, (list, tuple)) else value


def real(name: str, value: Any) -> float:
    """Return a finite number."""
    if not is_real(value):
        raise TypeError(f"Augmentation: {name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"Augmentation: {name} must be finite, got {value!r}")
    return float(value)


def pair(name: str, value: Any) -> Range:
    """Return two finite numbers."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise TypeError(f"Augmentation: {name} must be a pair of numbers, got {value!r}")
    return real(name, value[0]), real(name, value[1])


def range_about(name: str, value: Any, centre: float) -> Range:
    """Return the range that a number means about the unchanged value, or a pair as it is."""
    if isinstance(value, tuple):
        return pair(name, value)
    if not is_real(value):
        raise TypeError(f"Augmentation: {name} must be a number or a pair (low, high), got {value!r}")
    amount = real(name, value)
    if amount < 0:
        raise ValueError(f"Augmentation: {name} must be at least 0, or a pair (low, high), got {value!r}")
    return centre - amount, centre + amount


def shift_ranges(value: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the vertical and the horizontal range, whose ints are pixels and whose floats are fractions."""
    if isinstance(value, tuple) and len(value) == 2 and any(isinstance(part, tuple) for part in value):
        vertical, horizontal = value
    else:
        vertical = horizontal = value

    def bounds(part: Any) -> tuple[Any, Any]:
        range_about("shift", part, 0.0)
        return part if isinstance(part, tuple) else (-part, part)

    return bounds(vertical), bounds(horizontal)


def pixels(name: str, value: Any, extent: int) -> float:
    """Return pixels of an int, which are pixels, or of a float, which is a fraction of the extent."""
    if is_integer(value):
        return float(value)
    if abs(value) > 1:
        raise ValueError(
            f"Augmentation: {name} as a float is a fraction of the image, between -1 and 1, got {value!r}. "
            "Whole pixels are ints."
        )
    return float(value) * extent


def probability(value: Any) -> float:
    """Return the probability of a flip."""
    return 0.5 if value is True else 0.0 if value is False else real("horizontal_flip", value)


def cutout_squares(value: Any) -> tuple[Any, int]:
    """Return side and count of the squares."""
    side, count = value if isinstance(value, tuple) and len(value) == 2 else (value, 1)
    if not is_real(side):
        raise TypeError(f"Augmentation: cutout must be a side or a pair (side, count), got {value!r}")
    if not is_integer(count):
        raise TypeError(f"Augmentation: cutout's count in (side, count) must be an int, got {count!r}")
    real("cutout", side)
    if side < 0 or count < 0:
        raise ValueError(f"Augmentation: cutout must not be negative, got {value!r}")
    return side, int(count)


def number(name: str, text: str) -> int | float:
    """Return the number that a text is."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"Augmentation: {name} must be a number or low:high, got {text!r}") from None
