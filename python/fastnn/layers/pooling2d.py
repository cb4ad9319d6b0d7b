"""Pooling over height and width."""

from __future__ import annotations

from typing import Any

from fastnn.layers._arguments import channels_last, choice, pair, spatial_extent
from fastnn.layers.base import Layer
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


class _Pooling2D(Layer):
    _op = ""

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(self.label, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair(self.label, "strides", strides)
        self.padding = choice(self.label, "padding", padding, ("valid", "same"))
        self.data_format = channels_last(self.label, data_format)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs."""
        self.compute_output_shape(inputs.shape)
        attributes = {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return apply(self._op, [inputs], attributes)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        spatial = (
            spatial_extent(self.label, n, k, s, self.padding, what="pool_size")
            for n, k, s in zip(shape[1:3], self.pool_size, self.strides, strict=True)
        )
        return (None, *spatial, shape[3])


class MaxPooling2D(_Pooling2D):
    """The largest value of every window, channel by channel.

    Parameters
    ----------
    pool_size : int or (int, int), default (2, 2)
        Height and width of the window.
    strides : int or (int, int), optional
        By default `pool_size`.
    padding : {"valid", "same"}, default "valid"
        "valid" leaves out a rest that fills no window, "same" takes windows that reach over the edge.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import MaxPooling2D
    >>> x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    >>> MaxPooling2D((2, 2))(x)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """

    _op = "max_pool2d"


class AveragePooling2D(_Pooling2D):
    """The mean of every window, channel by channel; padding does not count.

    Parameters
    ----------
    pool_size : int or (int, int), default (2, 2)
        Height and width of the window.
    strides : int or (int, int), optional
        By default `pool_size`.
    padding : {"valid", "same"}, default "valid"
        "valid" leaves out a rest that fills no window, "same" takes windows that reach over the edge.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import AveragePooling2D
    >>> x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    >>> AveragePooling2D((2, 2))(x)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """

    _op = "average_pool2d"


class _GlobalPooling2D(Layer):
    _op = ""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(self.label, data_format)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs."""
        return apply(self._op, [inputs], {"global": True, "keepdims": self.keepdims})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        channels = batch_shape(self.label, input_shape)[3]
        return (None, 1, 1, channels) if self.keepdims else (None, channels)


class GlobalMaxPooling2D(_GlobalPooling2D):
    """The largest value of every channel.

    Parameters
    ----------
    data_format : {None, "channels_last"}
    keepdims : bool, default False
        Whether height and width stay, as 1.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GlobalMaxPooling2D
    >>> GlobalMaxPooling2D()(np.arange(8, dtype="float32").reshape(1, 2, 2, 2))
    array([[6., 7.]], dtype=float32)
    """

    _op = "max_pool2d"


class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean of every channel (Lin et al. 2013).

    Parameters
    ----------
    data_format : {None, "channels_last"}
    keepdims : bool, default False
        Whether height and width stay, as 1.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GlobalAveragePooling2D
    >>> GlobalAveragePooling2D()(np.arange(8, dtype="float32").reshape(1, 2, 2, 2))
    array([[3., 4.]], dtype=float32)
    """

    _op = "average_pool2d"


MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalAvgPool2D = GlobalAveragePooling2D
