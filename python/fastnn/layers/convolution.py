"""Convolutions over one, two or three dimensions: what they share, and those that are no op of their own."""

from __future__ import annotations

from typing import Any

from fastnn import activations, constraints, initializers, regularizers
from fastnn.layers._arguments import channels_last, choice, extents, positive, spatial_extent
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.nest import batch_shape
from fastnn.layers.quantized import Quantizable
from fastnn.tensor import Tensor, apply

_FORMS = {1: "(samples, steps, channels)", 2: "(samples, height, width, channels)",
          3: "(samples, depth, height, width, channels)"}  # fmt: skip


def channels_spec(rank: int, channels: int | None = None) -> InputSpec:
    """Return what a layer over `rank` dimensions asks of its input."""
    if channels is None:
        return InputSpec(ndim=rank + 2)
    return InputSpec(
        ndim=rank + 2, axes={-1: channels}, what="channels", cure=f"Channels come last: {_FORMS[rank]}."
    )


def lift(inputs: Tensor) -> Tensor:
    """Return (None, steps, channels) as (None, 1, steps, channels), for ops over two dimensions."""
    return apply("reshape", [inputs], {"shape": (1, *inputs.shape[1:])})


def lower(outputs: Tensor) -> Tensor:
    """Undo `lift`."""
    return apply("reshape", [outputs], {"shape": outputs.shape[2:]})


def as_plane(weight: Any) -> Tensor:
    """Return a kernel over one dimension as one over two, of one row."""
    return apply("reshape", [weight], {"shape": (1, *weight.shape)})


class Convolution(Quantizable):
    """What Conv1D, Conv2D and Conv3D share."""

    casts_inputs = True

    _rank = 2
    _paddings: tuple[str, ...] = ("valid", "same")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        rank = self._rank
        self.filters = positive(self.label, "filters", filters)
        self.kernel_size = extents(self.label, "kernel_size", kernel_size, rank)
        self.strides = extents(self.label, "strides", strides, rank)
        self.padding = choice(self.label, "padding", padding, self._paddings)
        self.data_format = channels_last(self.label, data_format)
        self.dilation_rate = extents(self.label, "dilation_rate", dilation_rate, rank)
        self.groups = positive(self.label, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"{self.label}: filters ({filters}) must be a multiple of groups ({groups})")
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

    @property
    def quantizable(self) -> bool:
        """Whether it can run in int8."""
        return self._rank <= 2 and self.groups == 1

    def build(self, input_shape: Any) -> None:
        """Create kernel and bias."""
        channels = input_shape[-1]
        if channels % self.groups:
            raise ValueError(
                f"{self.label}: the input's {channels} channels must be a multiple of groups ({self.groups})"
            )
        self.compute_output_shape(input_shape)
        self._add_kernel_and_bias((*self.kernel_size, channels // self.groups, self.filters))
        self.input_spec = channels_spec(self._rank, channels)

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
        out = self._convolve(inputs, attributes)
        return out if fused else self.activation(out)

    def _convolve(self, inputs: Tensor, attributes: dict[str, Any]) -> Tensor:
        if self.quantization is not None:
            return self._apply_int8("conv2d_int8", inputs, attributes)
        return apply(f"conv{self._rank}d", [inputs, self.kernel, self.bias], attributes)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        spatial = (
            spatial_extent(self.label, n, k, s, self.padding, d)
            for n, k, s, d in zip(
                shape[1:-1], self.kernel_size, self.strides, self.dilation_rate, strict=True
            )
        )
        return (None, *spatial, self.filters)


def not_both(label: str, strides: tuple[int, ...], dilation_rate: tuple[int, ...]) -> None:
    """Refuse strides together with dilation."""
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ValueError(
            f"{label}: strides {strides} and dilation_rate {dilation_rate} cannot both be above 1"
        )


class Conv1D(Convolution):
    """Convolution over steps: every filter sees a window of all channels.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int
        Steps of the window.
    strides : int, default 1
    padding : {"valid", "same", "causal"}, default "valid"
        "same" and "causal" pad with zeros so that, at stride 1, the output is as long as the input;
        "causal" only before the first step, so that no output sees later inputs (van den Oord et al. 2016).
    data_format : {None, "channels_last"}
    dilation_rate : int, default 1
        Distance between the window's steps.
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
    Input (None, steps, channels), output (None, new steps, filters). Weights: ``kernel``
    (kernel size, channels / groups, filters) and ``bias`` (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Conv1D
    >>> Conv1D(1, 2, padding="causal", kernel_initializer="ones")(np.ones((1, 3, 1), "float32"))[0, :, 0]
    array([1., 2., 2.], dtype=float32)
    """

    _rank = 1
    _paddings = ("valid", "same", "causal")

    def _convolve(self, inputs: Tensor, attributes: dict[str, Any]) -> Tensor:
        for name in ("strides", "dilation"):
            attributes[name] = (1, *attributes[name])
        if self.quantization is not None:
            kernel = as_plane(self.kernel)
            return lower(self._apply_int8("conv2d_int8", lift(inputs), attributes, kernel))
        return lower(apply("conv2d", [lift(inputs), as_plane(self.kernel), self.bias], attributes))


class Conv3D(Convolution):
    """Convolution over depth, height and width: every filter sees a window of all channels.

    Parameters
    ----------
    filters : int
        Number of output channels.
    kernel_size : int or (int, int, int)
        Depth, height and width of the window.
    strides : int or (int, int, int), default 1
    padding : {"valid", "same"}, default "valid"
        "same" pads with zeros so that, at stride 1, the output is as large as the input.
    data_format : {None, "channels_last"}
    dilation_rate : int or (int, int, int), default 1
        Distance between the window's voxels.
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
    Input (None, depth, height, width, channels), output (None, new depth, new height, new width, filters).
    Weights: ``kernel`` (kernel depth, kernel height, kernel width, channels / groups, filters) and ``bias``
    (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Conv3D
    >>> Conv3D(4, 3, activation="relu")(np.ones((2, 5, 6, 7, 1), "float32")).shape
    (2, 3, 4, 5, 4)
    """

    _rank = 3
