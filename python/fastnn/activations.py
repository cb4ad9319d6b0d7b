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

import numpy as np

from fastnn import tensor as _tensor
from fastnn._names import nearest
from fastnn.tensor import Tensor

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_sigmoid",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mish",
    "relu",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

Activation = Callable[..., Any]


def _elementwise(x: Any, kind: str, alpha: float | None = None) -> Any:
    if isinstance(x, Tensor):
        return _tensor.apply("activation", [x], {"kind": kind, "alpha": alpha})
    array = _floating(x, kind)
    if array.size == 0:
        return array.copy()
    flat = np.ascontiguousarray(array).reshape(-1)
    result = _tensor.run(
        lambda t: _tensor.apply("activation", [t], {"kind": kind, "alpha": alpha}, kind),
        [flat],
        str(flat.dtype),
    )
    return result.reshape(array.shape)


def _floating(x: Any, name: str) -> np.ndarray[Any, Any]:
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}: expected numbers, got dtype {array.dtype}")
    return array.astype(np.float64 if array.dtype == np.float64 and hasattr(x, "dtype") else np.float32)


def _check_number(function: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{function}: {name} must be a number, got {value!r}")
    if not np.isfinite(value):
        raise ValueError(f"{function}: {name} must be finite, got {value!r}")
    return float(value)


def linear(x: Any) -> Any:
    """Return `x` unchanged.

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import linear
    >>> linear([-1.0, 2.0])
    array([-1.,  2.], dtype=float32)
    """
    return x if isinstance(x, Tensor) else _floating(x, "linear")


def selu(x: Any) -> Any:
    """Scaled exponential linear unit (Klambauer et al. 2017): 1.0507 x, below 0 1.7581 (exp x - 1).

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import selu
    >>> selu([-1.0, 2.0]).round(4)
    array([-1.1113,  2.1014], dtype=float32)
    """
    return _elementwise(x, "selu")


def silu(x: Any) -> Any:
    """X sigmoid(x), also called swish (Elfwing et al. 2017; Ramachandran et al. 2017).

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import silu
    >>> silu([-1.0, 2.0]).round(4)
    array([-0.2689,  1.7616], dtype=float32)
    """
    return _elementwise(x, "silu")


def mish(x: Any) -> Any:
    """X tanh(softplus(x)) (Misra 2019).

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import mish
    >>> mish([-1.0, 2.0]).round(4)
    array([-0.3034,  1.944 ], dtype=float32)
    """
    return _elementwise(x, "mish")


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)).

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import sigmoid
    >>> sigmoid([-1.0, 0.0]).round(4)
    array([0.2689, 0.5   ], dtype=float32)
    """
    return _elementwise(x, "sigmoid")


def hard_sigmoid(x: Any) -> Any:
    """relu6(x + 3) / 6: a sigmoid of straight lines.

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import hard_sigmoid
    >>> hard_sigmoid([-4.0, 0.0, 1.5]).round(4)
    array([0.  , 0.5 , 0.75], dtype=float32)
    """
    return _elementwise(x, "hard_sigmoid")


def tanh(x: Any) -> Any:
    """Hyperbolic tangent.

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import tanh
    >>> tanh([-1.0, 0.0]).round(4)
    array([-0.7616,  0.    ], dtype=float32)
    """
    return _elementwise(x, "tanh")


def softplus(x: Any) -> Any:
    """log(1 + exp(x)).

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import softplus
    >>> softplus([-1.0, 0.0]).round(4)
    array([0.3133, 0.6931], dtype=float32)
    """
    return _elementwise(x, "softplus")


def softsign(x: Any) -> Any:
    """X / (1 + abs(x)).

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import softsign
    >>> softsign([-1.0, 3.0]).round(4)
    array([-0.5 ,  0.75], dtype=float32)
    """
    return _elementwise(x, "softsign")


def exponential(x: Any) -> Any:
    """exp(x).

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import exponential
    >>> exponential([0.0, 1.0]).round(4)
    array([1.    , 2.7183], dtype=float32)
    """
    return _elementwise(x, "exponential")


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """x, below 0 `negative_slope` times x (Maas et al. 2013).

    Parameters
    ----------
    x : Tensor or array_like
    negative_slope : float, default 0.2
        The slope below 0.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import leaky_relu
    >>> leaky_relu([-1.0, 2.0]).round(4)
    array([-0.2,  2. ], dtype=float32)
    """
    return _elementwise(x, "leaky_relu", _check_number("leaky_relu", "negative_slope", negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Exponential linear unit (Clevert et al. 2015): x, below 0 alpha (exp x - 1).

    Parameters
    ----------
    x : Tensor or array_like
    alpha : float, default 1.0
        The minus the limit towards minus infinity.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import elu
    >>> elu([-1.0, 2.0]).round(4)
    array([-0.6321,  2.    ], dtype=float32)
    """
    return _elementwise(x, "elu", _check_number("elu", "alpha", alpha))


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Continuously differentiable exponential linear unit (Barron 2017): x, below 0 alpha (exp(x / alpha) - 1).

    Parameters
    ----------
    x : Tensor or array_like
    alpha : float, default 1.0
        The minus the limit towards minus infinity.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import celu
    >>> celu([-1.0, 2.0]).round(4)
    array([-0.6321,  2.    ], dtype=float32)
    """
    return _elementwise(x, "celu", _check_number("celu", "alpha", alpha))


def relu(x: Any, negative_slope: float = 0.0) -> Any:
    """x, below 0 `negative_slope` times x.

    Parameters
    ----------
    x : Tensor or array_like
    negative_slope : float, default 0.0
        The slope below 0.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import relu
    >>> relu([-1.0, 2.0])
    array([0., 2.], dtype=float32)
    """
    slope = _check_number("relu", "negative_slope", negative_slope)
    return _elementwise(x, "relu") if slope == 0.0 else _elementwise(x, "leaky_relu", slope)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Gaussian error linear unit (Hendrycks and Gimpel 2016): x times the normal distribution's function.

    Parameters
    ----------
    x : Tensor or array_like
    approximate : bool, default False
        Use the form with tanh instead of the error function.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import gelu
    >>> gelu([-1.0, 2.0]).round(4)
    array([-0.1587,  1.9545], dtype=float32)
    """
    return _elementwise(x, "gelu_tanh" if approximate else "gelu")


def _along_axis(x: Any, op: str, axis: int) -> Any:
    if isinstance(x, Tensor):
        last = _tensor_axis(op, axis, x.ndim)
        if last == x.ndim - 1:
            return _tensor.apply(op, [x])
        order = [i for i in range(1, x.ndim) if i != last] + [last]  # the axis goes last, and comes back
        back = [order.index(i) for i in range(1, x.ndim)]
        moved = _tensor.apply("transpose", [x], {"permutation": [i - 1 for i in order]})
        return _tensor.apply("transpose", [_tensor.apply(op, [moved])], {"permutation": back})
    array = _floating(x, op)
    if array.ndim == 0:
        raise ValueError(f"{op}: expected an array with at least one dimension, got a scalar")
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"{op}: axis {axis} does not exist in an array of shape {array.shape}")
    if array.size == 0:
        return array.copy()
    moved_array = np.moveaxis(array, axis, -1)
    rows = np.ascontiguousarray(moved_array).reshape(-1, moved_array.shape[-1])
    result = _tensor.run(lambda t: _tensor.apply(op, [t], {}, op), [rows], str(rows.dtype))
    return np.ascontiguousarray(np.moveaxis(result.reshape(moved_array.shape), -1, axis))


def _tensor_axis(op: str, axis: int, ndim: int) -> int:
    place = axis + ndim if axis < 0 else axis
    if not 1 <= place < ndim:
        raise ValueError(f"{op}: axis {axis} must be one of the axes 1 to {ndim - 1} (0 counts samples)")
    return place


def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) scaled to sum 1 along an axis, in the form that cannot overflow.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int, default -1

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.
    ValueError
        If there is no such axis.

    Examples
    --------
    >>> from fastnn.activations import softmax
    >>> softmax([[0.0, 0.0], [1000.0, 0.0]])
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """
    return _along_axis(x, "softmax", axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Logarithm of `softmax`, computed without its rounding.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int, default -1

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.
    ValueError
        If there is no such axis.

    Examples
    --------
    >>> from fastnn.activations import log_softmax
    >>> log_softmax([[0.0, 1000.0]])
    array([[-1000.,     0.]], dtype=float32)
    """
    return _along_axis(x, "log_softmax", axis)


swish = silu

_KNOWN: dict[str, Activation] = {
    f.__name__: f
    for f in (
        celu,
        elu,
        exponential,
        gelu,
        hard_sigmoid,
        leaky_relu,
        linear,
        log_softmax,
        mish,
        relu,
        selu,
        sigmoid,
        silu,
        softmax,
        softplus,
        softsign,
        tanh,
    )
}
_ALIASES = {"swish": "silu", "leakyrelu": "leaky_relu", "exp": "exponential"}

# Those that dense and conv2d compute along with their own result (op attribute `activation`). The sigmoid is left
# apart, so that a cross-entropy after it can be computed from the logits.
_FUSED: dict[Activation, str] = {relu: "relu", tanh: "tanh", exponential: "exponential", linear: "linear"}


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
        found = _KNOWN.get(_ALIASES.get(name, name))
        if found is None:
            raise ValueError(f"unknown activation {identifier!r}{nearest(identifier, [*_KNOWN, *_ALIASES])}")
        return found
    if callable(identifier):
        return identifier  # type: ignore[no-any-return]
    raise TypeError(f"activation: expected a name, a callable or None, got {identifier!r}")


def serialize(activation: Activation) -> str:
    """Return the name of an activation function, as it is saved.

    Parameters
    ----------
    activation : callable

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is not one of this module's functions.

    Examples
    --------
    >>> from fastnn import activations
    >>> activations.serialize(activations.relu)
    'relu'
    """
    name = getattr(activation, "__name__", type(activation).__name__)
    if _KNOWN.get(name) is not activation:
        raise ValueError(f"activation {name!r} is not one of fastnn.activations and cannot be saved by name")
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
    return _FUSED.get(activation) if callable(activation) and getattr(activation, "__hash__", None) else None
