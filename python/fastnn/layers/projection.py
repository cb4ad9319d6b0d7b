"""Dense layers between features and heads of features."""

from __future__ import annotations

from typing import Any

from fastnn import constraints, initializers, regularizers
from fastnn.layers._arguments import positive
from fastnn.layers.base import Layer
from fastnn.tensor import Tensor, apply


class Projection(Layer):
    """Dense layer whose inputs or outputs are several dimensions: heads and the features of each.

    Parameters
    ----------
    units : tuple of int
        The dimensions that take the place of the last `in_dims` ones.
    in_dims : int, default 1
    use_bias : bool, default True
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    kernel_regularizer, bias_regularizer : str, Regularizer or None
    kernel_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``.

    Notes
    -----
    Weights: ``kernel`` (*inputs, *units) and ``bias`` (*units,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers.projection import Projection
    >>> Projection((4, 8))(np.ones((2, 5, 3), "float32")).shape
    (2, 5, 4, 8)
    """

    supports_masking = True

    def __init__(
        self,
        units: Any,
        in_dims: int = 1,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = tuple(positive(self.label, "units", n) for n in units)
        self.in_dims = positive(self.label, "in_dims", in_dims)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Create kernel and bias."""
        self.kernel = self.add_weight(
            (*input_shape[-self.in_dims :], *self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self.units,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs."""
        return apply("dense", [inputs, self.kernel, self.bias], {"in_dims": self.in_dims})
