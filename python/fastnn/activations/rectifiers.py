"""Rectifiers: straight above 0, something else below."""

from __future__ import annotations

from typing import Any

from fastnn.activations.evaluate import check_number, composed, elementwise, recorded
from fastnn.tensor import Tensor, apply


@recorded
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
    return elementwise(x, "leaky_relu", check_number("leaky_relu", "negative_slope", negative_slope))


@recorded
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
    return elementwise(x, "elu", check_number("elu", "alpha", alpha))


@recorded
def celu(x: Any, alpha: float = 1.0) -> Any:
    """Continuously differentiable ELU (Barron 2017): x, below 0 alpha (exp(x / alpha) - 1).

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
    return elementwise(x, "celu", check_number("celu", "alpha", alpha))


@recorded
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """x, below `threshold` ``negative_slope * (x - threshold)``, and at most `max_value`.

    Parameters
    ----------
    x : Tensor or array_like
    negative_slope : float, default 0.0
        The slope below the threshold.
    max_value : float, optional
        The ceiling.
    threshold : float, default 0.0
        Where the function begins: from there on it is x.

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
    >>> relu([-1.0, 2.0, 9.0], max_value=6)
    array([0., 2., 6.], dtype=float32)
    """
    slope = check_number("relu", "negative_slope", negative_slope)
    begin = check_number("relu", "threshold", threshold)
    if begin == 0.0 and max_value is None:
        return elementwise(x, "relu") if slope == 0.0 else elementwise(x, "leaky_relu", slope)
    ceiling = None if max_value is None else check_number("relu", "max_value", max_value)
    return composed(x, "relu", lambda t: _bounded(t, slope, ceiling, begin))


def _bounded(x: Tensor, slope: float, ceiling: float | None, begin: float) -> Tensor:
    if begin == 0.0:
        out = elementwise(x, "relu") if slope == 0.0 else elementwise(x, "leaky_relu", slope)
    else:
        above = apply("greater_equal", [x, _constant(x, begin)])
        out = apply("multiply", [x, above])
        if slope != 0.0:
            below = apply("scale_shift", [above], {"scale": -slope, "offset": slope})
            shifted = apply("scale_shift", [x], {"offset": -begin})
            out = apply("add", [out, apply("multiply", [shifted, below])])
    return out if ceiling is None else apply("minimum", [out, _constant(x, ceiling)])


def _constant(like: Tensor, value: float) -> Tensor:
    return apply("fill", [], {"value": value, "shape": [], "dtype": like.dtype})


@recorded
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
    return elementwise(x, "gelu_tanh" if approximate else "gelu")
