"""Scaling of inputs: transformers fitted on the training part, and unit norms.

Statistics are float64 and are gathered block by block, so that a data set of uint8 images or on disk
(a memory map) is never copied to floats as a whole.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ._checks import is_integer, is_real

_Array = npt.NDArray[Any]
_Floats = npt.NDArray[np.float64]
_S = TypeVar("_S", bound="_Scaler")

_BLOCK = 1 << 18  # elements converted at a time: 2 MB of float64


def _blocks(x: _Array) -> Iterator[slice]:
    """Cut the first axis into slices of about `_BLOCK` elements."""
    step = max(1, _BLOCK // max(1, math.prod(x.shape[1:])))
    for start in range(0, len(x), step):
        yield slice(start, start + step)


def _numeric(x: npt.ArrayLike, who: str) -> _Array:
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{who}: expected 'x' to be numeric, got dtype {array.dtype}")
    if array.ndim == 0:
        raise ValueError(f"{who}: expected 'x' to have at least one dimension, got shape ()")
    return array


def _float_dtype(dtype: npt.DTypeLike | None, x: _Array) -> np.dtype[Any]:
    """Return the dtype of a result: the one asked for, else that of float inputs, else float32."""
    if dtype is not None:
        return np.dtype(dtype)
    return x.dtype.newbyteorder("=") if np.issubdtype(x.dtype, np.floating) else np.dtype(np.float32)


class _Scaler(abc.ABC):
    """What the scalers share: axes, checks, and passing over the data block by block."""

    def __init__(self, axis: int | tuple[int, ...] | None = 0, *, dtype: npt.DTypeLike | None = None) -> None:
        axes = axis if isinstance(axis, tuple) else (axis,)
        if axis is not None and not all(map(is_integer, axes)):
            raise TypeError(f"{type(self).__name__}: expected 'axis' to be int, tuple or None, got {axis!r}")
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise TypeError(f"{type(self).__name__}: expected a floating 'dtype', got {np.dtype(dtype)}")
        self.axis = axis
        self.dtype = dtype
        self._sample_shape: tuple[int | None, ...] | None = None  # None stands for any size

    def fit(self: _S, x: npt.ArrayLike) -> _S:
        """Learn the statistics of the training part.

        Parameters
        ----------
        x : array_like, shape (samples, ...)
            Numbers of any real dtype.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `x` is empty, holds NaN or infinities, is too large for float64 statistics, or lacks an
            axis that `axis` names.
        TypeError
            If `x` is not numeric.
        """
        who = f"{type(self).__name__}.fit"
        array = _numeric(x, who)
        if array.size == 0:
            raise ValueError(f"{who}: 'x' is empty (shape {array.shape})")
        axes = self._axes(array, who)
        with np.errstate(over="ignore", invalid="ignore"):
            self._learn(array, axes, who)
        self._sample_shape = tuple(None if a in axes else array.shape[a] for a in range(1, array.ndim))
        return self

    def transform(self, x: npt.ArrayLike) -> _Array:
        """Scale data with the statistics learnt by `fit`.

        Parameters
        ----------
        x : array_like, shape (samples, ...)
            Data of the shape fitted, but for the number of samples and the axes in `axis`.

        Returns
        -------
        numpy.ndarray
            A new array of the shape of `x`, in `dtype`.

        Raises
        ------
        RuntimeError
            If the scaler is not fitted.
        ValueError
            If the shape does not fit.
        TypeError
            If `x` is not numeric.
        """
        return self._apply(x, "transform", self._forward)

    def inverse_transform(self, x: npt.ArrayLike) -> _Array:
        """Undo `transform`; parameters, result and errors are those of `transform`."""
        return self._apply(x, "inverse_transform", self._backward)

    def fit_transform(self, x: npt.ArrayLike) -> _Array:
        """Do `fit` and then `transform` with the same data."""
        return self.fit(x).transform(x)

    @abc.abstractmethod
    def _learn(self, x: _Array, axes: tuple[int, ...], who: str) -> None: ...

    @abc.abstractmethod
    def _forward(self, block: _Floats) -> _Floats: ...

    @abc.abstractmethod
    def _backward(self, block: _Floats) -> _Floats: ...

    def _axes(self, x: _Array, who: str) -> tuple[int, ...]:
        if self.axis is None:
            return tuple(range(x.ndim))
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        if not all(-x.ndim <= a < x.ndim for a in axes):
            raise ValueError(f"{who}: axis={self.axis} names an axis that 'x' of shape {x.shape} has not")
        found = tuple(sorted({a % x.ndim for a in axes}))
        if 0 not in found:
            raise ValueError(f"{who}: expected 'axis' to include 0, the samples, got axis={self.axis}")
        return found

    def _shaped(self, statistic: _Floats) -> _Floats:
        """Give a statistic, kept with all its dimensions, the shape it has as an attribute."""
        return statistic.reshape(()) if self.axis is None else statistic[0]

    def _apply(self, x: npt.ArrayLike, method: str, function: Any) -> _Array:
        who = f"{type(self).__name__}.{method}"
        if self._sample_shape is None:
            raise RuntimeError(f"{who}: the scaler is not fitted; call fit with the training part first")
        array = _numeric(x, who)
        got = array.shape[1:]
        if self.axis is not None and (
            len(got) != len(self._sample_shape)
            or any(want not in (None, size) for want, size in zip(self._sample_shape, got, strict=True))
        ):
            raise ValueError(
                f"{who}: expected 'x' of shape {(None, *self._sample_shape)}, as fitted, got {array.shape}"
            )
        result = np.empty(array.shape, _float_dtype(self.dtype, array))
        for rows in _blocks(array):
            result[rows] = function(array[rows].astype(np.float64))
        return result


def _refuse_nonfinite(block: _Array, rows: slice, who: str) -> None:
    if block.dtype.kind == "f" and not (finite := np.isfinite(block)).all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        index = (rows.start + place[0], *place[1:])
        raise ValueError(f"{who}: 'x' holds {block[place]} at index {index}; remove or replace such values")


def _refuse_overflow(statistic: _Floats, who: str) -> None:
    if not np.isfinite(statistic).all():
        raise ValueError(f"{who}: the values of 'x' are too large for statistics in float64; rescale them")


class StandardScaler(_Scaler):
    """Standardise: subtract the mean and divide by the standard deviation of the training part.

    Like scikit-learn's class of this name. The standard deviation is that of the population (division
    by n). A constant feature becomes zero: it is divided by 1.

    Parameters
    ----------
    axis : int, tuple of int or None, default 0
        The axes to take statistics over, in NumPy's sense; they must include 0, the samples. 0 gives
        each feature (each pixel) its own statistics, (0, 1, 2) each channel of images
        (n, height, width, channels), None all values together.
    dtype : floating dtype, optional
        The dtype of results; by default that of the input if it is floating, else float32.

    Attributes
    ----------
    mean_, scale_, var_ : numpy.ndarray of float64
        Mean, divisor and variance, of the shape of one sample, with 1 for the axes in `axis`; of shape
        () if `axis` is None.
    n_samples_ : int
        The number of samples fitted.

    Raises
    ------
    TypeError
        If `axis` is not made of integers, or `dtype` is not floating.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance: analysis and
    recommendations", The American Statistician 37 (3), 242-247, 1983 (merging the blocks' statistics).

    Examples
    --------
    >>> from fastnn.utils import StandardScaler
    >>> scaler = StandardScaler()
    >>> scaler.fit_transform([[0, 5], [2, 5], [4, 5]])
    array([[-1.2247449,  0.       ],
           [ 0.       ,  0.       ],
           [ 1.2247449,  0.       ]], dtype=float32)
    >>> scaler.mean_, scaler.transform([[6, 6]])
    (array([2., 5.]), array([[2.4494898, 1.       ]], dtype=float32))
    """

    mean_: _Floats
    scale_: _Floats
    var_: _Floats
    n_samples_: int

    def _learn(self, x: _Array, axes: tuple[int, ...], who: str) -> None:
        # Values are taken relative to the first one, so that a constant feature has a variance of
        # exactly zero, and a large mean costs no digits.
        first = x[tuple(slice(1) if a in axes else slice(None) for a in range(x.ndim))].astype(np.float64)
        mean, squares = np.zeros_like(first), np.zeros_like(first)
        others = math.prod(x.shape[a] for a in axes if a)
        n = 0
        for rows in _blocks(x):
            _refuse_nonfinite(x[rows], rows, who)
            block = x[rows].astype(np.float64)
            m = len(block) * others
            block -= first
            block_mean = block.mean(axes, keepdims=True)
            block -= block_mean
            step = block_mean - mean
            mean += step * (m / (n + m))
            squares += np.square(block, out=block).sum(axes, keepdims=True) + step**2 * (n * m / (n + m))
            n += m
        variance = squares / n
        _refuse_overflow(variance, who)
        self.mean_ = self._shaped(first + mean)
        self.var_ = self._shaped(variance)
        self.scale_ = np.sqrt(np.where(self.var_ > 0, self.var_, 1.0))
        self.n_samples_ = len(x)

    def _forward(self, block: _Floats) -> _Floats:
        block -= self.mean_
        block /= self.scale_
        return block

    def _backward(self, block: _Floats) -> _Floats:
        block *= self.scale_
        block += self.mean_
        return block


class MinMaxScaler(_Scaler):
    """Scale linearly so that the training part fills a range, by default 0 to 1.

    Like scikit-learn's class of this name. A constant feature becomes the lower end of the range.

    Parameters
    ----------
    axis : int, tuple of int or None, default 0
        The axes to take minimum and maximum over, as in `StandardScaler`.
    feature_range : tuple of two floats, default (0, 1)
        What the minimum and the maximum of the training part become.
    clip : bool, default False
        Whether `transform` clips other data to the range.
    dtype : floating dtype, optional
        The dtype of results; by default that of the input if it is floating, else float32.

    Attributes
    ----------
    data_min_, data_max_ : numpy.ndarray of float64
        Minimum and maximum, shaped like the statistics of `StandardScaler`.
    n_samples_ : int
        The number of samples fitted.

    Raises
    ------
    ValueError
        If `feature_range` is not two finite numbers, the smaller first.
    TypeError
        If `axis` is not made of integers, or `dtype` is not floating.

    Examples
    --------
    >>> from fastnn.utils import MinMaxScaler
    >>> scaler = MinMaxScaler(axis=None)
    >>> scaler.fit_transform([[0, 51], [255, 102]])
    array([[0. , 0.2],
           [1. , 0.4]], dtype=float32)
    >>> scaler.inverse_transform([[0.5, 1.0]])
    array([[127.5, 255. ]])
    """

    data_min_: _Floats
    data_max_: _Floats
    n_samples_: int

    def __init__(
        self,
        axis: int | tuple[int, ...] | None = 0,
        *,
        feature_range: tuple[float, float] = (0.0, 1.0),
        clip: bool = False,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        super().__init__(axis, dtype=dtype)
        limits = tuple(feature_range)
        if len(limits) != 2 or not all(math.isfinite(v) for v in limits) or not limits[0] < limits[1]:
            raise ValueError(
                "MinMaxScaler: expected 'feature_range' to be two finite numbers, the smaller first, "
                f"got {feature_range!r}"
            )
        self.feature_range = (float(limits[0]), float(limits[1]))
        self.clip = clip

    def _learn(self, x: _Array, axes: tuple[int, ...], who: str) -> None:
        low: Any = None
        high: Any = None
        for rows in _blocks(x):
            block = x[rows]
            _refuse_nonfinite(block, rows, who)
            block_low, block_high = block.min(axes, keepdims=True), block.max(axes, keepdims=True)
            low = block_low if low is None else np.minimum(low, block_low)
            high = block_high if high is None else np.maximum(high, block_high)
        data_min, data_max = low.astype(np.float64), high.astype(np.float64)
        _refuse_overflow(data_max - data_min, who)
        self.data_min_, self.data_max_ = self._shaped(data_min), self._shaped(data_max)
        self.n_samples_ = len(x)

    def _spread(self) -> _Floats:
        spread = self.data_max_ - self.data_min_
        return np.where(spread > 0, spread, 1.0)

    def _forward(self, block: _Floats) -> _Floats:
        low, high = self.feature_range
        block -= self.data_min_
        block /= self._spread()
        block *= high - low
        block += low
        return np.clip(block, low, high, out=block) if self.clip else block

    def _backward(self, block: _Floats) -> _Floats:
        low, high = self.feature_range
        block -= low
        block /= high - low
        block *= self._spread()
        block += self.data_min_
        return block


def normalize(x: npt.ArrayLike, axis: int = -1, order: float = 2) -> _Array:
    """Scale the vectors along an axis to unit norm, as Keras' function of this name does.

    Parameters
    ----------
    x : array_like
        Real numbers, of at least one dimension.
    axis : int, default -1
        The axis along which the vectors lie.
    order : float, default 2
        The order of the norm: positive, or ``numpy.inf``.

    Returns
    -------
    numpy.ndarray
        A new array of the shape of `x`; its dtype is that of `x` if floating, else float32. Vectors of
        zeros stay zeros.

    Raises
    ------
    ValueError
        If `axis` is out of range, or `order` is not positive.
    TypeError
        If `x` is not numeric, or `axis` or `order` not a number.

    Examples
    --------
    >>> from fastnn.utils import normalize
    >>> normalize([[3, 4], [0, 0]])
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    >>> normalize([[3.0, 4.0], [1.0, 1.0]], axis=0, order=1)
    array([[0.75, 0.8 ],
           [0.25, 0.2 ]])
    """
    array = _numeric(x, "normalize")
    if not is_integer(axis):
        raise TypeError(f"normalize: expected 'axis' to be an integer, got {axis!r}")
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"normalize: expected an axis of 'x' of shape {array.shape}, got axis={axis}")
    if not is_real(order):
        raise TypeError(f"normalize: expected 'order' to be a number, got {order!r}")
    if not order > 0:
        raise ValueError(f"normalize: expected 'order' to be positive, got {order}")
    result = np.empty(array.shape, _float_dtype(None, array))
    source, target = np.moveaxis(array, axis, -1), np.moveaxis(result, axis, -1)
    for rows in _blocks(source) if source.ndim > 1 else [slice(None)]:
        block = source[rows].astype(np.float64)
        # Relative to the largest element no power over- or underflows.
        largest = np.abs(block).max(-1, keepdims=True, initial=0.0)
        block /= np.where(largest > 0, largest, 1.0)
        norm = np.linalg.norm(block, float(order), -1, keepdims=True)
        target[rows] = block / np.where(norm == 0, 1.0, norm)
    return result
