"""Transposed convolutions."""

from __future__ import annotations

from typing import Any

from fastnn import activations, constraints, initializers, regularizers
from fastnn.layers._arguments import channels_last, choice, extents, positive
from fastnn.layers.base import Layer
from fastnn.layers.convolution import as_plane, channels_spec, lift, lower, not_both
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


class _TransposedConvolution(Layer):
    casts_inputs = True
    _rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        rank = self._rank
        self.filters = positive(self.label, "filters", filters)
        self.kernel_size = extents(self.label, "kernel_size", kernel_size, rank)
        self.strides = extents(self.label, "strides", strides, rank)
        self.padding = choice(self.label, "padding", padding, ("valid", "same"))
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = extents(self.label, "output_padding", output_padding, rank, 0)
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"{self.label}: output_padding {self.output_padding} must be less than "
                    f"strides {self.strides}"
                )
        self.data_format = channels_last(self.label, data_format)
        self.dilation_rate = extents(self.label, "dilation_rate", dilation_rate, rank)
        not_both(self.label, self.strides, self.dilation_rate)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = channels_spec(rank)

    def build(self, input_shape: Any) -> None:
        """Create kernel and bias."""
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            (*self.kernel_size, self.filters, channels),
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
        self.input_spec = channels_spec(self._rank, channels)

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs: the gradient of a convolution with respect to its input."""
        shape = self.compute_output_shape(inputs.shape)
        row = (1,) * (2 - self._rank)
        attributes = {
            "strides": row + self.strides,
            "padding": self.padding,
            "dilation": row + self.dilation_rate,
            "input_size": row + shape[1:-1],
        }
        if self._rank == 1:
            out = lower(apply("conv2d_grad_input", [lift(inputs), as_plane(self.kernel)], attributes))
        else:
            out = apply(f"conv{self._rank}d_grad_input", [inputs, self.kernel], attributes)
        if self.bias is not None:
            out = apply("add", [out, self.bias])
        return self.activation(out)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        spatial: list[int | None] = []
        for axis, (n, size, stride, rate) in enumerate(
            zip(shape[1:-1], self.kernel_size, self.strides, self.dilation_rate, strict=True)
        ):
            reach = (size - 1) * rate + 1
            if n is None:
                spatial.append(None)
                continue
            if self.output_padding is None:
                extent = n * stride if self.padding == "same" else (n - 1) * stride + max(reach, stride)
            else:
                kept = reach % 2 if self.padding == "same" else reach
                extent = (n - 1) * stride + kept + self.output_padding[axis]
                if self.padding == "same" and not 0 < kept + self.output_padding[axis] <= stride:
                    raise ValueError(
                        f"{self.label}: with padding 'same', a window of {reach} and strides of {stride} no "
                        f"output has output_padding {self.output_padding}"
                    )
            spatial.append(extent)
        return (None, *spatial, self.filters)


class Conv2DTranspose(_TransposedConvolution):
    """Transposed convolution: a convolution's gradient, which makes images larger (Zeiler et al. 2010).

    Every input pixel adds its window, weighted by its channels, to the output.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (int, int)
        Height and width of the window.
    strides : int or (int, int), default 1
        Distance of neighbouring input pixels in the output.
    padding : {"valid", "same"}, default "valid"
        "same" makes the output `strides` times as large as the input.
    output_padding : int or (int, int), optional
        Rows and columns more at the end, less than `strides`; None takes what `padding` says.
    data_format : {None, "channels_last"}
    dilation_rate : int or (int, int), default 1
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
    ``kernel`` (kernel height, kernel width, filters, channels) and ``bias`` (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Conv2DTranspose
    >>> Conv2DTranspose(8, 3, strides=2, padding="same")(np.ones((2, 7, 7, 4), "float32")).shape
    (2, 14, 14, 8)
    """


class Conv1DTranspose(_TransposedConvolution):
    """Transposed convolution over steps.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int
        Steps of the window.
    strides : int, default 1
        Distance of neighbouring input steps in the output.
    padding : {"valid", "same"}, default "valid"
        "same" makes the output `strides` times as long as the input.
    output_padding : int, optional
        Steps more at the end, less than `strides`; None takes what `padding` says.
    data_format : {None, "channels_last"}
    dilation_rate : int, default 1
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
    Input (None, steps, channels), output (None, new steps, filters). Weights: ``kernel``
    (kernel size, filters, channels) and ``bias`` (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Conv1DTranspose
    >>> Conv1DTranspose(8, 4, strides=2)(np.ones((2, 7, 4), "float32")).shape
    (2, 16, 8)
    """

    _rank = 1


class Conv3DTranspose(_TransposedConvolution):
    """Transposed convolution over depth, height and width.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (int, int, int)
        Depth, height and width of the window.
    strides : int or (int, int, int), default 1
        Distance of neighbouring input voxels in the output.
    padding : {"valid", "same"}, default "valid"
        "same" makes the output `strides` times as large as the input.
    output_padding : int or (int, int, int), optional
        Voxels more at the end, less than `strides`; None takes what `padding` says.
    data_format : {None, "channels_last"}
    dilation_rate : int or (int, int, int), default 1
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
    Input (None, depth, height, width, channels), output (None, new depth, new height, new width, filters).
    Weights: ``kernel`` (kernel depth, kernel height, kernel width, filters, channels) and ``bias``
    (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Conv3DTranspose
    >>> Conv3DTranspose(2, 3, strides=2, padding="same")(np.ones((1, 3, 4, 5, 4), "float32")).shape
    (1, 6, 8, 10, 2)
    """

    _rank = 3
