"""What is looked after around a layer's `call`: that it keeps the layers it uses, that errors name it."""

from __future__ import annotations

import re
import warnings
from typing import Any


def check_held(callers: list[Any], layer: Any, made_here: bool) -> None:
    """Refuse, or warn of, a layer whose weights would be no part of the model.

    Parameters
    ----------
    callers : list of Layer or None
        The layers that are being called, from the outermost inwards.
    layer : Layer
        The one that is called next, built.
    made_here : bool
        Whether its weights were made by this call.

    Raises
    ------
    ValueError
        If they were, and no caller keeps the layer: its next call would make others.
    """
    holders = [caller for caller in callers if caller is not None]
    if not layer.weights or not holders or any(caller.keeps_layers_used for caller in holders):
        return
    if any(part is layer for caller in holders for part in caller._flatten_layers()):
        return
    if made_here:
        raise ValueError(
            f"{holders[-1].label}: its call made weights of {layer.label}, which is kept in no attribute, so "
            "that they would be neither saved nor found again: make that layer in __init__ or build, as an "
            "attribute (or in a list or dict of them)"
        )
    warnings.warn(
        f"{holders[-1].label}: its call uses {layer.label}, which is kept in no attribute: the weights are "
        "not among the model's, and not saved with it",
        stacklevel=2,
    )


def naming(error: Exception, label: str) -> Exception:
    """Return an error of the same kind whose message begins with the layer's name, unless it names one."""
    text = str(error)
    if type(error) not in (TypeError, ValueError) or re.match(r"\w+ '", text) or label in text:
        return error
    return type(error)(f"{label}: {text}")
