"""Ops that move elements about. Axis 0 of batched tensors counts samples and stays where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.ops._dispatch import as_tensor, axis_number, is_batched, op
from fastnn.tensor import apply


@op
def reshape(x: Any, newshape: Any) -> Any:
    """Give the elements other axes.

    Parameters
    ----------
    x : Tensor or array_like
    newshape : tuple of int
        One extent may be -1, which is worked out. Where x is batched the first entry is that of the samples:
        None or -1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the elements do not fit.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.reshape([1.0, 2.0, 3.0, 4.0], (2, -1))
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    tensor = as_tensor(x)
    shape = [newshape] if isinstance(newshape, (int, np.integer)) else list(newshape)
    if is_batched(tensor):
        if not shape or shape[0] not in (None, -1):
            raise ValueError(
                f"reshape: axis 0 of shape {tensor.shape} counts samples, so the new shape must begin with "
                f"None or -1, got {tuple(shape)}"
            )
        shape = shape[1:]
    if any(n is None for n in shape):
        raise ValueError(f"reshape: extents must be integers, got {tuple(newshape)}")
    return apply("reshape", [tensor], {"shape": [int(n) for n in shape]})


@op
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Put axes into another order.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point or int32.
    axes : sequence of int, optional
        Which of x's axes each new one is; reversed by default, that of samples kept first.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If `axes` is no order of the axes, or moves that of the samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.transpose([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    """
    tensor = as_tensor(x)
    first = 1 if is_batched(tensor) else 0
    if axes is None:
        order = [*range(first), *reversed(range(first, tensor.ndim))]
    else:
        order = [axis_number("transpose", axis, tensor.ndim) for axis in axes]
    if sorted(order) != list(range(tensor.ndim)):
        raise ValueError(f"transpose: axes {axes} are no order of those of shape {tensor.shape}")
    if first and order[0] != 0:
        raise ValueError(
            f"transpose: axis 0 of shape {tensor.shape} counts samples and must stay first, got axes {axes}"
        )
    if order == list(range(tensor.ndim)):
        return tensor
    return apply("transpose", [tensor], {"perm": [axis - first for axis in order[first:]]})


@op
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes.

    Parameters
    ----------
    x : Tensor or array_like
    axis1, axis2 : int

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or one counts samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.swapaxes([[1.0, 2.0]], 0, 1).shape
    (2, 1)
    """
    tensor = as_tensor(x)
    order = list(range(tensor.ndim))
    a, b = (axis_number("swapaxes", axis, tensor.ndim) for axis in (axis1, axis2))
    order[a], order[b] = order[b], order[a]
    return transpose(tensor, order)


@op
def expand_dims(x: Any, axis: Any) -> Any:
    """Insert axes with an extent of 1.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int or tuple of int
        Where they are in the result.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it would stand before that of the samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.expand_dims([1.0, 2.0], -1).shape
    (2, 1)
    """
    tensor = as_tensor(x)
    given = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    ndim = tensor.ndim + len(given)
    places = [axis_number("expand_dims", one, ndim) for one in given]
    if len(set(places)) < len(places):
        raise ValueError(f"expand_dims: axis {axis} names an axis twice")
    if is_batched(tensor) and 0 in places:
        raise ValueError(
            f"expand_dims: axis 0 of shape {tensor.shape} counts samples, and no axis can stand before it"
        )
    rest = iter(tensor.shape)
    shape = [1 if place in places else next(rest) for place in range(ndim)]
    return apply("reshape", [tensor], {"shape": [n for n in shape if n is not None]})


@op
def squeeze(x: Any, axis: Any = None) -> Any:
    """Take away axes with an extent of 1.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int, tuple of int or None
        None for all of them.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or its extent is not 1.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.squeeze([[1.0], [2.0]], -1)
    array([1., 2.], dtype=float32)
    """
    tensor = as_tensor(x)
    if axis is None:
        places = [place for place, n in enumerate(tensor.shape) if n == 1]
    else:
        given = list(axis) if isinstance(axis, (tuple, list)) else [axis]
        places = [axis_number("squeeze", one, tensor.ndim) for one in given]
    for place in places:
        if tensor.shape[place] != 1:
            raise ValueError(f"squeeze: axis {place} of shape {tensor.shape} has not the extent 1")
    left = [n for place, n in enumerate(tensor.shape) if place not in places and n is not None]
    return apply("reshape", [tensor], {"shape": left})


@op
def broadcast_to(x: Any, shape: Any) -> Any:
    """Repeat along axes of extent 1, and along new ones in front.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    shape : tuple of int
        Begins with None or -1 where x is batched.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If x does not broadcast to the shape.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.broadcast_to([[1.0], [2.0]], (2, 2))
    array([[1., 1.],
           [2., 2.]], dtype=float32)
    """
    tensor = as_tensor(x)
    extents = list(shape)
    if is_batched(tensor):
        if len(extents) != tensor.ndim or extents[0] not in (None, -1):
            raise ValueError(
                f"broadcast_to: axis 0 of shape {tensor.shape} counts samples, so the shape must begin with "
                f"None and have as many axes, got {tuple(extents)}"
            )
        extents = extents[1:]
    return apply("broadcast_to", [tensor], {"shape": [int(n) for n in extents]})
