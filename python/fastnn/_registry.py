"""Things that are chosen by name and described in plain values; and the users' own among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastnn._names import nearest, snake_case

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


class Kind:
    """One kind of such things, such as losses or optimizers.

    Parameters
    ----------
    article, noun : str
        For messages: ``"a"``, ``"loss"``.
    base : type
    known : mapping of str to class
        By every name that they go by, in lower case or as the class is called.
    forms : str
        What `get` takes, for messages: ``"a name or a Regularizer"``.
    offered : iterable of str, optional
        Names that messages offer; all that are known by default.
    """

    def __init__(
        self,
        article: str,
        noun: str,
        base: type[Any],
        known: Mapping[str, type[Any]],
        forms: str = "",
        offered: Iterable[str] | None = None,
    ) -> None:
        self.article, self.noun, self.base, self.known = article, noun, base, known
        self.forms = forms
        self.offered = list(known if offered is None else offered)

    def find(self, name: str) -> type[Any] | None:
        """Return the library's own class of that name; None if there is none."""
        return self.known.get(name) or self.known.get(name.lower()) or self.known.get(snake_case(name))

    def named(self, name: str) -> Any:
        """Return a class, or the user's function, of that name; ValueError offers the nearest names."""
        found = self.find(name) or find_function(name)
        if found is None:
            raise ValueError(f"unknown {self.noun} {name!r}{nearest(name, self.offered)}")
        return found

    def get(self, identifier: Any) -> Any:
        """Return what a layer's argument stands for: None, a thing, its name, class or description."""
        if identifier is None or isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, str):
            identifier = self.named(identifier)
        if isinstance(identifier, Mapping):
            return self.restore(identifier)
        if isinstance(identifier, type):
            return identifier()
        if callable(identifier):
            return identifier
        raise TypeError(f"{self.article} {self.noun} is {self.forms}, got {identifier!r}")

    def describe(self, thing: Any) -> dict[str, Any]:
        """Describe a thing in plain values."""
        return {"class_name": type(thing).__name__, "config": thing.get_config()}

    def class_of(self, description: Any, given: Mapping[str, Any] | None = None) -> Any:
        """Return the class that a description names, ValueError if there is none."""
        if not isinstance(description, Mapping) or not {"class_name", "config"} <= set(description):
            raise ValueError(
                f"{self.article} {self.noun} is described by 'class_name' and 'config', got {description!r}"
            )
        name = str(description["class_name"])
        found = find_class(self.base, name, given) or self.find(name)
        if found is None:
            classes = {cls.__name__ for cls in self.known.values()}
            raise ValueError(f"unknown {self.noun} {name!r}{nearest(name, classes)}{CURE}")
        return found

    def restore(self, description: Any, given: Mapping[str, Any] | None = None) -> Any:
        """Make a thing from what `describe` returned."""
        return self.class_of(description, given).from_config(description["config"])
