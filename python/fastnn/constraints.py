"""Constraints: what holds of weights after each update.

Examples
--------
>>> from fastnn import constraints, layers
>>> layer = layers.Dense(10, kernel_constraint=constraints.MaxNorm(3.0), bias_constraint="non_neg")
>>> constraints.UnitNorm()([[3.0], [4.0]]).round(3)
array([[0.6],
       [0.8]])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastnn import _core, _numbers, _registry

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


_EPSILON = 1e-7  # keeps the norm of weights that are all 0 from being divided by


class Constraint:
    """Base class: replaces a weight by the nearest that is allowed.

    Subclasses define ``__call__(w)``, which adds nodes to the graph and returns a tensor like w.

    Examples
    --------
    >>> from fastnn import constraints
    >>> isinstance(constraints.get("unit_norm"), constraints.Constraint)
    True
    """

    def __call__(self, w: Any) -> Any:
        """Return the constrained weight."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, w)")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a constraint from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class _OneOp(Constraint):
    """A constraint that is one op."""

    _op = ""

    def __call__(self, w: Any) -> Any:
        """Return the constrained weight: a tensor of a tensor, an array of an array."""
        from fastnn.tensor import Tensor, apply

        if isinstance(w, Tensor):
            return apply(self._op, [w], self._attributes())
        array = np.asarray(w)
        store, graph = _core.Store(), _core.Graph()
        store.add("w", list(array.shape), "float32" if array.dtype == np.float32 else "float64")
        store.set("w", array)
        made = graph.add(self._op, [graph.parameter(store, "w")], self._attributes(), type(self).__name__)
        return _core.Function(graph, made).run([])[0]

    def _attributes(self) -> dict[str, Any]:
        return {}


class _Norm(_OneOp):
    axis: int | list[int]

    def _set_axis(self, axis: int | Sequence[int]) -> None:
        axes = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
        if not axes:
            raise ValueError(f"{type(self).__name__}: axis must name at least one axis, got {axis!r}")
        checked = [int(_numbers.count(type(self).__name__, "axis", a, -32)) for a in axes]
        self.axis = checked[0] if isinstance(axis, (int, np.integer)) else checked

    def _attributes(self) -> dict[str, Any]:
        return {"axis": [self.axis] if isinstance(self.axis, int) else self.axis}


class MaxNorm(_Norm):
    """Scale down the weights of each unit whose norm is greater than a limit.

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, JMLR 15, 2014.

    Parameters
    ----------
    max_value : float, default 2
        The greatest norm; not negative.
    axis : int or sequence of int, default 0
        Axes over which the norm is taken: 0 for the kernel of `Dense` (the weights of one unit), (0, 1, 2)
        for that of `Conv2D`.

    Examples
    --------
    >>> from fastnn import constraints
    >>> constraints.MaxNorm(1.0)([[3.0, 0.3], [4.0, 0.4]]).round(3)
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """

    _op = "constrain_max_norm"

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value = _numbers.real("MaxNorm", "max_value", max_value, 0.0)
        self._set_axis(axis)

    def _attributes(self) -> dict[str, Any]:
        return {"max_value": self.max_value, **super()._attributes()}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"max_value": self.max_value, "axis": self.axis}


class UnitNorm(_Norm):
    """Scale the weights of each unit to norm 1.

    Parameters
    ----------
    axis : int or sequence of int, default 0
        Axes over which the norm is taken: 0 for the kernel of `Dense` (the weights of one unit), (0, 1, 2)
        for that of `Conv2D`.

    Examples
    --------
    >>> from fastnn import constraints
    >>> constraints.UnitNorm()([[3.0], [4.0]]).round(3)
    array([[0.6],
           [0.8]])
    """

    _op = "constrain_unit_norm"

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self._set_axis(axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"axis": self.axis}


class NonNeg(_OneOp):
    """Set negative weights to 0.

    Examples
    --------
    >>> from fastnn import constraints
    >>> constraints.NonNeg()([1.0, -2.0])
    array([1., 0.])
    """

    _op = "constrain_non_negative"


class MinMaxNorm(_Norm):
    """Scale the weights of each unit so that their norm lies between two bounds, or goes towards them.

    Parameters
    ----------
    min_value, max_value : float, default 0 and 1
        The bounds; not negative.
    rate : float, default 1
        How far to go at each update: 1 all the way, 0.5 half.
    axis : int or sequence of int, default 0
        Axes over which the norm is taken, as for `MaxNorm`.

    Examples
    --------
    >>> from fastnn import constraints
    >>> constraints.MinMaxNorm(1.0, 2.0)([[3.0, 0.3], [4.0, 0.4]]).round(3)
    array([[1.2, 0.6],
           [1.6, 0.8]])
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ) -> None:
        self.min_value = _numbers.real("MinMaxNorm", "min_value", min_value, 0.0)
        self.max_value = _numbers.real("MinMaxNorm", "max_value", max_value, self.min_value)
        self.rate = _numbers.real("MinMaxNorm", "rate", rate, 0.0, 1.0)
        self._set_axis(axis)

    def __call__(self, w: Any) -> Any:
        """Return the constrained weight: a tensor of a tensor, an array of an array."""
        from fastnn import ops
        from fastnn.tensor import Tensor

        array = w if isinstance(w, Tensor) else np.asarray(w, None if hasattr(w, "dtype") else "float64")
        axes = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        norm = ops.sqrt(ops.sum(ops.square(array), axis=axes, keepdims=True))
        wanted = self.rate * ops.clip(norm, self.min_value, self.max_value) + (1.0 - self.rate) * norm
        return array * (wanted / (norm + _EPSILON))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


max_norm = MaxNorm
min_max_norm = MinMaxNorm
unit_norm = UnitNorm
non_neg = NonNeg

_CLASSES: dict[str, type[Constraint]] = {
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "unit_norm": UnitNorm,
    "non_neg": NonNeg,
    "non_negative": NonNeg,
}
_KIND = _registry.Kind("a", "constraint", Constraint, _CLASSES, "a name or a Constraint")


def serialize(constraint: Constraint) -> dict[str, Any]:
    """Describe a constraint in plain values.

    Parameters
    ----------
    constraint : Constraint
        The constraint.

    Returns
    -------
    dict
        With ``class_name`` and ``config``.

    Raises
    ------
    Nothing.

    Examples
    --------
    >>> from fastnn import constraints
    >>> constraints.serialize(constraints.UnitNorm())
    {'class_name': 'UnitNorm', 'config': {'axis': 0}}
    """
    return _KIND.describe(constraint)


def deserialize(description: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a constraint from what `serialize` returned.

    Parameters
    ----------
    description : mapping
        With ``class_name`` and ``config``.
    custom_objects : mapping, optional
        Other classes by name.

    Returns
    -------
    Constraint

    Raises
    ------
    ValueError
        If the class is not known or the description is none.

    Examples
    --------
    >>> from fastnn import constraints
    >>> constraints.deserialize({"class_name": "MaxNorm", "config": {"max_value": 3}})
    MaxNorm(max_value=3.0, axis=0)
    """
    return _KIND.restore(description, custom_objects)


def get(identifier: Any) -> Any:
    """Return a constraint: itself, or one by its name, its class or its description.

    Parameters
    ----------
    identifier : str, Constraint, type, mapping, callable or None
        ``"max_norm"``, ``"unit_norm"`` or ``"non_neg"`` for one with default settings; None stays None.

    Returns
    -------
    Constraint, callable or None

    Raises
    ------
    ValueError
        If the name is not known; the message offers the nearest ones.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from fastnn import constraints
    >>> constraints.get("max_norm")
    MaxNorm(max_value=2.0, axis=0)
    """
    return _KIND.get(identifier)
