"""Learning-rate schedules: objects that map the number of a training step to a learning rate.

A step is one batch, counted from 0 through all epochs. Give a schedule to an optimizer in place of a number.
To write another one, derive from `LearningRateSchedule` and define ``__call__``.

Examples
--------
>>> from fastnn import optimizers, schedules
>>> schedule = schedules.CosineDecay(0.0, decay_steps=900, warmup_target=0.01, warmup_steps=100)
>>> optimizer = optimizers.Adam(learning_rate=schedule)
>>> schedule(0), schedule(50), schedule(100), schedule(1000)
(0.0, 0.005, 0.01, 0.0)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn import _registry
from fastnn.schedules.base import LearningRateSchedule
from fastnn.schedules.cosine import CosineDecay, CosineDecayRestarts, OneCycle
from fastnn.schedules.decay import (
    Constant,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    StepDecay,
)

__all__ = [
    "LearningRateSchedule",
    "Constant",
    "StepDecay",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PolynomialDecay",
    "CosineDecay",
    "CosineDecayRestarts",
    "OneCycle",
    "PiecewiseConstantDecay",
    "deserialize",
    "get",
    "serialize",
]

_classes: dict[str, type[LearningRateSchedule]] = {
    cls.__name__: cls
    for cls in (
        Constant,
        StepDecay,
        ExponentialDecay,
        InverseTimeDecay,
        PolynomialDecay,
        CosineDecay,
        CosineDecayRestarts,
        OneCycle,
        PiecewiseConstantDecay,
    )
}
_KIND = _registry.Kind("a", "schedule", LearningRateSchedule, _classes)


def serialize(schedule: LearningRateSchedule) -> dict[str, Any]:
    """Describe a schedule in plain values.

    Parameters
    ----------
    schedule : LearningRateSchedule
        The schedule.

    Returns
    -------
    dict
        With ``class_name`` and ``config``.

    Raises
    ------
    NotImplementedError
        If its class does not define ``get_config``.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.serialize(schedules.Constant(0.5))
    {'class_name': 'Constant', 'config': {'learning_rate': 0.5, 'name': 'Constant'}}
    """
    return _KIND.describe(schedule)


def deserialize(description: Any, custom_objects: Mapping[str, Any] | None = None) -> LearningRateSchedule:
    """Make a schedule from what `serialize` returned.

    Parameters
    ----------
    description : mapping
        With ``class_name`` and ``config``.
    custom_objects : mapping, optional
        Other classes by name.

    Returns
    -------
    LearningRateSchedule

    Raises
    ------
    ValueError
        If the class is not known or the description is none.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.deserialize({"class_name": "Constant", "config": {"learning_rate": 0.5}})
    Constant(learning_rate=0.5)
    """
    made: LearningRateSchedule = _KIND.restore(description, custom_objects)
    return made


def get(identifier: Any) -> LearningRateSchedule:
    """Return a schedule: itself, a description's, or a constant one of a number.

    Parameters
    ----------
    identifier : LearningRateSchedule, mapping or float
        What stands for the schedule.

    Returns
    -------
    LearningRateSchedule

    Raises
    ------
    ValueError, TypeError
        If it stands for none.

    Examples
    --------
    >>> from fastnn import schedules
    >>> schedules.get(0.5)
    Constant(learning_rate=0.5)
    """
    if isinstance(identifier, LearningRateSchedule):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return Constant(identifier)
