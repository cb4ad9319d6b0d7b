"""Copies of models: for `copy.deepcopy`, and for processes that pass models to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnn.layers.serialization import custom_classes, deserialize, serialize

if TYPE_CHECKING:
    from fastnn.models.base import Model


def pack(model: Model) -> tuple[Any, ...]:
    """Return what `unpack` needs to make a model like this one, its training state included.

    Parameters
    ----------
    model : Model

    Returns
    -------
    tuple
    """
    classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    weights = model.get_weights() if model.built else None
    compiled = model.get_compile_config()
    state = None if compiled is None else model._get_training_state()
    return classes, serialize(model), weights, compiled, state


def unpack(classes: dict[str, type[Any]], description: Any, weights: Any, compiled: Any, state: Any) -> Any:
    """Make a model of what `pack` returned.

    Parameters
    ----------
    classes : dict
        Classes of the layers, by name.
    description : dict
        The model's class and configuration.
    weights : list of arrays, or None
    compiled, state : what `compile` got and the training state, or None

    Returns
    -------
    Model
    """
    with custom_classes(classes):
        model = deserialize(description)
    if weights is not None:
        model.set_weights(weights)
    if compiled is not None:
        model.compile_from_config(compiled)
        model._set_training_state(*state)
    return model
