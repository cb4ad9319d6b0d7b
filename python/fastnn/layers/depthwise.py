"""Convolutions that treat each channel by itself."""

from __future__ import annotations

from typing import Any

from fastnn import activations, constraints, initializers, regularizers
from fastnn.layers._arguments import channels_last, choice, extents, positive, spatial_extent
from fastnn.layers.base import Layer
from fastnn.layers.convolution import as_plane, channels_spec, lift, lower, not_both
from fastnn.layers.nest import batch_shape
from fastnn.layers.weight import Weight
from fastnn.tensor import Tensor, apply


def _depthwise(
    inputs: Tensor, kernel: Tensor | Weight, bias: Weight | None, attributes: dict[str, Any]
) -> Tensor:
    """Convolve channels by themselves; kernel (rows, columns, channels, multiplier)."""
    rows, columns, channels, multiplier = kernel.shape
    if multiplier == 1:
        return apply("depthwise_conv2d", [inputs, kernel, bias], attributes)
    shape = (rows, columns, 1, int(channels or 0) * int(multiplier or 0))
    grouped = apply("reshape", [kernel], {"shape": shape})
    return apply("conv2d", [inputs, grouped, bias], {**attributes, "groups": channels})


class _Channelwise(Layer):
    """What depthwise and separable convolutions share."""

    _rank = 2

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        depth_multiplier: int,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        bias_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        paddings = ("valid", "same", "causal") if self._rank == 1 else ("valid", "same")
        self.kernel_size = extents(self.label, "kernel_size", kernel_size, self._rank)
        self.strides = extents(self.label, "strides", strides, self._rank)
        self.padding = choice(self.label, "padding", padding, paddings)
        self.depth_multiplier = positive(self.label, "depth_multiplier", depth_multiplier)
        self.data_format = channels_last(self.label, data_format)
        self.dilation_rate = extents(self.label, "dilation_rate", dilation_rate, self._rank)
        not_both(self.label, self.strides, self.dilation_rate)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = channels_spec(self._rank)

    def _add_bias(self, channels: int) -> None:
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (channels,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _attributes(self) -> dict[str, Any]:
        row = (1,) * (2 - self._rank)
        return {
            "strides": row + self.strides,
            "padding": self.padding,
            "dilation": row + self.dilation_rate,
        }

    def _channels_out(self, channels: int) -> int:
        return channels * self.depth_multiplier

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        spatial = (
            spatial_extent(self.label, n, k, s, self.padding, d)
            for n, k, s, d in zip(
                shape[1:-1], self.kernel_size, self.strides, self.dilation_rate, strict=True
            )
        )
        return (None, *spatial, self._channels_out(shape[-1]))


class _DepthwiseConvolution(_Channelwise):
    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, activation,
            use_bias, bias_initializer, bias_regularizer, bias_constraint,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def build(self, input_shape: Any) -> None:
        """Create kernel and bias."""
        channels = input_shape[-1]
        self.compute_output_shape(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="kernel",
        )
        self._add_bias(self._channels_out(channels))
        self.input_spec = channels_spec(self._rank, channels)

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs; the activation goes along where the op can fuse it."""
        self.compute_output_shape(inputs.shape)
        fused = activations.fused_kind(self.activation)
        attributes = {**self._attributes(), "activation": fused}
        if self._rank == 1:
            out = lower(_depthwise(lift(inputs), as_plane(self.kernel), self.bias, attributes))
        else:
            out = _depthwise(inputs, self.kernel, self.bias, attributes)
        return out if fused else self.activation(out)


class DepthwiseConv2D(_DepthwiseConvolution):
    """Convolution over height and width of every channel by itself (Howard et al. 2017).

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    strides : int or (int, int), default 1
    padding : {"valid", "same"}, default "valid"
    depth_multiplier : int, default 1
        Output channels for every input channel.
    data_format : {None, "channels_last"}
    dilation_rate : int or (int, int), default 1
    activation : str, callable or None
    use_bias : bool, default True
    depthwise_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    depthwise_regularizer, bias_regularizer, activity_regularizer : str, Regularizer or None
    depthwise_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input (None, height, width, channels), output (None, new height, new width, channels * multiplier).
    Weights: ``kernel`` (kernel height, kernel width, channels, multiplier) and ``bias``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import DepthwiseConv2D
    >>> DepthwiseConv2D(3, padding="same")(np.ones((2, 8, 8, 5), "float32")).shape
    (2, 8, 8, 5)
    """


class DepthwiseConv1D(_DepthwiseConvolution):
    """Convolution over steps of every channel by itself.

    Parameters
    ----------
    kernel_size : int
        Steps of the window.
    strides : int, default 1
    padding : {"valid", "same", "causal"}, default "valid"
    depth_multiplier : int, default 1
        Output channels for every input channel.
    data_format : {None, "channels_last"}
    dilation_rate : int, default 1
    activation : str, callable or None
    use_bias : bool, default True
    depthwise_initializer, bias_initializer : str or Initializer
        "glorot_uniform" and "zeros" by default.
    depthwise_regularizer, bias_regularizer, activity_regularizer : str, Regularizer or None
    depthwise_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input (None, steps, channels), output (None, new steps, channels * multiplier). Weights: ``kernel``
    (kernel size, channels, multiplier) and ``bias``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import DepthwiseConv1D
    >>> DepthwiseConv1D(3, depth_multiplier=2)(np.ones((2, 8, 5), "float32")).shape
    (2, 6, 10)
    """

    _rank = 1


class _SeparableConvolution(_Channelwise):
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, activation,
            use_bias, bias_initializer, bias_regularizer, bias_constraint,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.filters = positive(self.label, "filters", filters)
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def _channels_out(self, channels: int) -> int:
        return self.filters

    def build(self, input_shape: Any) -> None:
        """Create both kernels and the bias."""
        channels = input_shape[-1]
        self.compute_output_shape(input_shape)
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            ((1,) * self._rank + (channels * self.depth_multiplier, self.filters)),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self._add_bias(self.filters)
        self.input_spec = channels_spec(self._rank, channels)

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs; the activation goes along where the op can fuse it."""
        self.compute_output_shape(inputs.shape)
        fused = activations.fused_kind(self.activation)
        attributes = self._attributes()
        if self._rank == 1:
            middle = _depthwise(lift(inputs), as_plane(self.depthwise_kernel), None, attributes)
            kernel: Tensor | Weight = as_plane(self.pointwise_kernel)
        else:
            middle = _depthwise(inputs, self.depthwise_kernel, None, attributes)
            kernel = self.pointwise_kernel
        out = apply("conv2d", [middle, kernel, self.bias], {"activation": fused})
        out = lower(out) if self._rank == 1 else out
        return out if fused else self.activation(out)


class SeparableConv2D(_SeparableConvolution):
    """Depthwise convolution, then a 1x1 convolution that mixes the channels (Chollet 2017).

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (int, int)
        Height and width of the window.
    strides : int or (int, int), default 1
    padding : {"valid", "same"}, default "valid"
    data_format : {None, "channels_last"}
    dilation_rate : int or (int, int), default 1
    depth_multiplier : int, default 1
        Channels between the two for every input channel.
    activation : str, callable or None
    use_bias : bool, default True
    depthwise_initializer, pointwise_initializer, bias_initializer : str or Initializer
        "glorot_uniform", "glorot_uniform" and "zeros" by default.
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : str, Regularizer or None
    activity_regularizer : str, Regularizer or None
    depthwise_constraint, pointwise_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input (None, height, width, channels), output (None, new height, new width, filters). Weights:
    ``depthwise_kernel`` (kernel height, kernel width, channels, multiplier), ``pointwise_kernel``
    (1, 1, channels * multiplier, filters) and ``bias`` (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import SeparableConv2D
    >>> SeparableConv2D(4, 3, activation="relu")(np.ones((2, 8, 8, 5), "float32")).shape
    (2, 6, 6, 4)
    """


class SeparableConv1D(_SeparableConvolution):
    """Depthwise convolution over steps, then a dense layer at every step.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int
        Steps of the window.
    strides : int, default 1
    padding : {"valid", "same", "causal"}, default "valid"
    data_format : {None, "channels_last"}
    dilation_rate : int, default 1
    depth_multiplier : int, default 1
        Channels between the two for every input channel.
    activation : str, callable or None
    use_bias : bool, default True
    depthwise_initializer, pointwise_initializer, bias_initializer : str or Initializer
        "glorot_uniform", "glorot_uniform" and "zeros" by default.
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : str, Regularizer or None
    activity_regularizer : str, Regularizer or None
    depthwise_constraint, pointwise_constraint, bias_constraint : str, Constraint or None
    **kwargs
        ``name``, ``trainable``, ``dtype``, ``input_shape``.

    Notes
    -----
    Input (None, steps, channels), output (None, new steps, filters). Weights: ``depthwise_kernel``
    (kernel size, channels, multiplier), ``pointwise_kernel`` (1, channels * multiplier, filters) and
    ``bias`` (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import SeparableConv1D
    >>> SeparableConv1D(4, 3, padding="causal")(np.ones((2, 8, 5), "float32")).shape
    (2, 8, 4)
    """

    _rank = 1
