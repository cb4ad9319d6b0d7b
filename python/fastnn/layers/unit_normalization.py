"""Inputs of length 1."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn.layers.activation import SameShape
from fastnn.layers.normalization import axes_of_rank, normalized_axes
from fastnn.tensor import Tensor

_SMALLEST_SQUARE = 1e-12


class UnitNormalization(SameShape):
    """Divides by the length along some axes, so that the sum of squares becomes 1.

    Parameters
    ----------
    axis : int or sequence of int, default -1
        The axes to take the length over; not 0, the samples.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Notes
    -----
    Lengths below 1e-6 count as that.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import UnitNormalization
    >>> UnitNormalization()(np.array([[3.0, 4.0]], "float32")).round(4)
    array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = normalized_axes(self.label, axis)

    def build(self, input_shape: Any) -> None:
        """Check the axes."""
        axes_of_rank(self.label, self.axis, len(input_shape))

    def call(self, inputs: Tensor) -> Any:
        """Divide by the length."""
        axes = tuple(axes_of_rank(self.label, self.axis, inputs.ndim))
        squares = ops.sum(ops.square(inputs), axis=axes, keepdims=True)
        return inputs * ops.rsqrt(ops.maximum(squares, _SMALLEST_SQUARE))
