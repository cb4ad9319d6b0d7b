"""Initializers: where weights begin.

Names, arguments and defaults are Keras'. An initializer without a seed gives other values at each call,
following from the seed that `fastnn.utils.set_random_seed` set; one with a seed always gives the same.

Examples
--------
>>> from fastnn import initializers, layers
>>> layer = layers.Dense(10, kernel_initializer="he_normal", bias_initializer=initializers.Constant(0.1))
>>> initializers.GlorotUniform(seed=3)((400, 120)).shape
(400, 120)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn import _registry
from fastnn._names import snake_case
from fastnn.initializers.base import Initializer, RandomInitializer, compute_fans
from fastnn.initializers.constant import Constant, Identity, Ones, Zeros
from fastnn.initializers.drawn import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal
from fastnn.initializers.scaled import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)

__all__ = [
    "Initializer",
    "RandomInitializer",
    "Zeros",
    "Ones",
    "Constant",
    "RandomUniform",
    "RandomNormal",
    "TruncatedNormal",
    "VarianceScaling",
    "GlorotUniform",
    "GlorotNormal",
    "HeUniform",
    "HeNormal",
    "LecunUniform",
    "LecunNormal",
    "Orthogonal",
    "Identity",
    "zeros",
    "ones",
    "constant",
    "random_uniform",
    "random_normal",
    "truncated_normal",
    "variance_scaling",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
    "identity",
    "IdentityInitializer",
    "OrthogonalInitializer",
    "compute_fans",
    "deserialize",
    "get",
    "serialize",
]

# Keras' other names for the classes.
zeros = Zeros
ones = Ones
constant = Constant
random_uniform = RandomUniform
random_normal = RandomNormal
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform = GlorotUniform
glorot_normal = GlorotNormal
he_uniform = HeUniform
he_normal = HeNormal
lecun_uniform = LecunUniform
lecun_normal = LecunNormal
orthogonal = Orthogonal
identity = Identity
IdentityInitializer = Identity
OrthogonalInitializer = Orthogonal

_CLASSES: tuple[type[Initializer], ...] = (
    Zeros,
    Ones,
    Constant,
    RandomUniform,
    RandomNormal,
    TruncatedNormal,
    VarianceScaling,
    GlorotUniform,
    GlorotNormal,
    HeUniform,
    HeNormal,
    LecunUniform,
    LecunNormal,
    Orthogonal,
    Identity,
)
_BY_NAME: dict[str, type[Initializer]] = {snake_case(cls.__name__): cls for cls in _CLASSES} | {
    "zero": Zeros,
    "one": Ones,
    "uniform": RandomUniform,
    "normal": RandomNormal,
    "xavier_uniform": GlorotUniform,
    "xavier_normal": GlorotNormal,
    "eye": Identity,
}
_KIND = _registry.Kind("an", "initializer", Initializer, _BY_NAME, "a name, a number or an Initializer")


def serialize(initializer: Initializer) -> dict[str, Any]:
    """Describe an initializer in plain values.

    Parameters
    ----------
    initializer : Initializer
        The initializer.

    Returns
    -------
    dict
        With ``class_name`` and ``config``.

    Raises
    ------
    Nothing.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.serialize(initializers.Constant(0.5))
    {'class_name': 'Constant', 'config': {'value': 0.5}}
    """
    return _KIND.describe(initializer)


def deserialize(description: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make an initializer from what `serialize` returned.

    Parameters
    ----------
    description : mapping
        With ``class_name`` and ``config``.
    custom_objects : mapping, optional
        Other classes by name.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If the class is not known or the description is none.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.deserialize({"class_name": "Constant", "config": {"value": 0.5}})
    Constant(value=0.5)
    """
    return _KIND.restore(description, custom_objects)


def get(identifier: Any) -> Any:
    """Return an initializer: itself, or one by its name, its value, its class or its description.

    Parameters
    ----------
    identifier : str, float, array, Initializer, type, mapping, callable or None
        A name such as ``"glorot_uniform"`` or ``"zeros"``; a number or an array for `Constant`; any function
        of (shape, dtype). None stays None.

    Returns
    -------
    Initializer, callable or None

    Raises
    ------
    ValueError
        If the name is not known; the message offers the nearest ones.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.get("he_normal"), initializers.get(0.5)
    (HeNormal(seed=None), Constant(value=0.5))
    >>> initializers.get("glorot")
    Traceback (most recent call last):
    ValueError: unknown initializer 'glorot'; did you mean 'glorot_normal' or 'glorot_uniform'?
    """
    if isinstance(identifier, (int, float, np.generic, np.ndarray)) and not isinstance(identifier, bool):
        return Constant(identifier)
    return _KIND.get(identifier)
