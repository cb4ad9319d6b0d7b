"""Ops on arrays alone: the graph made for arrays of certain shapes and dtypes is kept for the next call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn import _core
from fastnn.tensor import Tensor, graph_tensor

_MOST = 256
_MOST_BYTES = 1 << 20  # of memory for results in between that a graph keeps
_kept: dict[Any, _Kept | None] = {}
_lock = threading.Lock()
_arenas = _core.ArenaPool()
_FLOAT32 = np.dtype("float32")
_BOOL = np.dtype("bool")
_DTYPES = (_FLOAT32, np.dtype("float64"), _BOOL)
_ndarray = np.ndarray


class _Kept:
    """A graph whose inputs are arrays, and the form of its results."""

    __slots__ = ("result", "run", "single")

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, arrays: list[Any]) -> None:
        from fastnn.layers.context import BuildContext
        from fastnn.layers.nest import leaves

        with BuildContext() as context:
            context.enter(function.__name__)
            graph = context.graph
            inputs = []
            for number, array in enumerate(arrays):
                name = f"operand {number}"
                made = graph.input(name, list(array.shape), str(array.dtype), False)
                inputs.append(graph_tensor(graph, made, name))
            given = iter(inputs)
            self.result = function(*_with_tensors(args, given), **_with_tensors(kwargs, given))
        tensors = [leaf for leaf in leaves(self.result) if isinstance(leaf, Tensor)]
        self.single = isinstance(self.result, Tensor)
        fetch = [t.id for t in tensors]
        self.run = _core.Function(graph, fetch, kept_bytes=_MOST_BYTES, arenas=_arenas).run

    def __call__(self, arrays: list[Any]) -> Any:
        found = self.run(arrays)
        if self.single:
            only = found[0]
            return only if only.shape else only[()]
        from fastnn.layers.nest import map_leaves

        values = iter(found)
        return map_leaves(lambda leaf: next(values)[()] if isinstance(leaf, Tensor) else leaf, self.result)


class _Unknown(Exception):
    """An argument that a graph cannot be kept for."""


def on_arrays(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Compute on arrays with a kept graph; NotImplemented if there is none for such arguments."""
    # The keys of the most usual calls, of an array or two, made without further calls.
    if not kwargs:
        first = args[0] if args else None
        if type(first) is _ndarray:
            kept = None
            if len(args) == 1:
                kept = _kept.get((function, (first.shape, first.dtype)))
            elif len(args) == 2 and type(second := args[1]) is _ndarray:
                kept = _kept.get((function, (first.shape, first.dtype), (second.shape, second.dtype)))
            if kept is not None and kept.single:
                only = kept.run(args)[0]
                return only if only.shape else only[()]
    arrays: list[Any] = []
    parts: list[Any] = [function]
    try:
        for arg in args:
            parts.append(_describe(arg, arrays))
        for name in kwargs:
            parts.append((name, _describe(kwargs[name], arrays)))
    except _Unknown:
        return NotImplemented
    key = tuple(parts)
    try:
        kept = _kept[key]
    except KeyError:
        kept = _keep(key, function, args, kwargs, arrays)
    return NotImplemented if kept is None else kept(arrays)


def _keep(key: Any, function: Any, args: Any, kwargs: Any, arrays: list[Any]) -> _Kept | None:
    kept = None
    # Among arrays of several dtypes, and numbers with one of their own, it is the values that are converted.
    floats = {part[1] for part in _parts(key) if part[1] != _BOOL}
    if arrays and len(floats) <= 1:
        try:
            kept = _Kept(function, args, kwargs, arrays)
        except (ValueError, TypeError, RuntimeError, AttributeError, LookupError):
            kept = None  # it needs the values, or is to be refused in other words
    with _lock:
        while len(_kept) >= _MOST:
            del _kept[next(iter(_kept))]
        _kept[key] = kept
    return kept


def _parts(key: Any) -> list[Any]:
    """Descriptions of arrays and of NumPy's numbers."""
    if not isinstance(key, tuple):
        return []
    if len(key) > 1 and isinstance(key[1], np.dtype):
        return [key]
    return [part for item in key for part in _parts(item)]


def _describe(value: Any, arrays: list[Any]) -> Any:
    """Return what a graph depends on of an argument: an array's shape and dtype, all of another's value."""
    kind = type(value)
    if kind is _ndarray:
        shape, dtype = value.shape, value.dtype
        if (dtype is _FLOAT32 or dtype in _DTYPES) and shape and 0 not in shape:
            arrays.append(value)
            return shape, dtype
        raise _Unknown
    if kind is float or kind is int or kind is bool:
        return kind, value if value and value == value else str(value)  # 0.0 is not -0.0, NaN not itself
    if value is None or kind is str:
        return value
    if kind is tuple or kind is list:
        if len(value) > 64:
            raise _Unknown
        return kind, *[_describe(item, arrays) for item in value]
    if kind is np.float32 or kind is np.float64:
        number = float(value)
        return number or str(number), value.dtype
    if kind is slice:
        return kind, *[_describe(part, arrays) for part in (value.start, value.stop, value.step)]
    if value is Ellipsis:
        return kind
    raise _Unknown


def _with_tensors(value: Any, tensors: Any) -> Any:
    """Put tensors in the arrays' places."""
    if isinstance(value, np.ndarray):
        return next(tensors)
    if isinstance(value, (tuple, list)):
        return type(value)(_with_tensors(item, tensors) for item in value)
    if isinstance(value, dict):
        return {key: _with_tensors(item, tensors) for key, item in value.items()}
    return value
