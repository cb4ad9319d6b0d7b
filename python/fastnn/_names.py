"""Looking things up by name, and offering the nearest where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LISTED = 30  # names that a message may list
_SURE = 0.85  # likeness from which on one name is offered alone


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known names come closest, ``"; did you mean 'relu'?"``, or list them if they are few.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str

    Returns
    -------
    str
        To be put at the end of a message.

    Examples
    --------
    >>> from fastnn._names import nearest
    >>> nearest("rellu", ["relu", "tanh"])
    "; did you mean 'relu'?"
    """
    import difflib

    names = sorted(set(known))
    text = name.lower()
    close = difflib.get_close_matches(text, names, n=3, cutoff=0.6)
    if close:
        if difflib.SequenceMatcher(None, close[0], text).ratio() > _SURE:
            close = close[:1]
        return f"; did you mean {' or '.join(repr(c) for c in close)}?"
    return f"; known are {', '.join(names)}" if len(names) <= _LISTED else ""


def one_of(owner: str, name: str, value: object, known: Iterable[str]) -> str:
    """Return a value that must be one of a few names.

    Parameters
    ----------
    owner, name : str
        Class and argument, for messages.
    value : object
        What was given.
    known : iterable of str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is another; the message offers the nearest.

    Examples
    --------
    >>> from fastnn._names import one_of
    >>> one_of("AUC", "curve", "RCO", ["ROC", "PR"])
    Traceback (most recent call last):
    ValueError: AUC: unknown curve 'RCO'; known are PR, ROC
    """
    names = list(known)
    if isinstance(value, str) and value in names:
        return value
    raise ValueError(f"{owner}: unknown {name} {value!r}{nearest(str(value), names)}")


def snake_case(name: str) -> str:
    """Turn a class name into a layer's default name: ``MaxPooling2D`` into ``max_pooling2d``.

    Parameters
    ----------
    name : str

    Returns
    -------
    str

    Examples
    --------
    >>> from fastnn._names import snake_case
    >>> snake_case("BatchNormalization"), snake_case("Conv2D"), snake_case("ReLU")
    ('batch_normalization', 'conv2d', 're_lu')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
