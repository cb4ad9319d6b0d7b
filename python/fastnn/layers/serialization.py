"""Layers to plain values and back. Classes are found by name among those that are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _registry, activations
from fastnn._names import nearest
from fastnn.layers import sharing

if TYPE_CHECKING:
    from fastnn.layers.base import Layer


def register(thing: Any) -> Any:
    """Make a class or function of one's own known to `load_model`, by its name; a decorator.

    Parameters
    ----------
    thing : type or function
        Subclass of `Layer`, `Model`, `Loss`, `Metric`, `Regularizer`, `Initializer`, `Constraint` or
        `LearningRateSchedule`; or a function that serves as activation, loss or regularizer.

    Returns
    -------
    type or function
        The same.

    Raises
    ------
    TypeError
        If it is none of these, or a function without a name.

    Examples
    --------
    >>> import fastnn
    >>> @fastnn.saving.register
    ... class Same(fastnn.layers.Layer):
    ...     def call(self, inputs):
    ...         return inputs
    """
    from fastnn import constraints, initializers, losses, metrics, regularizers, schedules
    from fastnn.layers.base import Layer

    kinds = (
        Layer,
        losses.Loss,
        metrics.Metric,
        regularizers.Regularizer,
        initializers.Initializer,
        constraints.Constraint,
        schedules.LearningRateSchedule,
    )
    if isinstance(thing, type):
        if not issubclass(thing, kinds):
            raise TypeError(
                f"register: expected a subclass of {', '.join(k.__name__ for k in kinds)}, got {thing!r}"
            )
    elif not callable(thing) or getattr(thing, "__name__", "<lambda>") == "<lambda>":
        raise TypeError(f"register: expected a class, or a function with a name, got {thing!r}")
    _registry.add(thing)
    return thing


def plain(value: Any) -> Any:
    """Turn an argument of a layer into what JSON can hold.

    Parameters
    ----------
    value : number, str, sequence, function of `fastnn.activations` or object with ``get_config``

    Returns
    -------
    object

    Raises
    ------
    TypeError, ValueError
        If the value has no plain form.

    Examples
    --------
    >>> import fastnn
    >>> from fastnn.layers.serialization import plain
    >>> plain((fastnn.activations.relu, 3))
    ['relu', 3]
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "get_config"):
        from fastnn.layers.base import Layer

        if isinstance(value, Layer):
            return serialize(value)
        return {"class_name": type(value).__name__, "config": plain(value.get_config())}
    if callable(value):
        return activations.serialize(value)
    raise TypeError(f"a {type(value).__name__} cannot be saved in a configuration")


def serialize(layer: Layer) -> dict[str, Any]:
    """Describe a layer in plain values: its class's name and its configuration.

    Layers that occur several times within have a mark, ``"shared"``, by which `deserialize` makes them one.

    Parameters
    ----------
    layer : Layer

    Returns
    -------
    dict

    Raises
    ------
    NotImplementedError
        If the layer's class has to, and does not, override ``get_config``.

    Examples
    --------
    >>> from fastnn import layers
    >>> layers.serialize(layers.Dropout(0.5, name="drop"))["config"]["rate"]
    0.5
    """
    return sharing.describe(
        lambda: {"class_name": type(layer).__name__, "config": plain(layer.get_config())}, layer
    )


def find_class(name: Any) -> type[Any]:
    """Return the class of layers or models with this name.

    Parameters
    ----------
    name : str

    Returns
    -------
    type

    Raises
    ------
    ValueError
        If no such class is known.

    Examples
    --------
    >>> from fastnn.layers.serialization import find_class
    >>> find_class("Dense").__name__
    'Dense'
    """
    from fastnn import layers, models
    from fastnn.layers.base import Layer

    if isinstance(name, str):
        own = _registry.find_class(Layer, name)
        if own is not None:
            return own  # type: ignore[no-any-return]
        for module in (layers, models):
            if name in module.__all__:
                found = getattr(module, name)
                if isinstance(found, type) and issubclass(found, Layer):
                    return found
    known = [*_registry.names(), *layers.__all__, *models.__all__]
    raise ValueError(f"unknown layer class {str(name)!r}{nearest(str(name), known)}{_registry.CURE}")


def deserialize(description: Any) -> Any:
    """Make a layer or model from what `serialize` returned.

    Parameters
    ----------
    description : mapping
        With ``class_name`` and ``config``.

    Returns
    -------
    Layer

    Raises
    ------
    ValueError
        If the class is not known or the configuration does not fit it.

    Examples
    --------
    >>> from fastnn import layers
    >>> layers.deserialize(layers.serialize(layers.Flatten(name="flat"))).name
    'flat'
    """
    if not isinstance(description, Mapping) or not isinstance(description.get("config"), Mapping):
        raise ValueError(
            f"expected the description of a layer with 'class_name' and 'config', got {description!r}"
        )
    cls = find_class(description.get("class_name"))
    return sharing.restore(description, lambda: cls.from_config(dict(description["config"])))
