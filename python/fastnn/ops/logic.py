"""Comparisons, logic and choices. Truth is of dtype bool."""

from __future__ import annotations

from typing import Any

from fastnn.ops._align import align, aligned
from fastnn.ops._dispatch import as_tensor, op, operands
from fastnn.tensor import apply


@op
def equal(x1: Any, x2: Any) -> Any:
    """Whether ``x1 == x2``, element by element, broadcasting.

    ``x1 == x2`` compares tensors' identities, not their values.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        Of one dtype, broadcast as in NumPy.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.equal([1.0, 2.0], 2.0)
    array([False,  True])
    """
    return apply("compare", aligned("equal", x1, x2), {"kind": "equal"})


@op
def not_equal(x1: Any, x2: Any) -> Any:
    """Whether ``x1 != x2``, element by element, broadcasting.

    ``x1 != x2`` compares tensors' identities, not their values.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        Of one dtype, broadcast as in NumPy.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.not_equal([1.0, 2.0], 2.0)
    array([ True, False])
    """
    return apply("compare", aligned("not_equal", x1, x2), {"kind": "not_equal"})


@op
def less(x1: Any, x2: Any) -> Any:
    """Whether ``x1 < x2``, element by element, broadcasting; also ``x1 < x2``.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        Of one dtype, broadcast as in NumPy.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.less([1.0, 2.0], 2.0)
    array([ True, False])
    """
    return apply("compare", aligned("less", x1, x2), {"kind": "less"})


@op
def less_equal(x1: Any, x2: Any) -> Any:
    """Whether ``x1 <= x2``, element by element, broadcasting; also ``x1 <= x2``.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        Of one dtype, broadcast as in NumPy.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.less_equal([1.0, 2.0], 1.0)
    array([ True, False])
    """
    return apply("compare", aligned("less_equal", x1, x2), {"kind": "less_equal"})


@op
def greater(x1: Any, x2: Any) -> Any:
    """Whether ``x1 > x2``, element by element, broadcasting; also ``x1 > x2``.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        Of one dtype, broadcast as in NumPy.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.greater([1.0, 2.0], 1.0)
    array([False,  True])
    """
    return apply("compare", aligned("greater", x1, x2), {"kind": "greater"})


@op
def greater_equal(x1: Any, x2: Any) -> Any:
    """Whether ``x1 >= x2``, element by element, broadcasting; also ``x1 >= x2``.

    Parameters
    ----------
    x1, x2 : Tensor, array_like or number
        Of one dtype, broadcast as in NumPy.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.greater_equal([1.0, 2.0], 2.0)
    array([False,  True])
    """
    return apply("compare", aligned("greater_equal", x1, x2), {"kind": "greater_equal"})


@op
def logical_and(x1: Any, x2: Any) -> Any:
    """Whether both are true.

    Parameters
    ----------
    x1, x2 : Tensor or array_like of bool
        Broadcast as in NumPy.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If an operand is not bool.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.logical_and([True, False], [True, True])
    array([ True, False])
    """
    return apply("logical", aligned("logical_and", x1, x2), {"kind": "and"})


@op
def logical_or(x1: Any, x2: Any) -> Any:
    """Whether at least one is true.

    Parameters
    ----------
    x1, x2 : Tensor or array_like of bool
        Broadcast as in NumPy.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If an operand is not bool.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.logical_or([True, False], [True, True])
    array([ True,  True])
    """
    return apply("logical", aligned("logical_or", x1, x2), {"kind": "or"})


@op
def logical_xor(x1: Any, x2: Any) -> Any:
    """Whether exactly one is true.

    Parameters
    ----------
    x1, x2 : Tensor or array_like of bool
        Broadcast as in NumPy.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If an operand is not bool.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.logical_xor([True, False], [True, True])
    array([False,  True])
    """
    return apply("logical", aligned("logical_xor", x1, x2), {"kind": "xor"})


@op
def logical_not(x: Any) -> Any:
    """Whether something is false.

    Parameters
    ----------
    x : Tensor or array_like of bool

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    TypeError
        If x is not bool.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.logical_not([True, False])
    array([False,  True])
    """
    return apply("logical", [as_tensor(x)], {"kind": "not"})


@op
def where(condition: Any, x1: Any, x2: Any) -> Any:
    """Choose element by element, broadcasting all three.

    Parameters
    ----------
    condition : Tensor or array_like of bool
    x1 : Tensor, array_like or number
        Taken where the condition is true.
    x2 : Tensor, array_like or number
        Taken elsewhere; of the dtype of `x1`.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not broadcast.
    TypeError
        If the condition is not bool, or the dtypes differ.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.where([True, False], [1.0, 2.0], 0.0)
    array([1., 0.], dtype=float32)
    """
    mask = as_tensor(condition)
    if mask.dtype != "bool":
        raise TypeError(f"where: the condition must be bool, got {mask.dtype}: compare, as by x > 0")
    return apply("where", align("where", [mask, *operands(x1, x2)]))
