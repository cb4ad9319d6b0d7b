"""Structures of tensors as plain values that keep lists, tuples and dicts apart, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastnn.layers.serialization import plain
from fastnn.tensor import Tensor


def encode(value: Any, tensor: Callable[[Tensor], Any]) -> Any:
    """Turn a structure of tensors and plain values into what JSON can hold.

    Parameters
    ----------
    value : object
    tensor : callable
        Gives the plain form of a tensor.

    Returns
    -------
    dict

    Examples
    --------
    >>> from fastnn.models.plain import decode, encode
    >>> encode((1, [2]), None)
    {'tuple': [{'value': 1}, {'list': [{'value': 2}]}]}
    >>> decode(encode((1, [2]), None), None, "test")
    (1, [2])
    """
    if isinstance(value, Tensor):
        return {"tensor": tensor(value)}
    if isinstance(value, dict):
        return {"dict": [[key, encode(inner, tensor)] for key, inner in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [encode(inner, tensor) for inner in value]}
    return {"value": plain(value)}


def decode(value: Any, tensor: Callable[[Any, str], Tensor], where: str) -> Any:
    """Turn what `encode` returned into a structure again.

    Parameters
    ----------
    value : dict
    tensor : callable
        Makes a tensor of its plain form, and of `where`.
    where : str
        For messages.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If the value is nothing that `encode` returns.
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ValueError(f"{where}: expected a tensor, list, tuple, dict or value, got {value!r}")
    kind, content = next(iter(value.items()))
    if kind == "tensor":
        return tensor(content, where)
    if kind == "dict":
        return {key: decode(inner, tensor, where) for key, inner in content}
    if kind in ("list", "tuple"):
        parts = [decode(inner, tensor, where) for inner in content]
        return parts if kind == "list" else tuple(parts)
    if kind != "value":
        raise ValueError(f"{where}: unknown kind {kind!r}")
    return content
