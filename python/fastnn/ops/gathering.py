"""Ops that choose elements by their places, or find places; and running sums and padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.ops._align import over_samples
from fastnn.ops._dispatch import (
    as_tensor,
    dims,
    floating,
    is_batched,
    op,
    operands,
    placed,
    sample_axis,
)
from fastnn.tensor import Tensor, apply, apply_all


def _ids(name: str, indices: Any) -> Tensor:
    tensor = as_tensor(indices)
    if tensor.dtype != "int32":
        raise TypeError(f"{name}: indices must be integers, got {tensor.dtype}: cast them to int32")
    return tensor


@op
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Choose elements along an axis, the same of every sample; rows of a table for every sample.

    Parameters
    ----------
    x : Tensor or array_like
    indices : Tensor or array_like of int
        Of any shape, which stands in the result for the axis. Negative ones count from the end. They can be
        batched where x is not and the axis is 0: then x is a table, and the samples' rows are looked up.
    axis : int or None
        None for the elements laid flat, where x is not batched.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, it counts samples, or an index is out of range; see `gather` for other
        indices in each sample.
    TypeError
        If the indices are not integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.take([1.0, 2.0, 3.0], [2, 0, -1])
    array([3., 1., 3.], dtype=float32)
    """
    tensor, places = as_tensor(x), _ids("take", indices)
    if is_batched(places) and (is_batched(tensor) or axis not in (0, -tensor.ndim)):
        raise ValueError(
            f"take: with batched indices {places.shape} x must be unbatched and the axis 0, got x of shape "
            f"{tensor.shape} and axis {axis}; gather chooses other elements in each sample"
        )
    tensor, place = placed("take", axis, tensor)
    return apply("take", [tensor, places], {"axis": place})


@op
def gather(x: Any, indices: Any, axis: int = 1) -> Any:
    """Choose elements along an axis, others in each sample.

    Parameters
    ----------
    x : Tensor
        Batched, (None, ...).
    indices : Tensor of int
        Batched, (None, ...): its axes after the first stand in the result for the axis.
    axis : int, default 1
        Not 0, that of the samples.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If there is no such axis, or an operand is not batched; see `take` for that.
    TypeError
        If the indices are not integers.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> from fastnn import ops
    >>> class Last(fastnn.layers.Layer):
    ...     def call(self, inputs):
    ...         places = ops.argmax(inputs[:, 0], axis=-1)
    ...         return ops.gather(inputs, places, axis=-1)
    >>> Last()(np.array([[[0.0, 9.0], [1.0, 2.0]], [[8.0, 0.0], [3.0, 4.0]]]))
    array([[9., 2.],
           [8., 3.]], dtype=float32)
    """
    tensor, places = as_tensor(x), _ids("gather", indices)
    if not is_batched(tensor) or not is_batched(places):
        raise ValueError(
            f"gather: x and the indices must be batched, got shapes {tensor.shape} and {places.shape}; "
            "see take"
        )
    return apply("take", [tensor, places], {"axis": sample_axis("gather", axis, tensor)})


@op
def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Any:
    """Choose one element for each index: ``out[i, j] = x[i, indices[i, j]]`` for two axes and the last.

    Parameters
    ----------
    x : Tensor or array_like
    indices : Tensor or array_like of int
        With as many axes; extents are equal to x's but for the axis.
    axis : int, default -1
        Not that of samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not fit, there is no such axis, or an index is out of range.
    TypeError
        If the indices are not integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1)
    array([[2.],
           [3.]], dtype=float32)
    """
    tensor, places = as_tensor(x), _ids("take_along_axis", indices)
    if is_batched(places) and not is_batched(tensor):
        tensor = over_samples(tensor, places)
    elif is_batched(tensor) and not is_batched(places) and places.ndim == tensor.ndim:
        if places.shape[0] != 1:
            raise ValueError(
                f"take_along_axis: indices of shape {places.shape} have no axis of samples, which x of shape "
                f"{tensor.shape} has"
            )
        places = apply("reshape", [places], {"shape": dims(places)[1:]})
    return apply("take_along", [tensor, places], {"axis": sample_axis("take_along_axis", axis, tensor)})


@op
def scatter_add(x: Any, indices: Any, updates: Any, axis: int = 0) -> Any:
    """Add values to elements chosen along an axis; those of equal indices add up.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    indices : Tensor or array_like of int
        Along the axis, for every sample the same, or others in each sample if they are batched.
    updates : Tensor or array_like
        Of the shape that `take` (or `gather`) gives for x and the indices.
    axis : int, default 0
        Not that of samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the shapes do not fit, there is no such axis, or an index is out of range.
    TypeError
        If the indices are not integers, or x and the updates differ in dtype.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.scatter_add([1.0, 1.0, 1.0], [2, 2, 0], [1.0, 2.0, 3.0])
    array([4., 1., 4.], dtype=float32)
    """
    places = _ids("scatter_add", indices)
    tensor, values = operands(x, updates)
    floating(tensor, "scatter_add")
    place = sample_axis("scatter_add", axis, tensor)
    expected = [*dims(tensor)[:place], *dims(places), *dims(tensor)[place + 1 :]]
    batched = [is_batched(one) for one in (tensor, places, values)]
    if dims(values) != expected or (not batched[0] and (batched[1] or batched[2])):
        raise ValueError(
            f"scatter_add: updates of shape {values.shape} do not fit x {tensor.shape} and indices "
            f"{places.shape} along axis {axis}"
        )
    if batched[1] and not batched[2]:
        values = over_samples(values, places)
    added = apply("take_grad", [values, places], {"axis": place, "extent": dims(tensor)[place]})
    return apply("add", [tensor, added])


@op
def one_hot(x: Any, num_classes: int, dtype: str = "float32") -> Any:
    """Turn class numbers into vectors that are 1 at the number and 0 elsewhere.

    Parameters
    ----------
    x : Tensor or array_like of int
        Numbers below 0, or not below `num_classes`, give zeros.
    num_classes : int
        The new last axis's extent.
    dtype : {"float32", "float64"}

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If `num_classes` is below 1.
    TypeError
        If x does not hold integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.one_hot([1, 0, -1], 2)
    array([[0., 1.],
           [1., 0.],
           [0., 0.]], dtype=float32)
    """
    return apply("one_hot", [_ids("one_hot", x)], {"depth": int(num_classes), "dtype": str(np.dtype(dtype))})


def _argument(name: str, kind: str, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    given = as_tensor(x)
    tensor, place = placed(name, axis, given)
    found = apply("arg_extremum", [tensor], {"axis": place, "kind": kind})
    if not keepdims:
        return found
    shape = [1] * given.ndim if axis is None else dims(given)
    if axis is not None:
        shape[place] = 1
    return apply("reshape", [found], {"shape": shape})


@op
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return where the largest element is: the first of equals, or NaN.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int or None
        Not that of samples; None for the elements laid flat, where x is not batched.
    keepdims : bool, default False
        Whether the axis stays, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray
        Of int32; it has no gradient.

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.argmax([[1.0, 3.0], [4.0, 2.0]], axis=1)
    array([1, 0], dtype=int32)
    """
    return _argument("argmax", "max", x, axis, keepdims)


@op
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return where the smallest element is: the first of equals, or NaN.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int or None
        Not that of samples; None for the elements laid flat, where x is not batched.
    keepdims : bool, default False
        Whether the axis stays, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray
        Of int32; it has no gradient.

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.argmin([[1.0, 3.0], [4.0, 2.0]], axis=1)
    array([0, 1], dtype=int32)
    """
    return _argument("argmin", "min", x, axis, keepdims)


@op
def top_k(x: Any, k: int) -> Any:
    """Return the largest elements along the last axis, from the largest down.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    k : int
        How many.

    Returns
    -------
    values, indices : Tensor or numpy.ndarray
        Where they were is of int32.

    Raises
    ------
    ValueError
        If there are not as many.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> values, places = ops.top_k([1.0, 5.0, 3.0], 2)
    >>> values, places
    (array([5., 3.], dtype=float32), array([1, 2], dtype=int32))
    """
    return apply_all("top_k", [floating(x, "top_k")], {"k": int(k)})
