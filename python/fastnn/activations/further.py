"""Further functions of single elements, composed of ops."""

from __future__ import annotations

from typing import Any

from fastnn.activations.evaluate import check_number, composed, recorded
from fastnn.tensor import Tensor, apply


@recorded
def relu6(x: Any) -> Any:
    """Relu(x) of at most 6 (Krizhevsky 2010).

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
    >>> from fastnn.activations import relu6
    >>> relu6([-1.0, 2.0, 9.0])
    array([0., 2., 6.], dtype=float32)
    """
    from fastnn import ops

    return composed(x, "relu6", lambda t: ops.clip(t, 0.0, 6.0))


@recorded
def hard_silu(x: Any) -> Any:
    """X hard_sigmoid(x), also called hard swish (Howard et al. 2019).

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
    >>> from fastnn.activations import hard_silu
    >>> hard_silu([-4.0, 0.0, 3.0])
    array([-0.,  0.,  3.], dtype=float32)
    """
    return composed(x, "hard_silu", lambda t: t * apply("activation", [t], {"kind": "hard_sigmoid"}))


@recorded
def hard_tanh(x: Any) -> Any:
    """X, between -1 and 1.

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
    >>> from fastnn.activations import hard_tanh
    >>> hard_tanh([-2.0, 0.5])
    array([-1. ,  0.5], dtype=float32)
    """
    from fastnn import ops

    return composed(x, "hard_tanh", lambda t: ops.clip(t, -1.0, 1.0))


@recorded
def log_sigmoid(x: Any) -> Any:
    """Logarithm of the sigmoid: -softplus(-x).

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
    >>> from fastnn.activations import log_sigmoid
    >>> log_sigmoid([0.0]).round(4)
    array([-0.6931], dtype=float32)
    """
    from fastnn import ops

    return composed(x, "log_sigmoid", lambda t: -ops.softplus(-t))


@recorded
def tanh_shrink(x: Any) -> Any:
    """X - tanh(x).

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
    >>> from fastnn.activations import tanh_shrink
    >>> tanh_shrink([0.0, 1.0]).round(4)
    array([0.    , 0.2384], dtype=float32)
    """
    from fastnn import ops

    return composed(x, "tanh_shrink", lambda t: t - ops.tanh(t))


@recorded
def sparse_plus(x: Any) -> Any:
    """0 below -1, x above 1, (x + 1)² / 4 between them.

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
    >>> from fastnn.activations import sparse_plus
    >>> sparse_plus([-2.0, 0.0, 3.0])
    array([0.  , 0.25, 3.  ], dtype=float32)
    """
    from fastnn import ops

    return composed(
        x, "sparse_plus", lambda t: 0.25 * ops.square(ops.clip(t, -1.0, 1.0) + 1.0) + ops.relu(t - 1.0)
    )


@recorded
def squareplus(x: Any, b: float = 4.0) -> Any:
    """(x + sqrt(x² + b)) / 2 (Barron 2021): as softplus, without exponentials.

    Parameters
    ----------
    x : Tensor or array_like
    b : float, default 4.0

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import squareplus
    >>> squareplus([0.0, 1.5])
    array([1., 2.], dtype=float32)
    """
    from fastnn import ops

    number = check_number("squareplus", "b", b)

    def function(t: Tensor) -> Any:
        return 0.5 * (t + ops.sqrt(ops.square(t) + number))

    return composed(x, "squareplus", function)


@recorded
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """X, nearer to 0 by the threshold, and 0 within it.

    Parameters
    ----------
    x : Tensor or array_like
    threshold : float, default 0.5

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import soft_shrink
    >>> soft_shrink([-2.0, 0.2, 1.0])
    array([-1.5,  0. ,  0.5], dtype=float32)
    """
    from fastnn import ops

    number = check_number("soft_shrink", "threshold", threshold)

    def function(t: Tensor) -> Any:
        return ops.relu(t - number) - ops.relu(-t - number)

    return composed(x, "soft_shrink", function)


@recorded
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """X where its magnitude is above the threshold, 0 elsewhere.

    Parameters
    ----------
    x : Tensor or array_like
    threshold : float, default 0.5

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import hard_shrink
    >>> hard_shrink([-2.0, 0.2, 1.0])
    array([-2.,  0.,  1.], dtype=float32)
    """
    from fastnn import ops

    number = check_number("hard_shrink", "threshold", threshold)

    def function(t: Tensor) -> Any:
        return ops.where(ops.abs(t) > number, t, 0.0)

    return composed(x, "hard_shrink", function)


@recorded
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """X where it is above a threshold, another value elsewhere.

    Parameters
    ----------
    x : Tensor or array_like
    threshold, default_value : float

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If the array does not hold numbers.

    Examples
    --------
    >>> from fastnn.activations import threshold
    >>> threshold([-2.0, 0.2, 1.0], 0.5, 0.0)
    array([0., 0., 1.], dtype=float32)
    """
    from fastnn import ops

    limit = check_number("threshold", "threshold", threshold)
    other = check_number("threshold", "default_value", default_value)

    def function(t: Tensor) -> Any:
        return ops.where(t > limit, t, other)

    return composed(x, "threshold", function)


@recorded
def glu(x: Any, axis: int = -1) -> Any:
    """Gated linear unit (Dauphin et al. 2017): the first half along an axis times the sigmoid of the second.

    Parameters
    ----------
    x : Tensor or array_like
    axis : int, default -1
        Of an even extent, which is halved.

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    ValueError
        If the extent is odd.

    Examples
    --------
    >>> from fastnn.activations import glu
    >>> glu([[2.0, 4.0, 0.0, 0.0]])
    array([[1., 2.]], dtype=float32)
    """
    from fastnn import ops

    value, gate = ops.split(x, 2, axis=axis)
    return value * ops.sigmoid(gate)
