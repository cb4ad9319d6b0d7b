"""Settings of the whole library."""

from __future__ import annotations

__all__ = ["floatx", "set_floatx"]

_FLOATS = ("float32", "float64")
_floatx = "float32"


def floatx() -> str:
    """Return the floating-point type of layers that do not name one.

    Returns
    -------
    str

    Raises
    ------
    Nothing.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.config.floatx()
    'float32'
    """
    return _floatx


def set_floatx(dtype: str) -> None:
    """Set the floating-point type of layers that do not name one.

    Parameters
    ----------
    dtype : {"float32", "float64"}

    Raises
    ------
    ValueError
        For other types.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.config.set_floatx("float32")
    """
    global _floatx
    _floatx = check_floating("set_floatx", dtype)


def check_floating(owner: str, dtype: object) -> str:
    """Return the name of a floating-point type that layers can compute in.

    Parameters
    ----------
    owner : str
        For messages.
    dtype : str, NumPy dtype or type

    Returns
    -------
    str

    Raises
    ------
    ValueError
        For anything but float32 and float64.

    Examples
    --------
    >>> from fastnn.config import check_floating
    >>> check_floating("Dense 'head'", float)
    'float64'
    """
    import numpy as np

    try:
        name = str(np.dtype(dtype))  # type: ignore[call-overload]
    except TypeError:
        name = repr(dtype)
    if name not in _FLOATS:
        raise ValueError(f"{owner}: dtype must be 'float32' or 'float64', got {dtype!r}")
    return name
