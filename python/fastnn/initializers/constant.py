"""Initializers without chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn.initializers.base import Array, Initializer


class _Filled(Initializer):
    def _filled(self, shape: Any, dtype: Any, value: Any) -> Array:
        from fastnn import config

        return np.full(self._shape(shape), value, dtype=config.floatx() if dtype is None else dtype)


class Zeros(_Filled):
    """All zeros.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.Zeros()((3,))
    array([0., 0., 0.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return an array of zeros."""
        return self._filled(shape, dtype, 0)


class Ones(_Filled):
    """All ones.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.Ones()((3,))
    array([1., 1., 1.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return an array of ones."""
        return self._filled(shape, dtype, 1)


class Constant(_Filled):
    """The same value everywhere, or given values.

    Parameters
    ----------
    value : float or array, default 0.0
        The value. An array must fit the weight's shape.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.Constant(0.5)((3,))
    array([0.5, 0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: Any = 0.0) -> None:
        if np.ndim(value) == 0:
            self.value: Any = self._real("value", value)
        else:
            self.value = np.array(value)
            if self.value.dtype.kind not in "biuf" or not np.isfinite(self.value).all():
                raise ValueError("Constant: value must be finite numbers")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return an array of the value."""
        extents = self._shape(shape)
        try:
            np.broadcast_to(self.value, extents)
        except ValueError:
            given = np.shape(self.value)
            raise ValueError(f"Constant: value of shape {given} does not fit shape {extents}") from None
        return self._filled(extents, dtype, self.value)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"value": self.value.tolist() if isinstance(self.value, np.ndarray) else self.value}


class Identity(Initializer):
    """The identity matrix, times a gain; for kernels of two dimensions.

    Parameters
    ----------
    gain : float, default 1.0
        The value on the diagonal.

    Examples
    --------
    >>> from fastnn import initializers
    >>> initializers.Identity()((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = self._real("gain", gain)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return the matrix."""
        extents = self._shape(shape)
        if len(extents) != 2:
            raise ValueError(f"Identity: the shape must have two dimensions, got {extents}")
        out = np.zeros(extents, dtype=self._dtype(dtype))
        np.fill_diagonal(out, self.gain)
        return out

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, in plain values."""
        return {"gain": self.gain}
