"""Layers that resize images and sequences."""

from __future__ import annotations

from typing import Any

from fastnn.layers._arguments import channels_last, choice, extents, integer
from fastnn.layers.base import Layer
from fastnn.layers.convolution import channels_spec, lift, lower
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


class _UpSampling(Layer):
    _rank = 2

    def __init__(self, size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = extents(self.label, "size", size, self._rank)
        self.data_format = channels_last(self.label, data_format)
        self.input_spec = channels_spec(self._rank)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        spatial = (n and n * s for n, s in zip(shape[1:-1], self.size, strict=True))
        return (None, *spatial, shape[-1])


def _resize(inputs: Tensor, size: tuple[int, int], interpolation: str = "nearest") -> Tensor:
    return apply("resize2d", [inputs], {"size": size, "interpolation": interpolation})


class UpSampling1D(_UpSampling):
    """Every step several times.

    Parameters
    ----------
    size : int, default 2
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import UpSampling1D
    >>> UpSampling1D(2)(np.array([[[1.0], [2.0]]]))[0, :, 0]
    array([1., 1., 2., 2.], dtype=float32)
    """

    _rank = 1

    def __init__(self, size: Any = 2, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)

    def call(self, inputs: Tensor) -> Any:
        """Repeat the steps."""
        return lower(_resize(lift(inputs), (1, inputs.shape[1] * self.size[0])))  # type: ignore[operator]


class UpSampling2D(_UpSampling):
    """Images that are a whole number of times as large.

    Parameters
    ----------
    size : int or (int, int), default (2, 2)
        Factors for height and width.
    data_format : {None, "channels_last"}
    interpolation : {"nearest", "bilinear"}, default "nearest"
        "nearest" repeats pixels; "bilinear" weighs the four around a point.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import UpSampling2D
    >>> x = np.array([[1.0, 2.0]]).reshape(1, 1, 2, 1)
    >>> UpSampling2D()(x)[0, :, :, 0]
    array([[1., 1., 2., 2.],
           [1., 1., 2., 2.]], dtype=float32)
    >>> UpSampling2D((1, 2), interpolation="bilinear")(x)[0, :, :, 0]
    array([[1.  , 1.25, 1.75, 2.  ]], dtype=float32)
    """

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(size, data_format, **kwargs)
        self.interpolation = choice(self.label, "interpolation", interpolation, ("nearest", "bilinear"))

    def call(self, inputs: Tensor) -> Any:
        """Enlarge the images."""
        _, height, width, _ = self.compute_output_shape(inputs.shape)
        return _resize(inputs, (height, width), self.interpolation)


class UpSampling3D(_UpSampling):
    """Every voxel several times, along depth, height and width.

    Parameters
    ----------
    size : int or (int, int, int), default (2, 2, 2)
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import UpSampling3D
    >>> UpSampling3D((1, 2, 3))(np.zeros((2, 4, 4, 4, 1))).shape
    (2, 4, 8, 12, 1)
    """

    _rank = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(size, data_format, **kwargs)

    def call(self, inputs: Tensor) -> Any:
        """Repeat along the width, then, rows taken as channels, along depth and height."""
        _, depth, height, width, channels = self.compute_output_shape(inputs.shape)
        before = inputs.shape
        rows = apply("reshape", [inputs], {"shape": (-1, *before[3:])})
        wide = _resize(rows, (rows.shape[1], width))  # type: ignore[arg-type]
        planes = apply("reshape", [wide], {"shape": (before[1], before[2], width * channels)})
        return apply(
            "reshape", [_resize(planes, (depth, height))], {"shape": (depth, height, width, channels)}
        )


class Resizing(Layer):
    """Images brought to one size.

    Parameters
    ----------
    height, width : int
        Of the results.
    interpolation : {"bilinear", "nearest"}, default "bilinear"
        "bilinear" weighs the four pixels around a point, without smoothing before.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Resizing
    >>> Resizing(2, 2)(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.height = integer(self.label, "height", height, 1)
        self.width = integer(self.label, "width", width, 1)
        self.interpolation = choice(self.label, "interpolation", interpolation, ("bilinear", "nearest"))
        self.data_format = channels_last(self.label, data_format)
        self.input_spec = channels_spec(2)

    def call(self, inputs: Tensor) -> Any:
        """Resize the images."""
        return _resize(inputs, (self.height, self.width), self.interpolation)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        return (None, self.height, self.width, batch_shape(self.label, input_shape)[-1])
