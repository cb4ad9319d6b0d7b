"""Changing the dtype policy of layers that are there already."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnn.layers.base import Layer

_models: weakref.WeakSet[Any] = weakref.WeakSet()  # whose plans a change makes stale


def remember(model: Any) -> None:
    """Note a model: a change of one of its layers' policies must reach its plans."""
    _models.add(model)


def change(layer: Layer, policy: str) -> None:
    """Give a layer, and those within, another policy for the same weights.

    Parameters
    ----------
    layer : Layer
    policy : str
        One that `fastnn.config.check_policy` returned.

    Raises
    ------
    ValueError
        If the weights would have to be of another type.
    """
    reduced = policy == "mixed_bfloat16"
    kind = "float32" if reduced else policy
    layers = layer._flatten_layers()
    for inner in layers:
        if inner.dtype != kind and inner.dtype in ("float32", "float64"):
            raise ValueError(
                f"{layer.label}: dtype_policy {policy!r} needs weights in {kind}, but those of {inner.label} "
                f"are {inner.dtype}; make the layer anew with dtype={policy!r}"
            )
    for inner in layers:
        inner._reduced = reduced
    for model in list(_models):
        model.structure_version += 1
        model._functions.clear()
        getattr(model, "step_functions", {}).clear()
