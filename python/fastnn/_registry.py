"""Classes and functions of users, known by name to whatever loads models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_custom: dict[str, Any] = {}

CURE = " (your own must be registered with fastnn.saving.register, or passed as custom_objects)"


def add(thing: Any) -> None:
    """Make a class or function known by its name."""
    _custom[thing.__name__] = thing


@contextmanager
def knowing(things: Mapping[str, Any]) -> Iterator[None]:
    """Know more classes and functions, by name, for a while."""
    before = dict(_custom)
    _custom.update(things)
    try:
        yield
    finally:
        _custom.clear()
        _custom.update(before)


def names() -> list[str]:
    """Return all names that are known."""
    return list(_custom)


def find_class(base: type[Any], name: Any, given: Mapping[str, Any] | None = None) -> Any:
    """Return the subclass of `base` that is known, or given, under a name; None if there is none."""
    found = (given or {}).get(name, _custom.get(name)) if isinstance(name, str) else None
    return found if isinstance(found, type) and issubclass(found, base) else None


def find_function(name: Any) -> Any:
    """Return the function that is known under a name; None if there is none."""
    found = _custom.get(name) if isinstance(name, str) else None
    return found if callable(found) and not isinstance(found, type) else None


def function_name(function: Any) -> str | None:
    """Return the name under which a function is known; None if it is not."""
    name = getattr(function, "__name__", None)
    return str(name) if name is not None and find_function(name) is function else None
