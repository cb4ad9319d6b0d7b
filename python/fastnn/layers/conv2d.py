"""Two-dimensional convolution."""

from __future__ import annotations

from typing import Any

from fastnn import activations, constraints, initializers, regularizers
from fastnn.layers._arguments import channels_last, choice, pair, positive, spatial_extent
from fastnn.layers.base import Layer
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


class Conv2D(Layer):
    """Convolution over height and width (LeCun et al. 1989): every filter sees a window of all channels.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (int, int)
        Height and width of the window.
    strides : int or (int, int), default (1, 1)
    padding : {"valid", "same"}, default "valid"
        "same" pads with zeros so that, at stride 1, the output is as large as the input.
    data_format : {None, "channels_last"}
    dilation_rate : int or (int, int), default (1, 1)
        Distance between the window's pixels.
    groups : int, default 1
        Splits channels and filters into groups that do not see each other.
    activation : str, callable or None
    use_bias : bool, default True
    kernel_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    kernel_regularizer, bias_regularizer, activity_regularizer : str, Regularizer or None
    kernel_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input (None, height, width, channels), output (None, new height, new width, filters). Weights:
    ``kernel`` (kernel height, kernel width, channels / groups, filters) and ``bias`` (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Conv2D
    >>> layer = Conv2D(6, kernel_size=(3, 3), activation="relu")
    >>> layer(np.ones((2, 28, 28, 1), "float32")).shape
    (2, 26, 26, 6)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
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
        self.filters = positive(self.label, "filters", filters)
        self.kernel_size = pair(self.label, "kernel_size", kernel_size)
        self.strides = pair(self.label, "strides", strides)
        self.padding = choice(self.label, "padding", padding, ("valid", "same"))
        self.data_format = channels_last(self.label, data_format)
        self.dilation_rate = pair(self.label, "dilation_rate", dilation_rate)
        self.groups = positive(self.label, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"{self.label}: filters ({filters}) must be a multiple of groups ({groups})")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{self.label}: strides {self.strides} and dilation_rate {self.dilation_rate} "
                "cannot both be above 1"
            )
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=4)

    def build(self, input_shape: Any) -> None:
        """Create kernel and bias."""
        channels = input_shape[-1]
        if channels % self.groups:
            raise ValueError(
                f"{self.label}: the input's {channels} channels must be a multiple of groups ({self.groups})"
            )
        self.compute_output_shape(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(
            ndim=4,
            axes={-1: channels},
            what="channels",
            cure="Channels come last: (samples, height, width, channels).",
        )

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs; the activation goes along where the op can fuse it."""
        self.compute_output_shape(inputs.shape)
        fused = activations.fused_kind(self.activation)
        attributes = {
            "strides": self.strides,
            "padding": self.padding,
            "dilation": self.dilation_rate,
            "groups": self.groups,
            "activation": fused,
        }
        out = apply("conv2d", [inputs, self.kernel, self.bias], attributes)
        return out if fused else self.activation(out)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        spatial = (
            spatial_extent(self.label, n, k, s, self.padding, d)
            for n, k, s, d in zip(shape[1:3], self.kernel_size, self.strides, self.dilation_rate, strict=True)
        )
        return (None, *spatial, self.filters)
