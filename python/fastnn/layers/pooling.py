"""Pooling over one and three dimensions, made of pooling over two."""

from __future__ import annotations

from typing import Any

from fastnn.layers._arguments import channels_last, choice, extents, spatial_extent
from fastnn.layers.base import Layer
from fastnn.layers.convolution import channels_spec, lift, lower
from fastnn.layers.masking import check_mask
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


class _Pooling(Layer):
    _rank = 1
    _op = ""

    def __init__(
        self, pool_size: Any, strides: Any, padding: str, data_format: str | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = extents(self.label, "pool_size", pool_size, self._rank)
        self.strides = self.pool_size
        if strides is not None:
            self.strides = extents(self.label, "strides", strides, self._rank)
        self.padding = choice(self.label, "padding", padding, ("valid", "same"))
        self.data_format = channels_last(self.label, data_format)
        self.input_spec = channels_spec(self._rank)

    def _pool(self, inputs: Tensor, pool_size: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        attributes = {"pool_size": pool_size, "strides": strides, "padding": self.padding}
        return apply(self._op, [inputs], attributes)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        spatial = (
            spatial_extent(self.label, n, k, s, self.padding, what="pool_size")
            for n, k, s in zip(shape[1:-1], self.pool_size, self.strides, strict=True)
        )
        return (None, *spatial, shape[-1])


class _Pooling1D(_Pooling):
    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs."""
        self.compute_output_shape(inputs.shape)
        return lower(self._pool(lift(inputs), (1, *self.pool_size), (1, *self.strides)))


class MaxPooling1D(_Pooling1D):
    """The largest value of every window of steps, channel by channel.

    Parameters
    ----------
    pool_size : int, default 2
    strides : int, optional
        By default `pool_size`.
    padding : {"valid", "same"}, default "valid"
        "valid" leaves out a rest that fills no window, "same" takes windows that reach over the end.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import MaxPooling1D
    >>> MaxPooling1D()(np.array([[[1.0], [4.0], [2.0], [3.0]]]))[0, :, 0]
    array([4., 3.], dtype=float32)
    """

    _op = "max_pool2d"


class AveragePooling1D(_Pooling1D):
    """The mean of every window of steps, channel by channel; padding does not count.

    Parameters
    ----------
    pool_size : int, default 2
    strides : int, optional
        By default `pool_size`.
    padding : {"valid", "same"}, default "valid"
        "valid" leaves out a rest that fills no window, "same" takes windows that reach over the end.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import AveragePooling1D
    >>> AveragePooling1D()(np.array([[[1.0], [4.0], [2.0], [3.0]]]))[0, :, 0]
    array([2.5, 2.5], dtype=float32)
    """

    _op = "average_pool2d"


class _Pooling3D(_Pooling):
    _rank = 3

    def __init__(
        self,
        pool_size: Any = (2, 2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)

    def call(self, inputs: Tensor) -> Any:
        """Pool along the width, then, rows taken as channels, along depth and height.

        A window's largest value is the largest of its rows'; its mean is the mean of theirs, for all
        rows of a window meet equally many voxels.
        """
        _, depth, height, width, channels = self.compute_output_shape(inputs.shape)
        before = inputs.shape
        rows = apply("reshape", [inputs], {"shape": (-1, *before[3:])})
        narrow = self._pool(rows, (1, self.pool_size[2]), (1, self.strides[2]))
        planes = apply("reshape", [narrow], {"shape": (before[1], before[2], width * channels)})
        pooled = self._pool(planes, self.pool_size[:2], self.strides[:2])
        return apply("reshape", [pooled], {"shape": (depth, height, width, channels)})


class MaxPooling3D(_Pooling3D):
    """The largest value of every window of voxels, channel by channel.

    Parameters
    ----------
    pool_size : int or (int, int, int), default (2, 2, 2)
        Depth, height and width of the window.
    strides : int or (int, int, int), optional
        By default `pool_size`.
    padding : {"valid", "same"}, default "valid"
        "valid" leaves out a rest that fills no window, "same" takes windows that reach over the edge.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import MaxPooling3D
    >>> MaxPooling3D(2)(np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel()
    array([7.], dtype=float32)
    """

    _op = "max_pool2d"


class AveragePooling3D(_Pooling3D):
    """The mean of every window of voxels, channel by channel; padding does not count.

    Parameters
    ----------
    pool_size : int or (int, int, int), default (2, 2, 2)
        Depth, height and width of the window.
    strides : int or (int, int, int), optional
        By default `pool_size`.
    padding : {"valid", "same"}, default "valid"
        "valid" leaves out a rest that fills no window, "same" takes windows that reach over the edge.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import AveragePooling3D
    >>> AveragePooling3D(2)(np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel()
    array([3.5], dtype=float32)
    """

    _op = "average_pool2d"


class _GlobalPooling(Layer):
    _rank = 1
    _op = ""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(self.label, data_format)
        self.keepdims = bool(keepdims)
        self.input_spec = channels_spec(self._rank)

    def call(self, inputs: Tensor) -> Any:
        """Compute the outputs."""
        plane = apply("reshape", [inputs], {"shape": (1, -1, inputs.shape[-1])})
        out = apply(self._op, [plane], {"global": True})
        if not self.keepdims:
            return out
        return apply("reshape", [out], {"shape": (1,) * self._rank + (inputs.shape[-1],)})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        channels = batch_shape(self.label, input_shape)[-1]
        return (None, *((1,) * self._rank if self.keepdims else ()), channels)


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest value of every channel over all steps.

    Parameters
    ----------
    data_format : {None, "channels_last"}
    keepdims : bool, default False
        Whether the steps stay, as 1.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GlobalMaxPooling1D
    >>> GlobalMaxPooling1D()(np.arange(6.0).reshape(1, 3, 2))
    array([[4., 5.]], dtype=float32)
    """

    _op = "max_pool2d"


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of every channel over all steps; of an input with a mask, over those that are not padding.

    Parameters
    ----------
    data_format : {None, "channels_last"}
    keepdims : bool, default False
        Whether the steps stay, as 1.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GlobalAveragePooling1D
    >>> GlobalAveragePooling1D()(np.arange(6.0).reshape(1, 3, 2))
    array([[2., 3.]], dtype=float32)
    """

    _op = "average_pool2d"

    def call(self, inputs: Tensor, mask: Any = None) -> Any:
        """Compute the outputs."""
        if mask is None:
            return super().call(inputs)
        steps, channels = inputs.shape[1], inputs.shape[2]
        weights = apply("reshape", [check_mask(self.label, mask, inputs, self.dtype)], {"shape": (steps, 1)})
        kept = apply("multiply", [inputs, weights])
        total = apply("sum_to", [kept], {"shape": (1, channels)})
        one = apply("fill", [], {"value": 1.0, "shape": [], "dtype": self.dtype})
        count = apply("maximum", [apply("sum_to", [weights], {"shape": (1, 1)}), one])
        out = apply("divide", [total, count])
        return out if self.keepdims else apply("reshape", [out], {"shape": (channels,)})


class GlobalMaxPooling3D(_GlobalPooling):
    """The largest value of every channel over all voxels.

    Parameters
    ----------
    data_format : {None, "channels_last"}
    keepdims : bool, default False
        Whether depth, height and width stay, as 1.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GlobalMaxPooling3D
    >>> GlobalMaxPooling3D()(np.arange(8.0).reshape(1, 2, 2, 2, 1))
    array([[7.]], dtype=float32)
    """

    _rank = 3
    _op = "max_pool2d"


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of every channel over all voxels.

    Parameters
    ----------
    data_format : {None, "channels_last"}
    keepdims : bool, default False
        Whether depth, height and width stay, as 1.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import GlobalAveragePooling3D
    >>> GlobalAveragePooling3D()(np.arange(8.0).reshape(1, 2, 2, 2, 1))
    array([[3.5]], dtype=float32)
    """

    _rank = 3
    _op = "average_pool2d"


MaxPool1D = MaxPooling1D
AvgPool1D = AveragePooling1D
MaxPool3D = MaxPooling3D
AvgPool3D = AveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool3D = GlobalAveragePooling3D
