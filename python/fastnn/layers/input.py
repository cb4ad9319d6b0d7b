"""Where a model's data come in."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.layers.base import Layer
from fastnn.layers.naming import unique_name
from fastnn.layers.nest import check_extents
from fastnn.tensor import Shape, Tensor

_DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")


class InputLayer(Layer):
    """Declares the shape of a model's input.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample.
    batch_size : int, optional
        Number of samples in a batch, for layers that keep state from batch to batch; others take any.
    dtype : str, optional
        For information only: arrays of any type are converted to what the first layer computes in.
    batch_shape : tuple, optional
        Shape with the dimension of samples, instead of `shape`.
    name : str, optional

    Examples
    --------
    >>> import fastnn
    >>> model = fastnn.Sequential([fastnn.layers.InputLayer((4,)), fastnn.layers.Dense(2)])
    >>> model.output_shape
    (None, 2)
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if shape is None and batch_shape is None and "input_shape" in kwargs:
            shape = kwargs.pop("input_shape")
        super().__init__(name=name or unique_name("InputLayer"), **kwargs)
        if (shape is None) == (batch_shape is None):
            raise ValueError(f"{self.label}: give either shape=, that of one sample, or batch_shape=")
        if batch_shape is not None:
            whole = tuple(batch_shape)
            if not whole:
                raise ValueError(
                    f"{self.label}: batch_shape must begin with the dimension of samples, got ()"
                )
            shape, batch_size = whole[1:], whole[0]
        extents = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
        self.shape: Shape = check_extents(self.label, "shape", extents, extents)
        self.batch_size = batch_size
        if dtype is not None:
            kind = str(np.dtype(dtype))
            if kind not in _DTYPES:
                raise ValueError(f"{self.label}: dtype must be one of {', '.join(_DTYPES)}, got {dtype!r}")
            self.dtype = kind
        self.built = True

    @property
    def batch_shape(self) -> Shape:
        """Shape with None for the number of samples."""
        return (None, *self.shape)

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a layer like this one."""
        return {
            "shape": list(self.shape),
            "batch_size": self.batch_size,
            "dtype": self.dtype,
            "name": self.name,
        }

    def tensor(self) -> Tensor:
        """Return the declared input."""
        made = Tensor(self.batch_shape, self.dtype, self.name)
        made.batch_size = self.batch_size
        return made


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    batch_shape: Any = None,
    name: str | None = None,
) -> Tensor:
    """Declare a model's input: the first entry of a `Sequential`, or a tensor to call layers on.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample.
    batch_size : int, optional
        Number of samples in a batch, for layers that keep state from batch to batch; others take any.
    dtype : str, optional
        For information only: arrays of any type are converted to what the first layer computes in.
    batch_shape : tuple, optional
        Shape with the dimension of samples, instead of `shape`.
    name : str, optional

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If the shape is missing, not fixed or holds extents below 1.
    TypeError
        If it does not hold integers.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.Input(shape=(28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    layer = InputLayer(shape, batch_size, dtype, batch_shape, name or unique_name("Input"))
    return layer.tensor()
