"""Layers that arrange a sample's elements anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers._arguments import channels_last, integer
from fastnn.layers.base import Layer
from fastnn.layers.input_spec import InputSpec
from fastnn.layers.nest import batch_shape
from fastnn.tensor import Tensor, apply


class Flatten(Layer):
    """All elements of a sample in one dimension, in C order; costs nothing.

    Parameters
    ----------
    data_format : {None, "channels_last"}
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Flatten
    >>> Flatten()(np.zeros((2, 3, 4), "float32")).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(self.label, data_format)

    def call(self, inputs: Tensor) -> Any:
        """Return the flat tensor."""
        return inputs if inputs.ndim == 2 else apply("reshape", [inputs], {"shape": [-1]})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        extents = batch_shape(self.label, input_shape)[1:]
        return (None, None if None in extents else int(np.prod(extents)))


class Reshape(Layer):
    """A sample's elements, in C order, under another shape; costs nothing.

    Parameters
    ----------
    target_shape : tuple of int
        Shape of one sample; one -1 is worked out.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Reshape
    >>> Reshape((-1, 2))(np.zeros((5, 6), "float32")).shape
    (5, 3, 2)
    """

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        extents = (target_shape,) if isinstance(target_shape, (int, np.integer)) else tuple(target_shape)
        self.target_shape = tuple(integer(self.label, "target_shape", n, -1) for n in extents)
        if 0 in extents or extents.count(-1) > 1:
            raise ValueError(
                f"{self.label}: target_shape needs extents of at least 1 and at most one -1, got {extents}"
            )

    def call(self, inputs: Tensor) -> Any:
        """Return the tensor under its new shape."""
        return apply("reshape", [inputs], {"shape": self.target_shape})


class Permute(Layer):
    """The dimensions of a sample in another order.

    Parameters
    ----------
    dims : tuple of int
        The dimensions, counted from 1, in their new order: (2, 1) swaps two.
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Permute
    >>> Permute((2, 1))(np.zeros((5, 6, 7), "float32")).shape
    (5, 7, 6)
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(integer(self.label, "dims", n, 1) for n in tuple(dims))
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"{self.label}: dims must hold each of 1 to {len(self.dims)} once (0, the samples, stays), "
                f"got {tuple(dims)}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Any:
        """Return the transposed tensor."""
        if self.dims == tuple(sorted(self.dims)):
            return inputs
        return apply("transpose", [inputs], {"perm": [n - 1 for n in self.dims]})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output's shape for an input's."""
        shape = batch_shape(self.label, input_shape)
        return (None, *(shape[n] for n in self.dims))
