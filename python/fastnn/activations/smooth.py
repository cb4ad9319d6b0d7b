"""Functions without parameters."""

from __future__ import annotations

from typing import Any

from fastnn.activations.evaluate import along_axis, elementwise, floating, recorded
from fastnn.tensor import Tensor


@recorded
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
    return x if isinstance(x, Tensor) else floating(x, "linear")


@recorded
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
    return elementwise(x, "selu")


@recorded
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
    return elementwise(x, "silu")


@recorded
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
    return elementwise(x, "mish")


@recorded
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
    return elementwise(x, "sigmoid")


@recorded
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
    return elementwise(x, "hard_sigmoid")


@recorded
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
    return elementwise(x, "tanh")


@recorded
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
    return elementwise(x, "softplus")


@recorded
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
    return elementwise(x, "softsign")


@recorded
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
    return elementwise(x, "exponential")


@recorded
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
    return along_axis(x, "softmax", axis)


@recorded
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
    return along_axis(x, "log_softmax", axis)
