"""How ops find out what they are called on: tensors of a graph, tensors without one, or arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from fastnn import _core
from fastnn.ops._eager import on_arrays
from fastnn.tensor import Tensor, apply, graph_tensor

Function = TypeVar("Function", bound=Callable[..., Any])

FLOATS = ("float32", "float64")


def op(function: Function) -> Function:
    """Make a function of tensors in a graph one of arrays and of tensors without a graph, too.

    Parameters
    ----------
    function : callable
        It gets its arguments as they are: `as_tensor` and `operands` make tensors of them.
    """
    name = function.__name__

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        found = on_arrays(function, args, kwargs)
        if found is not NotImplemented:
            return found
        tensors = [leaf for leaf in _leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if not tensors:
            if _uses_weights(args, kwargs):
                return function(*args, **kwargs)
            return _on_arrays(function, args, kwargs)
        without = [tensor for tensor in tensors if tensor.graph is None]
        if not without:
            return function(*args, **kwargs)
        if len(without) < len(tensors):
            raise ValueError(
                f"{name}: among its operands are tensors of a graph that is being built and such without a "
                f"graph ({without[0].name!r}), as Input makes them; a layer's `call` can use only what it is "
                "given"
            )
        return record(name, args, kwargs)

    return wrapper  # type: ignore[return-value]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    else:
        yield value


def _uses_weights(args: Any, kwargs: Any) -> bool:
    from fastnn.layers.context import is_building
    from fastnn.layers.weight import Weight

    return is_building() and any(isinstance(leaf, Weight) for leaf in _leaves((args, kwargs)))


def record(name: str, args: Any, kwargs: Any) -> Any:
    """Make a layer of a call on tensors without a graph."""
    from fastnn.layers.naming import unique_name
    from fastnn.layers.operation import Operation, describe

    tensors: list[Tensor] = []
    arguments = {
        "args": [describe(value, tensors) for value in args],
        "kwargs": {key: describe(value, tensors) for key, value in kwargs.items()},
    }
    floating = [tensor.dtype for tensor in tensors if tensor.dtype in FLOATS]
    dtype = floating[0] if floating else None
    layer = Operation(
        name, arguments, name=unique_name(name.rpartition(".")[2].title().replace("_", "")), dtype=dtype
    )
    return layer(tensors[0] if len(tensors) == 1 else tensors)


def _on_arrays(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    from fastnn.layers.context import BuildContext
    from fastnn.layers.nest import leaves, map_leaves

    with BuildContext() as context:
        context.enter(function.__name__)
        result = function(*args, **kwargs)
    tensors = [leaf for leaf in leaves(result) if isinstance(leaf, Tensor)]
    found = iter(_core.Function(context.graph, [tensor.id for tensor in tensors]).run([]))
    return map_leaves(lambda leaf: np.asarray(next(found))[()] if isinstance(leaf, Tensor) else leaf, result)


def constant(value: Any, dtype: str) -> Tensor:
    """Add an array, or a number, to the graph that is being built."""
    from fastnn.layers.context import current

    array = np.asarray(value)
    if array.ndim == 0:
        return apply("fill", [], {"value": float(array), "shape": [], "dtype": dtype})
    if array.size == 0:
        raise ValueError(f"an array of shape {array.shape} has no elements to compute with")
    context = current("constant")
    store = _core.Store()
    store.add("constant", list(array.shape), dtype)
    store.set("constant", array)
    return graph_tensor(context.graph, context.graph.parameter(store, "constant"), "constant")


def operands(*values: Any, like: str | None = None) -> list[Tensor]:
    """Make tensors of one dtype of an op's operands.

    Tensors and weights keep theirs; numbers and arrays take it. Where there are arrays alone, float64 wins
    over float32, and that over int32; numbers in lists and Python's take float32.

    Parameters
    ----------
    *values : Tensor, Weight, array_like or number
    like : str, optional
        The dtype where no operand has one of its own.
    """
    from fastnn.layers.context import current
    from fastnn.layers.weight import Weight

    context = current("ops")
    made: list[Any] = [
        context.use(value)
        if isinstance(value, Weight)
        else context.adopt(value)
        if isinstance(value, Tensor)
        else value
        for value in values
    ]
    fixed = [value.dtype for value in made if isinstance(value, Tensor)]
    arrays = [None if isinstance(value, Tensor) else _array(value, context.scope) for value in made]
    dtype = fixed[0] if fixed else _dtype_of_arrays(made, arrays, like)
    for other in fixed:
        if other != dtype:
            raise TypeError(
                f"{context.scope}: operands are {dtype} and {other}: cast one of them, as by "
                f"fastnn.ops.cast(x, {dtype!r})"
            )
    result = []
    for value, array in zip(made, arrays, strict=True):
        if array is not None and array.dtype.kind == "f" and dtype not in FLOATS:
            raise TypeError(
                f"{context.scope}: a {dtype} tensor meets the floating-point constant "
                f"{array.tolist() if array.size < 8 else array.shape}: cast the tensor, as by "
                "fastnn.ops.cast(x, 'float32')"
            )
        result.append(value if array is None else constant(array, dtype))
    return result


def as_tensor(value: Any, like: str | None = None) -> Tensor:
    """Make a tensor of an op's operand; see `operands`."""
    return operands(value, like=like)[0]


def floating(value: Any, name: str) -> Tensor:
    """Make a floating-point tensor of an op's operand, or raise TypeError."""
    tensor = as_tensor(value)
    if tensor.dtype not in FLOATS:
        raise TypeError(
            f"{name}: needs floating point, got {tensor.dtype}: cast it first, as by "
            "fastnn.ops.cast(x, 'float32')"
        )
    return tensor


def _array(value: Any, scope: str) -> Any:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{scope}: expected a tensor or numbers, got {value!r}")
    return array


def _dtype_of_arrays(values: list[Any], arrays: list[Any], like: str | None) -> str:
    kinds = [array.dtype.kind for array in arrays]
    own = [
        array.dtype
        for value, array in zip(values, arrays, strict=True)
        if hasattr(value, "dtype") and array.dtype.kind == "f"
    ]
    if np.float64 in own:
        return "float64"
    if "f" in kinds:
        return "float32"
    if like is not None:
        return like
    return "bool" if set(kinds) == {"b"} else "int32"


def is_batched(tensor: Tensor) -> bool:
    """Whether axis 0 counts samples."""
    return bool(tensor.shape) and tensor.shape[0] is None


def dims(tensor: Tensor) -> list[int]:
    """Extents without that of the batch."""
    return [n for n in tensor.shape if n is not None]


def axis_number(name: str, axis: Any, ndim: int) -> int:
    """Return an axis counted from 0, or raise."""
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"{name}: axis must be an integer, got {axis!r}")
    if not -ndim <= axis < ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for a tensor of {ndim} dimensions")
    return int(axis) % ndim


def sample_axis(name: str, axis: Any, tensor: Tensor) -> int:
    """Return an axis as the core counts it, from the first after the samples; refuse that of the samples."""
    place = axis_number(name, axis, tensor.ndim)
    if not is_batched(tensor):
        return place
    if place == 0:
        raise ValueError(
            f"{name}: axis 0 of shape {tensor.shape} counts the samples of a batch, and {name} works on each "
            "sample by itself"
        )
    return place - 1


def placed(name: str, axis: int | None, tensor: Tensor) -> tuple[Tensor, int]:
    """Return the axis as the core counts it; the elements are laid flat for None."""
    if axis is None:
        if is_batched(tensor):
            raise ValueError(f"{name}: give an axis of shape {tensor.shape}; samples cannot be laid flat")
        return apply("reshape", [tensor], {"shape": [math.prod(dims(tensor))]}), 0
    return tensor, sample_axis(name, axis, tensor)
