"""Activations and softmax."""

from __future__ import annotations

from typing import Any

from fastnn.ops._dispatch import floating, op, sample_axis
from fastnn.tensor import apply


@op
def relu(x: Any) -> Any:
    """``max(x, 0)``.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.relu([-1.0, 1.0])
    array([0., 1.], dtype=float32)
    """
    return apply("activation", [floating(x, "relu")], {"kind": "relu"})


@op
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.sigmoid([-1.0, 1.0]).round(4)
    array([0.2689, 0.7311], dtype=float32)
    """
    return apply("activation", [floating(x, "sigmoid")], {"kind": "sigmoid"})


@op
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.softplus([-1.0, 1.0]).round(4)
    array([0.3133, 1.3133], dtype=float32)
    """
    return apply("activation", [floating(x, "softplus")], {"kind": "softplus"})


@op
def silu(x: Any) -> Any:
    """``x * sigmoid(x)``.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.silu([-1.0, 1.0]).round(4)
    array([-0.2689,  0.7311], dtype=float32)
    """
    return apply("activation", [floating(x, "silu")], {"kind": "silu"})


@op
def gelu(x: Any, approximate: bool = True) -> Any:
    """``x`` times the normal distribution function of x.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    approximate : bool, default True
        Whether to compute by tanh in place of erf.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.gelu([-1.0, 1.0]).round(4)
    array([-0.1588,  0.8412], dtype=float32)
    """
    return apply("activation", [floating(x, "gelu")], {"kind": "gelu_tanh" if approximate else "gelu"})


@op
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """``x`` where it is positive, `negative_slope` times x below.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    negative_slope : float, default 0.2

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.leaky_relu([-1.0, 1.0])
    array([-0.2,  1. ], dtype=float32)
    """
    attributes = {"kind": "leaky_relu", "alpha": float(negative_slope)}
    return apply("activation", [floating(x, "leaky_relu")], attributes)


@op
def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` where it is positive, ``alpha * (exp(x) - 1)`` below.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    alpha : float, default 1.0

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.elu([-1.0, 1.0]).round(4)
    array([-0.6321,  1.    ], dtype=float32)
    """
    return apply("activation", [floating(x, "elu")], {"kind": "elu", "alpha": float(alpha)})


@op
def selu(x: Any) -> Any:
    """``1.0507 x`` where x is positive, ``1.7581 * (exp(x) - 1)`` below.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.selu([-1.0, 1.0]).round(4)
    array([-1.1113,  1.0507], dtype=float32)
    """
    return apply("activation", [floating(x, "selu")], {"kind": "selu"})


@op
def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.mish([-1.0, 1.0]).round(4)
    array([-0.3034,  0.8651], dtype=float32)
    """
    return apply("activation", [floating(x, "mish")], {"kind": "mish"})


@op
def softsign(x: Any) -> Any:
    """``x / (1 + abs(x))``.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.softsign([-1.0, 1.0])
    array([-0.5,  0.5], dtype=float32)
    """
    return apply("activation", [floating(x, "softsign")], {"kind": "softsign"})


@op
def hard_sigmoid(x: Any) -> Any:
    """``(x + 3) / 6``, limited to 0 and 1.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.hard_sigmoid([-1.0, 1.0]).round(4)
    array([0.3333, 0.6667], dtype=float32)
    """
    return apply("activation", [floating(x, "hard_sigmoid")], {"kind": "hard_sigmoid"})


@op
def celu(x: Any, alpha: float = 1.0) -> Any:
    """``x`` where it is positive, ``alpha * (exp(x / alpha) - 1)`` below.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    alpha : float, default 1.0

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.celu([-1.0, 1.0], alpha=2.0).round(4)
    array([-0.7869,  1.    ], dtype=float32)
    """
    return apply("activation", [floating(x, "celu")], {"kind": "celu", "alpha": float(alpha)})


@op
def softmax(x: Any, axis: int = -1) -> Any:
    """Exponentials divided by their sum along an axis.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    axis : int, default -1
        Not that of samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.softmax([1.0, 1.0])
    array([0.5, 0.5], dtype=float32)
    """
    tensor = floating(x, "softmax")
    return apply("softmax", [tensor], {"axis": sample_axis("softmax", axis, tensor)})


@op
def log_softmax(x: Any, axis: int = -1) -> Any:
    """Logarithm of `softmax`, exact where that is near 0.

    Parameters
    ----------
    x : Tensor or array_like
        Floating point.
    axis : int, default -1
        Not that of samples.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If there is no such axis, or it counts samples.
    TypeError
        If x holds integers.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.log_softmax([0.0, 1000.0])
    array([-1000.,     0.], dtype=float32)
    """
    tensor = floating(x, "log_softmax")
    return apply("log_softmax", [tensor], {"axis": sample_axis("log_softmax", axis, tensor)})
