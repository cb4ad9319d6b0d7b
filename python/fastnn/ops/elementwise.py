"""Functions of single elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.ops._align import aligned
from fastnn.ops._dispatch import FLOATS, as_tensor, floating, op
from fastnn.tensor import Tensor, apply


def _number(value: Any) -> float | None:
    """Return a single number that is no tensor."""
    if isinstance(value, (bool, int, float, np.generic)) or (
        isinstance(value, np.ndarray) and value.ndim == 0
    ):
        return float(value)
    return None


def _scaled(x: Any, scale: float, offset: float) -> Tensor | None:
    """Scale and shift a floating tensor by numbers; None where x is none.

    The offset -0.0 changes no number; 0.0 makes 0 of -0.
    """
    tensor = as_tensor(x)
    if tensor.dtype not in FLOATS:
        return None
    return apply("scale_shift", [tensor], {"scale": scale, "offset": offset})


@op
def add(x1: Any, x2: Any) -> Any:
    """Add, broadcasting; also ``x1 + x2``.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        Of one dtype, broadcast as in NumPy; axis 0 of batched tensors counts samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.add([1.0, 2.0], 0.5)
    array([1.5, 2.5], dtype=float32)
    """
    for a, b in ((x1, x2), (x2, x1)):
        value = _number(b)
        if value is not None and _number(a) is None:
            found = _scaled(a, 1.0, value)
            if found is not None:
                return found
    return apply("add", aligned("add", x1, x2))


@op
def subtract(x1: Any, x2: Any) -> Any:
    """Subtract, broadcasting; also ``x1 - x2``.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        See `add`.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.subtract(3.0, [1.0, 2.0])
    array([2., 1.], dtype=float32)
    """
    first, second = _number(x1), _number(x2)
    found = None
    if second is not None and first is None:
        found = _scaled(x1, 1.0, -second)
    elif first is not None and second is None:
        found = _scaled(x2, -1.0, first)
    return apply("subtract", aligned("subtract", x1, x2)) if found is None else found


@op
def multiply(x1: Any, x2: Any) -> Any:
    """Multiply element by element, broadcasting; also ``x1 * x2``.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        See `add`.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn import ops
    >>> ops.multiply(np.ones((2, 1)), np.array([1.0, 2.0]))
    array([[1., 2.],
           [1., 2.]])
    """
    for a, b in ((x1, x2), (x2, x1)):
        value = _number(b)
        if value is not None and _number(a) is None:
            found = _scaled(a, value, -0.0)
            if found is not None:
                return found
    return apply("multiply", aligned("multiply", x1, x2))


@op
def divide(x1: Any, x2: Any) -> Any:
    """Divide floating-point numbers, broadcasting; also ``x1 / x2``.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        See `add`; integers must be cast first.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the operands are integers, or the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.divide([1.0, 3.0], 2.0)
    array([0.5, 1.5], dtype=float32)
    """
    tensors = aligned("divide", x1, x2)
    floating(tensors[0], "divide")
    return apply("divide", tensors)


@op
def power(x1: Any, x2: Any) -> Any:
    """Raise to a power, broadcasting; also ``x1 ** x2``.

    Parameters
    ----------
    x1 : Tensor, array_like or number
        The base. A negative one has powers only where the exponent is whole; elsewhere the result is NaN.
    x2 : Tensor, array_like or number
        The exponent.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the operands are integers, or the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.power([2.0, -3.0], 2)
    array([4., 9.], dtype=float32)
    """
    exponent = _number(x2)
    if exponent is not None and _number(x1) is None:
        named = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal", -0.5: "rsqrt"}.get(exponent)
        x = floating(x1, "power")
        if exponent == 1.0:
            return x
        if named is not None:
            return apply("unary", [x], {"kind": named})
        return apply("unary", [x], {"kind": "power", "exponent": exponent})
    tensors = aligned("power", x1, x2)
    floating(tensors[0], "power")
    return apply("power", tensors)


@op
def maximum(x1: Any, x2: Any) -> Any:
    """Return the larger of two, element by element; NaN if either is NaN.

    Where both are equal the gradient goes to `x1`.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        See `add`.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.maximum([-1.0, 2.0], 0.0)
    array([0., 2.], dtype=float32)
    """
    return apply("maximum", aligned("maximum", x1, x2))


@op
def minimum(x1: Any, x2: Any) -> Any:
    """Return the smaller of two, element by element; NaN if either is NaN.

    Where both are equal the gradient goes to `x1`.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        See `add`.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.minimum([-1.0, 2.0], 0.0)
    array([-1.,  0.], dtype=float32)
    """
    return apply("minimum", aligned("minimum", x1, x2))


@op
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Limit to a range.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    x_min, x_max : float, Tensor, array_like or None
        The range's ends, broadcast against x; None for no limit.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If `x_min` exceeds `x_max`, or shapes do not broadcast.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.clip([-2.0, 0.5, 2.0], 0.0, 1.0)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    low, high = (None if end is None else _number(end) for end in (x_min, x_max))
    if (x_min is not None and low is None) or (x_max is not None and high is None):
        result = floating(x, "clip")
        for end, function in ((x_min, maximum), (x_max, minimum)):
            result = result if end is None else function(result, end)
        return result
    return apply("unary", [floating(x, "clip")], {"kind": "clip", "low": low, "high": high})


@op
def negative(x: Any) -> Any:
    """Change the sign; also ``-x``.

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x is bool.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.negative([1.0, -2.0])
    array([-1.,  2.], dtype=float32)
    """
    tensor = as_tensor(x)
    if tensor.dtype == "int32":
        return apply("multiply", aligned("negative", tensor, -1))
    return apply("scale_shift", [floating(tensor, "negative")], {"scale": -1.0})
