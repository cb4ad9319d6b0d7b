"""Other dtypes, other gradients, other values in the same shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.ops._dispatch import as_tensor, op
from fastnn.tensor import Tensor, apply


@op
def cast(x: Any, dtype: str) -> Any:
    """Convert to another dtype.

    Numbers are cut off towards 0 where integers are asked for; bool is ``x != 0``.

    Parameters
    ----------
    x : Tensor or array_like
    dtype : {"float32", "float64", "int32", "bool"}

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError, TypeError
        If graphs do not compute in that dtype.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.cast([1.5, -1.5], "int32")
    array([ 1, -1], dtype=int32)
    """
    tensor = as_tensor(x)
    kind = str(np.dtype(dtype))
    return tensor if tensor.dtype == kind else apply("cast", [tensor], {"dtype": kind})


@op
def stop_gradient(x: Any) -> Any:
    """Return x, through which no gradient flows.

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x does not hold numbers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.stop_gradient([1.0, 2.0])
    array([1., 2.], dtype=float32)
    """
    return apply("stop_gradient", [as_tensor(x)])


@op
def ones_like(x: Any, dtype: str | None = None) -> Any:
    """Return ones in the shape of x.

    Parameters
    ----------
    x : Tensor or array_like
    dtype : {"float32", "float64", "int32", "bool"}, optional
        That of x by default.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError, TypeError
        If graphs do not compute in that dtype.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.ones_like([1.0, 2.0])
    array([1., 1.], dtype=float32)
    """
    return _like(x, 1, dtype)


@op
def zeros_like(x: Any, dtype: str | None = None) -> Any:
    """Return zeros in the shape of x.

    Parameters
    ----------
    x : Tensor or array_like
    dtype : {"float32", "float64", "int32", "bool"}, optional
        That of x by default.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError, TypeError
        If graphs do not compute in that dtype.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.zeros_like([1.0, 2.0])
    array([0., 0.], dtype=float32)
    """
    return _like(x, 0, dtype)


def _like(x: Any, value: int, dtype: str | None) -> Tensor:
    tensor = as_tensor(x)
    kind = tensor.dtype if dtype is None else str(np.dtype(dtype))
    number = as_tensor(np.asarray(value, "int32"))
    if kind != "int32":
        number = apply("cast", [number], {"dtype": kind})
    if tensor.dtype == "bool":
        tensor = apply("cast", [tensor], {"dtype": "int32"})
    every = apply("compare", [tensor, tensor], {"kind": "equal"})
    return apply("where", [every, number, number])  # whatever x holds, NaN too
