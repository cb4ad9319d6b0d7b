"""Reductions along axes. Along axis 0 of a batched tensor, that of the samples, results are unbatched."""

from __future__ import annotations

import math
from typing import Any

from fastnn.ops._dispatch import as_tensor, axis_number, dims, floating, is_batched, op
from fastnn.ops.conversion import stop_gradient
from fastnn.ops.elementwise import add, subtract
from fastnn.ops.functions import exp, log, sqrt, square
from fastnn.tensor import Tensor, apply


def _axes(name: str, axis: Any, tensor: Tensor) -> list[int]:
    """Return axes counted from 0, all of them for None."""
    if axis is None:
        return list(range(tensor.ndim))
    given = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    found = [axis_number(name, one, tensor.ndim) for one in given]
    if len(set(found)) < len(found):
        raise ValueError(f"{name}: axis {axis} names an axis twice")
    return sorted(found)


def _kept(tensor: Tensor, axes: list[int]) -> list[int]:
    """Extents without the batch's, 1 where an axis is reduced."""
    first = 1 if is_batched(tensor) else 0
    return [1 if axis in axes else n for axis, n in enumerate(dims(tensor), first)]


def _dropped(tensor: Tensor, axes: list[int], keepdims: bool) -> Tensor:
    """Take away reduced axes that were kept with an extent of 1."""
    if keepdims or not axes:
        return tensor
    first = 1 if is_batched(tensor) else 0
    left = [n for axis, n in enumerate(dims(tensor), first) if axis not in axes]
    return apply("reshape", [tensor], {"shape": left})


def _total(name: str, x: Any, axis: Any, keepdims: bool) -> Tensor:
    """Sum or mean, along samples, too."""
    tensor = floating(x, name)
    axes = _axes(name, axis, tensor)
    kept = _kept(tensor, axes)
    own = dims(tensor)
    result = tensor
    if kept != own:
        result = apply("sum_to", [result], {"shape": kept})
        if name == "mean":
            result = apply("scale_shift", [result], {"scale": math.prod(kept) / math.prod(own)})
    if not is_batched(tensor) or 0 not in axes:
        return _dropped(result, axes, keepdims)
    # Over samples in float64, as losses are.
    wide = (
        apply("sample_mean", [result])
        if name == "mean"
        else apply("sample_sum", [result], {"dtype": "float64"})
    )
    result = wide if tensor.dtype == "float64" else apply("cast", [wide], {"dtype": tensor.dtype})
    left = [1, *kept] if keepdims else [n for i, n in enumerate(kept, 1) if i not in axes]
    return result if left == kept else apply("reshape", [result], {"shape": left})


def _extreme(kind: str, x: Any, axis: Any, keepdims: bool, name: str = "") -> Tensor:
    name = name or kind
    tensor = floating(x, name)
    axes = _axes(name, axis, tensor)
    if is_batched(tensor) and 0 in axes:
        raise ValueError(
            f"{name}: axis 0 of shape {tensor.shape} counts the samples of a batch; only sum, mean, var and "
            "std go along it" + ("" if axis is not None else f": give the axes, as in axis={tuple(axes[1:])}")
        )
    kept = _kept(tensor, axes)
    if kept != dims(tensor):
        tensor = apply("reduce", [tensor], {"kind": kind, "shape": kept})
    return _dropped(tensor, axes, keepdims)


def _truth(name: str, kind: str, x: Any, axis: Any, keepdims: bool) -> Tensor:
    tensor = as_tensor(x)
    if tensor.dtype != "bool":
        raise TypeError(f"{name}: needs bool, got {tensor.dtype}: compare first, as by x > 0")
    numbers = _extreme(kind, apply("cast", [tensor], {"dtype": "float32"}), axis, keepdims, name)
    return apply("cast", [numbers], {"dtype": "bool"})


@op
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum of elements.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.sum([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([3., 7.], dtype=float32)
    """
    return _total("sum", x, axis, keepdims)


@op
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean of elements.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.mean([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([1.5, 3.5], dtype=float32)
    """
    return _total("mean", x, axis, keepdims)


@op
def max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element; NaN if there is one. Elements that are equally large share the gradient.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point; not along the samples of a batch.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.max([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([2., 4.], dtype=float32)
    """
    return _extreme("max", x, axis, keepdims)


@op
def min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element; NaN if there is one. Elements that are equally small share the gradient.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point; not along the samples of a batch.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.min([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([1., 3.], dtype=float32)
    """
    return _extreme("min", x, axis, keepdims)


@op
def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Product of elements.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point; not along the samples of a batch.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.prod([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([ 2., 12.], dtype=float32)
    """
    return _extreme("prod", x, axis, keepdims)


@op
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Variance: the mean squared distance from the mean.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.var([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([0.25, 0.25], dtype=float32)
    """
    tensor = floating(x, "var")
    deviation = subtract(tensor, _total("mean", tensor, axis, True))
    return _total("mean", square(deviation), axis, keepdims)


@op
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Root of the variance: the standard deviation.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.std([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([0.5, 0.5], dtype=float32)
    """
    return sqrt(var(x, axis, keepdims))


@op
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))``, without overflow.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point; not along the samples of a batch.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.logsumexp([[1.0, 2.0], [3.0, 4.0]], axis=1).round(4)
    array([2.3133, 4.3133], dtype=float32)
    """
    tensor = floating(x, "logsumexp")
    largest = stop_gradient(_extreme("max", tensor, axis, True))
    sums = _total("sum", exp(subtract(tensor, largest)), axis, True)
    return _dropped(add(log(sums), largest), _axes("logsumexp", axis, tensor), keepdims)


@op
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether at least one element is true.

    Parameters
    ----------
    x : Tensor or array_like of bool
        Not along the samples of a batch.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.
    TypeError
        If x is not bool.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.any([[True, False], [True, True]], axis=1)
    array([ True,  True])
    """
    return _truth("any", "max", x, axis, keepdims)


@op
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether every element is true.

    Parameters
    ----------
    x : Tensor or array_like of bool
        Not along the samples of a batch.
    axis : int, tuple of int or None
        Axes to go along; None for all.
    keepdims : bool, default False
        Whether those axes stay, with an extent of 1.

    Returns
    -------
    Tensor or numpy.ndarray
        Of bool.

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.
    TypeError
        If x is not bool.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.all([[True, False], [True, True]], axis=1)
    array([False,  True])
    """
    return _truth("all", "min", x, axis, keepdims)
