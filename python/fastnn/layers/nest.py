"""Lists, tuples and dicts of tensors, arrays and shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from fastnn.tensor import Shape

_MOST_ELEMENTS = 2**40


def leaves(value: Any) -> Iterator[Any]:
    """Go through all that is in a value that may be a list, tuple or dict."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, (list, tuple)) and not _is_written_out(value):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def named_leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Go through a value likewise, with names: ``"blocks.0"``, ``"heads.left"``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from named_leaves(f"{name}.{key}", inner)
    elif isinstance(value, (list, tuple)) and not _is_written_out(value):
        for position, inner in enumerate(value):
            yield from named_leaves(f"{name}.{position}", inner)
    else:
        yield name, value


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to each leaf of a value that may be a list, tuple or dict."""
    if isinstance(value, dict):
        return {key: map_leaves(function, inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)) and not _is_written_out(value):
        return type(value)(map_leaves(function, inner) for inner in value)
    return function(value)


def _is_written_out(value: Sequence[Any]) -> bool:
    """Whether a list is an array written out in Python numbers."""
    inner: Any = value
    while isinstance(inner, (list, tuple)) and inner:
        inner = inner[0]
    return isinstance(inner, (int, float, np.generic))


def batch_shape(label: str, shape: Any) -> Any:
    """Return a shape as a tuple that begins with None; lists and dicts of shapes likewise.

    Other dimensions may be None, too: they are not given yet, or vary.
    """
    if isinstance(shape, dict):
        return {key: batch_shape(label, value) for key, value in shape.items()}
    if isinstance(shape, (tuple, list)) and shape and isinstance(shape[0], (tuple, list, dict)):
        return [batch_shape(label, value) for value in shape]
    try:
        extents = tuple(shape)
    except TypeError:
        raise TypeError(f"{label}: expected an input shape such as (None, 784), got {shape!r}") from None
    if not extents:
        raise ValueError(f"{label}: the input shape must begin with the dimension of samples, got ()")
    if len(extents) == 1 and isinstance(extents[0], (int, np.integer)):
        raise ValueError(
            f"{label}: the input shape begins with the dimension of samples, put None first: "
            f"(None, {extents[0]})"
        )
    return (None, *check_extents(label, "input shape", extents[1:], extents))


def map_shapes(function: Callable[[Shape], Any], shapes: Any) -> Any:
    """Apply a function to each shape in lists and dicts of what `batch_shape` returned."""
    if isinstance(shapes, dict):
        return {key: map_shapes(function, inner) for key, inner in shapes.items()}
    if isinstance(shapes, list):
        return [map_shapes(function, inner) for inner in shapes]
    return function(shapes)


def check_extents(label: str, what: str, extents: Sequence[Any], whole: Any) -> Shape:
    """Return extents as ints of at least 1; None stays None."""
    for extent in extents:
        if extent is None:
            continue
        if isinstance(extent, bool) or not isinstance(extent, (int, np.integer)):
            raise TypeError(f"{label}: {what} must hold integers, got {tuple(whole)}")
        if extent < 1:
            raise ValueError(f"{label}: {what} {tuple(whole)} must have extents of at least 1")
    if math.prod(int(extent) for extent in extents if extent is not None) > _MOST_ELEMENTS:
        raise ValueError(f"{label}: {what} {tuple(whole)} has more than {_MOST_ELEMENTS} elements a sample")
    return tuple(None if extent is None else int(extent) for extent in extents)


def declared_shape(label: str, kwargs: dict[str, Any]) -> Shape | None:
    """Take input_shape= or input_dim= out of a constructor's arguments."""
    shape = kwargs.pop("input_shape", None)
    if "input_dim" in kwargs:
        dim = kwargs.pop("input_dim")
        shape = (dim,) if shape is None and dim is not None else shape
    if shape is None:
        return None
    extents = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    return (None, *check_extents(label, "input_shape", extents, extents))
