"""Dense layer."""

from __future__ import annotations

import warnings
from typing import Any

from fastnn import activations, constraints, initializers, regularizers
from fastnn.layers._arguments import positive
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.nest import batch_shape
from fastnn.layers.quantized import Quantizable
from fastnn.tensor import Tensor, apply


class Dense(Quantizable):
    """Every output is a weighted sum of all features: ``activation(x @ kernel + bias)``.

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str, callable or None
        By default none.
    use_bias : bool, default True
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    kernel_regularizer, bias_regularizer, activity_regularizer : str, Regularizer or None
    kernel_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input (None, ..., features), output (None, ..., units). Weights: ``kernel`` (features, units) and
    ``bias`` (units,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Dense
    >>> layer = Dense(3, activation="relu")
    >>> layer(np.ones((2, 4), "float32")).shape
    (2, 3)
    >>> [w.shape for w in layer.get_weights()]
    [(4, 3), (3,)]
    """

    casts_inputs = True
    supports_masking = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive(self.label, "units", units)
        self.activation = activations.get(activation)
        if self.units == 1 and self.activation is activations.softmax:
            warnings.warn(
                f"{self.label}: softmax over a single unit is always 1; use sigmoid",
                UserWarning,
                stacklevel=2,
            )
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        """Create kernel and bias."""
        features = input_shape[-1]
        self._add_kernel_and_bias((features, self.units))
        self.input_spec = InputSpec(
            min_ndim=2, axes={-1: features}, cure="Flatten the input, or rebuild the layer."
        )

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs; the activation goes along where the op can fuse it."""
        fused = activations.fused_kind(self.activation)
        if self.quantization is not None:
            out = self._apply_int8("dense_int8", inputs, {"activation": fused})
        else:
            out = apply("dense", [inputs, self.kernel, self.bias], {"activation": fused})
        return out if fused else self.activation(out)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        return (*batch_shape(self.label, input_shape)[:-1], self.units)
