"""The merging layers as functions, as Keras has them."""

from __future__ import annotations

from typing import Any

from fastnn.layers import merging


def add(inputs: Any, **kwargs: Any) -> Any:
    """Return the sum of several tensors: what a layer `Add` returns.

    Parameters
    ----------
    inputs : list of Tensor
    **kwargs
        Those of the layer.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If their shapes do not fit.

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input((3,))
    >>> fastnn.layers.add([x, x]).shape
    (None, 3)
    """
    return merging.Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """Return the difference of two tensors: what a layer `Subtract` returns.

    Parameters
    ----------
    inputs : list of Tensor
    **kwargs
        Those of the layer.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If their shapes do not fit.

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input((3,))
    >>> fastnn.layers.subtract([x, x]).shape
    (None, 3)
    """
    return merging.Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Return the product of several tensors: what a layer `Multiply` returns.

    Parameters
    ----------
    inputs : list of Tensor
    **kwargs
        Those of the layer.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If their shapes do not fit.

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input((3,))
    >>> fastnn.layers.multiply([x, x]).shape
    (None, 3)
    """
    return merging.Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """Return the mean of several tensors: what a layer `Average` returns.

    Parameters
    ----------
    inputs : list of Tensor
    **kwargs
        Those of the layer.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If their shapes do not fit.

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input((3,))
    >>> fastnn.layers.average([x, x]).shape
    (None, 3)
    """
    return merging.Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """Return the elementwise maximum of several tensors: what a layer `Maximum` returns.

    Parameters
    ----------
    inputs : list of Tensor
    **kwargs
        Those of the layer.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If their shapes do not fit.

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input((3,))
    >>> fastnn.layers.maximum([x, x]).shape
    (None, 3)
    """
    return merging.Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Return the elementwise minimum of several tensors: what a layer `Minimum` returns.

    Parameters
    ----------
    inputs : list of Tensor
    **kwargs
        Those of the layer.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If their shapes do not fit.

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input((3,))
    >>> fastnn.layers.minimum([x, x]).shape
    (None, 3)
    """
    return merging.Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Return several tensors put one behind the other: what a layer `Concatenate` returns.

    Parameters
    ----------
    inputs : list of Tensor
    axis : int, default -1
    **kwargs
        Those of the layer.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If their shapes do not fit.

    Examples
    --------
    >>> import fastnn
    >>> x = fastnn.Input((3,))
    >>> fastnn.layers.concatenate([x, x]).shape
    (None, 6)
    """
    return merging.Concatenate(axis=axis, **kwargs)(inputs)
