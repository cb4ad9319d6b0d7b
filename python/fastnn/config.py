"""Settings of the whole library."""

from __future__ import annotations

__all__ = ["dtype_policy", "floatx", "num_threads", "set_dtype_policy", "set_floatx", "set_num_threads"]

_FLOATS = ("float32", "float64")
_MIXED = "mixed_bfloat16"
_policy = "float32"


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
    return "float32" if _policy == _MIXED else _policy


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
    global _policy
    _policy = check_floating("set_floatx", dtype)


def dtype_policy() -> str:
    """Return the dtype policy of layers that do not name one.

    Returns
    -------
    str

    Raises
    ------
    Nothing.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.config.dtype_policy()
    'float32'
    """
    return _policy


def set_dtype_policy(policy: str) -> None:
    """Set the dtype policy of layers that do not name one; also `fastnn.set_policy`.

    Parameters
    ----------
    policy : {"float32", "float64", "mixed_bfloat16"}
        Type of weights and arithmetic. With "mixed_bfloat16" weights, activations, sums and the optimizer's
        work are float32, and the products of dense layers, convolutions and projections round both operands
        to bfloat16, in the gradients, too: half the time and more on processors with AVX512_BF16. Others
        compute the same, no faster than in float32.

    Raises
    ------
    ValueError
        For other policies.

    Notes
    -----
    It holds for layers that are made afterwards. A layer's own is its argument ``dtype``, and its attribute
    ``dtype_policy``, which can be set.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.set_policy("mixed_bfloat16")
    >>> layer = fastnn.layers.Dense(3)
    >>> layer.dtype_policy, layer.dtype, layer.compute_dtype
    ('mixed_bfloat16', 'float32', 'bfloat16')
    >>> fastnn.set_policy("float32")
    """
    global _policy
    _policy = check_policy("set_dtype_policy", policy)


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


def check_policy(owner: str, policy: object) -> str:
    """Return the name of a dtype policy.

    Parameters
    ----------
    owner : str
        For messages.
    policy : str, NumPy dtype or type
        "mixed_bfloat16", or what `check_floating` takes.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> from fastnn.config import check_policy
    >>> check_policy("Dense 'head'", "mixed_bfloat16")
    'mixed_bfloat16'
    """
    if policy == _MIXED:
        return _MIXED
    try:
        return check_floating(owner, policy)
    except ValueError:
        known = "'float32', 'float64' or 'mixed_bfloat16'"
        raise ValueError(f"{owner}: dtype must be {known}, got {policy!r}") from None


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
