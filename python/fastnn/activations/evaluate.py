"""Activations of tensors are nodes (or recorded, without a graph), those of arrays are computed at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fastnn.tensor import Tensor, apply, graph_tensor, run

_INT8 = ("dense_int8", "conv2d_int8")

Function = TypeVar("Function", bound=Callable[..., Any])


def recorded(function: Function) -> Function:
    """Make an activation one of tensors without a graph, too: a layer of a functional model."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        first = args[0] if args else kwargs.get("x")
        if isinstance(first, Tensor) and first.graph is None:
            from fastnn.ops._dispatch import record

            return record(f"activations.{function.__name__}", args, kwargs)
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def elementwise(x: Any, kind: str, alpha: float | None = None) -> Any:
    """Add an `activation` node to a tensor's graph, or compute it on an array of any shape."""

    def function(t: Tensor) -> Tensor:
        merged = _with_normalization(t) if kind == "relu" else None
        if merged is None and t.graph is not None and (t.graph.producer(t.id) or ("",))[0] in _INT8:
            from fastnn.layers.quantized import with_activation

            merged = with_activation(t, kind, alpha)
        return apply("activation", [t], {"kind": kind, "alpha": alpha}) if merged is None else merged

    return composed(x, kind, function)


def _with_normalization(x: Tensor) -> Tensor | None:
    """Return the rectified result of batch normalisation, if `x` is its result: one pass for both.

    The node that made `x` is left out of the plan where nothing else needs it.
    """
    graph = x.graph
    producer = None if graph is None else graph.producer(x.id)
    if graph is None or producer is None or producer[0] != "normalize" or producer[2].get("relu"):
        return None
    operands = [None if number is None else graph_tensor(graph, number, x.name) for number in producer[1]]
    return apply("normalize", operands, {**producer[2], "relu": True})


def composed(x: Any, name: str, function: Callable[[Tensor], Tensor]) -> Any:
    """Apply a function of single elements to a tensor, or compute it on an array of any shape."""
    if isinstance(x, Tensor):
        return function(x)
    array = floating(x, name)
    if array.size == 0:
        return array
    return run(function, [array.reshape(-1)], str(array.dtype), name).reshape(array.shape)


def floating(x: Any, name: str) -> npt.NDArray[Any]:
    """Return a float32 copy of an array, or a float64 one of a float64 array."""
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}: expected numbers, got dtype {array.dtype}")
    return array.astype(np.float64 if array.dtype == np.float64 and hasattr(x, "dtype") else np.float32)


def check_number(function: str, name: str, value: Any) -> float:
    """Return a finite float."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{function}: {name} must be a number, got {value!r}")
    if not np.isfinite(value):
        raise ValueError(f"{function}: {name} must be finite, got {value!r}")
    return float(value)


def along_axis(x: Any, op: str, axis: int) -> Any:
    """Add an op that works along one axis, or compute it on an array of any shape."""
    if isinstance(x, Tensor):
        first = 1 if x.shape[:1] == (None,) else 0
        return apply(op, [x], {"axis": axis_of(op, axis, x.ndim, first) - first})
    array = floating(x, op)
    place = axis_of(op, axis, array.ndim, 0)
    if array.size == 0:
        return array
    return run(lambda t: apply(op, [t], {"axis": place}), [array[None]], str(array.dtype), op)[0]


def axis_of(owner: str, axis: int, ndim: int, first: int) -> int:
    """Return an axis counted from 0, of those from `first` on."""
    place = axis + ndim if axis < 0 else axis
    if not first <= place < ndim:
        which = f"the axes {first} to {ndim - 1}" if ndim > first else "any: there is none to choose"
        raise ValueError(f"{owner}: axis {axis} is not one of {which}")
    return place
