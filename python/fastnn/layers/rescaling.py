"""Inputs to the scale that a model works in."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import _core
from fastnn.layers._arguments import number
from fastnn.layers.base import Layer
from fastnn.layers.nest import batch_shape
from fastnn.layers.weight import Weight
from fastnn.tensor import Tensor, apply


class Rescaling(Layer):
    """``inputs * scale + offset``: with ``Rescaling(1 / 255)`` first, a model takes images of bytes.

    Parameters
    ----------
    scale : float or sequence of float
        A sequence has one value for each entry of the last axis.
    offset : float or sequence of float, default 0.0
    **kwargs
        ``name``, ``dtype``, ``input_shape``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.layers import Rescaling
    >>> Rescaling(1 / 127.5, offset=-1)(np.array([[0, 51, 255]], "uint8")).round(4)
    array([[-1. , -0.6,  1. ]], dtype=float32)
    """

    casts_inputs = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = self._values("scale", scale)
        self.offset = self._values("offset", offset)
        self._constants: dict[str, Weight] = {}

    def _values(self, name: str, value: Any) -> float | tuple[float, ...]:
        if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim == 1):
            return tuple(number(self.label, name, item) for item in value)
        return number(self.label, name, value)

    def build(self, input_shape: Any) -> None:
        """Keep sequences where the graph can read them."""
        store = _core.Store()
        for name, values in (("scale", self.scale), ("offset", self.offset)):
            if isinstance(values, tuple):
                if len(values) != input_shape[-1]:
                    raise ValueError(
                        f"{self.label}: {name} has {len(values)} values, but the input has {input_shape[-1]} "
                        f"entries in its last axis (input shape {input_shape})"
                    )
                store.add(name, [len(values)], self.dtype, is_state=True)
                constant = Weight(store, name, (len(values),), self.dtype, self, is_state=True)
                constant.assign(np.array(values))
                self._constants[name] = constant

    def call(self, inputs: Tensor) -> Any:
        """Scale and shift."""
        scale, offset = self.scale, self.offset
        if not isinstance(scale, tuple) and not isinstance(offset, tuple):
            return apply("scale_shift", [inputs], {"scale": scale, "offset": offset})
        if isinstance(scale, tuple):
            inputs = apply("multiply", [inputs, self._constants["scale"]])
        else:
            inputs = apply("scale_shift", [inputs], {"scale": scale})
        if isinstance(offset, tuple):
            return apply("add", [inputs, self._constants["offset"]])
        return apply("scale_shift", [inputs], {"offset": offset})

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return batch_shape(self.label, input_shape)
