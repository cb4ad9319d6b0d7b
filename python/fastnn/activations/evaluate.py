"""Activations of tensors are nodes, those of arrays are computed at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnn import tensor as _tensor
from fastnn.tensor import Tensor


def elementwise(x: Any, kind: str, alpha: float | None = None) -> Any:
    """Add an `activation` node to a tensor's graph, or compute it on an array of any shape."""
    if isinstance(x, Tensor):
        return _tensor.apply("activation", [x], {"kind": kind, "alpha": alpha})
    array = floating(x, kind)
    if array.size == 0:
        return array.copy()
    flat = np.ascontiguousarray(array).reshape(-1)
    result = _tensor.run(
        lambda t: _tensor.apply("activation", [t], {"kind": kind, "alpha": alpha}, kind),
        [flat],
        str(flat.dtype),
    )
    return result.reshape(array.shape)


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
    """Apply an op that works on the last axis along another."""
    if isinstance(x, Tensor):
        last = _tensor_axis(op, axis, x.ndim)
        if last == x.ndim - 1:
            return _tensor.apply(op, [x])
        order = [i for i in range(1, x.ndim) if i != last] + [last]  # the axis goes last, and comes back
        back = [order.index(i) for i in range(1, x.ndim)]
        moved = _tensor.apply("transpose", [x], {"permutation": [i - 1 for i in order]})
        return _tensor.apply("transpose", [_tensor.apply(op, [moved])], {"permutation": back})
    array = floating(x, op)
    if array.ndim == 0:
        raise ValueError(f"{op}: expected an array with at least one dimension, got a scalar")
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"{op}: axis {axis} does not exist in an array of shape {array.shape}")
    if array.size == 0:
        return array.copy()
    moved_array = np.moveaxis(array, axis, -1)
    rows = np.ascontiguousarray(moved_array).reshape(-1, moved_array.shape[-1])
    result = _tensor.run(lambda t: _tensor.apply(op, [t], {}, op), [rows], str(rows.dtype))
    return np.ascontiguousarray(np.moveaxis(result.reshape(moved_array.shape), -1, axis))


def _tensor_axis(op: str, axis: int, ndim: int) -> int:
    place = axis + ndim if axis < 0 else axis
    if not 1 <= place < ndim:
        raise ValueError(f"{op}: axis {axis} must be one of the axes 1 to {ndim - 1} (0 counts samples)")
    return place
