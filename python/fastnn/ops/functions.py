"""Functions of one number."""

from __future__ import annotations

from typing import Any

from fastnn.ops._dispatch import as_tensor, floating, op
from fastnn.tensor import Tensor, apply


def _unary(name: str, x: Any) -> Tensor:
    return apply("unary", [floating(x, name)], {"kind": name})


@op
def exp(x: Any) -> Any:
    """Exponential function.

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
    >>> ops.exp([0.0, 1.0]).round(4)
    array([1.    , 2.7183], dtype=float32)
    """
    return _unary("exp", x)


@op
def expm1(x: Any) -> Any:
    """``exp(x) - 1``, exact near 0.

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
    >>> ops.expm1([0.0, 1e-8])
    array([0.e+00, 1.e-08], dtype=float32)
    """
    return _unary("expm1", x)


@op
def log(x: Any) -> Any:
    """Natural logarithm; -inf at 0, NaN below.

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
    >>> ops.log([1.0, 2.0]).round(4)
    array([0.    , 0.6931], dtype=float32)
    """
    return _unary("log", x)


@op
def log1p(x: Any) -> Any:
    """``log(1 + x)``, exact near 0.

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
    >>> ops.log1p([0.0, 1e-8])
    array([0.e+00, 1.e-08], dtype=float32)
    """
    return _unary("log1p", x)


@op
def sqrt(x: Any) -> Any:
    """Square root; NaN below 0.

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
    >>> ops.sqrt([4.0, 9.0])
    array([2., 3.], dtype=float32)
    """
    return _unary("sqrt", x)


@op
def rsqrt(x: Any) -> Any:
    """``1 / sqrt(x)``.

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
    >>> ops.rsqrt([4.0, 0.25])
    array([0.5, 2. ], dtype=float32)
    """
    return _unary("rsqrt", x)


@op
def square(x: Any) -> Any:
    """``x * x``.

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
    >>> ops.square([2.0, -3.0])
    array([4., 9.], dtype=float32)
    """
    return _unary("square", x)


@op
def reciprocal(x: Any) -> Any:
    """``1 / x``.

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
    >>> ops.reciprocal([2.0, -4.0])
    array([ 0.5 , -0.25], dtype=float32)
    """
    return _unary("reciprocal", x)


@op
def sign(x: Any) -> Any:
    """1, 0 or -1 by the sign; its gradient is 0.

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
    >>> ops.sign([2.0, 0.0, -3.0])
    array([ 1.,  0., -1.], dtype=float32)
    """
    return _unary("sign", x)


@op
def sin(x: Any) -> Any:
    """Sine of an angle in radians.

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
    >>> ops.sin([0.0, 1.0]).round(4)
    array([0.    , 0.8415], dtype=float32)
    """
    return _unary("sin", x)


@op
def cos(x: Any) -> Any:
    """Cosine of an angle in radians.

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
    >>> ops.cos([0.0, 1.0]).round(4)
    array([1.    , 0.5403], dtype=float32)
    """
    return _unary("cos", x)


@op
def erf(x: Any) -> Any:
    """Error function.

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
    >>> ops.erf([0.0, 1.0]).round(4)
    array([0.    , 0.8427], dtype=float32)
    """
    return _unary("erf", x)


@op
def floor(x: Any) -> Any:
    """Largest whole number that is not larger; its gradient is 0.

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
    >>> ops.floor([1.5, -1.5])
    array([ 1., -2.], dtype=float32)
    """
    return _unary("floor", x)


@op
def ceil(x: Any) -> Any:
    """Smallest whole number that is not smaller; its gradient is 0.

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
    >>> ops.ceil([1.5, -1.5])
    array([ 2., -1.], dtype=float32)
    """
    return _unary("ceil", x)


@op
def round(x: Any) -> Any:
    """Nearest whole number, halves to even; its gradient is 0.

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
    >>> ops.round([1.5, 2.5])
    array([2., 2.], dtype=float32)
    """
    return _unary("round", x)


@op
def abs(x: Any) -> Any:
    """Magnitude; also ``abs(x)`` of a tensor.

    Parameters
    ----------
    x : Tensor or array_like

    Returns
    -------
    Tensor or numpy.ndarray

    Raises
    ------
    TypeError
        If x is bool.

    Examples
    --------
    >>> from fastnn import ops
    >>> ops.abs([1.0, -2.0])
    array([1., 2.], dtype=float32)
    """
    tensor = as_tensor(x)
    if tensor.dtype == "int32":
        minus = apply("subtract", [as_tensor(0, "int32"), tensor])
        return apply("maximum", [tensor, minus])
    return _unary("abs", tensor)


@op
def tanh(x: Any) -> Any:
    """Hyperbolic tangent.

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
    >>> ops.tanh([0.0, 1.0]).round(4)
    array([0.    , 0.7616], dtype=float32)
    """
    return apply("activation", [floating(x, "tanh")], {"kind": "tanh"})
