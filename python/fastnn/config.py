"""Settings of the whole library."""

from __future__ import annotations

__all__ = ["floatx", "num_threads", "set_floatx", "set_num_threads"]

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


def num_threads() -> int:
    """Return the number of threads that a run may use; small work uses fewer.

    That is what `set_num_threads` set, else the environment's ``FASTNN_NUM_THREADS``, else
    ``OMP_NUM_THREADS``, else the cores that this process may run on; never more than four a core.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If ``FASTNN_NUM_THREADS`` is not a whole number from 1 to 4096.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.num_threads() >= 1
    True
    """
    from fastnn import _core

    return _core.num_threads()


def set_num_threads(count: int) -> None:
    """Set the number of threads that a run may use. Results do not depend on it.

    Parameters
    ----------
    count : int
        From 1 to 4096. More than four a core would only wait for each other: those are left out, with a
        warning.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is out of bounds.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.set_num_threads(2)
    >>> fastnn.num_threads()
    2
    """
    import operator
    import warnings

    from fastnn import _core

    if isinstance(count, bool) or not hasattr(count, "__index__"):
        raise TypeError(f"set_num_threads: count must be an integer, got {count!r}")
    value = operator.index(count)
    if not 1 <= value <= 4096:
        raise ValueError(f"set_num_threads: count must be between 1 and 4096, got {value}")
    _core.set_num_threads(value)
    most = _core.max_threads()
    if value > most:
        warnings.warn(
            f"set_num_threads({value}): this process has {_core.available_cores()} cores; runs will use "
            f"{most} threads",
            stacklevel=2,
        )


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
