"""Models made anew from the configuration of others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastnn import _registry
from fastnn.layers.serialization import deserialize, serialize
from fastnn.models.copying import own_things

if TYPE_CHECKING:
    from fastnn.models.base import Model


def clone_model(model: Model) -> Any:
    """Make a model like another one, with weights of its own, freshly drawn; it is not compiled.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Model

    Raises
    ------
    ValueError
        If a part of it has no configuration.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.models.mlp()
    >>> fastnn.models.clone_model(model).count_params() == model.count_params()
    True
    """
    with _registry.knowing(own_things(model)):
        made = deserialize(serialize(model))
        inputs = model.get_build_config()
        if inputs is not None:
            made.build_from_config(inputs)
    return made


def model_from_json(text: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a model, with fresh weights, from what its `to_json` returned.

    Parameters
    ----------
    text : str
    custom_objects : mapping of str to class or function, optional
        Those of one's own that were not registered.

    Returns
    -------
    Model

    Raises
    ------
    ValueError
        If the text is no JSON, or describes no model.

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)])
    >>> fastnn.models.model_from_json(model.to_json()).output_shape
    (None, 2)
    """
    from fastnn.models.base import Model

    try:
        description = json.loads(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"model_from_json: expected what to_json returned ({error})") from None
    with _registry.knowing(custom_objects or {}):
        model = deserialize(description)
    if not isinstance(model, Model):
        raise ValueError(f"model_from_json: the text describes a {type(model).__name__}, not a model")
    return model
