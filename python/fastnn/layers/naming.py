"""Default names: dense, dense_1, and so on."""

from __future__ import annotations

import threading

from fastnn._names import snake_case

_lock = threading.Lock()
_counts: dict[str, int] = {}


def unique_name(class_name: str) -> str:
    """Return the next default name of a class.

    Parameters
    ----------
    class_name : str

    Returns
    -------
    str

    Examples
    --------
    >>> from fastnn.layers.naming import unique_name
    >>> unique_name("MyLayer"), unique_name("MyLayer")
    ('my_layer', 'my_layer_1')
    """
    base = snake_case(class_name)
    with _lock:
        number = _counts.get(base, 0)
        _counts[base] = number + 1
    return f"{base}_{number}" if number else base


def reset_names() -> None:
    """Begin counting from 0 again."""
    with _lock:
        _counts.clear()
