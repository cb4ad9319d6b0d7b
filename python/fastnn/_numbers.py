"""Checks of numbers among the arguments of configuration objects."""

from __future__ import annotations

import math
import numbers
from typing import Any


def real(
    owner: str,
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    above: bool = False,
    below: bool = False,
) -> float:
    """Return a finite float between two bounds.

    Parameters
    ----------
    owner, name : str
        Class and argument, for messages.
    value : number
        What was given; of Python or NumPy, or an array with one element.
    low, high : float, optional
        Bounds.
    above, below : bool, default False
        Whether `low`, `high` themselves are left out.

    Returns
    -------
    float

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is NaN, infinite or out of bounds.

    Examples
    --------
    >>> from fastnn._numbers import real
    >>> real("Adam", "beta_1", 1, 0, 1, below=True)
    Traceback (most recent call last):
    ValueError: Adam: beta_1 must be at least 0 and below 1, got 1
    """
    plain = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
    if isinstance(plain, bool) or not isinstance(plain, numbers.Real):
        raise TypeError(f"{owner}: {name} must be a number, got {value!r}")
    result = float(plain)
    too_low = result < low or (above and result == low)
    too_high = result > high or (below and result == high)
    if not math.isfinite(result) or too_low or too_high:
        bounds = []
        if math.isfinite(low):
            bounds.append(f"above {low:g}" if above else f"at least {low:g}")
        if math.isfinite(high):
            bounds.append(f"below {high:g}" if below else f"at most {high:g}")
        raise ValueError(f"{owner}: {name} must be {' and '.join(bounds) or 'finite'}, got {value!r}")
    return result


def count(owner: str, name: str, value: Any, low: int = 0) -> int:
    """Return an int of at least `low`.

    Parameters
    ----------
    owner, name : str
        Class and argument, for messages.
    value : int
        What was given; of Python or NumPy.
    low : int, default 0
        The least allowed.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is below `low`.

    Examples
    --------
    >>> from fastnn._numbers import count
    >>> count("Adam", "ema_overwrite_frequency", 10, 1)
    10
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{owner}: {name} must be an integer, got {value!r}")
    if value < low:
        raise ValueError(f"{owner}: {name} must be at least {low}, got {value!r}")
    return int(value)
