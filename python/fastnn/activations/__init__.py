"""Activation functions, for layers' `activation=` argument, tensors and arrays.

Each takes a tensor inside a layer's `call`, or an array, of which it returns the values.

Examples
--------
>>> from fastnn import activations
>>> activations.relu([-1.0, 0.0, 2.0])
array([0., 0., 2.], dtype=float32)
>>> activations.get("gelu").__name__
'gelu'
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn import _registry
from fastnn._names import nearest
from fastnn.activations.further import (
    glu,
    hard_shrink,
    hard_silu,
    hard_tanh,
    log_sigmoid,
    relu6,
    soft_shrink,
    sparse_plus,
    squareplus,
    tanh_shrink,
    threshold,
)
from fastnn.activations.rectifiers import celu, elu, gelu, leaky_relu, relu
from fastnn.activations.smooth import (
    exponential,
    hard_sigmoid,
    linear,
    log_softmax,
    mish,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

Activation = Callable[..., Any]


swish = silu
hard_swish = hard_silu

_KNOWN: dict[str, Activation] = {
    f.__name__: f
    for f in (
        celu,
        elu,
        exponential,
        gelu,
        glu,
        hard_shrink,
        hard_sigmoid,
        hard_silu,
        hard_tanh,
        leaky_relu,
        linear,
        log_sigmoid,
        log_softmax,
        mish,
        relu,
        relu6,
        selu,
        sigmoid,
        silu,
        soft_shrink,
        softmax,
        softplus,
        softsign,
        sparse_plus,
        squareplus,
        tanh,
        tanh_shrink,
    )
}
_ALIASES = {
    "swish": "silu",
    "hard_swish": "hard_silu",
    "hardswish": "hard_silu",
    "hardsilu": "hard_silu",
    "leakyrelu": "leaky_relu",
    "exp": "exponential",
}

# Those that dense and conv2d compute along with their own result (op attribute `activation`). The sigmoid is
# left apart, so that a cross-entropy after it can be computed from the logits.
_FUSED = ((relu, "relu"), (tanh, "tanh"), (exponential, "exponential"), (linear, "linear"))


def get(identifier: Any) -> Activation:
    """Find an activation function by name; a callable is returned as it is, None is `linear`.

    Parameters
    ----------
    identifier : str, callable or None

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If the name is not known; the message offers the nearest.
    TypeError
        For anything else.

    Examples
    --------
    >>> from fastnn import activations
    >>> activations.get("swish") is activations.silu
    True
    >>> activations.get("rellu")
    Traceback (most recent call last):
    ValueError: unknown activation 'rellu'; did you mean 'relu'?
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        name = identifier.lower()
        found = _KNOWN.get(_ALIASES.get(name, name)) or _registry.find_function(identifier)
        if found is None:
            raise ValueError(f"unknown activation {identifier!r}{nearest(identifier, [*_KNOWN, *_ALIASES])}")
        return found
    if isinstance(identifier, type):
        raise TypeError(
            f"activation: got the class {identifier.__name__}; pass an object, {identifier.__name__}(), or "
            "a function's name"
        )
    if callable(identifier):
        return identifier  # type: ignore[no-any-return]
    raise TypeError(f"activation: expected a name, a callable or None, got {identifier!r}")


def serialize(activation: Activation) -> str:
    """Return the name of an activation function, or of another that is registered, as it is saved.

    Parameters
    ----------
    activation : callable

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is not one of this module's functions, and not registered.

    Examples
    --------
    >>> from fastnn import activations
    >>> activations.serialize(activations.relu)
    'relu'
    """
    name = getattr(activation, "__name__", type(activation).__name__)
    if _KNOWN.get(name) is not activation and _registry.function_name(activation) is None:
        raise ValueError(
            f"function {name!r} is not one of fastnn.activations and cannot be saved by name; register it "
            "with fastnn.saving.register"
        )
    return str(name)


def deserialize(name: str) -> Activation:
    """Inverse of `serialize`.

    Parameters
    ----------
    name : str

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If the name is not known.

    Examples
    --------
    >>> from fastnn import activations
    >>> activations.deserialize("tanh").__name__
    'tanh'
    """
    return get(name)


def fused_kind(activation: Activation) -> str | None:
    """Return the op attribute for an activation that dense and conv2d can fuse; None for others."""
    return next((kind for function, kind in _FUSED if function is activation), None)
