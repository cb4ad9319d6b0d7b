"""Layers that occur several times in a description: they are one layer when they are made anew."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_KEY = "shared"  # in descriptions: the number of a layer that occurs several times


class _Active(threading.local):
    described: dict[int, tuple[int, Any]] | None = None  # number and layer, by the layer's id
    restored: dict[Any, Any] | None = None  # layers, by number, class and name


_active = _Active()


def describe(make: Callable[[], dict[str, Any]], layer: Any = None) -> dict[str, Any]:
    """Return the description that `make` returns, with marks where layers occur several times.

    Parameters
    ----------
    make : callable
        May call this function for the layers within.
    layer : Layer, optional
        What is described, if that may occur elsewhere, too.

    Returns
    -------
    dict
    """
    outermost = _active.described is None
    if _active.described is None:
        _active.described = {}
    try:
        made = make()
        if layer is not None:
            known = _active.described
            made[_KEY] = known.setdefault(id(layer), (len(known), layer))[0]
    finally:
        if outermost:
            _active.described = None
    if outermost:
        counts = Counter(part[_KEY] for part in _parts(made) if _KEY in part)
        numbers: dict[int, int] = {}
        for part in _parts(made):
            number = part.pop(_KEY, None)
            if number is not None and counts[number] > 1:
                part[_KEY] = numbers.setdefault(number, len(numbers))
    return made


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all descriptions of layers in plain values."""
    if isinstance(value, dict):
        if "class_name" in value and "config" in value:
            yield value
        for item in value.values():
            yield from _parts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item)


@contextmanager
def restoring() -> Iterator[None]:
    """While this is active, descriptions with one mark are of one layer."""
    if _active.restored is not None:
        yield
        return
    _active.restored = {}
    try:
        yield
    finally:
        _active.restored = None


def restore(description: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """Return the layer of a description: one that was made before, or what `make` returns."""
    number, name = description.get(_KEY), description["config"].get("name")
    with restoring():
        known = _active.restored
        assert known is not None
        if not isinstance(number, int) or not isinstance(name, str):
            return make()
        key = (number, description.get("class_name"), name)
        if key not in known:
            known[key] = make()
        return known[key]
