"""Layers that apply an activation function."""

from __future__ import annotations

from typing import Any

from fastnn import activations
from fastnn.layers.base import Layer
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor


class Activation(Layer):
    """Applies an activation function.

    Parameters
    ----------
    activation : str or callable
        Name of a function in `fastnn.activations`, or a function of a tensor.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Activation
    >>> Activation("relu")(np.array([[-1.0, 2.0]], "float32"))
    array([[0., 2.]], dtype=float32)
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Any:
        """Apply the function."""
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return batch_shape(self.label, input_shape)
