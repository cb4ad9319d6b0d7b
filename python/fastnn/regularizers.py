"""Regularizers: penalties on weights and activations that are added to the loss.

Examples
--------
>>> from fastnn import layers, regularizers
>>> layer = layers.Dense(10, kernel_regularizer=regularizers.L2(1e-4), activity_regularizer="l1")
>>> regularizers.L2(0.5)([[1.0, -2.0]])
2.5
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _core, _numbers, _registry

if TYPE_CHECKING:
    from fastnn.tensor import Tensor

__all__ = ["Regularizer", "L1", "L2", "L1L2", "deserialize", "get", "l1", "l1_l2", "l2", "serialize"]


class Regularizer:
    """Base class: a penalty on a tensor.

    Subclasses define ``__call__(x)``, which adds nodes to the graph and returns a float64 scalar, and, if
    they are to be used on activations, ``activity(x)``.

    Examples
    --------
    >>> from fastnn import regularizers
    >>> isinstance(regularizers.get("l2"), regularizers.Regularizer)
    True
    """

    def __call__(self, x: Any) -> Any:
        """Return the penalty of a weight."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, x)")

    def activity(self, x: Tensor) -> Tensor:
        """Return the penalty of a layer's output: the mean over samples of the penalty of each."""
        raise NotImplementedError(
            f"{type(self).__name__} must define activity(self, x) to be used on activations"
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a regularizer from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class L1L2(Regularizer):
    """``l1 * sum(abs(x)) + l2 * sum(x ** 2)``.

    Called on a weight's tensor it adds the penalty to the graph; called on an array it computes it.

    Parameters
    ----------
    l1 : float, default 0.0
        Factor of the sum of magnitudes; not negative.
    l2 : float, default 0.0
        Factor of the sum of squares; not negative.

    Examples
    --------
    >>> from fastnn import regularizers
    >>> regularizers.L1L2(l1=1.0, l2=0.5)([1.0, -2.0])
    5.5
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _numbers.real(type(self).__name__, "l1", 0.0 if l1 is None else l1, 0.0)
        self.l2 = _numbers.real(type(self).__name__, "l2", 0.0 if l2 is None else l2, 0.0)

    def __call__(self, x: Any) -> Any:
        """Return the penalty of a weight: a tensor of a tensor, a number of an array."""
        from fastnn.tensor import Tensor, apply

        if isinstance(x, Tensor):
            return apply("penalty", [x], {"l1": self.l1, "l2": self.l2})
        array = np.asarray(x)
        store, graph = _core.Store(), _core.Graph()
        store.add("x", list(array.shape), "float32" if array.dtype == np.float32 else "float64")
        store.set("x", array)
        weight = graph.parameter(store, "x")
        made = graph.add("penalty", [weight], {"l1": self.l1, "l2": self.l2}, "penalty")
        return float(_core.Function(graph, made).run([])[0])

    def activity(self, x: Tensor) -> Tensor:
        """Return the penalty of a layer's output: the mean over samples of the penalty of each."""
        from fastnn.tensor import apply

        each = apply("activity_penalty", [x], {"l1": self.l1, "l2": self.l2})
        return apply("sample_mean", [each])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """``l1 * sum(abs(x))``, which drives weights to 0.

    Parameters
    ----------
    l1 : float, default 0.01
        The factor; not negative.

    Examples
    --------
    >>> from fastnn import regularizers
    >>> regularizers.L1(0.5)([1.0, -2.0])
    1.5
    """

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"l1": self.l1}


class L2(L1L2):
    """``l2 * sum(x ** 2)``, which keeps weights small.

    Parameters
    ----------
    l2 : float, default 0.01
        The factor; not negative.

    Examples
    --------
    >>> from fastnn import regularizers
    >>> regularizers.L2(0.5)([1.0, -2.0])
    2.5
    """

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"l2": self.l2}


l1 = L1
l2 = L2
l1_l2 = L1L2

_CLASSES: dict[str, type[Regularizer]] = {"l1": L1, "l2": L2, "l1l2": L1L2, "l1_l2": L1L2}
_KIND = _registry.Kind("a", "regularizer", Regularizer, _CLASSES, "a name or a Regularizer")


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """Describe a regularizer in plain values.

    Parameters
    ----------
    regularizer : Regularizer
        The regularizer.

    Returns
    -------
    dict
        With ``class_name`` and ``config``.

    Raises
    ------
    Nothing.

    Examples
    --------
    >>> from fastnn import regularizers
    >>> regularizers.serialize(regularizers.L2(0.5))
    {'class_name': 'L2', 'config': {'l2': 0.5}}
    """
    return _KIND.describe(regularizer)


def deserialize(description: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a regularizer from what `serialize` returned.

    Parameters
    ----------
    description : mapping
        With ``class_name`` and ``config``.
    custom_objects : mapping, optional
        Other classes by name.

    Returns
    -------
    Regularizer

    Raises
    ------
    ValueError
        If the class is not known or the description is none.

    Examples
    --------
    >>> from fastnn import regularizers
    >>> regularizers.deserialize({"class_name": "L2", "config": {"l2": 0.5}})
    L2(l2=0.5)
    """
    return _KIND.restore(description, custom_objects)


def get(identifier: Any) -> Any:
    """Return a regularizer: itself, or one by its name, its class or its description.

    Parameters
    ----------
    identifier : str, Regularizer, type, mapping, callable or None
        ``"l1"``, ``"l2"`` or ``"l1_l2"`` for one with default factors; None stays None.

    Returns
    -------
    Regularizer, callable or None

    Raises
    ------
    ValueError
        If the name is not known; the message offers the nearest ones.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from fastnn import regularizers
    >>> regularizers.get("l2")
    L2(l2=0.01)
    """
    return _KIND.get(identifier)
