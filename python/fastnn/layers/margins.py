"""Layers that add margins to images and sequences, or cut them off."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers._arguments import channels_last, extents, integer
from fastnn.layers.base import Layer
from fastnn.layers.convolution import channels_spec
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


def _amounts(label: str, name: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Return an amount before and after for each dimension.

    One int serves all; otherwise one entry a dimension, each an int for both ends or a pair; over one
    dimension a pair alone.
    """
    if not isinstance(value, (list, tuple, np.ndarray)):
        amount = integer(label, name, value, 0)
        return ((amount, amount),) * rank
    given = list(value)
    if rank == 1 and len(given) == 2:
        given = [given]
    if len(given) != rank:
        raise ValueError(f"{label}: {name} must be an integer or have {rank} entries, got {tuple(value)}")
    pairs = (extents(label, name, entry, 2, 0) for entry in given)
    return tuple((before, after) for before, after in pairs)


class _ZeroPadding(Layer):
    _rank = 2

    def __init__(self, padding: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = _amounts(self.label, "padding", padding, self._rank)
        self.data_format = channels_last(self.label, data_format)
        self.input_spec = channels_spec(self._rank)

    def call(self, inputs: Tensor) -> Any:
        """Pad with zeros."""
        before, after = zip(*self.padding, (0, 0), strict=True)
        return apply("pad", [inputs], {"before": before, "after": after})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        spatial = (n and n + a + b for n, (a, b) in zip(shape[1:-1], self.padding, strict=True))
        return (None, *spatial, shape[-1])


class ZeroPadding1D(_ZeroPadding):
    """Zeros before the first step and after the last.

    Parameters
    ----------
    padding : int or (int, int), default 1
        Steps before and after.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import ZeroPadding1D
    >>> ZeroPadding1D((2, 1))(np.ones((1, 2, 1)))[0, :, 0]
    array([0., 0., 1., 1., 0.], dtype=float32)
    """

    _rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images.

    Parameters
    ----------
    padding : int, (int, int) or ((int, int), (int, int)), default (1, 1)
        One for all sides; for rows and columns; or ((top, bottom), (left, right)).
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import ZeroPadding2D
    >>> ZeroPadding2D(((1, 0), (0, 2)))(np.ones((1, 1, 2, 1)))[0, :, :, 0]
    array([[0., 0., 0., 0.],
           [1., 1., 0., 0.]], dtype=float32)
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes.

    Parameters
    ----------
    padding : int, (int, int, int) or three pairs, default (1, 1, 1)
        For depth, height and width; a pair gives before and after.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import ZeroPadding3D
    >>> ZeroPadding3D((1, 2, (0, 3)))(np.ones((2, 4, 4, 4, 1))).shape
    (2, 6, 8, 7, 1)
    """

    _rank = 3

    def __init__(self, padding: Any = (1, 1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)


class _Cropping(Layer):
    _rank = 2

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = _amounts(self.label, "cropping", cropping, self._rank)
        self.data_format = channels_last(self.label, data_format)
        self.input_spec = channels_spec(self._rank)

    def call(self, inputs: Tensor) -> Any:
        """Cut off the margins."""
        self.compute_output_shape(inputs.shape)
        before, after = zip(*((-a, -b) for a, b in self.cropping), (0, 0), strict=True)
        return apply("pad", [inputs], {"before": before, "after": after})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        spatial = [n and n - a - b for n, (a, b) in zip(shape[1:-1], self.cropping, strict=True)]
        if any(n is not None and n < 1 for n in spatial):
            raise ValueError(
                f"{self.label}: cropping {self.cropping} leaves nothing of an input of shape {shape}"
            )
        return (None, *spatial, shape[-1])


class Cropping1D(_Cropping):
    """Leaves out the first and last steps.

    Parameters
    ----------
    cropping : int or (int, int), default (1, 1)
        Steps at the start and at the end.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Cropping1D
    >>> Cropping1D((0, 2))(np.arange(4.0).reshape(1, 4, 1))[0, :, 0]
    array([0., 1.], dtype=float32)
    """

    _rank = 1

    def __init__(self, cropping: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping2D(_Cropping):
    """Leaves out margins of images.

    Parameters
    ----------
    cropping : int, (int, int) or ((int, int), (int, int)), default ((0, 0), (0, 0))
        One for all sides; for rows and columns; or ((top, bottom), (left, right)).
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Cropping2D
    >>> Cropping2D(((1, 0), 1))(np.arange(6.0).reshape(1, 2, 3, 1))[0, :, :, 0]
    array([[4.]], dtype=float32)
    """

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Leaves out margins of volumes.

    Parameters
    ----------
    cropping : int, (int, int, int) or three pairs, default ((1, 1), (1, 1), (1, 1))
        For depth, height and width; a pair gives start and end.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Cropping3D
    >>> Cropping3D((1, (0, 1), 0))(np.ones((2, 4, 4, 4, 1))).shape
    (2, 2, 3, 4, 1)
    """

    _rank = 3

    def __init__(
        self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class CenterCrop(Layer):
    """The middle of images; an odd row or column more is left out at the end.

    Parameters
    ----------
    height, width : int
        Of the results; at most the images'.
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import CenterCrop
    >>> CenterCrop(1, 2)(np.arange(12.0).reshape(1, 3, 4, 1))[0, :, :, 0]
    array([[5., 6.]], dtype=float32)
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = integer(self.label, "height", height, 1)
        self.width = integer(self.label, "width", width, 1)
        self.data_format = channels_last(self.label, data_format)
        self.input_spec = channels_spec(2)

    def call(self, inputs: Tensor) -> Any:
        """Cut the middle out."""
        self.compute_output_shape(inputs.shape)
        rest = [int(n or 0) - m for n, m in zip(inputs.shape[1:3], (self.height, self.width), strict=True)]
        before = [n // 2 for n in rest]
        after = [n - b for n, b in zip(rest, before, strict=True)]
        return apply(
            "pad", [inputs], {"before": [-b for b in before] + [0], "after": [-a for a in after] + [0]}
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        for name, given, extent in (("height", self.height, shape[1]), ("width", self.width, shape[2])):
            if extent is not None and given > extent:
                raise ValueError(f"{self.label}: {name}={given} is more than the input has (shape {shape})")
        return (None, self.height, self.width, shape[-1])
