"""What users pass for several inputs, outputs or targets, in the order that a model has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastnn._names import nearest
from fastnn.layers.nest import leaves


def distribute(
    label: str, what: str, given: Any, structure: Any, names: Sequence[str], optional: bool = False
) -> list[Any]:
    """Return a part of what is given for each leaf of a structure.

    Parameters
    ----------
    label, what : str
        Who asks, and the argument's name, for messages.
    given : object
        One thing where the structure has one leaf; else a list or tuple in the structure's order, or a dict
        by the structure's keys or by the leaves' names.
    structure : object
        Leaves in lists, tuples and dicts.
    names : sequence of str
        The leaves' names, in order.
    optional : bool, default False
        Whether parts may be missing (None).

    Returns
    -------
    list

    Raises
    ------
    ValueError
        If parts are missing or too many.

    Examples
    --------
    >>> from fastnn.models.structure import distribute
    >>> distribute("model", "x", {"b": 1, "a": 2}, [None, None], ["a", "b"])
    [2, 1]
    """
    if isinstance(given, Mapping):
        return _by_name(label, what, given, structure, names, optional)
    if not isinstance(structure, (list, tuple, dict)):
        return [given]
    parts = list(structure.values()) if isinstance(structure, dict) else list(structure)
    if len(names) == 1 and not _holds_one(given):
        return [given]
    if not isinstance(given, (list, tuple)):
        found = f"one array of shape {given.shape}" if hasattr(given, "shape") else f"{type(given).__name__}"
        raise ValueError(
            f"{label}: {what} must have {len(names)} parts ({_listed(names)}), as a list or a dict by these "
            f"names, got {found}"
        )
    if len(given) != len(parts):
        raise ValueError(f"{label}: {what} must have {len(parts)} parts ({_listed(names)}), got {len(given)}")
    result: list[Any] = []
    for part, inner in zip(given, parts, strict=True):
        own = names[len(result) : len(result) + sum(1 for _ in leaves(inner))]
        if part is None and optional:
            result += [None] * len(own)
        else:
            result += distribute(label, what, part, inner, own, optional)
    return result


def _holds_one(given: Any) -> bool:
    """Whether this is a list of one array, not rows written out."""
    return isinstance(given, (list, tuple)) and len(given) == 1 and len(getattr(given[0], "shape", ())) > 0


def _by_name(
    label: str, what: str, given: Mapping[Any, Any], structure: Any, names: Sequence[str], optional: bool
) -> list[Any]:
    if isinstance(structure, dict) and (
        set(given) <= set(structure) if optional else set(given) == set(structure)
    ):
        result: list[Any] = []
        for key, inner in structure.items():
            own = names[len(result) : len(result) + sum(1 for _ in leaves(inner))]
            part = given.get(key)
            if part is None and optional:
                result += [None] * len(own)
            else:
                result += distribute(label, what, part, inner, own, optional)
        return result
    missing = [name for name in names if name not in given]
    parts = by_name(label, what, given, names)
    if missing and not optional:
        raise ValueError(f"{label}: {what} has no part {missing[0]!r}; it needs {_listed(names)}")
    return parts


def by_name(label: str, what: str, given: Mapping[Any, Any], names: Sequence[str]) -> list[Any]:
    """Return the values of a dict in the order of names; None where there is none.

    Parameters
    ----------
    label, what : str
        Who asks, and the argument's name, for messages.
    given : mapping
    names : sequence of str

    Returns
    -------
    list

    Raises
    ------
    ValueError
        If a key is none of the names.
    """
    for key in given:
        if key not in names:
            raise ValueError(
                f"{label}: {what} has a part {key!r}, but there is none of that name"
                f"{nearest(str(key), list(names))}"
            )
    return [given.get(name) for name in names]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:8])
    return f"{shown}, …" if len(names) > 8 else shown


def unique(names: Sequence[str]) -> list[str]:
    """Return names with a number added to those that come again.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    list of str

    Examples
    --------
    >>> from fastnn.models.structure import unique
    >>> unique(["head", "tail", "head"])
    ['head', 'tail', 'head_1']
    """
    result: list[str] = []
    for name in names:
        candidate, number = name, 0
        while candidate in result or (number and candidate in names):
            number += 1
            candidate = f"{name}_{number}"
        result.append(candidate)
    return result
