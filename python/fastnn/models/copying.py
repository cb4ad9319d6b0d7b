"""Copies of models: for `copy.deepcopy`, and for processes that pass models to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastnn import _registry
from fastnn.layers.nest import leaves
from fastnn.layers.serialization import deserialize, serialize

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
    known = own_things(model)
    with _registry.knowing(known):
        description = serialize(model)
        compiled = model.get_compile_config()
    weights = model.get_weights() if model.built else None
    state = None if compiled is None else model._get_training_state()
    return known, description, model.get_build_config(), weights, compiled, state


def unpack(
    known: dict[str, Any], description: Any, inputs: Any, weights: Any, compiled: Any, state: Any
) -> Any:
    """Make a model of what `pack` returned.

    Parameters
    ----------
    known : dict
        Classes and functions that are not fastnn's, by name.
    description : dict
        The model's class and configuration.
    inputs : dict or None
        What the inputs are, where the configuration does not say it.
    weights : list of arrays, or None
    compiled, state : what `compile` got and the training state, or None

    Returns
    -------
    Model
    """
    with _registry.knowing(known):
        model = deserialize(description)
        if inputs is not None:
            model.build_from_config(inputs)
        if compiled is not None:
            model.compile_from_config(compiled)
    if weights is not None:
        model.set_weights(weights)
    if compiled is not None:
        model._set_training_state(*state)
    return model


def own_things(model: Model) -> dict[str, Any]:
    """Classes and functions that a model uses, as far as they are not fastnn's own."""
    found: dict[str, Any] = {}
    compiled = getattr(model, "compiled_or_none", None)
    holders: list[Any] = list(model._flatten_layers())
    if compiled is not None:
        holders.append(compiled)
    for holder in holders:
        values = [holder, *(leaf for value in vars(holder).values() for leaf in leaves(value))]
        values += [value.function for value in values if hasattr(value, "function")]
        for value in values:
            named = callable(value) and getattr(value, "__name__", "<lambda>") != "<lambda>"
            thing = value if named else type(value) if hasattr(value, "get_config") else None
            if thing is not None and not str(thing.__module__).startswith("fastnn."):
                found[thing.__name__] = thing
    return found
