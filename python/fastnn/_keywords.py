"""Functions with many keyword arguments name the nearest one where a name is not known."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def named(owner: str) -> Callable[[F], F]:
    """Let a function refuse unknown keyword arguments in terms of what users call it; a decorator.

    Parameters
    ----------
    owner : str
        The name that users know, such as ``"fit"``.

    Examples
    --------
    >>> from fastnn._keywords import named
    >>> @named("fit")
    ... def train(epochs=1):
    ...     return epochs
    >>> train(epoch=3)
    Traceback (most recent call last):
    TypeError: fit has no argument 'epoch'; did you mean 'epochs'?
    """

    def decorate(function: F) -> F:
        known = [name for name in inspect.signature(function).parameters if name != "self"]

        @functools.wraps(function)
        def checked(*arguments: Any, **keywords: Any) -> Any:
            for name in keywords:
                if name not in known:
                    from fastnn._names import nearest

                    raise TypeError(f"{owner} has no argument '{name}'{nearest(name, known)}")
            return function(*arguments, **keywords)

        return checked  # type: ignore[return-value]

    return decorate
