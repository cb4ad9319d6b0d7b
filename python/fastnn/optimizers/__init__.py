"""Optimizers: how weights follow from gradients.

Names, arguments and defaults are Keras'; where the formulas of Keras and of the papers differ (where epsilon
is added, what momentum accumulates), they are the papers', as PyTorch has them too.

Examples
--------
>>> from fastnn import optimizers
>>> optimizers.get("adam").learning_rate
0.001
>>> schedule = optimizers.schedules.ExponentialDecay(0.1, decay_steps=1000, decay_rate=0.5)
>>> optimizers.SGD(schedule, momentum=0.9, clipnorm=1.0).learning_rate
0.1
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn import _registry
from fastnn.optimizers import schedules
from fastnn.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam
from fastnn.optimizers.adaptive import Adadelta, Adafactor, Adagrad, RMSprop
from fastnn.optimizers.base import Optimizer
from fastnn.optimizers.ftrl import Ftrl
from fastnn.optimizers.gradient_descent import SGD, Lion

GradientDescent = SGD

__all__ = [
    "Optimizer",
    "SGD",
    "GradientDescent",
    "Adagrad",
    "Adadelta",
    "RMSprop",
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "Lion",
    "Lamb",
    "Adafactor",
    "Ftrl",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_CLASSES: tuple[type[Optimizer], ...] = (
    SGD,
    Adagrad,
    Adadelta,
    RMSprop,
    Adam,
    AdamW,
    Adamax,
    Nadam,
    Lion,
    Lamb,
    Adafactor,
    Ftrl,
)
_BY_NAME: dict[str, type[Optimizer]] = {cls.__name__.lower(): cls for cls in _CLASSES} | {
    "gd": SGD,
    "gradientdescent": SGD,
    "gradient_descent": SGD,
    "rms_prop": RMSprop,
    "adam_w": AdamW,
}
_KIND = _registry.Kind("an", "optimizer", Optimizer, _BY_NAME)


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Describe an optimizer, without its state, in plain values.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer.

    Returns
    -------
    dict
        With ``class_name`` and ``config``.

    Raises
    ------
    NotImplementedError
        If its learning-rate schedule does not define ``get_config``.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.serialize(optimizers.SGD(0.1))["class_name"]
    'SGD'
    """
    return _KIND.describe(optimizer)


def deserialize(description: Any, custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """Make an optimizer from what `serialize` returned.

    Parameters
    ----------
    description : mapping
        With ``class_name`` and ``config``.
    custom_objects : mapping, optional
        Other classes of optimizers and schedules by name.

    Returns
    -------
    Optimizer

    Raises
    ------
    ValueError
        If the class is not known or the description is none.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.deserialize({"class_name": "SGD", "config": {"learning_rate": 0.5}})
    SGD(learning_rate=0.5, momentum=0.0, nesterov=False)
    """
    cls = _KIND.class_of(description, custom_objects)
    made: Optimizer = cls.from_config(description["config"], custom_objects)
    return made


def get(identifier: Any) -> Optimizer:
    """Return an optimizer: itself, or one with default settings by its name.

    Parameters
    ----------
    identifier : str, Optimizer, type or mapping
        A name such as ``"adam"`` or ``"sgd"`` in any case, an optimizer, its class, or what `serialize`
        returned.

    Returns
    -------
    Optimizer

    Raises
    ------
    ValueError
        If the name is not known; the message offers the nearest ones.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from fastnn import optimizers
    >>> optimizers.get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    >>> optimizers.get("adm")
    Traceback (most recent call last):
    ValueError: unknown optimizer 'adm'; did you mean 'adam'?
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        made: Optimizer = _KIND.named(identifier)()
        return made
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()  # type: ignore[call-arg]
    raise TypeError(f"an optimizer is a name or an Optimizer, got {identifier!r}")
